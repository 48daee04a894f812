import HoldfastEvent
import HoldfastRingLog
import HoldfastSimulation
import Testing

/// What the explorers found, one test each.
@Suite struct FoundByExplorerTests {
  /// While a disk failed, each try to write encoded all events with the newest one's time.
  @Test func `events written once more after a failed sync keep their time of arrival`() throws {
    let fixture = LogFixture()
    let early = fixture.batch(1)
    let time = fixture.now.boot - 1_000
    try fixture.ring.append(early, source: 0, now: fixture.now)
    fixture.now.boot += 3_000_000
    let late = fixture.batch(1)
    try fixture.ring.append(late, source: 0, now: fixture.now)
    fixture.disk.fault = { operation, _ in operation == .sync ? Errno.inputOutput : nil }
    #expect(throws: RingLogError.self) { try fixture.ring.commit(now: fixture.now) }
    fixture.disk.fault = nil
    let isHealed = fixture.ring.retryDisk(now: fixture.now)
    #expect(isHealed)
    fixture.reopen()
    guard
      case .events(let batch, let row) = fixture.ring.read(
        0,
        from: 1,
        passedGaps: 0,
        now: fixture.now
      )
    else {
      Issue.record("event 1 is not there")
      return
    }
    #expect(batch.events.rows[row].boot == time)
  }

  /// A file that had failed and could not be removed counted for numbers written again elsewhere.
  @Test func `a file given up on a failing disk does not hide what was written again`() throws {
    let fixture = LogFixture(byteCountMax: 3 << 20)
    var isFailing = false
    var syncCount = 0
    fixture.disk.fault = { operation, _ in
      if operation == .sync { syncCount += 1 }
      // The first segment of the append is synced, the second one fails.
      if operation == .sync && syncCount == 2 { isFailing = true }
      return isFailing && operation != .read ? Errno.inputOutput : nil
    }
    let events = fixture.batch(40, payloadByteCount: 3_000)
    syncCount = 0
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try? fixture.ring.commit(now: fixture.now)
    let hasFailed = fixture.ring.isFailing
    #expect(hasFailed)
    fixture.disk.fault = nil
    let isHealed = fixture.ring.retryDisk(now: fixture.now)
    #expect(isHealed)
    fixture.disk.crash()
    fixture.reopen()
    let (read, gaps) = fixture.readAll()
    #expect((1...40).map { read[$0] } == images(of: events))
    #expect(gaps.allSatisfy { $0.reason == .unused })
  }

