import HoldfastEvent
import HoldfastRingLog
import HoldfastSimulation
import Testing

@Suite struct RingLogTests {
  @Test func `nothing is readable before it is durable`() throws {
    let fixture = LogFixture()
    let events = fixture.batch(3)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    #expect(fixture.readAll().events.isEmpty)
    #expect(fixture.ring.durable == 0)
    try fixture.ring.commit(now: fixture.now)
    #expect(fixture.ring.durable == 3)
    let read = fixture.readAll().events
    #expect((1...3).map { read[$0] } == images(of: events))
  }

  @Test func `what was committed survives a power cut, byte for byte`() throws {
    for seed in 0..<50 as Range<UInt64> {
      let fixture = LogFixture(seed: seed)
      var expected: [[UInt8]] = []
      for _ in 0..<20 {
        let events = fixture.batch(Int(fixture.random.next() % 50) + 1)
        try fixture.ring.append(events, source: 0, now: fixture.now)
        try fixture.ring.commit(now: fixture.now)
        expected += images(of: events)
      }
      try fixture.ring.append(fixture.batch(30), source: 0, now: fixture.now)
      fixture.disk.crash()
      fixture.reopen()
      let (events, gaps) = fixture.readAll()
      for (index, image) in expected.enumerated() {
        #expect(events[UInt64(index + 1)] == image)
      }
      #expect(events.count == expected.count)
      #expect(gaps.allSatisfy { $0.reason == .unused })
      #expect(fixture.ring.upstream(0).offered == UInt64(expected.count))
      #expect(fixture.ring.source(0).stored == UInt64(expected.count))
    }
  }

