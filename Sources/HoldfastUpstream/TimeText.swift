internal import HoldfastEvent

/// RFC 3339 with milliseconds, with all but the milliseconds kept from one event to the next.
struct TimeText: Sendable {
  /// Prefix, text and suffix of the last instant.
  private var bytes: [UInt8] = []
  private let prefix: @Sendable (Int) -> [UInt8]
  private let suffix: [UInt8]
  /// The range of wall microseconds that `bytes` is good for; empty at first.
  private var start: Int64 = 0
  private var end: Int64 = 0

  /// - Parameters:
  ///   - prefix: what stands before a text of so many bytes.
  ///   - suffix: what stands after it.
  init(prefix: @escaping @Sendable (Int) -> [UInt8], suffix: [UInt8]) {
    self.prefix = prefix
    self.suffix = suffix
  }

  /// Appends prefix, text and suffix of an instant, microseconds since 1970.
  mutating func append(wall: Int64, to out: inout [UInt8]) {
    if wall >= start && wall < end {
      let milliseconds = (wall - start) / 1000
      // The text ends in ".123Z".
      let last = bytes.count - suffix.count - 2
      bytes[last - 2] = digit(milliseconds / 100)
      bytes[last - 1] = digit(milliseconds / 10 % 10)
      bytes[last] = digit(milliseconds % 10)
    } else {
      render(wall)
    }
    out.append(contentsOf: bytes)
  }

  private func digit(_ value: Int64) -> UInt8 {
    UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)
  }

  private mutating func render(_ wall: Int64) {
    let remainder = wall % microsecondsPerSecond
    let past = remainder < 0 ? remainder + microsecondsPerSecond : remainder
    let (second, isOutside) = wall.subtractingReportingOverflow(past)
    start = isOutside ? wall : second
    end = isOutside ? wall : second.addingSaturated(microsecondsPerSecond)
    let text = Array(rfc3339(wallMicroseconds: wall).utf8)
    bytes = prefix(text.count) + text + suffix
  }
}