  /// The source's account went without the events that could not be read just then.
  @Test func `a file that can't be opened for a moment is counted at the next try`() throws {
    let fixture = LogFixture()
    try fixture.ring.append(fixture.batch(5), source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    fixture.disk.kill()
    var openCount = 0
    fixture.disk.fault = { operation, name in
      guard operation == .open, name.contains("hot-") else { return nil }
      openCount += 1
      // Header, blocks, sync: the fourth is for counting.
      return openCount == 4 ? Errno.tooManyFiles : nil
    }
    fixture.ring = LogFixture.open(
      fixture.disk,
      fixture.configuration,
      ["central"],
      fixture.now,
      bootID: 2,
      givesUpUnreadable: false
    )
    #expect(openCount == 4)
    let isRecovered = fixture.ring.isRecovered
    #expect(!isRecovered)
    fixture.disk.fault = nil
    fixture.reopen()
    #expect(fixture.ring.source(0).stored == 5)
    #expect(fixture.readAll().events.count == 5)
  }

  /// Events that a start could not sync were called durable all the same, and a power cut took them.
  @Test(arguments: [DiskError.Operation.open, .sync])
  func `what a start can't sync is written once more before it counts as durable`(
    operation: DiskError.Operation
  ) throws {
    var rewrittenCount = 0
    for place in 1...12 {
      let fixture = LogFixture()
      try fixture.commit(2)
      let events = fixture.batch(5)
      try fixture.ring.append(events, source: 0, now: fixture.now)
      try fixture.ring.writeThrough(now: fixture.now)
      fixture.disk.kill()
      var count = 0
      fixture.disk.fault = { asked, name in
        guard asked == operation, name.contains("hot-") else { return nil }
        count += 1
        return count == place ? Errno.inputOutput : nil
      }
      fixture.restart(on: fixture.disk, givesUpUnreadable: false)
      if !fixture.ring.isRecovered { fixture.restart(on: fixture.disk, givesUpUnreadable: false) }
      if fixture.ring.recoverySteps.contains(.rewroteTail) { rewrittenCount += 1 }
      // Whatever was not synced is gone.
      fixture.restart(on: fixture.disk.fork())
      let (read, gaps) = fixture.readAll()
      #expect((3...7).map { read[$0] } == images(of: events), "fault \(place)")
      #expect(gaps.allSatisfy { $0.reason == .unused }, "fault \(place)")
      #expect(fixture.ring.source(0).stored == 7)
      #expect(fixture.ring.upstream(0).offered == 7)
    }
    #expect(rewrittenCount == 1)
  }

  @Test(arguments: [false, true])
  func `a start that can write nothing keeps in memory what it can't sync`(isStateLost: Bool) throws
  {
    let fixture = LogFixture()
    try fixture.commit(2)
    let events = fixture.batch(5)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try fixture.ring.writeThrough(now: fixture.now)
    fixture.disk.kill()
    if isStateLost { fixture.disk.setContents("ring/state", []) }
    fixture.disk.fault = { operation, _ in
      operation == .sync || operation == .write ? Errno.inputOutput : nil
    }
    fixture.restart(on: fixture.disk, upstreams: ["central", "second"])
    let (isFailing, durable) = (fixture.ring.isFailing, fixture.ring.durable)
    #expect(isFailing)
    // The last block says that the first commit was durable.
    #expect(durable == 2)
    let held = fixture.readAll().events
    #expect((3...7).map { held[$0] } == images(of: events))
    // All is durable once the disk takes it, and new ones follow.
    fixture.disk.fault = nil
    let isHealed = fixture.ring.retryDisk(now: fixture.now)
    #expect(isHealed)
    let more = fixture.batch(3)
    let next = fixture.ring.next
    try fixture.ring.append(more, source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    for _ in 0..<2 {
      #expect(fixture.ring.upstream(0).offered == 10)
      // What became durable after the start is for the new one too.
      #expect(fixture.ring.upstream(1).offered == (isStateLost ? 10 : 8))
      // Without the state what was durable before is not counted once more for its source.
      #expect(fixture.ring.source(0).stored == (isStateLost ? 8 : 10))
      let (read, gaps) = fixture.readAll(upstream: 0)
      #expect((3...7).map { read[$0] } == images(of: events))
      #expect((next..<next + 3).map { read[$0] } == images(of: more))
      #expect(gaps.allSatisfy { $0.reason == .unused })
      fixture.restart(on: fixture.disk.fork(), upstreams: ["central", "second"])
    }
  }

  /// The zeros behind the last block were taken for a part of it.
  @Test func `a file that lacks only zeros at its end loses nothing`() throws {
    let fixture = LogFixture(byteCountMax: 3 << 20)
    let events = fixture.batch(5)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try fixture.ring.commit(now: fixture.now)
    let more = fixture.batch(2)
    try fixture.ring.append(more, source: 0, now: fixture.now)
    try fixture.ring.close(now: fixture.now)
    let name = try #require(fixture.disk.fileNames.first { $0.contains("hot-") })
    let bytes = try #require(fixture.disk.contents(name))
    let used = try #require(bytes.lastIndex { $0 != 0 }) + 1
    #expect(used > 4096 && used < bytes.count)
    fixture.disk.setContents(name, Array(bytes.prefix(used)))
    fixture.reopen()
    let (read, gaps) = fixture.readAll()
    #expect((1...7).map { read[$0] } == images(of: events) + images(of: more))
    #expect(gaps.isEmpty)
  }
}
