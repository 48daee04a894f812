import HoldfastEvent
import HoldfastRingLog
import HoldfastSimulation
import Testing

/// A disk that can't be read, or written, for a while.
@Suite struct BadSectorTests {
  /// A ring with 1000 events on disk and none in memory.
  private func fixture() throws -> LogFixture {
    let fixture = LogFixture()
    try fixture.ring.append(fixture.batch(1000), source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    try fixture.ring.close(now: fixture.now)
    fixture.reopen()
    return fixture
  }

  private func failReads(of disk: SimulatedDisk) {
    disk.fault = { operation, name in
      operation == .read && name.contains("hot-") ? Errno.inputOutput : nil
    }
  }

  @Test func `what can't be read for less than a minute is no gap`() throws {
    let fixture = try fixture()
    failReads(of: fixture.disk)
    for _ in 0..<59 {
      let (events, gaps) = fixture.readAll()
      #expect(events.isEmpty && gaps.isEmpty)
      fixture.now.boot += 1_000_000
    }
    fixture.disk.fault = nil
    let (events, gaps) = fixture.readAll()
    #expect(events.count == 1000)
    #expect(gaps.isEmpty)
    // The minute begins anew with the next failure.
    fixture.ring.positions[0] = 1
    failReads(of: fixture.disk)
    fixture.now.boot += 100_000_000
    #expect(fixture.readAll().gaps.isEmpty)
  }

  @Test func `what can't be read for a minute is a gap, and the rest is read`() throws {
    let fixture = try fixture()
    failReads(of: fixture.disk)
    #expect(fixture.readAll().gaps.isEmpty)
    fixture.now.boot += 61_000_000
    // This try says that the time is over, the next one goes past what fails.
    _ = fixture.readAll()
    let (events, gaps) = fixture.readAll()
    #expect(events.isEmpty)
    #expect(gaps.map(\.reason) == [.corrupt])
    #expect(gaps.first?.first == 1 && gaps.first?.end == 1001)
    let loss = fixture.ring.pendingLoss(0)
    #expect(loss[LossReason.corrupt.rawValue] == 1000)
    fixture.disk.fault = nil
    try fixture.ring.append(fixture.batch(10), source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    #expect(fixture.readAll(from: 1001).events.count == 10)
  }

  @Test func `an eviction that can't be saved leaves every event and no gap record`() throws {
    let fixture = LogFixture()
    var stored: [[UInt8]] = []
    /// Appends until the next segment needs room that an undelivered one has.
    while !fixture.ring.isOutOfRoom {
      let batch = fixture.batch(50, payloadByteCount: 2000)
      stored += images(of: batch)
      try fixture.ring.append(batch, source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
    }
    fixture.disk.fault = { operation, name in
      name.contains("/state") && operation != .read ? Errno.inputOutput : nil
    }
    while !fixture.ring.isFailing {
      let batch = fixture.batch(50, payloadByteCount: 2000)
      stored += images(of: batch)
      try fixture.ring.append(batch, source: 0, now: fixture.now)
      do throws(RingLogError) { try fixture.ring.commit(now: fixture.now) } catch { break }
    }
    let (isFailing, records) = (fixture.ring.isFailing, fixture.ring.gaps)
    #expect(isFailing && records.isEmpty)
    let (events, gaps) = fixture.readAll()
    #expect(gaps.isEmpty)
    #expect((1...UInt64(stored.count)).map { events[$0] } == stored)
    fixture.disk.fault = nil
    let isBack = fixture.ring.retryDisk(now: fixture.now)
    #expect(isBack)
    // Now it costs what it must, and says so.
    let evicted = fixture.ring.gaps.filter { $0.reason == .evicted }
    #expect(evicted.count == 1 && evicted[0].first == 1)
    #expect(fixture.readAll().events.count + Int(evicted[0].count ?? 0) == stored.count)
  }
}
