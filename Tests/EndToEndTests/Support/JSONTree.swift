/// A JSON value as a tree, read the plain way.
///
/// What isn't JSON is no error of its own: its fields are nil, and the check that needs them fails.
indirect enum JSONTree: Equatable {
  case object([(name: String, value: JSONTree)])
  case list([JSONTree])
  case text(String)
  /// A number, `true`, `false` or `null` as it is written.
  case word(String)

  init?(_ text: some StringProtocol) {
    var reader = Reader(rest: Array(text.utf8)[...])
    guard let value = reader.value(), reader.rest.allSatisfy({ $0 <= 0x20 }) else { return nil }
    self = value
  }

  /// The member of that name.
  subscript(name: String) -> JSONTree? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// The element at that place.
  subscript(place: Int) -> JSONTree? {
    guard case .list(let elements) = self, elements.indices.contains(place) else { return nil }
    return elements[place]
  }

  var elements: [JSONTree] { if case .list(let elements) = self { elements } else { [] } }
  var text: String? { if case .text(let text) = self { text } else { nil } }
  var word: String? { if case .word(let word) = self { word } else { nil } }
  var number: Double? { word.flatMap(Double.init) }
  var integer: Int? { word.flatMap { Int($0) } }

  static func == (left: JSONTree, right: JSONTree) -> Bool {
    switch (left, right) {
    case (.object(let left), .object(let right)):
      left.map(\.name) == right.map(\.name) && left.map(\.value) == right.map(\.value)
    case (.list(let left), .list(let right)): left == right
    case (.text(let left), .text(let right)): left == right
    case (.word(let left), .word(let right)): left == right
    default: false
    }
  }
}

private struct Reader {
  var rest: ArraySlice<UInt8>

  mutating func value() -> JSONTree? {
    skipSpace()
    switch rest.first {
    case UInt8(ascii: "{"): return object()
    case UInt8(ascii: "["): return list()
    case UInt8(ascii: "\""): return string().map { .text($0) }
    default:
      let word = rest.prefix { !Array(",]} \n\r\t".utf8).contains($0) }
      rest = rest.dropFirst(word.count)
      return word.isEmpty ? nil : .word(String(decoding: word, as: UTF8.self))
    }
  }

  private mutating func object() -> JSONTree? {
    var members: [(name: String, value: JSONTree)] = []
    guard take("{") else { return nil }
    if take("}") { return .object([]) }
    repeat {
      skipSpace()
      guard let name = string(), take(":"), let value = value() else { return nil }
      members.append((name, value))
    } while take(",")
    return take("}") ? .object(members) : nil
  }

  private mutating func list() -> JSONTree? {
    var elements: [JSONTree] = []
    guard take("[") else { return nil }
    if take("]") { return .list([]) }
    repeat {
      guard let value = value() else { return nil }
      elements.append(value)
    } while take(",")
    return take("]") ? .list(elements) : nil
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var bytes: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\"") { return String(decoding: bytes, as: UTF8.self) }
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "b"): bytes.append(0x08)
      case UInt8(ascii: "f"): bytes.append(0x0C)
      case UInt8(ascii: "u"):
        let digits = String(decoding: rest.prefix(4), as: UTF8.self)
        guard let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) else {
          return nil
        }
        bytes += Array(String(Character(scalar)).utf8)
        rest = rest.dropFirst(4)
      case let other?: bytes.append(other)
      case nil: return nil
      }
    }
    return nil
  }

  private mutating func skipSpace() { rest = rest.drop { $0 <= 0x20 } }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard rest.first == UInt8(ascii: character) else { return false }
    rest = rest.dropFirst()
    return true
  }
}
