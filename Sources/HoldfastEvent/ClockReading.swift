/// Both clocks, read together by the shell and handed to the core.
///
/// The core orders, retains and times out by `boot` alone; `wall` is for people and may jump.
public struct ClockReading: Equatable, Sendable {
  /// Microseconds since boot, suspend included (CLOCK_BOOTTIME); never goes back.
  public var boot: Int64
  /// Microseconds since 1970-01-01T00:00:00Z (CLOCK_REALTIME); may jump either way.
  public var wall: Int64
  /// Microseconds that local time is ahead of UTC at that instant; the core knows no time zones.
  public var localOffset: Int64

  /// A reading of both clocks at one instant.
  public init(boot: Int64, wall: Int64, localOffset: Int64 = 0) {
    self.boot = boot
    self.wall = wall
    self.localOffset = localOffset
  }
}

/// Microseconds in a second: the unit of every raw time in the core.
public let microsecondsPerSecond: Int64 = 1_000_000

/// `2026-01-31T23:59:59.123Z` for microseconds since 1970 (proleptic Gregorian, UTC, RFC 3339).
public func rfc3339(wallMicroseconds: Int64) -> String {
  var text: [UInt8] = []
  text.append(rfc3339: wallMicroseconds)
  return String(decoding: text, as: UTF8.self)
}

extension [UInt8] {
  /// Appends an instant as ``rfc3339(wallMicroseconds:)`` writes it.
  public mutating func append(rfc3339 wall: Int64) {
    let seconds = wall.flooredQuotient(microsecondsPerSecond)
    let milliseconds = wall.flooredRemainder(microsecondsPerSecond) / 1000
    let days = seconds.flooredQuotient(86_400)
    let secondOfDay = seconds - days * 86_400
    // Civil date from a day count, with years starting in March so that leap days come last.
    let shifted = days + 719_468
    let era = shifted.flooredQuotient(146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthIndex = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
    let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    append(padded: year, 4)
    append(UInt8(ascii: "-"))
    append(padded: month, 2)
    append(UInt8(ascii: "-"))
    append(padded: day, 2)
    append(UInt8(ascii: "T"))
    append(padded: secondOfDay / 3600, 2)
    append(UInt8(ascii: ":"))
    append(padded: secondOfDay / 60 % 60, 2)
    append(UInt8(ascii: ":"))
    append(padded: secondOfDay % 60, 2)
    append(UInt8(ascii: "."))
    append(padded: milliseconds, 3)
    append(UInt8(ascii: "Z"))
  }

  private mutating func append(padded value: Int64, _ digitCount: Int) {
    if value < 0 { append(UInt8(ascii: "-")) }
    var digits = InlineArray<20, UInt8>(repeating: UInt8(ascii: "0"))
    var start = 20
    var rest = value.magnitude
    while rest > 0 {
      start -= 1
      digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    for index in Swift.min(start, 20 - digitCount)..<20 { append(digits[index]) }
  }
}

extension Int64 {
  /// Division that rounds towards negative infinity; `divisor` is positive.
  fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }

  /// What that division leaves, in `0..<divisor`.
  fileprivate func flooredRemainder(_ divisor: Int64) -> Int64 {
    let remainder = self % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }
}
