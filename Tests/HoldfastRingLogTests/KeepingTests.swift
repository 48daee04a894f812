import HoldfastEvent
import HoldfastSimulation
import Testing

@testable import HoldfastRingLog

/// Delivered data that is kept: how long, and that nothing else pays for it.
@Suite struct KeepingTests {
  private static let hour: Int64 = 3600
  private static let hourMicroseconds = hour * microsecondsPerSecond

  private func fixture(
    _ keeping: DeliveredKeeping?,
    byteCountMax: Int = 8 << 20,
    _ policy: FullPolicy = .dropOldest,
    seed: UInt64 = 1
  ) -> LogFixture {
    let fixture = LogFixture(seed: seed, byteCountMax: byteCountMax)
    fixture.configuration.keepDelivered = keeping
    fixture.configuration.whenFull = policy
    fixture.reopen()
    return fixture
  }

  /// Stores and delivers until so many segments have begun since.
  private func deliver(_ fixture: LogFixture, segments count: Int) throws {
    let before = fixture.ring.state.epoch
    while fixture.ring.state.epoch < before + UInt64(count) {
      try fixture.commit(50, payloadByteCount: 1000)
      fixture.deliverAll()
      fixture.workAll()
    }
  }

  @Test func `without the key what is delivered goes`() throws {
    let fixture = fixture(nil)
    try deliver(fixture, segments: 6)
    #expect(fixture.ring.keptByteCount == 0)
    #expect(fixture.ring.segmentSizes.count == 1)
  }

  @Test func `the newest bytes stay, and at most a segment more`() throws {
    let fixture = fixture(.byteCount(1 << 20))
    try deliver(fixture, segments: 30)
    let kept = fixture.ring.keptByteCount
    #expect(kept >= 1 << 20)
    #expect(kept < 1 << 20 + fixture.configuration.segmentByteCount)
    // They can be read, from the first to the last.
    let (events, gaps) = fixture.readAll(from: fixture.ring.oldest)
    #expect(UInt64(events.count) == fixture.ring.next - fixture.ring.oldest && gaps.isEmpty)
  }

  @Test func `what is younger than the span stays, and goes within minutes after it`() throws {
    let fixture = fixture(.span(2 * Self.hourMicroseconds))
    try fixture.commit(10)
    let first = fixture.ring.next - 1
    try deliver(fixture, segments: 2)
    fixture.wait(2 * Self.hour - 300)
    #expect(fixture.ring.oldest <= first)
    fixture.wait(400)
    #expect(fixture.ring.oldest > first)
  }

  @Test func `it stays across a crash and an orderly stop, and its age goes on`() throws {
    for isOrderly in [true, false] {
      let fixture = fixture(.span(2 * Self.hourMicroseconds))
      try fixture.commit(10)
      let first = fixture.ring.oldest
      try deliver(fixture, segments: 3)
      try fixture.ring.saveState(now: fixture.now)
      fixture.wait(Self.hour)
      if isOrderly { try fixture.ring.close(now: fixture.now) } else { fixture.disk.kill() }
      // The boot clock begins anew; the wall clock knows.
      fixture.now.boot = 5_000_000
      fixture.reopen()
      #expect(fixture.ring.keptByteCount > 0)
      fixture.workAll()
      #expect(fixture.ring.oldest == first)
      #expect(fixture.readAll(from: first).events[first + 9] != nil)
      fixture.wait(Self.hour - 600)
      #expect(fixture.ring.oldest == first)
      fixture.wait(900)
      #expect(fixture.ring.oldest > first)
    }
  }

  @Test func `a clock that was wrong does not keep anything for ever`() throws {
    let year: Int64 = 365 * 24 * Self.hourMicroseconds
    // Stamped by a clock that was not set, and by one that was far ahead.
    for stamp in [1_000_000, 1_700_000_000_000_000 + 40 * year] as [Int64] {
      let fixture = fixture(.span(2 * Self.hourMicroseconds))
      let right = fixture.now.wall
      fixture.now.wall = stamp
      try deliver(fixture, segments: 3)
      let first = fixture.ring.oldest
      try fixture.ring.close(now: fixture.now)
      fixture.now = ClockReading(boot: 5_000_000, wall: right)
      fixture.reopen()
      fixture.wait(Self.hour)
      #expect(fixture.ring.oldest == first, "the span counts from the start at least")
      try deliver(fixture, segments: 2)
      fixture.wait(Self.hour + 200)
      #expect(fixture.ring.oldest > first)
    }
  }

