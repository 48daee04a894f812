import HoldfastEvent
import Testing

@testable import HoldfastStage

@Suite struct WindowTimeTests {
  @Test(arguments: [
    (1_769_853_600, 1_769_853_600_000_000), (1_769_853_600.25, 1_769_853_600_250_000),
    (1_769_853_600_123, 1_769_853_600_123_000), (1_769_853_600_123_456, 1_769_853_600_123_456),
    (1_769_853_600_123_456_000, 1_769_853_600_123_456), (0, 0), (-1.5, -1_500_000),
    (-0.000_000_5, -1), (1e300, nil), (-1e300, nil), (9.3e21, nil),
    (9.2e21, 9_200_000_000_000_000_000),
  ])
  func `a number is a time by its size`(number: Double, microseconds: Int64?) {
    #expect(instant(ofUnixTime: number) == microseconds)
  }

  @Test(arguments: [
    ("2026-01-31T10:00:00Z", 1_769_853_600_000_000),
    ("2026-01-31t10:00:00.5z", 1_769_853_600_500_000),
    ("2026-01-31 11:30:00.000001+01:30", 1_769_853_600_000_001),
    ("2026-01-31T09:00:00.1234567899-01:00", 1_769_853_600_123_456),
    ("1969-12-31T23:59:59.999Z", -1000), ("1972-06-30T23:59:60Z", 78_796_800_000_000),
    ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
    ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
    ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
  ])
  func `RFC 3339 is read`(text: String, microseconds: Int64) {
    #expect(instant(ofRFC3339: Array(text.utf8)[...]) == microseconds)
  }

  @Test(arguments: [
    "", "2026", "2026-01-31T10:00:00", "2026-01-31", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z",
    "2026-01-31T24:00:00Z", "2026-01-31T10:60:00Z", "2026-01-31T10:00:61Z", "2026-01-31T10:00:00.Z",
    "2026-01-31T10:00:00+0100", "2026-01-31T10:00:00+01:60", "2026-01-31T10:00:00Zx",
    "2026-1-31T10:00:00Z", "a026-01-31T10:00:00Z", "2026-01-31T10:00:00+24:00",
    "+026-01-31T10:00:00Z",
  ])
  func `what is not quite RFC 3339 says nothing`(text: String) {
    #expect(instant(ofRFC3339: Array(text.utf8)[...]) == nil)
  }

  @Test func `what is written is read back`() {
    var random = SplitMix64(seed: 4)
    for _ in 0..<20_000 {
      let milliseconds = Int64(random.next() % 200_000_000_000_000) - 50_000_000_000_000
      let text = rfc3339(wallMicroseconds: milliseconds * 1000)
      #expect(instant(ofRFC3339: Array(text.utf8)[...]) == milliseconds * 1000)
    }
  }

  @Test func `a window holds its instants, before 1970 as well`() {
    for (size, offset) in [(10, 0), (10, 3), (7, -5), (1, 0), (60, 1_000_003)] as [(Int64, Int64)] {
      let grid = WindowGrid(size: size, offset: offset)
      for instant in -200...200 as ClosedRange<Int64> {
        // The greatest start that is not behind the instant.
        var start = offset % size - 1000 * size
        while start + size <= instant { start += size }
        #expect(grid.start(of: instant) == start)
      }
    }
  }

  @Test func `no instant, size or offset traps`() {
    let ends: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
    for size in ends {
      for offset in ends {
        let grid = WindowGrid(size: size, offset: offset)
        for instant in ends {
          guard let start = grid.start(of: instant) else { continue }
          #expect(start <= instant)
          #expect(grid.end(of: start) > instant || grid.end(of: start) == .max)
        }
      }
    }
  }
}
