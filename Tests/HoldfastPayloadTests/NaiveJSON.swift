import HoldfastPayload

/// JSON as RFC 8259 writes it down, rule by rule: slow, with a tree, and independent of the scanner.
indirect enum NaiveJSON {
  case null
  case boolean(Bool)
  case number(String)
  case text([UInt8])
  case array([NaiveJSON])
  case object([(key: [UInt8], value: NaiveJSON)])

  /// Nil for what is not one JSON text, or too deep.
  init?(_ bytes: [UInt8]) {
    var text = bytes[...]
    if text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
    while let last = text.last, [0, 9, 10, 13, 32].contains(last) { text = text.dropLast() }
    var parser = Parser(rest: text)
    parser.space()
    guard let value = parser.value(65), parser.rest.isEmpty else { return nil }
    self = value
  }

  /// The value at a path; the first of equal keys counts.
  func value(at steps: ArraySlice<FieldPath.Step>) -> NaiveJSON? {
    guard let step = steps.first else { return self }
    let rest = steps.dropFirst()
    switch (step, self) {
    case (.key(let key), .object(let members)):
      return members.first { $0.key == key }?.value.value(at: rest)
    case (.index(let index), .array(let elements)):
      return index < elements.count ? elements[index].value(at: rest) : nil
    default: return nil
    }
  }

  var plain: Value {
    switch self {
    case .null: .null
    case .boolean(let value): .boolean(value)
    case .number(let text): .number(Double(text) ?? .nan)
    case .text(let bytes): .text(bytes)
    case .array, .object: .composite
    }
  }

  private struct Parser {
    var rest: ArraySlice<UInt8>

    mutating func take(_ text: String) -> Bool {
      guard rest.starts(with: text.utf8) else { return false }
      rest = rest.dropFirst(text.utf8.count)
      return true
    }

    mutating func space() { rest = rest.drop { [9, 10, 13, 32].contains($0) } }

    mutating func value(_ levels: Int) -> NaiveJSON? {
      guard levels > 0 else { return nil }
      if take("{") { return levels > 1 ? object(levels) : nil }
      if take("[") { return levels > 1 ? array(levels) : nil }
      if rest.first == 0x22 { return string().map { .text($0) } }
      if take("true") { return .boolean(true) }
      if take("false") { return .boolean(false) }
      if take("null") { return .null }
      return number()
    }

    mutating func object(_ levels: Int) -> NaiveJSON? {
      var members: [(key: [UInt8], value: NaiveJSON)] = []
      space()
      if take("}") { return .object([]) }
      repeat {
        space()
        guard let key = string() else { return nil }
        space()
        guard take(":") else { return nil }
        space()
        guard let value = value(levels - 1) else { return nil }
        members.append((key, value))
        space()
      } while take(",")
      return take("}") ? .object(members) : nil
    }

    mutating func array(_ levels: Int) -> NaiveJSON? {
      var elements: [NaiveJSON] = []
      space()
      if take("]") { return .array([]) }
      repeat {
        space()
        guard let value = value(levels - 1) else { return nil }
        elements.append(value)
        space()
      } while take(",")
      return take("]") ? .array(elements) : nil
    }

    mutating func digits() -> String {
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      rest = rest.dropFirst(digits.count)
      return String(decoding: digits, as: UTF8.self)
    }

    mutating func number() -> NaiveJSON? {
      var text = take("-") ? "-" : ""
      let whole = digits()
      guard !whole.isEmpty, whole == "0" || !whole.hasPrefix("0") else { return nil }
      text += whole
      if take(".") {
        let fraction = digits()
        guard !fraction.isEmpty else { return nil }
        text += "." + fraction
      }
      if take("e") || take("E") {
        text += take("-") ? "e-" : take("+") ? "e+" : "e"
        let exponent = digits()
        guard !exponent.isEmpty else { return nil }
        text += exponent
      }
      return .number(text)
    }

    mutating func string() -> [UInt8]? {
      guard take("\"") else { return nil }
      var units: [UInt16] = []
      var text: [UInt8] = []
      while let byte = rest.popFirst() {
        if byte == 0x5C, rest.first == 0x75 {
          let digits = rest.dropFirst().prefix(4)
          guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
          else { return nil }
          units.append(unit)
          rest = rest.dropFirst(5)
          continue
        }
        // UTF-16 mends pairs and replaces halves.
        text += String(decoding: units, as: UTF16.self).utf8
        units = []
        switch byte {
        case 0x22: return text
        case 0..<0x20: return nil
        case 0x5C:
          let names = Array("\"\\/bfnrt".utf8)
          guard let name = rest.popFirst(), let place = names.firstIndex(of: name) else {
            return nil
          }
          text.append(Array("\"\\/\u{8}\u{C}\n\r\t".utf8)[place])
        default: text.append(byte)
        }
      }
      return nil
    }
  }
}