  @Test func `a clock that is not set yet lets nothing go that a right one has stamped`() throws {
    let fixture = fixture(.span(2 * Self.hourMicroseconds))
    try deliver(fixture, segments: 3)
    let first = fixture.ring.oldest
    let right = fixture.now.wall
    try fixture.ring.close(now: fixture.now)
    fixture.now = ClockReading(boot: 5_000_000, wall: 60_000_000)
    fixture.reopen()
    fixture.wait(600)
    #expect(fixture.ring.oldest == first)
    fixture.now.wall = right + 600 * microsecondsPerSecond
    fixture.wait(600)
    #expect(fixture.ring.oldest == first)
  }

  @Test func `a step of the clock while it runs changes no age`() throws {
    let fixture = fixture(.span(2 * Self.hourMicroseconds))
    try deliver(fixture, segments: 3)
    let first = fixture.ring.oldest
    fixture.now.wall += 1000 * Self.hourMicroseconds
    fixture.wait(Self.hour)
    #expect(fixture.ring.oldest == first)
  }

  @Test(arguments: [FullPolicy.dropOldest, .refuseNewest])
  func `it fills the ring and is the first thing to go`(policy: FullPolicy) throws {
    let fixture = fixture(.byteCount(1 << 40), byteCountMax: 4 << 20, policy)
    try deliver(fixture, segments: 60)
    let limit = fixture.configuration.byteCountMax
    #expect(fixture.ring.keptByteCount >= limit / 4, "\(fixture.ring.keptByteCount)")
    #expect(fixture.ring.byteCount <= limit)
    #expect(!fixture.ring.isFull && !fixture.ring.isOutOfRoom)
    // An outage: nothing is lost before the last of it is gone.
    let undelivered = fixture.ring.next
    while fixture.ring.keptByteCount > 0 {
      try fixture.commit(50, payloadByteCount: 1000)
      if fixture.random.next() % 3 == 0 { fixture.workAll() }
      #expect(fixture.ring.byteCount <= limit)
      #expect(!fixture.ring.isFull && !fixture.ring.isOutOfRoom)
    }
    let (events, gaps) = fixture.readAll(from: undelivered)
    #expect(UInt64(events.count) == fixture.ring.next - undelivered && gaps.isEmpty)
  }

  /// The questions about room, each with its answer.
  private func answers(_ fixture: LogFixture) -> [Bool] {
    let ring = { fixture.ring.isFull }
    return [
      ring(), fixture.ring.isOutOfRoom, fixture.ring.hasRoomAgain(for: 0),
      fixture.ring.hasRoomAgain(for: 1 << 20),
      fixture.ring.hasRoom(for: fixture.batch(5, payloadByteCount: 1000)),
      fixture.ring.hasRoom(for: fixture.batch(2000, payloadByteCount: 1000)),
    ]
  }

  @Test func `what is kept changes no answer about room`() throws {
    var keptCount = 0
    for seed in 0..<40 as Range<UInt64> {
      let keeping: DeliveredKeeping = seed % 2 == 0 ? .byteCount(1 << 40) : .byteCount(2 << 20)
      let fixture = fixture(keeping, byteCountMax: 5 << 20, .refuseNewest, seed: seed)
      for _ in 0..<60 {
        let count = Int(fixture.random.next() % 120) + 1
        try? fixture.commit(count, payloadByteCount: 1000)
        if fixture.random.next() % 4 != 0 { fixture.deliverAll() }
        if fixture.random.next() % 2 == 0 { fixture.workAll() }
      }
      fixture.workAll()
      guard fixture.ring.keptByteCount > 0 else { continue }
      keptCount += 1
      let before = answers(fixture)
      let spareCount = fixture.ring.spares.count
      while fixture.ring.keptByteCount > 0 {
        #expect(try fixture.ring.releaseOldest(now: fixture.now))
      }
      // What was recycled is a file at hand, which counts as one.
      while fixture.ring.spares.count > spareCount, let spare = fixture.ring.spares.popLast() {
        fixture.ring.discard(spare.name)
      }
      let after = answers(fixture)
      for (question, pair) in zip(before, after).enumerated() {
        #expect(pair.0 == pair.1, "seed \(seed), question \(question)")
      }
    }
    #expect(keptCount > 20)
  }