  @Test func `a disk that ignores sync loses acknowledged events in a power cut`() throws {
    var lossCount = 0
    for seed in 0..<50 as Range<UInt64> {
      let fixture = LogFixture(seed: seed)
      fixture.disk.isLying = true
      try fixture.ring.append(fixture.batch(100), source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
      fixture.disk.crash()
      fixture.disk.isLying = false
      fixture.reopen()
      if fixture.readAll().events.count < 100 { lossCount += 1 }
    }
    #expect(lossCount > 10)
  }

  @Test func `a source's account holds no event that a crash took back`() throws {
    let fixture = LogFixture()
    try fixture.ring.append(fixture.batch(5), source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    try fixture.ring.append(fixture.batch(7), source: 0, now: fixture.now)
    try fixture.ring.saveState(now: fixture.now)
    #expect(fixture.ring.source(0).stored == 12)
    fixture.disk.kill()
    fixture.reopen()
    #expect(fixture.ring.source(0).stored == 5)
    #expect(fixture.ring.source(0).received == 5)
    #expect(fixture.ring.upstream(0).offered == 5)
  }

  @Test func `numbering goes on above everything that can have been given out`() throws {
    let fixture = LogFixture()
    try fixture.ring.append(fixture.batch(5), source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    try fixture.ring.append(fixture.batch(5), source: 0, now: fixture.now)
    fixture.disk.crash()
    fixture.reopen()
    #expect(fixture.ring.next > 10)
    let gaps = fixture.readAll().gaps
    #expect(gaps.map(\.reason) == [.unused])
    #expect(gaps.first?.end == fixture.ring.next)
    #expect(gaps.first?.count == 0)
  }

  @Test func `an orderly stop leaves no hole in the numbers`() throws {
    let fixture = LogFixture()
    try fixture.ring.append(fixture.batch(5), source: 0, now: fixture.now)
    try fixture.ring.close(now: fixture.now)
    fixture.reopen()
    #expect(fixture.ring.next == 6)
    #expect(fixture.readAll().events.count == 5)
    #expect(fixture.readAll().gaps.isEmpty)
  }

  @Test func `events cross segments, are sealed without padding, and stay the same`() throws {
    let fixture = LogFixture(byteCountMax: 16 << 20)
    var expected: [[UInt8]] = []
    while expected.count < 4_000 {
      let events = fixture.batch(4)
      try fixture.ring.append(events, source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
      expected += images(of: events)
      while fixture.ring.work(now: fixture.now) {}
    }
    let sealed = fixture.disk.fileNames.filter { $0.contains("sealed-") }
    #expect(sealed.count > 2)
    let sealedBytes = sealed.reduce(0) { $0 + (fixture.disk.contents($1)?.count ?? 0) }
    let sealedEvents = sealed.count * 128 * 4
    #expect(sealedBytes < sealedEvents * 60)
    let (events, gaps) = fixture.readAll()
    #expect(gaps.isEmpty)
    #expect(events.count == expected.count)
    for (index, image) in expected.enumerated() {
      #expect(events[UInt64(index + 1)] == image)
    }
    fixture.disk.crash()
    fixture.reopen()
    let again = fixture.readAll().events
    #expect(again == events)
  }

  @Test func `a segment that nobody needs is recycled and never sealed`() throws {
    let fixture = LogFixture(byteCountMax: 8 << 20)
    for _ in 0..<800 {
      try fixture.ring.append(fixture.batch(4), source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
      fixture.deliverAll()
      while fixture.ring.work(now: fixture.now) {}
    }
    #expect(!fixture.disk.fileNames.contains { $0.contains("sealed-") })
    #expect(fixture.disk.fileNames.filter { $0.contains("hot-") }.count <= 4)
    #expect(fixture.ring.upstream(0).offered == 3_200)
  }

  @Test func `a full ring drops its oldest segments and says exactly which events`() throws {
    let fixture = LogFixture(byteCountMax: 8 << 20)
    var count: UInt64 = 0
    for _ in 0..<120 {
      // Random bytes: nothing to compress.
      try fixture.ring.append(
        fixture.batch(20, payloadByteCount: 5_000),
        source: 0,
        now: fixture.now
      )
      try fixture.ring.commit(now: fixture.now)
      count += 20
      while fixture.ring.work(now: fixture.now) {}
      #expect(fixture.ring.byteCount <= 8 << 20)
      #expect(fixture.disk.byteCount <= 8 << 20)
    }
    let (events, gaps) = fixture.readAll()
    #expect(gaps.count == 1)
    let gap = try #require(gaps.first)
    #expect(gap.reason == .evicted)
    #expect(gap.first == 1)
    #expect(gap.count == gap.end - 1)
    #expect(!gap.topics.isEmpty)
    #expect(UInt64(events.count) + (gap.end - 1) == count)
    #expect(fixture.ring.pendingLoss(0)[LossReason.evicted.rawValue] == gap.end - 1)
  }

  @Test func `refuse-newest keeps what is stored and asks for a pause`() throws {
    let fixture = LogFixture(byteCountMax: 8 << 20)
    fixture.configuration.whenFull = .refuseNewest
    fixture.reopen()
    var count = 0
    while !fixture.ring.isFull {
      try fixture.ring.append(
        fixture.batch(20, payloadByteCount: 5_000),
        source: 0,
        now: fixture.now
      )
      try fixture.ring.commit(now: fixture.now)
      count += 20
      try #require(count < 20_000)
    }
    // What was read already still fits.
    try fixture.ring.append(
      fixture.batch(40, payloadByteCount: 5_000),
      source: 0,
      now: fixture.now
    )
    try fixture.ring.commit(now: fixture.now)
    #expect(fixture.readAll().events.count == count + 40)
    #expect(fixture.ring.hasRoomAgain(for: 0) == false)
    #expect(fixture.ring.byteCount <= 8 << 20)
    fixture.deliverAll()
    while fixture.ring.work(now: fixture.now) {}
    #expect(fixture.ring.hasRoomAgain(for: 0) == true)
    #expect(fixture.ring.isFull == false)
  }

  @Test func `a smaller ring size evicts with a gap record`() throws {
    let fixture = LogFixture(byteCountMax: 64 << 20)
    for _ in 0..<400 {
      try fixture.ring.append(
        fixture.batch(20, payloadByteCount: 5_000),
        source: 0,
        now: fixture.now
      )
      try fixture.ring.commit(now: fixture.now)
    }
    try fixture.ring.close(now: fixture.now)
    fixture.configuration.byteCountMax = 32 << 20
    fixture.reopen()
    while fixture.ring.work(now: fixture.now) {}
    #expect(fixture.disk.byteCount <= 32 << 20)
    let (events, gaps) = fixture.readAll()
    #expect(gaps.map(\.reason) == [.evicted])
    #expect(UInt64(events.count) + (gaps.first?.count ?? 0) == 8_000)
  }

  @Test func `a failed sync moves what isn't durable to a fresh segment`() throws {
    let fixture = LogFixture()
    try fixture.ring.append(fixture.batch(5), source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    var failures = 1
    fixture.disk.fault = { operation, name in
      guard operation == .sync, name.contains("hot-"), failures > 0 else { return nil }
      failures -= 1
      return Errno.inputOutput
    }
    let events = fixture.batch(5)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    #expect(fixture.ring.isFailing == false)
    fixture.disk.crash()
    fixture.reopen()
    let read = fixture.readAll().events
    #expect((6...10).map { read[$0] } == images(of: events))
    #expect(read.count == 10)
  }

  @Test func `while the disk fails events pass through memory, and it comes back`() throws {
    let fixture = LogFixture()
    fixture.disk.fault = { operation, _ in operation == .sync ? Errno.inputOutput : nil }
    let events = fixture.batch(5)
    try? fixture.ring.append(events, source: 0, now: fixture.now)
    try? fixture.ring.commit(now: fixture.now)
    #expect(fixture.ring.isFailing == true)
    #expect(fixture.ring.durable == 0)
    #expect(fixture.readAll().events.count == 5)
    let early = fixture.ring.retryDisk(now: fixture.now)
    #expect(!early)
    fixture.disk.fault = nil
    let late = fixture.ring.retryDisk(now: fixture.now)
    #expect(late)
    #expect(fixture.ring.durable == 5)
    fixture.disk.crash()
    fixture.reopen()
    #expect(fixture.readAll().events.count == 5)
  }

  @Test func `an oversize payload is dropped, counted and recorded in its place`() throws {
    let fixture = LogFixture()
    var events = fixture.batch(2)
    events.append(
      topic: Array("big".utf8),
      payload: [UInt8](repeating: 1, count: (1 << 20) + 1),
      clock: fixture.now
    )
    events.append(topic: Array("small".utf8), payload: [1], clock: fixture.now)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    let (read, gaps) = fixture.readAll()
    #expect(read.count == 3)
    #expect(gaps.map(\.reason) == [.oversize])
    #expect(gaps.first?.first == 3)
    #expect(gaps.first?.topics == [Array("big".utf8)])
    let ledger = fixture.ring.source(0)
    #expect(ledger.received == 4 && ledger.stored == 3 && ledger.isBalanced)
    fixture.disk.crash()
    fixture.reopen()
    #expect(fixture.readAll().gaps.first?.reason == .oversize)
    #expect(fixture.ring.source(0) == ledger)
  }

  @Test func `another machine begins a new log id`() throws {
    let fixture = LogFixture()
    try fixture.ring.append(fixture.batch(2), source: 0, now: fixture.now)
    try fixture.ring.close(now: fixture.now)
    fixture.ring = RingLog(
      disk: fixture.disk,
      configuration: fixture.configuration,
      sources: ["floor"],
      upstreams: ["central"],
      machine: 8,
      bootID: 3,
      newLog: LogID(high: 9, low: 9),
      now: fixture.now
    )
    #expect(fixture.ring.id == LogID(high: 9, low: 9))
    #expect(fixture.readAll().events.count == 2)
    try fixture.ring.append(fixture.batch(2), source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    guard case .events(let old, _) = fixture.ring.read(0, from: 1, passedGaps: 0, now: fixture.now),
      case .events(let new, _) = fixture.ring.read(0, from: 3, passedGaps: 0, now: fixture.now)
    else {
      Issue.record("not readable")
      return
    }
    #expect(old.log == LogFixture.log)
    #expect(new.log == LogID(high: 9, low: 9))
  }

  @Test func `a ring of a newer format stays untouched and a new one begins beside it`() throws {
    let fixture = LogFixture()
    try fixture.ring.append(fixture.batch(2), source: 0, now: fixture.now)
    try fixture.ring.close(now: fixture.now)
    fixture.disk.setContents(
      "ring/state",
      asNewerVersion(try #require(fixture.disk.contents("ring/state")))
    )
    let before = fixture.disk.fileNames.map { fixture.disk.contents($0) }
    fixture.reopen()
    try fixture.ring.append(fixture.batch(1), source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    let old = fixture.disk.fileNames.filter { $0.hasPrefix("ring/") }
    #expect(old.map { fixture.disk.contents($0) } == before)
    #expect(fixture.disk.fileNames.contains { $0.hasPrefix("ring.1/") })
    #expect(fixture.readAll().events.count == 1)
  }

  @Test func `without its state file the log still gives back every event`() throws {
    let fixture = LogFixture()
    let events = fixture.batch(50)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try fixture.ring.close(now: fixture.now)
    fixture.disk.setContents("ring/state", [UInt8](repeating: 0xff, count: 1 << 20))
    fixture.reopen()
    let read = fixture.readAll().events
    #expect((1...50).map { read[$0] } == images(of: events))
    #expect(fixture.ring.next > 51)
  }
}
