import HoldfastEvent
import HoldfastSimulation
import Testing

@testable import HoldfastRingLog

/// Age, sums, and what a step of upkeep costs.
@Suite struct UpkeepTests {
  private static let hour: Int64 = 3600

  private func aged(_ hours: Int64) -> LogFixture {
    let fixture = LogFixture()
    fixture.configuration.ageMax = hours * Self.hour * microsecondsPerSecond
    fixture.reopen()
    return fixture
  }

  @Test func `a quiet ring gives up what is too old`() throws {
    let fixture = aged(8)
    try fixture.commit(5)
    fixture.wait(7 * Self.hour)
    #expect(fixture.readAll().events.count == 5)
    fixture.wait(Self.hour + Self.hour / 8)
    let (events, gaps) = fixture.readAll()
    #expect(events.isEmpty)
    #expect(gaps.map(\.reason) == [.unused, .evicted] && gaps.last?.count == 5)
    // And it goes on.
    try fixture.commit(5)
    #expect(fixture.readAll().events.count == 5)
    fixture.disk.kill()
    fixture.reopen()
    #expect(fixture.readAll().events.count == 5)
  }

  @Test func `what an earlier start left behind grows too old as well`() throws {
    let fixture = aged(8)
    try fixture.commit(5)
    fixture.disk.kill()
    fixture.reopen()
    fixture.wait(7 * Self.hour)
    #expect(fixture.readAll().events.count == 5)
    fixture.wait(Self.hour + 120)
    #expect(fixture.readAll().events.isEmpty)
  }

  @Test func `an event outlives its age by little, and files are not worn out for it`() throws {
    let fixture = aged(8)
    var oldest = fixture.now.wall
    var files: Set<String> = []
    for _ in 0..<48 {
      try fixture.commit(1)
      fixture.wait(Self.hour / 2)
      files.formUnion(fixture.disk.fileNames)
      if case .events(let batch, let row) = fixture.ring.read(
        0,
        from: fixture.ring.oldest,
        passedGaps: 0,
        now: fixture.now
      ) {
        oldest = batch.events.rows[row].wall
      }
      let age = fixture.now.wall - oldest
      #expect(age <= 9 * Self.hour * microsecondsPerSecond + 120 * microsecondsPerSecond)
    }
    // A day: at most one segment an hour.
    let lives = fixture.ring.state.epoch & 0xfffff
    #expect(lives <= 26)
  }

  @Test func `what a disk that fails now and then leaves half empty does not fill the ring`() throws
  {
    let fixture = LogFixture(byteCountMax: 4 << 20)
    var syncCount = 0
    fixture.disk.fault = { operation, _ in
      guard operation == .sync else { return nil }
      syncCount += 1
      return syncCount % 3 == 0 ? Errno.inputOutput : nil
    }
    for _ in 0..<150 {
      try fixture.ring.append(fixture.batch(2), source: 0, now: fixture.now)
      try? fixture.ring.commit(now: fixture.now)
      while !fixture.ring.retryDisk(now: fixture.now) {}
    }
    #expect(fixture.disk.fileNames.count > 40)
    #expect(fixture.ring.gaps.isEmpty)
    #expect(fixture.readAll().events.count == 300)
    #expect(fixture.ring.byteCount >= fixture.disk.byteCount)
    fixture.disk.fault = nil
    fixture.disk.crash()
    fixture.reopen()
    #expect(fixture.readAll().events.count == 300)
  }

