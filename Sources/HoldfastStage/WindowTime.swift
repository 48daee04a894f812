internal import HoldfastEvent

/// Windows of equal size, one behind the other since 1970.
struct WindowGrid: Sendable {
  /// Microseconds, at least 1.
  let size: Int64
  /// Windows begin at its multiples plus this, microseconds.
  let offset: Int64

  init(size: Int64, offset: Int64 = 0) {
    self.size = max(1, size)
    self.offset = offset
  }

  /// Where the window begins that an instant lies in; nil where that is outside of the range.
  func start(of instant: Int64) -> Int64? {
    let (distance, isOutside) = instant.subtractingReportingOverflow(offset)
    if isOutside { return nil }
    let rest = distance % size
    let past = rest < 0 ? rest + size : rest
    let (start, overflow) = instant.subtractingReportingOverflow(past)
    return overflow ? nil : start
  }

  /// Where that window ends; far away it stays far away.
  func end(of start: Int64) -> Int64 { start.addingSaturated(size) }
}

/// Microseconds since 1970 of a number: seconds, milliseconds, microseconds or nanoseconds by its
/// size; nil where it is out of range.
///
/// Below 10¹¹ seconds (the year 5138), below 10¹⁴ milliseconds, below 10¹⁷ microseconds: each unit
/// covers 1973 to 5138, and seconds also what lies before.
func instant(ofUnixTime number: Double) -> Int64? {
  let microseconds: Double
  switch number.magnitude {
  case ..<1e11: microseconds = number * 1e6
  case ..<1e14: microseconds = number * 1e3
  case ..<1e17: microseconds = number
  default: microseconds = number / 1e3
  }
  guard microseconds.magnitude < 0x1p63 else { return nil }
  return Int64(microseconds.rounded(.down))
}

/// Microseconds since 1970 of an RFC 3339 text (section 5.6); nil where it is none.
///
/// A space may stand for the `T`; digits beyond microseconds are cut; a leap second counts as the
/// second that follows. A text without an offset from UTC says nothing.
public func instant(ofRFC3339 text: ArraySlice<UInt8>) -> Int64? {
  var reader = TimeReader(rest: text)
  guard let year = reader.digits(4), reader.skip("-"), let month = reader.digits(2),
    reader.skip("-"), let day = reader.digits(2), reader.skip("Tt "), let hour = reader.digits(2),
    reader.skip(":"), let minute = reader.digits(2), reader.skip(":"),
    let second = reader.digits(2),
    (1...12).contains(month), day >= 1, day <= dayCount(year: year, month: month), hour < 24,
    minute < 60, second <= 60, let fraction = reader.fraction(), let offset = reader.offset(),
    reader.rest.isEmpty
  else { return nil }
  let seconds =
    dayNumber(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
  return (seconds - offset) * microsecondsPerSecond + fraction
}

/// Reads the parts of a time from left to right.
private struct TimeReader {
  var rest: ArraySlice<UInt8>

  mutating func digits(_ count: Int) -> Int64? {
    guard rest.count >= count else { return nil }
    var value: Int64 = 0
    for byte in rest.prefix(count) {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    rest = rest.dropFirst(count)
    return value
  }

  /// Goes past one of these characters.
  mutating func skip(_ characters: StaticString) -> Bool {
    guard let byte = rest.first, characters.description.utf8.contains(byte) else { return false }
    rest = rest.dropFirst()
    return true
  }

  /// Microseconds of a fraction of a second; 0 where there is none.
  mutating func fraction() -> Int64? {
    guard rest.first == UInt8(ascii: ".") else { return 0 }
    rest = rest.dropFirst()
    var value: Int64 = 0
    var unit: Int64 = 100_000
    guard let first = rest.first, first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9")
    else { return nil }
    while let byte = rest.first, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
      value += Int64(byte - UInt8(ascii: "0")) * unit
      unit /= 10
      rest = rest.dropFirst()
    }
    return value
  }

  /// Seconds east of UTC.
  mutating func offset() -> Int64? {
    guard let sign = rest.first else { return nil }
    rest = rest.dropFirst()
    if sign == UInt8(ascii: "Z") || sign == UInt8(ascii: "z") { return 0 }
    guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), let hour = digits(2),
      skip(":"), let minute = digits(2), hour < 24, minute < 60
    else { return nil }
    let seconds = hour * 3600 + minute * 60
    return sign == UInt8(ascii: "-") ? -seconds : seconds
  }
}

private func dayCount(year: Int64, month: Int64) -> Int64 {
  switch month {
  case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
  case 4, 6, 9, 11: 30
  default: 31
  }
}

/// Days since 1970-01-01 of a date of the years 0 to 9999 (proleptic Gregorian).
private func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
  // Years that begin in March have the leap day last; 400 before, so that nothing is negative.
  let shifted = year + 400 - (month <= 2 ? 1 : 0)
  let monthOfYear = month <= 2 ? month + 9 : month - 3
  let dayOfYear = (153 * monthOfYear + 2) / 5 + day - 1
  return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468 - 146_097
}
