import HoldfastUpstream

/// Why a text is no duration or size.
enum UnitError: Error, Equatable {
  /// It doesn't begin with digits.
  case noNumber
  /// Digits alone.
  case noUnit
  case fraction
  case unknownUnit(String)
  case tooLarge
}

/// A unit's name and what one of it is worth.
struct Unit: Equatable {
  var name: String
  var worth: Int64

  /// Of durations, in microseconds.
  static let durations = [
    Unit(name: "ms", worth: 1_000),
    Unit(name: "s", worth: 1_000_000),
    Unit(name: "m", worth: 60_000_000),
    Unit(name: "h", worth: 3_600_000_000),
    Unit(name: "d", worth: 86_400_000_000),
  ]

  /// Of sizes, in bytes: binary and decimal.
  static let sizes = [
    Unit(name: "B", worth: 1),
    Unit(name: "KiB", worth: 1 << 10), Unit(name: "KB", worth: 1_000),
    Unit(name: "MiB", worth: 1 << 20), Unit(name: "MB", worth: 1_000_000),
    Unit(name: "GiB", worth: 1 << 30), Unit(name: "GB", worth: 1_000_000_000),
    Unit(name: "TiB", worth: 1 << 40), Unit(name: "TB", worth: 1_000_000_000_000),
  ]

  /// Of rates, in bits per second.
  static let rates = [
    Unit(name: "bit/s", worth: 1),
    Unit(name: "kbit/s", worth: 1_000),
    Unit(name: "Mbit/s", worth: 1_000_000),
    Unit(name: "Gbit/s", worth: 1_000_000_000),
  ]
}

/// Reads a whole number followed by a unit, such as `250ms` or `64 KiB`, into the least unit.
func parseQuantity(_ text: String, units: [Unit]) -> Result<Int64, UnitError> {
  let bytes = Array(text.utf8)
  let digits = bytes.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
  guard !digits.isEmpty else { return .failure(.noNumber) }
  var rest = bytes.dropFirst(digits.count)
  if rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: ",") {
    return .failure(.fraction)
  }
  if rest.first == UInt8(ascii: " ") { rest = rest.dropFirst() }
  guard !rest.isEmpty else { return .failure(.noUnit) }
  let name = String(decoding: rest, as: UTF8.self)
  guard let unit = units.first(where: { $0.name == name }) else {
    return .failure(.unknownUnit(name))
  }
  guard let number = Int64(String(decoding: digits, as: UTF8.self)) else {
    return .failure(.tooLarge)
  }
  let (value, isTooLarge) = number.multipliedReportingOverflow(by: unit.worth)
  return isTooLarge ? .failure(.tooLarge) : .success(value)
}

/// `value` in the largest unit that leaves it whole, as the configuration would have it.
func formatted(_ value: Int64, units: [Unit]) -> String {
  let fitting = units.filter { value != 0 && value % $0.worth == 0 }
  guard let unit = fitting.max(by: { $0.worth < $1.worth }) ?? units.first else {
    return String(value)
  }
  return "\(value / unit.worth)\(unit.name)"
}

func formattedDuration(_ microseconds: Int64) -> String {
  formatted(microseconds, units: Unit.durations)
}

func formattedSize(_ byteCount: Int) -> String {
  formatted(Int64(byteCount), units: Unit.sizes)
}

/// Microseconds of a time span as the configuration writes it, such as `250ms`, `2h` or `7d`; nil
/// where the text is none.
public func microseconds(ofDuration text: String) -> Int64? {
  try? parseQuantity(text, units: Unit.durations).get()
}

/// Bytes per second of a rate as `budget` takes it, such as `64kbit/s`; nil where the text is none, or
/// outside its range.
public func bytesPerSecond(ofRate text: String) -> Int? {
  guard let bits = try? parseQuantity(text, units: Unit.rates).get(),
    let rate = Int(exactly: bits / 8), ByteBudget.rates.contains(rate)
  else { return nil }
  return rate
}

/// Bytes of a size as the configuration writes it, such as `256MiB`; nil where the text is none.
public func byteCount(ofSize text: String) -> Int? {
  (try? parseQuantity(text, units: Unit.sizes).get()).flatMap { Int(exactly: $0) }
}
