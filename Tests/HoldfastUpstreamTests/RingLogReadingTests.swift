import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import HoldfastUpstream
import Testing

/// A forwarder over the real ring log on a simulated disk: the seam between the two.
@Suite struct RingLogReadingTests {
  final class Rig {
    let disk = SimulatedDisk(seed: 3)
    var ring: RingLog
    var forwarder: Forwarder
    var now = ClockReading(boot: 1_000_000, wall: 1_700_000_000_000_000)
    var numbers: [SequenceNumber] = []
    var gaps: [String] = []
    var pending: [Acknowledgement] = []
    var appended = 0

    init() {
      ring = Self.open(disk, now, bootID: 1)
      forwarder = Self.forwarder(ring.upstream(0))
    }

    static func open(_ disk: SimulatedDisk, _ now: ClockReading, bootID: UInt64) -> RingLog {
      var configuration = RingConfiguration()
      configuration.byteCountMax = RingConfiguration.byteCountMin
      return RingLog(
        disk: disk,
        configuration: configuration,
        sources: ["floor"],
        upstreams: ["central"],
        machine: 7,
        bootID: bootID,
        newLog: FakeLog.id,
        now: now
      )
    }

    static func forwarder(_ ledger: UpstreamLedger) -> Forwarder {
      var configuration = UpstreamConfiguration(
        name: "central",
        link: LinkConfiguration(host: "h", port: 1),
        topics: [TopicFilter("t/#")].compactMap(\.self)
      )
      configuration.inFlightMax = 50
      return Forwarder(configuration: configuration, agentID: "e", ledger: ledger, seed: 5)
    }

    func append(_ count: Int) throws {
      var events = EventBatch()
      for _ in 0..<count {
        let topic = appended % 5 == 0 ? "other" : "t/\(appended % 3)"
        events.append(topic: Array(topic.utf8), payload: Array("\(appended)".utf8), clock: now)
        appended += 1
      }
      try ring.append(events, source: 0, now: now)
      try ring.commit(now: now)
      while ring.work(now: now) {}
    }

    func step() {
      var actions: [Forwarder.Action] = []
      forwarder.step(
        now: now.boot,
        read: { ring.read(0, from: $0, passedGaps: $1, now: now) },
        keep: { _ in true },
        into: &actions
      )
      for case .publish(let batch) in actions {
        for row in batch.rows {
          let message = Message(row, in: batch.bytes)
          if let number = message["seq"].flatMap({ SequenceNumber($0) }) { numbers.append(number) }
          if let gap = message["gap"] { gaps.append(gap) }
          pending.append(Acknowledgement(tag: row.tag))
        }
      }
    }

    func connect() {
      forwarder.start(now: now.boot)
      step()
      forwarder.connected(
        SessionGrant(protocolVersion: .v5, isSessionPresent: false),
        now: now.boot
      )
      step()
    }

    func drain() {
      var turnCount = 0
      while !pending.isEmpty || forwarder.wakeAt == now.boot, turnCount < 100_000 {
        forwarder.acknowledged(pending, now: now.boot)
        pending = []
        step()
        ring.settle(0, forwarder.ledger)
        ring.positions[0] = forwarder.position
        turnCount += 1
      }
    }
  }

  @Test func everythingInTheRingIsSentOnceAndCounted() throws {
    let rig = Rig()
    for _ in 0..<30 { try rig.append(200) }
    rig.connect()
    rig.drain()
    try rig.append(5)
    rig.step()
    rig.drain()
    let ledger = rig.forwarder.ledger
    #expect(ledger.cursor == 6006)
    #expect(ledger.delivered == 4804)
    #expect(ledger.filtered == 1201)
    #expect(rig.numbers == (1...6005).filter { ($0 - 1) % 5 != 0 })
    #expect(rig.gaps.isEmpty)
  }

  @Test func marksComeInTheirPlace() throws {
    let rig = Rig()
    try rig.append(3)
    rig.ring.mark(.sourceSessionLost, count: nil, topics: [], now: rig.now)
    try rig.append(3)
    rig.connect()
    rig.drain()
    rig.step()
    #expect(rig.gaps == ["source-session-lost"])
    #expect(rig.forwarder.ledger.cursor == 7)
    #expect(rig.forwarder.ledger.settled == 6)
  }

  @Test func afterAPowerCutTheRingAndTheForwarderGoOnFromTheSavedLedger() throws {
    let rig = Rig()
    try rig.append(500)
    rig.connect()
    rig.drain()
    try rig.ring.saveState(now: rig.now)
    try rig.append(500)
    rig.disk.crash()
    rig.ring = Rig.open(rig.disk, rig.now, bootID: 2)
    let saved = rig.ring.upstream(0)
    #expect(saved.cursor == 501)
    rig.forwarder = Rig.forwarder(saved)
    rig.pending = []
    try rig.append(10)
    rig.connect()
    rig.drain()
    #expect(rig.numbers.filter { $0 > 500 && $0 <= 1000 }.count == 400)
    #expect(rig.gaps == ["unused"])
    #expect(rig.forwarder.ledger.settled == 1010)
  }
}
