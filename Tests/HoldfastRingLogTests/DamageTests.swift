import HoldfastEvent
import HoldfastRingLog
import HoldfastSimulation
import Testing

/// Whatever happens to the bytes: the log starts, never gives out a wrong event, says what is
/// missing, and can be used.
@Suite struct DamageTests {
  #if DEBUG
  /// One in so many cases; debug builds are twenty times slower.
  static let stride = 61
  #else
  static let stride = 1
  #endif

  /// All of a closed ring's directory: hot and sealed segments, spares, and both states.
  @Test func `every single bit of a ring of 64 KiB may flip`() async {
    let figures = await DamageExplorer.small.run(.flippedBit, stride: Self.stride)
    #expect(figures.failures == [])
    #expect(figures.caseCount >= 524_288 / Self.stride)
    print("\(figures.caseCount) bits, \(figures.counts["events lost"] ?? 0) events lost and told")
  }

  @Test func `a file cut off at any length loses what was cut off`() async {
    let figures = await DamageExplorer.small.run(.truncated, stride: Self.stride)
    #expect(figures.failures == [])
    #expect(figures.caseCount >= 65_536 / Self.stride)
  }

  @Test(arguments: [DamageExplorer.Damage.zeroed, .swapped, .duplicated, .removed])
  func `a sector or a file that is not what it was is told as a gap`(
    damage: DamageExplorer.Damage
  ) async {
    let figures = await DamageExplorer.small.run(damage)
    #expect(figures.failures == [])
    #expect(figures.caseCount >= (damage == .removed ? 7 : 128))
  }

  @Test(arguments: [
    DiskEntry(name: "notes.txt", kind: .file, byteCount: 5, isOwn: true),
    DiskEntry(name: "hot-00000001.seg.bak", kind: .file, byteCount: 5, isOwn: true),
    DiskEntry(name: "hot-00000077.seg", kind: .symbolicLink, byteCount: 0, isOwn: true),
    DiskEntry(name: "hot-00000078.seg", kind: .file, byteCount: 4096, isOwn: false),
    DiskEntry(name: "hot-00000079.seg", kind: .directory, byteCount: 0, isOwn: true),
    DiskEntry(name: "sealed-1-2.seg", kind: .other, byteCount: 0, isOwn: true),
  ])
  func `what is not ours is reported and left alone`(entry: DiskEntry) throws {
    let fixture = LogFixture(byteCountMax: 3 << 20)
    let events = fixture.batch(5)
    try fixture.ring.append(events, source: 0, now: fixture.now)
    try fixture.ring.close(now: fixture.now)
    fixture.disk.foreignEntries = [entry]
    fixture.reopen()
    #expect(fixture.ring.log.contains { $0.message.contains(entry.name) })
    #expect(fixture.readAll().events.count == 5)
    #expect(fixture.ring.isFailing == false)
  }

  @Test func `empty files and files of a wrong size are no obstacle`() throws {
    for (name, count) in [
      ("ring/hot-00000050.seg", 0), ("ring/hot-00000051.seg", 100),
      ("ring/hot-00000052.seg", 8192), ("ring/hot-00000053.seg", 1 << 20),
      ("ring/sealed-0000000000001000-0000000000002000.seg", 0), ("ring/sealing.tmp", 77),
      ("ring/state.new", 1),
    ] {
      let fixture = LogFixture(byteCountMax: 3 << 20)
      let events = fixture.batch(5)
      try fixture.ring.append(events, source: 0, now: fixture.now)
      try fixture.ring.close(now: fixture.now)
      fixture.disk.setContents(name, [UInt8](repeating: 0, count: count))
      fixture.reopen()
      let read = fixture.readAll().events
      #expect((1...5).map { read[$0] } == images(of: events), "\(name)")
      try fixture.ring.append(fixture.batch(1), source: 0, now: fixture.now)
      try fixture.ring.commit(now: fixture.now)
      #expect(fixture.readAll().events.count == 6, "\(name)")
    }
  }

  @Test func `a full disk that is freed costs nothing`() throws {
    let fixture = LogFixture(byteCountMax: 8 << 20)
    fixture.disk.byteCountMax = fixture.disk.byteCount + 300_000
    var count = 0
    while !fixture.ring.isFailing {
      try fixture.ring.append(
        fixture.batch(10, payloadByteCount: 3_000),
        source: 0,
        now: fixture.now
      )
      try? fixture.ring.commit(now: fixture.now)
      count += 10
      try #require(count < 10_000)
    }
    #expect(fixture.readAll().events.count == count)
    let early = fixture.ring.retryDisk(now: fixture.now)
    #expect(!early)
    fixture.disk.byteCountMax = .max
    let late = fixture.ring.retryDisk(now: fixture.now)
    #expect(late)
    fixture.disk.crash()
    fixture.reopen()
    let (events, gaps) = fixture.readAll()
    #expect(events.count == count)
    #expect(gaps.allSatisfy { $0.reason == .unused })
  }
}
