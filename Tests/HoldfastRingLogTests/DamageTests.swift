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

  /// Events of one chain of 2 KiB and of the block that ends it.
  static let chainEventCountMax = 60

  /// Two segments of hot blocks, not closed; or five with sealed ones, closed.
  private static func rings() throws -> [DamagedRing] {
    [
      try DamagedRing(commitCount: 20, isClosed: false),
      try DamagedRing(commitCount: 130, isClosed: true),
    ]
  }

  /// Every bit of the first ring's headers and state, every 37th bit of its payloads; of the
  /// second ring, which has sealed segments, a sample.
  @Test func `a flipped bit costs at most the rest of its chain`() throws {
    for (place, ring) in try Self.rings().enumerated() {
      var ring = ring
      var total = 0
      for name in ring.files.keys.sorted() {
        let used = ring.usedByteCount(name)
        let isState = name.hasSuffix("state")
        for bit in Swift.stride(from: 0, to: used * 8, by: Self.stride) {
          let offset = bit / 8
          if isState ? offset % (512 << 10) > 1024 : offset % 4096 >= 128 && bit % 37 != 0 {
            continue
          }
          if place == 1 && bit % 101 != 0 { continue }
          guard var bytes = ring.files[name] else { continue }
          bytes[offset] ^= 1 << UInt8(bit % 8)
          let missing = ring.check(name, bytes, "\(name) bit \(bit)")
          total += missing
          if isState && missing > 0 { Issue.record("\(name) bit \(bit): \(missing) events lost") }
          if missing > Self.chainEventCountMax && !name.contains("sealed") {
            Issue.record("\(name) bit \(bit): \(missing) events lost")
            return
          }
        }
      }
      print("ring \(place): \(ring.caseCount) bits, \(total) events missing in all")
      #expect(ring.faults == [])
      #expect(ring.caseCount > 50)
    }
  }

  /// Padding included: two blocks, 65,536 bits.
  @Test func `every single bit of two blocks may flip`() throws {
    var ring = try DamagedRing(commitCount: 2, isClosed: false)
    for name in ring.files.keys.sorted() where !name.hasSuffix("state") {
      for bit in Swift.stride(from: 0, to: ring.usedByteCount(name) * 8, by: Self.stride) {
        guard var bytes = ring.files[name] else { continue }
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        ring.check(name, bytes, "\(name) bit \(bit)")
      }
    }
    print("two blocks: \(ring.caseCount) bits")
    #expect(ring.faults == [])
    #expect(ring.caseCount >= 65_536 / Self.stride)
  }

  @Test func `a file cut off at any length yields what was before`() throws {
    for ring in try Self.rings() {
      var ring = ring
      for name in ring.files.keys.sorted() where !name.hasSuffix("state") {
        guard let bytes = ring.files[name] else { continue }
        for length in Swift.stride(from: 0, through: bytes.count, by: 512 * min(Self.stride, 7)) {
          for length in [length - 1, length, length + 1] where (0...bytes.count).contains(length) {
            ring.check(name, Array(bytes.prefix(length)), "\(name) of \(length) bytes")
          }
        }
        ring.check(name, nil, "\(name) is gone")
      }
      #expect(ring.faults == [])
    }
  }

  @Test func `a sector that is zero or in the wrong place is told as a gap`() throws {
    for ring in try Self.rings() {
      var ring = ring
      for name in ring.files.keys.sorted() {
        let used = ring.usedByteCount(name)
        for start in Swift.stride(from: 0, to: used, by: 512 * min(Self.stride, 7)) {
          if name.hasSuffix("state") && start % (512 << 10) > 4096 { continue }
          guard let bytes = ring.files[name], start + 512 <= bytes.count else { continue }
          var zeroed = bytes
          zeroed.replaceSubrange(start..<start + 512, with: repeatElement(0, count: 512))
          ring.check(name, zeroed, "\(name) zeros at \(start)")
          guard start + 1024 <= bytes.count else { continue }
          var swapped = bytes
          swapped.replaceSubrange(start..<start + 512, with: bytes[start + 512..<start + 1024])
          swapped.replaceSubrange(start + 512..<start + 1024, with: bytes[start..<start + 512])
          ring.check(name, swapped, "\(name) swapped at \(start)")
        }
      }
      #expect(ring.faults == [])
    }
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
