import HoldfastEvent
import HoldfastRingLog
import HoldfastSimulation
import Testing

/// An event's times are the same whichever way it is read, and whenever.
@Suite struct StampTests {
  /// Times as a reader sees them.
  struct Times: Equatable {
    var boot: Int64
    var wall: Int64
  }

  /// Reads all events by an upstream.
  private func read(_ fixture: LogFixture) -> [SequenceNumber: Times] {
    var times: [SequenceNumber: Times] = [:]
    var position: SequenceNumber = 1
    while true {
      switch fixture.ring.read(0, from: position, passedGaps: 0, now: fixture.now) {
      case .end: return times
      case .gap(let gap): position = gap.end
      case .events(let batch, let row):
        for index in row..<batch.events.count {
          let row = batch.events.rows[index]
          times[batch.first + UInt64(index)] = Times(boot: row.boot, wall: row.wall)
        }
        position = batch.end
      }
    }
  }

  /// A wall clock that gains so many microseconds a second and is read a microsecond early or late
  /// now and then.
  private func clock(
    _ boot: Int64,
    _ random: inout SplitMix64,
    slew: Int64,
    isJittery: Bool = true
  ) -> ClockReading {
    let jitter = isJittery ? Int64(random.next() % 3) - 1 : 0
    let offset = 1_700_000_000_000_999 + boot * slew / 1_000_000
    return ClockReading(boot: boot, wall: boot + offset + jitter)
  }

  private func fixture(memory: Int, ticksPerSecond: Int64) -> LogFixture {
    let fixture = LogFixture(byteCountMax: 4 << 20)
    fixture.configuration.tailByteCountMax = memory
    fixture.configuration.ticksPerSecond = ticksPerSecond
    fixture.reopen()
    return fixture
  }

  /// Appends for some minutes, a commit each second.
  private func fill(
    _ fixture: LogFixture,
    _ arrivals: inout [ClockReading],
    seconds: Int,
    slew: Int64 = 200,
    isJittery: Bool = true,
    _ random: inout SplitMix64
  ) throws {
    for _ in 0..<seconds {
      var events = EventBatch()
      for index in 0..<3 {
        let boot = fixture.now.boot + Int64(index) * 10_300
        let now = clock(boot, &random, slew: slew, isJittery: isJittery)
        events.append(topic: Array("t".utf8), payload: [UInt8](repeating: 7, count: 90), clock: now)
        arrivals.append(now)
      }
      fixture.now.boot += 1_000_000
      fixture.now.wall += 1_000_000
      try fixture.ring.append(events, source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
    }
  }

  @Test(arguments: [1_000, 1_000_000] as [Int64])
  func `memory, hot file and sealed file give an event the same times`(ticksPerSecond: Int64) throws
  {
    var random = SplitMix64(seed: 3)
    let fixture = fixture(memory: 1 << 20, ticksPerSecond: ticksPerSecond)
    var arrivals: [ClockReading] = []
    try fill(fixture, &arrivals, seconds: 120, &random)
    let inMemory = read(fixture)
    #expect(inMemory.count == arrivals.count)
    let unit = 1_000_000 / ticksPerSecond
    let ordered = inMemory.sorted { $0.key < $1.key }.map(\.value)
    for (times, arrival) in zip(ordered, arrivals) {
      #expect((arrival.boot - times.boot) < unit && times.boot <= arrival.boot)
      #expect((arrival.wall - times.wall).magnitude <= 2 * UInt64(unit))
    }
    // Stopped and started with nothing in memory: read from the hot files.
    try fixture.ring.close(now: fixture.now)
    fixture.configuration.tailByteCountMax = 0
    fixture.reopen()
    let hot = read(fixture)
    #expect(hot == inMemory)
    // More of it after the start changes nothing, and neither does sealing.
    try fill(fixture, &arrivals, seconds: 60, &random)
    let all = read(fixture)
    fixture.disk.kill()
    fixture.reopen()
    fixture.workAll()
    let sealedCount = fixture.ring.segmentSizes.count { $0.isSealed }
    #expect(sealedCount > 0)
    let sealed = read(fixture)
    #expect(sealed.count == arrivals.count)
    #expect(sealed == all)
    #expect(sealed.merging(inMemory) { $1 } == sealed)
  }

  @Test func `a clock that is read a microsecond late now and then costs no bytes`() throws {
    let sizes = try [false, true].map { isJittery in
      var random = SplitMix64(seed: 6)
      let fixture = fixture(memory: 0, ticksPerSecond: 1_000)
      var arrivals: [ClockReading] = []
      try fill(fixture, &arrivals, seconds: 200, slew: 0, isJittery: isJittery, &random)
      let hot = fixture.ring.segmentSizes.map(\.eventCount)
      fixture.workAll()
      return (hot: hot, sealed: fixture.ring.segmentSizes.filter(\.isSealed).map(\.byteCount))
    }
    #expect(sizes[0].sealed.count > 3)
    #expect(sizes[0].hot == sizes[1].hot)
    #expect(sizes[0].sealed == sizes[1].sealed)
  }

  @Test func `another time resolution changes nothing that is stored`() throws {
    var random = SplitMix64(seed: 4)
    let fixture = fixture(memory: 0, ticksPerSecond: 1_000_000)
    var arrivals: [ClockReading] = []
    try fill(fixture, &arrivals, seconds: 100, &random)
    let before = read(fixture)
    fixture.configuration.ticksPerSecond = 1_000
    fixture.reopen()
    fixture.workAll()
    #expect(fixture.ring.segmentSizes.count { $0.isSealed } > 0)
    let after = read(fixture)
    #expect(after == before)
  }

  @Test func `events in memory on a failing disk keep their times when it heals`() throws {
    var random = SplitMix64(seed: 5)
    let fixture = fixture(memory: 0, ticksPerSecond: 1_000)
    var arrivals: [ClockReading] = []
    try fill(fixture, &arrivals, seconds: 5, &random)
    fixture.disk.fault = { operation, _ in operation == .write ? Errno.inputOutput : nil }
    for _ in 0..<20 { try? fill(fixture, &arrivals, seconds: 1, &random) }
    let failing = read(fixture)
    fixture.disk.fault = nil
    let isHealed = fixture.ring.retryDisk(now: fixture.now)
    #expect(isHealed)
    let healed = read(fixture)
    #expect(healed.count == arrivals.count)
    #expect(healed == failing)
  }
}