  @Test func `a full file system costs what is kept, and no event`() throws {
    let fixture = fixture(.byteCount(1 << 40))
    try deliver(fixture, segments: 40)
    fixture.disk.byteCountMax = fixture.disk.byteCount
    let undelivered = fixture.ring.next
    let kept = fixture.ring.keptByteCount
    for _ in 0..<20 {
      try fixture.commit(50, payloadByteCount: 1000)
      fixture.workAll()
    }
    #expect(fixture.ring.isFailing == false)
    #expect(fixture.ring.keptByteCount < kept)
    #expect(fixture.readAll(from: undelivered).gaps.isEmpty)
  }

  @Test func `gap records of what is kept stay with it, and make room for others`() throws {
    let fixture = fixture(.byteCount(1 << 40))
    try fixture.commit(10)
    fixture.ring.mark(.diskFailed, count: 3, now: fixture.now)
    try deliver(fixture, segments: 2)
    fixture.ring.mark(.diskFailed, count: 4, now: fixture.now)
    fixture.deliverAll()
    try fixture.commit(10)
    fixture.deliverAll()
    try fixture.ring.saveState(now: fixture.now)
    #expect(fixture.readAll(from: fixture.ring.oldest).gaps.compactMap(\.count) == [3, 4])
    // More marks than the list holds, none of them passed: those of kept data go, nothing is joined.
    let joinCount = fixture.ring.state.gaps.joinCount
    for count in 0..<GapList.countMax - 1 {
      fixture.ring.mark(.diskFailed, count: UInt64(count), now: fixture.now)
      try fixture.commit(1)
    }
    #expect(fixture.ring.state.gaps.joinCount == joinCount)
  }

  /// The list is full of what was told when a start needs a record more, and one that was not told
  /// stands among them.
  @Test func `a start lets told records go, and what is kept before them, and no other`() throws {
    let fixture = fixture(.byteCount(1 << 40))
    for _ in 0..<GapList.unusedCountMax {
      try fixture.commit(1)
      fixture.deliverAll()
      try fixture.ring.saveState(now: fixture.now)
      fixture.disk.kill()
      fixture.reopen()
    }
    let id = fixture.ring.id
    let first = fixture.ring.next
    try fixture.commit(2)
    fixture.ring.mark(.diskFailed, count: 5, now: fixture.now)
    try fixture.commit(3)
    try fixture.ring.saveState(now: fixture.now)
    fixture.disk.kill()
    fixture.reopen(newLog: LogID(high: 8, low: 8))
    #expect(fixture.ring.id == id)
    let (events, gaps) = fixture.readAll(from: first)
    #expect(events.count == 5)
    #expect(gaps.filter { $0.reason != .unused }.map(\.count) == [5])
    let oldest = fixture.ring.oldest
    fixture.workAll()
    #expect(fixture.ring.oldest > oldest, "of what is kept, what can't be told any more goes")
  }

  @Test func `a full file system under a failing ring costs what is kept, and no event`() throws {
    let fixture = fixture(.byteCount(1 << 40))
    try deliver(fixture, segments: 40)
    let undelivered = fixture.ring.next
    let kept = fixture.ring.keptByteCount
    // Everything fails at first, and then somebody else has taken what room there was.
    fixture.disk.fault = { operation, _ in operation == .write ? Errno.noSpace : nil }
    try fixture.ring.append(fixture.batch(50), source: 0, now: fixture.now)
    try? fixture.ring.commit(now: fixture.now)
    var isFailing = fixture.ring.isFailing
    #expect(isFailing)
    fixture.disk.fault = nil
    fixture.disk.byteCountMax = fixture.disk.byteCount
    var tryCount = 0
    while !fixture.ring.retryDisk(now: fixture.now), tryCount < 10 { tryCount += 1 }
    isFailing = fixture.ring.isFailing
    let keptAfter = fixture.ring.keptByteCount
    #expect(!isFailing && keptAfter < kept)
    fixture.disk.kill()
    fixture.reopen()
    let (events, gaps) = fixture.readAll(from: undelivered)
    #expect(events.count == 50 && gaps.allSatisfy { $0.reason == .unused })
  }
}
