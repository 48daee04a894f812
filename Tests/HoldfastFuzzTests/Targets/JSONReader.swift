/// A strict reader of JSON (RFC 8259), made to judge what Holdfast writes: independent of it, and
/// not fast.
struct JSONReader {
  indirect enum Value: Equatable {
    case null
    case bool(Bool)
    /// Its digits.
    case number(String)
    /// Its bytes, escapes resolved.
    case text([UInt8])
    case array([Value])
    case object([Member])

    /// The value under a key of an object.
    subscript(key: String) -> Value? {
      guard case .object(let members) = self else { return nil }
      return members.first { $0.key == Array(key.utf8) }?.value
    }
  }

  struct Member: Equatable {
    var key: [UInt8]
    var value: Value
  }

  private let bytes: [UInt8]
  private var index = 0

  /// The one value that the bytes are; nil when they are none, or more.
  static func value(of bytes: [UInt8]) -> Value? {
    guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
    var reader = JSONReader(bytes: bytes)
    guard let value = reader.value(depth: 0) else { return nil }
    return reader.index == bytes.count ? value : nil
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func take(_ text: String) -> Bool {
    guard bytes[index...].starts(with: text.utf8) else { return false }
    index += text.utf8.count
    return true
  }

  private mutating func value(depth: Int) -> Value? {
    guard depth < 8, let byte = next else { return nil }
    switch byte {
    case UInt8(ascii: "{"): return object(depth: depth)
    case UInt8(ascii: "["): return array(depth: depth)
    case UInt8(ascii: "\""): return string().map { .text($0) }
    case UInt8(ascii: "t"): return take("true") ? .bool(true) : nil
    case UInt8(ascii: "f"): return take("false") ? .bool(false) : nil
    case UInt8(ascii: "n"): return take("null") ? .null : nil
    default: return number()
    }
  }

  private mutating func object(depth: Int) -> Value? {
    var members: [Member] = []
    index += 1
    if take("}") { return .object([]) }
    repeat {
      guard next == UInt8(ascii: "\""), let key = string(), take(":"),
        let value = value(depth: depth + 1)
      else { return nil }
      members.append(Member(key: key, value: value))
    } while take(",")
    return take("}") ? .object(members) : nil
  }

  private mutating func array(depth: Int) -> Value? {
    var elements: [Value] = []
    index += 1
    if take("]") { return .array([]) }
    repeat {
      guard let value = value(depth: depth + 1) else { return nil }
      elements.append(value)
    } while take(",")
    return take("]") ? .array(elements) : nil
  }

  /// Whole numbers: Holdfast writes no others.
  private mutating func number() -> Value? {
    let start = index
    _ = take("-")
    let digits = bytes[index...].prefix { (0x30...0x39).contains($0) }
    index += digits.count
    let isCanonical = digits.count == 1 || digits.first != UInt8(ascii: "0")
    guard !digits.isEmpty, isCanonical else { return nil }
    return .number(String(decoding: bytes[start..<index], as: UTF8.self))
  }

  private mutating func string() -> [UInt8]? {
    var text: [UInt8] = []
    index += 1
    while let byte = next {
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return text
      case 0..<0x20: return nil
      case UInt8(ascii: "\\"):
        guard let scalar = escape() else { return nil }
        text += Array(String(Character(scalar)).utf8)
      default: text.append(byte)
      }
    }
    return nil
  }

  private mutating func escape() -> Unicode.Scalar? {
    guard let byte = next else { return nil }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "u"):
      guard index + 4 <= bytes.count,
        let number = UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
      else { return nil }
      index += 4
      return Unicode.Scalar(number)
    default: return nil
    }
  }
}