  @Test func `the table's sums are those of its segments, whatever is done to it`() {
    for seed in 0..<50 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      var table = SegmentTable()
      var model: [Segment] = []
      var next: SequenceNumber = 1
      for _ in 0..<150 {
        switch random.next() % 8 {
        case 0 where !model.isEmpty:
          let removed = table.removeFirst()
          #expect(removed == model.removeFirst())
        case 1 where !model.isEmpty:
          let removed = table.removeLast()
          #expect(removed == model.removeLast())
          next = removed.first
        case 2 where !model.isEmpty:
          let place = Int(random.next() % UInt64(model.count))
          model[place].isSealed = true
          model[place].byteCount = 4096 * Int(random.next() % 16 + 1)
          table[place] = model[place]
        case 3 where !model.isEmpty:
          let place = Int(random.next() % UInt64(model.count))
          table.remove(at: place)
          model.remove(at: place)
        default:
          let segment = Segment(
            name: "\(next)",
            isSealed: random.next() % 2 == 0,
            epoch: 1,
            first: next,
            end: next + 10,
            byteCount: 65_536,
            dataByteCount: 65_536,
            payloadByteCount: random.next() % 2 == 0 ? 60_000 : 10_000
          )
          next += 10
          table.append(segment)
          model.append(segment)
        }
        #expect(Array(table) == model)
        #expect(table.byteCount == model.reduce(0) { $0 + $1.byteCount })
        #expect(table.sealableCount == model.count { $0.isWorthSealing })
        #expect(table.firstSealable() == model.first { $0.isWorthSealing })
        let passed = model.prefix(table.passedCount)
        #expect(passed.count == table.passedCount)
        #expect(table.passedByteCount == passed.reduce(0) { $0 + $1.byteCount })
        if random.next() % 4 == 0 {
          let needed = random.next() % (next + 5)
          table.pass(before: needed)
          let all = model.prefix { $0.end <= needed }.count
          #expect(table.passedCount == min(all, max(0, model.count - 1)))
        }
        let place = random.next() % (next + 5)
        #expect(
          table.index(holding: place) == model.firstIndex { $0.first <= place && place < $0.end }
        )
      }
    }
  }

  /// A log that has so many sealed files; a start opens none of them.
  private func ring(sealedCount: Int) throws -> LogFixture {
    let fixture = LogFixture(byteCountMax: 1 << 30)
    try fixture.ring.close(now: fixture.now)
    var state = State(log: LogFixture.log, machine: 7)
    let count = SequenceNumber(sealedCount)
    state.durable = count * 100
    state.reserved = count * 100 + 1
    state.generation = 100
    state.isClean = true
    state.sources = [SourceLedger(name: "floor")]
    state.upstreams = [UpstreamLedger(name: "central", cursor: 1)]
    state.upstreams[0].offered = count * 100
    let slot = [UInt8](repeating: 0, count: State.slotByteCount)
    fixture.disk.setContents(
      "ring/state",
      state.encoded + slot.dropFirst(state.encoded.count) + slot
    )
    for index in 0..<count {
      let name = Segment.sealedName(first: index * 100 + 1, end: index * 100 + 101)
      fixture.disk.setContents("ring/" + name, [UInt8](repeating: 0, count: 4096))
    }
    fixture.reopen()
    let found = fixture.ring.segmentSizes.count
    #expect(found == sealedCount)
    try fixture.commit(10, times: 3)
    fixture.workAll()
    return fixture
  }

  private func stepTime(_ fixture: LogFixture) -> Duration {
    var best = Duration.seconds(1000)
    for _ in 0..<5 {
      let time = ContinuousClock().measure {
        for _ in 0..<20_000 {
          _ = fixture.ring.work(now: fixture.now)
          _ = fixture.ring.isFull
          _ = fixture.ring.byteCount
          _ = fixture.ring.pendingLoss(0)
        }
      }
      best = min(best, time / 20_000)
    }
    return best
  }

  @Test func `a step costs no more with thousands of files`() throws {
    let few = stepTime(try ring(sealedCount: 2))
    let many = stepTime(try ring(sealedCount: 4_000))
    print("a step of upkeep: \(few) with 2 sealed files, \(many) with 4,000")
    // Walking over the files made it some hundred times as long.
    #expect(many < few * 5)
  }

  @Test func `an event without a topic that MQTT allows is dropped, counted and recorded`() throws {
    let fixture = LogFixture()
    var events = fixture.batch(2)
    let topics: [[UInt8]] = [[], Array("a/#".utf8), Array("+/b".utf8), [97, 0], [0xc3, 0x28]]
    for topic in topics { events.append(topic: topic, payload: [1], clock: fixture.now) }
    events.append(topic: Array("größe/ok".utf8), payload: [1], clock: fixture.now)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    let (read, gaps) = fixture.readAll()
    #expect(read.count == 3)
    #expect(gaps.map(\.reason) == [.invalid] && gaps.map(\.count) == [5])
    #expect(gaps.first?.first == 3)
    let ledger = fixture.ring.source(0)
    #expect(ledger.dropped[SourceDropReason.invalid.rawValue] == 5 && ledger.isBalanced)
    fixture.disk.crash()
    fixture.reopen()
    #expect(fixture.ring.source(0) == ledger)
  }

  /// After so many unclean stops that no further unused range can be recorded.
  @Test func `numbers of what found no room are given out again under another id`() throws {
    let fixture = LogFixture(byteCountMax: 16 << 20)
    fixture.configuration.whenFull = .refuseNewest
    for round in 0..<UInt64(GapList.unusedCountMax + 10) {
      try fixture.commit(1)
      fixture.workAll()
      fixture.disk.kill()
      fixture.reopen(newLog: LogID(high: 9, low: round))
    }
    var stored = GapList.unusedCountMax + 10
    let id = fixture.ring.id
    var hasRoom = true
    while hasRoom {
      let first = fixture.ring.next
      let events = fixture.batch(400, payloadByteCount: 3_000)
      do {
        try fixture.ring.append(events, source: 0, now: fixture.now)
        stored += events.count
      } catch {
        hasRoom = false
        let next = fixture.ring.next
        #expect(next == first)
      }
      try fixture.ring.commit(now: fixture.now)
      try #require(stored < 10_000)
    }
    #expect(fixture.ring.id != id)
    #expect(fixture.ring.source(0).stored == UInt64(stored))
    #expect(fixture.ring.upstream(0).offered == UInt64(stored))
    #expect(fixture.readAll().events.count == stored)
    fixture.deliverAll()
    fixture.workAll()
    let first = fixture.ring.next
    let events = fixture.batch(300, payloadByteCount: 3_000)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    fixture.disk.crash()
    fixture.reopen(newLog: LogID(high: 9, low: 1 << 40))
    let read = fixture.readAll(from: first).events
    #expect((first..<first + 300).map { read[$0] } == images(of: events))
  }
}
