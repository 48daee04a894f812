internal import HoldfastEvent

/// Puts together the JSON of a derived event.
struct ResultText: Sendable {
  /// Room for a usual result, so that it is not moved while it grows.
  private static let usualByteCount = 320

  private(set) var bytes: [UInt8]

  init() {
    bytes = []
    bytes.reserveCapacity(Self.usualByteCount)
  }

  /// JSON as it stands.
  mutating func append(_ json: String) { bytes.append(contentsOf: json.utf8) }

  /// JSON as it stands.
  mutating func append(_ json: [UInt8]) { bytes.append(contentsOf: json) }

  /// A number as the shortest decimal that reads back as the same double; `null` where it is none.
  mutating func append(number: Double) { bytes.append(number: number) }

  /// A whole number.
  mutating func append(_ number: Int64) {
    if number < 0 { bytes.append(UInt8(ascii: "-")) }
    append(number.magnitude)
  }

  /// A whole number.
  mutating func append(_ number: UInt64) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var start = 20
    var rest = number
    repeat {
      start -= 1
      digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    for index in start..<20 { bytes.append(digits[index]) }
  }

  /// A JSON string; what is no UTF-8 in it is replaced by U+FFFD.
  mutating func append(text: [UInt8]) { bytes.append(contentsOf: jsonText(text)) }

  /// An instant as RFC 3339 text.
  mutating func append(instant wallMicroseconds: Int64) {
    bytes.append(UInt8(ascii: "\""))
    bytes.append(rfc3339: wallMicroseconds)
    bytes.append(UInt8(ascii: "\""))
  }

  /// The identity as an object of four, which with log and upstream tells results apart.
  mutating func append(_ identity: ResultIdentity) {
    append("{\"stage\":\"")
    for shift in stride(from: 60, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: identity.stage >> UInt64(shift)) & 15
      bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + (digit - 10))
    }
    append("\",\"key\":")
    append(text: identity.key)
    append(",\"start\":")
    append(identity.start)
    append(",\"revision\":")
    append(UInt64(identity.revision))
    append("}")
  }
}

extension [UInt8] {
  /// Appends a number as JSON: the shortest decimal that reads back as the same double; `null` where
  /// it is none.
  fileprivate mutating func append(number: Double) {
    guard number.isFinite else {
      append(contentsOf: "null".utf8)
      return
    }
    let text = number.description
    append(contentsOf: text.hasSuffix(".0") ? text.utf8.dropLast(2) : text.utf8[...])
  }
}

/// A JSON string with its quotes (RFC 8259, section 7).
func jsonText(_ text: [UInt8]) -> [UInt8] {
  var json: [UInt8] = []
  json.reserveCapacity(text.count + 2)
  json.append(UInt8(ascii: "\""))
  appendJSONText(String(decoding: text, as: UTF8.self).utf8, to: &json)
  json.append(UInt8(ascii: "\""))
  return json
}

/// The text of a number as it came, for results which repeat it: `21.50` stays `21.50`.
///
/// A text that is no JSON number, or longer than ``byteCountMax``, is replaced by the shortest
/// decimal of its value.
struct NumberText: Equatable, Sendable {
  /// Longest text that is kept, bytes.
  static let byteCountMax = 32

  /// Empty while nothing was set.
  private(set) var bytes: [UInt8] = []

  /// Takes the text of a value, which is finite.
  mutating func set(_ text: ArraySlice<UInt8>, _ value: Double) {
    bytes.removeAll(keepingCapacity: true)
    if text.count <= Self.byteCountMax && isJSONNumber(text) {
      bytes.append(contentsOf: text)
    } else {
      bytes.append(number: value)
    }
  }

  mutating func restore(from reader: inout SnapshotReader) -> Bool {
    guard let text = reader.bytes() else { return false }
    bytes = Array(text)
    return text.isEmpty || text.count <= Self.byteCountMax && isJSONNumber(text)
  }
}

/// Whether bytes are a number by RFC 8259, section 6, and nothing else.
func isJSONNumber(_ text: ArraySlice<UInt8>) -> Bool {
  var rest = text
  func digitCount() -> Int {
    let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    rest = rest.dropFirst(digits.count)
    return digits.count
  }
  if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
  let startsWithZero = rest.first == UInt8(ascii: "0")
  let count = digitCount()
  guard count == 1 || count > 1 && !startsWithZero else { return false }
  if rest.first == UInt8(ascii: ".") {
    rest = rest.dropFirst()
    guard digitCount() > 0 else { return false }
  }
  if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
    rest = rest.dropFirst()
    if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") {
      rest = rest.dropFirst()
    }
    guard digitCount() > 0 else { return false }
  }
  return rest.isEmpty
}
