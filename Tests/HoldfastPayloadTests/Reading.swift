import HoldfastPayload
import Testing

/// What a field is, copied out of its payload.
enum Value: Equatable, CustomStringConvertible {
  case missing, null, composite
  case boolean(Bool)
  case number(Double)
  case text([UInt8])

  static func text(_ text: String) -> Value { .text(Array(text.utf8)) }

  /// Of a field that was read; bits count, so that -0 is not 0.
  init(_ field: Field, in payload: [UInt8], as format: PayloadFormat) {
    switch field.kind {
    case .missing: self = .missing
    case .null: self = .null
    case .composite: self = .composite
    case .boolean: self = .boolean(field.number == 1)
    case .number: self = .number(field.number)
    case .text:
      self = .text(payload.withUnsafeBytes { characters(of: field, in: $0, as: format) })
    }
  }

  static func == (one: Value, other: Value) -> Bool {
    switch (one, other) {
    case (.missing, .missing), (.null, .null), (.composite, .composite): true
    case (.boolean(let one), .boolean(let other)): one == other
    case (.text(let one), .text(let other)): one == other
    case (.number(let one), .number(let other)):
      one.bitPattern == other.bitPattern || one.isNaN && other.isNaN
    default: false
    }
  }

  var description: String {
    switch self {
    case .missing: "missing"
    case .null: "null"
    case .composite: "composite"
    case .boolean(let value): "\(value)"
    case .number(let value): "\(value)"
    case .text(let bytes): String(decoding: bytes, as: UTF8.self).debugDescription
    }
  }
}

/// One payload, read once.
struct Reading {
  var payload: [UInt8]
  var format: PayloadFormat
  var fields: [Field] = []
  var fault: PayloadFault?

  init(_ payload: [UInt8], _ format: PayloadFormat, _ paths: [FieldPath]) {
    self.payload = payload
    self.format = format
    var scanner = FieldScanner(paths: paths)
    fault = payload.withUnsafeBytes { scanner.read($0, as: format, into: &fields) }
  }

  init(_ payload: [UInt8], _ format: PayloadFormat, _ paths: [String]) throws {
    self.init(payload, format, try paths.map { (text) throws(TextFault) in try FieldPath(text) })
  }

  init(_ payload: String, _ format: PayloadFormat, _ paths: [String]) throws {
    try self.init(Array(payload.utf8), format, paths)
  }

  var values: [Value] { fields.map { Value($0, in: payload, as: format) } }

  /// The bytes of each field.
  var texts: [String] { fields.map { String(decoding: payload[$0.range], as: UTF8.self) } }

  /// What must hold of any payload at all.
  func checkBounds() {
    for field in fields {
      #expect(field.range.lowerBound >= 0 && field.range.upperBound <= payload.count)
      if field.kind == .missing { #expect(field == .missing) }
      if fault != nil { #expect(field == .missing) }
    }
  }
}

/// Bytes written as hexadecimal digits; anything else is passed over.
func hex(_ text: String) -> [UInt8] {
  let digits = text.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count - 1, by: 2).map {
    UInt8(digits[$0] * 16 + digits[$0 + 1])
  }
}
