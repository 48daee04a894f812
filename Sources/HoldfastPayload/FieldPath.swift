/// What is wrong with a text that an operator wrote, and where.
public struct TextFault: Error, Equatable, Sendable {
  /// The first character that can't stand there; 1 is the text's first, counted in characters.
  public var column: Int
  /// One line: what is wrong and what would be right.
  public var message: String

  /// Made of its parts.
  public init(column: Int, message: String) {
    self.column = column
    self.message = message
  }
}

/// Where a field stands within a payload: `ENERGY.Power`, `a[0].b`, `"key with . in it".x`.
///
/// Keys stand apart by dots; `[0]` is an array's element, counted from 0. A key in quotes may hold
/// anything, with `\"` and `\\` for a quote and a backslash; without quotes it holds no dot,
/// bracket, quote or control character, and no space at its ends. The empty text is the whole
/// payload.
public struct FieldPath: Hashable, Sendable, CustomStringConvertible {
  /// One level down.
  public enum Step: Hashable, Sendable {
    /// To the member with this key, in UTF-8.
    case key([UInt8])
    /// To an element of an array, counted from 0.
    case index(Int)
  }

  /// Most bytes of a path's text.
  public static let byteCountMax = 1024
  /// The largest index of an array that a path can name.
  public static let indexMax = 999_999_999

  /// The way down from the whole payload; at most ``depthMax`` steps.
  public let steps: [Step]

  /// The whole payload.
  public static let whole = FieldPath(steps: [])

  private init(steps: [Step]) { self.steps = steps }

  /// The path that a text means.
  ///
  /// - Throws: what is wrong with the text, at the first character that can't stand there.
  public init(_ text: String) throws(TextFault) {
    var parser = PathParser(text)
    self.init(steps: try parser.steps())
  }

  /// A text of the same path.
  public var description: String {
    var text: [UInt8] = []
    for step in steps {
      switch step {
      case .index(let index): text += Array("[\(index)]".utf8)
      case .key(let key):
        if !text.isEmpty { text.append(UInt8(ascii: ".")) }
        text += PathParser.isPlain(key) ? key : Self.quoted(key)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func quoted(_ key: [UInt8]) -> [UInt8] {
    var text = [UInt8(ascii: "\"")]
    for byte in key {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        text.append(UInt8(ascii: "\\"))
      }
      text.append(byte)
    }
    return text + [UInt8(ascii: "\"")]
  }
}

/// Reads the text of a path.
private struct PathParser {
  private let bytes: [UInt8]
  private var position = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func steps() throws(TextFault) -> [FieldPath.Step] {
    if bytes.count > FieldPath.byteCountMax {
      throw fault(FieldPath.byteCountMax, "a path has at most \(FieldPath.byteCountMax) bytes")
    }
    var steps: [FieldPath.Step] = []
    while position < bytes.count {
      let start = position
      if bytes[position] == UInt8(ascii: "[") {
        steps.append(.index(try index()))
      } else {
        if !steps.isEmpty {
          guard bytes[position] == UInt8(ascii: ".") else {
            throw fault(position, "here a dot, a bracket or the path's end is due")
          }
          position += 1
        }
        steps.append(.key(try key()))
      }
      if steps.count > depthMax { throw fault(start, "a path has at most \(depthMax) steps") }
    }
    return steps
  }

  private mutating func index() throws(TextFault) -> Int {
    position += 1
    let start = position
    var index = 0
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
      index = index * 10 + Int(bytes[position] - 0x30)
      guard index <= FieldPath.indexMax else {
        throw fault(start, "an index is at most \(FieldPath.indexMax)")
      }
      position += 1
    }
    guard position > start else { throw fault(position, "an index is digits, as in [0]") }
    guard position < bytes.count, bytes[position] == UInt8(ascii: "]") else {
      throw fault(position, "an index ends with ]")
    }
    position += 1
    return index
  }

  private mutating func key() throws(TextFault) -> [UInt8] {
    if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try quotedKey() }
    let start = position
    while position < bytes.count, Self.isPlain(bytes[position]) { position += 1 }
    if position < bytes.count, !".[".utf8.contains(bytes[position]) {
      throw fault(position, "a key with this character stands in quotes")
    }
    guard position > start else {
      throw fault(position, "a key is missing; an empty one is written \"\"")
    }
    if bytes[start] == 0x20 { throw fault(start, "a key with a space before it stands in quotes") }
    if bytes[position - 1] == 0x20 {
      throw fault(position - 1, "a key with a space behind it stands in quotes")
    }
    return Array(bytes[start..<position])
  }

  private mutating func quotedKey() throws(TextFault) -> [UInt8] {
    let start = position
    var key: [UInt8] = []
    position += 1
    while position < bytes.count {
      var byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") { return key }
      if byte == UInt8(ascii: "\\") {
        guard position < bytes.count, "\"\\".utf8.contains(bytes[position]) else {
          throw fault(position - 1, "a backslash in quotes is written \\\\")
        }
        byte = bytes[position]
        position += 1
      }
      key.append(byte)
    }
    throw fault(start, "this quote is not closed")
  }

  /// Whether a byte of a key may stand outside quotes.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x7F && !".[]\"".utf8.contains(byte)
  }

  /// Whether a key may stand without quotes.
  static func isPlain(_ key: [UInt8]) -> Bool {
    !key.isEmpty && key.first != 0x20 && key.last != 0x20 && key.allSatisfy { isPlain($0) }
  }

  /// At a byte; the column counts characters.
  private func fault(_ offset: Int, _ message: String) -> TextFault {
    let column = String(decoding: bytes[..<offset], as: UTF8.self).count + 1
    return TextFault(column: column, message: message)
  }
}
