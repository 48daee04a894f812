import HoldfastEvent
import HoldfastSimulation
import Testing

@testable import HoldfastRingLog

/// Files of a newer format within a ring that can be read.
@Suite struct NewerFormatTests {
  /// The same blocks as a newer version would have written them, checksums and all.
  private func asNewer(_ contents: [UInt8]) -> [UInt8] {
    var bytes = contents
    for start in stride(from: 0, to: bytes.count, by: Format.alignment) {
      guard case .header = BlockHeader.read(bytes[start...]) else { continue }
      bytes[start + 4] = 2
      let checksum = crc32c(bytes[start..<start + 124])
      for index in 0..<4 { bytes[start + 124 + index] = UInt8(checksum >> (8 * index) & 0xff) }
    }
    return bytes
  }

  /// A ring with sealed files, one of which a newer version wrote.
  private func ring() throws -> (LogFixture, name: String, Range<SequenceNumber>, [UInt8]) {
    let fixture = LogFixture(byteCountMax: 3 << 20)
    for _ in 0..<100 {
      try fixture.commit(10, times: 4)
      fixture.workAll()
    }
    try fixture.ring.close(now: fixture.now)
    let sealed = fixture.disk.fileNames.filter { $0.contains("sealed-") }
    try #require(sealed.count > 5)
    let name = sealed[2]
    let bytes = asNewer(try #require(fixture.disk.contents(name)))
    fixture.disk.setContents(name, bytes)
    fixture.reopen()
    return (
      fixture, name, try #require(Segment.sealedRange(String(name.dropFirst(5)))), bytes
    )
  }

  @Test func `its events are a gap with a reason of its own`() throws {
    let (fixture, _, range, _) = try ring()
    let (events, gaps) = fixture.readAll()
    let count = range.upperBound - range.lowerBound
    #expect(gaps.map(\.reason) == [.newerFormat])
    #expect(gaps.map(\.first) == [range.lowerBound] && gaps.map(\.end) == [range.upperBound])
    #expect(UInt64(events.count) + count == 4_000)
    #expect(fixture.ring.pendingLoss(0)[LossReason.corrupt.rawValue] == count)
  }

  @Test func `it is kept, counted and untouched until the bound needs its room`() throws {
    let (fixture, name, _, bytes) = try ring()
    _ = fixture.readAll()
    fixture.deliverAll()
    fixture.workAll()
    #expect(fixture.disk.fileNames.filter { $0.contains("sealed-") } == [name])
    #expect(fixture.disk.contents(name) == bytes)
    let known = fixture.ring.byteCount
    #expect(known >= fixture.disk.byteCount)
    #expect(fixture.ring.log.contains { $0.message.contains("newer format; kept") })
    // At the next start as well, read or not.
    try fixture.ring.close(now: fixture.now)
    fixture.reopen()
    #expect(fixture.disk.contents(name) == bytes)
    let again = fixture.ring.byteCount
    #expect(again >= fixture.disk.byteCount)
    fixture.workAll()
    // Before an event that somebody needs.
    for _ in 0..<200 where fixture.disk.contents(name) != nil {
      try fixture.commit(10, payloadByteCount: 3_000)
      fixture.workAll()
      #expect(fixture.disk.byteCount <= 3 << 20)
      let hasEvicted = fixture.ring.gaps.contains { $0.reason == .evicted }
      #expect(!hasEvicted || fixture.disk.contents(name) == nil)
    }
    #expect(fixture.disk.contents(name) == nil)
  }

  @Test func `a hot file of a newer format leaves a hole that says so`() throws {
    let fixture = LogFixture(byteCountMax: 3 << 20)
    try fixture.commit(10, times: 60)
    try fixture.ring.close(now: fixture.now)
    let hot = fixture.disk.fileNames.filter { $0.contains("hot-") }
    let bytes = asNewer(try #require(fixture.disk.contents(hot[1])))
    fixture.disk.setContents(hot[1], bytes)
    fixture.reopen()
    let (events, gaps) = fixture.readAll()
    #expect(events.count == 360)
    #expect(gaps.map(\.reason) == [.newerFormat])
    #expect(gaps.map(\.count) == [240])
    fixture.deliverAll()
    try fixture.commit(10, times: 40)
    fixture.workAll()
    #expect(fixture.disk.contents(hot[1]) == bytes)
  }

  /// What a newer version left in a file that is ours again says nothing about our blocks.
  @Test func `old blocks of a newer format behind our own are passed over`() throws {
    let fixture = LogFixture()
    for _ in 0..<2 {
      try fixture.commit(10, times: 8)
      try fixture.ring.close(now: fixture.now)
      fixture.reopen()
    }
    try fixture.ring.close(now: fixture.now)
    let hot = try #require(fixture.disk.fileNames.first { $0.contains("hot-") })
    var bytes = try #require(fixture.disk.contents(hot))
    let block = Array(bytes[..<Format.alignment])
    bytes += [UInt8](repeating: 0, count: max(0, 12 * Format.alignment - bytes.count))
    bytes.replaceSubrange(10 * Format.alignment..<11 * Format.alignment, with: asNewer(block))
    // Damage makes a reader look that far.
    bytes[4 * Format.alignment + 140] ^= 1
    fixture.disk.setContents(hot, bytes)
    fixture.reopen()
    let (events, gaps) = fixture.readAll()
    #expect(events.count == 120)
    #expect(gaps.map(\.reason) == [.corrupt] && gaps.map(\.count) == [40])
  }
}
