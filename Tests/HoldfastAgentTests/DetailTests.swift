import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import Testing

/// What the core tells for a status page.
@Suite struct DetailTests {
  private func breakDisk(_ disk: SimulatedDisk) {
    disk.fault = { operation, _ in
      switch operation {
      case .write, .sync, .syncDirectory: Errno.inputOutput
      default: nil
      }
    }
  }

  /// offered, with what went through memory = settled + what waits.
  private func expectLaw(_ bench: AgentBench, sourceLocation: SourceLocation = #_sourceLocation) {
    let status = bench.detail
    for (upstream, detail) in zip(status.upstreams, status.detail.upstreams) {
      let offered = upstream.ledger.offered + detail.settledInMemoryCount
      #expect(
        offered == upstream.ledger.settled + upstream.lagEventCount,
        "\(upstream.ledger), \(detail)",
        sourceLocation: sourceLocation
      )
    }
  }

  @Test func `the law holds while the disk fails, too, however far each upstream is`() {
    let bench = AgentBench(upstreamCount: 2)
    bench.connectSource()
    bench.connectUpstream(0)
    bench.connectUpstream(1)
    bench.receive(bench.events(20))
    bench.deliverAll(0)
    expectLaw(bench)
    breakDisk(bench.disk)
    bench.receive(bench.events(30))
    expectLaw(bench)
    bench.pass(seconds: 1)
    bench.deliverAll(0)
    #expect(bench.status.health == .failing)
    #expect(bench.detail.detail.upstreams[0].settledInMemoryCount == 30)
    expectLaw(bench)
    bench.deliverAll(1)
    expectLaw(bench)
    bench.disk.fault = nil
    bench.pass(seconds: 6)
    #expect(bench.status.health == .good)
    #expect(bench.detail.detail.upstreams[0].settledInMemoryCount == 0)
    expectLaw(bench)
  }

  @Test func `the oldest unsent event's arrival is its own, as long as memory has it`() {
    let bench = AgentBench()
    bench.connectSource()
    #expect(bench.detail.detail.upstreams[0].oldestArrival == nil, "nothing waits")
    bench.receive(bench.events(3))
    let arrived = bench.now
    bench.pass(seconds: 20)
    let arrival = bench.detail.detail.upstreams[0].oldestArrival
    #expect(arrival?.isExact == true)
    let age = bench.now.boot - (arrival?.boot ?? 0)
    #expect(abs(age - (bench.now.boot - arrived.boot)) < 1_000_000)
  }

  @Test func `after a restart its segment tells, and no later than it arrived`() {
    var bench = AgentBench()
    bench.connectSource()
    bench.receive(bench.events(3))
    let arrived = bench.now
    bench.pass(seconds: 20)
    bench = bench.restarted()
    bench.pass(seconds: 2)
    let arrival = bench.detail.detail.upstreams[0].oldestArrival
    #expect(arrival != nil)
    #expect(arrival.map { $0.wall <= arrived.wall && $0.wall > arrived.wall - 5_000_000 } == true)
  }

  @Test func `it names links without credentials, and counts what is stored`() {
    let bench = AgentBench { $0.sources[0].link.username = "me" }
    #expect(bench.detail.detail.sources[0].url == "mqtt://sensors:1883")
    bench.connectSource()
    bench.receive(bench.events(50))
    let detail = bench.detail.detail
    #expect(detail.segmentEventCount == 50 && detail.segmentByteCount > 0)
    #expect(detail.agentID == "edge" && detail.isRecovered)
    #expect(bench.status.detail == AgentStatus.Detail(), "the plain picture has none of it")
  }

  /// A segment that was left is not sealed at once: what its commits left empty is still there.
  @Test func `an event is reckoned without the padding of its commit`() {
    let bench = AgentBench { $0.ring.byteCountMax = RingConfiguration.byteCountMin }
    bench.connectSource()
    for _ in 0..<600 {
      bench.receive(bench.events(1))
      bench.pass(seconds: 1)
    }
    let detail = bench.detail.detail
    let bytesPerEvent = detail.segmentByteCount / Int(detail.segmentEventCount)
    #expect(detail.segmentEventCount >= 600 && (1..<200).contains(bytesPerEvent))
    #expect(bench.detail.ringByteCount / 600 > 3000, "on disk it has a page of its own")
  }

  @Test func `each commit is told to the disk once, and none where there is nothing to commit`() {
    let disk = CountingDisk(SimulatedDisk(seed: 3))
    let ring = RingLog(
      disk: disk,
      configuration: RingConfiguration(),
      sources: ["a"],
      upstreams: ["b"],
      machine: 1,
      bootID: 1,
      newLog: LogID(high: 1, low: 1),
      now: ClockReading(boot: 0, wall: 0)
    )
    commitTwice(ring)
    #expect(disk.begun == 1 && disk.ended == 1)
  }

  private func commitTwice(_ ring: consuming RingLog) {
    var ring = ring
    var events = EventBatch()
    events.append(topic: [97], payload: [1], clock: ClockReading(boot: 0, wall: 0))
    let now = ClockReading(boot: 1, wall: 1)
    #expect(throws: Never.self) {
      try ring.append(events, source: 0, now: now)
      try ring.commit(now: now)
      try ring.commit(now: now)
    }
  }
}

/// Passes everything on and counts commits.
private final class CountingDisk: Disk {
  private let disk: SimulatedDisk
  private(set) var begun = 0
  private(set) var ended = 0

  init(_ disk: SimulatedDisk) { self.disk = disk }

  func beginCommit() { begun += 1 }
  func endCommit() { ended += 1 }
  func list(_ directory: String) throws(DiskError) -> [DiskEntry] { try disk.list(directory) }
  func makeDirectory(_ name: String) throws(DiskError) { try disk.makeDirectory(name) }
  func open(_ name: String, isWritable: Bool) throws(DiskError) -> DiskFile {
    try disk.open(name, isWritable: isWritable)
  }
  func create(_ name: String) throws(DiskError) -> DiskFile { try disk.create(name) }
  func byteCount(of file: DiskFile) throws(DiskError) -> Int { try disk.byteCount(of: file) }
  func read(
    _ file: DiskFile,
    at offset: Int,
    count: Int,
    into buffer: inout [UInt8]
  ) throws(DiskError) { try disk.read(file, at: offset, count: count, into: &buffer) }
  func write(_ file: DiskFile, at offset: Int, _ bytes: ArraySlice<UInt8>) throws(DiskError) {
    try disk.write(file, at: offset, bytes)
  }
  func sync(_ file: DiskFile) throws(DiskError) { try disk.sync(file) }
  func close(_ file: DiskFile) { disk.close(file) }
  func rename(_ name: String, to newName: String) throws(DiskError) {
    try disk.rename(name, to: newName)
  }
  func remove(_ name: String) throws(DiskError) { try disk.remove(name) }
  func syncDirectory(_ directory: String) throws(DiskError) { try disk.syncDirectory(directory) }
}
