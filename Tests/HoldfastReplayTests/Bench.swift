import HoldfastAgent
import HoldfastEvent
import HoldfastLink
import HoldfastSimulation
import HoldfastUpstream

@testable import HoldfastReplay
@testable import HoldfastRingLog

/// A ring log with an agent that goes on, and a broker that a replay publishes to.
final class Bench {
  let disk: SimulatedDisk
  var configuration = RingConfiguration()
  var ring: RingLog
  var now = ClockReading(boot: 1_000_000, wall: 1_700_000_000_000_000)
  var random: SplitMix64
  /// What was stored, by number: topic, payload.
  var stored: [SequenceNumber: (topic: [UInt8], payload: [UInt8])] = [:]

  static let log = LogID(high: 1, low: 2)

  init(seed: UInt64 = 1, byteCountMax: Int = 8 << 20) {
    disk = SimulatedDisk(seed: seed)
    random = SplitMix64(seed: seed &+ 99)
    configuration.byteCountMax = byteCountMax
    configuration.segmentByteCountMin = 64 << 10
    configuration.keepDelivered = .byteCount(1 << 40)
    ring = RingLog(
      disk: disk,
      configuration: configuration,
      sources: ["floor"],
      upstreams: ["central"],
      machine: 7,
      bootID: 1,
      newLog: Self.log,
      now: now
    )
  }

  /// Stores events, 100 a commit, and delivers them.
  func store(_ count: Int, payloadByteCount: Int = 300, isDelivered: Bool = true) throws {
    var rest = count
    while rest > 0 {
      var events = EventBatch()
      for _ in 0..<min(100, rest) {
        let number = ring.next + UInt64(events.count)
        let topic = Array("hall/\(random.next() % 7)".utf8)
        var payload = Array("\(number) ".utf8)
        while payload.count < payloadByteCount { payload.append(UInt8(random.next() & 0xff)) }
        events.append(topic: topic, payload: payload, clock: now)
        stored[number] = (topic, payload)
        now.boot += 10_000
        now.wall += 10_000
      }
      rest -= events.count
      try ring.append(events, source: 0, now: now)
      try ring.commit(now: now)
      if isDelivered { deliverAll() }
      while ring.work(now: now) {}
    }
    try ring.saveState(now: now)
  }

  func deliverAll() {
    var ledger = ring.upstream(0)
    ledger.delivered += ring.durable + 1 - ledger.cursor
    ledger.cursor = ring.durable + 1
    ring.settle(0, ledger)
    ring.positions[0] = ledger.cursor
  }

  /// How a replay to this broker is set up.
  func configuration(
    _ numbers: Range<SequenceNumber>,
    _ change: (inout UpstreamConfiguration) -> Void = { _ in }
  ) -> ReplayConfiguration {
    var upstream = UpstreamConfiguration(
      name: "central",
      link: LinkConfiguration(host: "broker", port: 1883),
      topics: [TopicFilter("hall/#")].compactMap { $0 }
    )
    upstream.refusalTryCountMax = 2
    change(&upstream)
    return ReplayConfiguration(
      upstream,
      agentID: "edge",
      numbers: numbers,
      sources: ["floor"],
      clientID: "edge-replay-1",
      budgetByteCount: nil
    )
  }
}

/// A replay and the broker that it publishes to.
final class Peer {
  struct Message: Equatable {
    var topic: [UInt8]
    var payload: [UInt8]
    var properties: [String: String]
    var number: SequenceNumber? { properties["seq"].flatMap { UInt64($0) } }
  }

  var replay: Replay
  var effects: [Effect] = []
  var now: Int64 = 1_000_000
  var version = ProtocolVersion.v5
  /// Everything that was acknowledged with success, in order.
  var taken: [Message] = []
  /// Decides what is answered to a message; nil: the link breaks before the answer.
  var answer: (Message) -> UInt8? = { _ in 0 }
  /// The link broke: what was to be sent on it comes to nothing.
  private var isBroken = false
  /// Called between two deliveries of effects.
  var between: () throws -> Void = {}

  init(_ configuration: ReplayConfiguration, on disk: SimulatedDisk, seed: UInt64 = 1) throws {
    let ring = try RingInspection(disk: disk)
    replay = Replay(configuration, ring: ring, seed: seed, now: now, effects: &effects)
  }

  /// Goes on until all is answered, or so many rounds have passed.
  func run(rounds: Int = 100_000) throws {
    var count = 0
    while !replay.isFinished && count < rounds {
      count += 1
      let current = effects
      effects = []
      isBroken = false
      for effect in current where !isBroken { carryOut(effect) }
      try between()
      if effects.isEmpty && !replay.isFinished {
        now = max(now + 1, replay.wakeAt == .max ? now + 1_000_000 : replay.wakeAt)
        replay.step(.timer, now: now, effects: &effects)
      }
    }
  }

  private func carryOut(_ effect: Effect) {
    switch effect {
    case .connectUpstream:
      let grant = SessionGrant(protocolVersion: version, isSessionPresent: false)
      replay.step(.upstreamConnected(upstream: 0, grant), now: now, effects: &effects)
    case .disconnectUpstream: closeLink()
    case .publish(_, let batch):
      var answers: [Acknowledgement] = []
      for row in batch.rows {
        let message = Message(
          topic: Array(batch.bytes[row.topicRange]),
          payload: Array(batch.bytes[row.payloadRange]),
          properties: Self.properties(batch.bytes[row.propertiesRange])
        )
        guard let code = answer(message) else {
          replay.step(.acknowledged(upstream: 0, answers), now: now, effects: &effects)
          effects = []
          closeLink()
          return
        }
        if code < 0x80 { taken.append(message) }
        answers.append(Acknowledgement(tag: row.tag, reasonCode: code))
      }
      replay.step(.acknowledged(upstream: 0, answers), now: now, effects: &effects)
    default: break
    }
  }

  private func closeLink() {
    isBroken = true
    replay.step(
      .upstreamClosed(upstream: 0, LinkFailure(.closed, "gone")),
      now: now,
      effects: &effects
    )
  }

  private static func properties(_ bytes: ArraySlice<UInt8>) -> [String: String] {
    var found: [String: String] = [:]
    for pair in EventProperties(encoded: bytes).pairs {
      found[String(decoding: pair.name, as: UTF8.self)] = String(
        decoding: pair.value,
        as: UTF8.self
      )
    }
    return found
  }
}
