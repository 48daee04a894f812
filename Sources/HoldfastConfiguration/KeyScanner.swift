/// One pass over the bytes of a TOML text; see ``KeyPositions``.
struct KeyScanner {
  private let bytes: [UInt8]
  private var index = 0
  private var line = 1
  /// How many tables each `[[path]]` has had.
  private var tableCounts: [[PathStep]: Int] = [:]
  private(set) var lines: [[PathStep]: Int] = [:]
  private(set) var defects: [(line: Int, what: String)] = []

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Reads everything; each turn takes at least one byte.
  mutating func run() {
    var table: [PathStep] = []
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
        advance()
      case UInt8(ascii: "["):
        advance()
        table = header()
        skipLine()
      case UInt8(ascii: "#"):
        skipLine()
      default:
        keyAndValue(in: table, depth: 0)
        skipLine()
      }
    }
  }

  /// After the first `[` of `[a.b]` or `[[a.b]]`; returns the path of the table that begins.
  private mutating func header() -> [PathStep] {
    let headerLine = line
    let isList = peek() == UInt8(ascii: "[")
    if isList { advance() }
    skipBlanks()
    // The library asserts a key here instead of reporting its absence.
    if let byte = peek(), byte != UInt8(ascii: "]"), !Self.beginsKey(byte) {
      defects.append((line, "the name of a table is missing"))
    }
    let keys = dottedKey()
    var path: [PathStep] = []
    for (position, key) in keys.enumerated() {
      path.append(.key(key))
      let isLast = position == keys.count - 1
      if isList && isLast {
        let tableIndex = tableCounts[path, default: 0]
        tableCounts[path] = tableIndex + 1
        record(path, headerLine)
        path.append(.index(tableIndex))
      } else if let count = tableCounts[path] {
        path.append(.index(count - 1))
      }
      record(path, headerLine)
    }
    return path
  }

  /// `key.key = value`, of a table or an inline table.
  private mutating func keyAndValue(in table: [PathStep], depth: Int) {
    let keyLine = line
    var path = table
    for key in dottedKey() {
      path.append(.key(key))
      record(path, keyLine)
    }
    skipBlanks()
    guard peek() == UInt8(ascii: "=") else { return }
    advance()
    skipBlanks()
    value(at: path, depth: depth)
  }

  private mutating func value(at path: [PathStep], depth: Int) {
    switch peek() {
    case UInt8(ascii: "\""), UInt8(ascii: "'"):
      _ = string()
    case UInt8(ascii: "["):
      nested(at: path, depth: depth, closing: UInt8(ascii: "]"))
    case UInt8(ascii: "{"):
      nested(at: path, depth: depth, closing: UInt8(ascii: "}"))
    default:
      while let byte = peek(), !Self.endsBareValue(byte) { advance() }
    }
  }

  /// An array or an inline table, from its opening bracket on.
  private mutating func nested(at path: [PathStep], depth: Int, closing: UInt8) {
    advance()
    guard depth < KeyPositions.nestingMax else {
      defects.append((line, "arrays and tables are nested too deeply"))
      index = bytes.count
      return
    }
    var elementIndex = 0
    while true {
      skipBlanksAndLines()
      guard let byte = peek() else { return }
      let start = index
      if byte == closing {
        advance()
        return
      } else if byte == UInt8(ascii: ",") {
        advance()
      } else if byte == UInt8(ascii: "}") {
        // The library asserts a value here instead of reporting its absence.
        defects.append((line, "an array has } in place of a value"))
        advance()
      } else if closing == UInt8(ascii: "}") {
        keyAndValue(in: path, depth: depth + 1)
      } else {
        let element = path + [.index(elementIndex)]
        record(element, line)
        value(at: element, depth: depth + 1)
        elementIndex += 1
      }
      if index == start { advance() }
    }
  }

  private mutating func record(_ path: [PathStep], _ line: Int) {
    guard path.count <= KeyPositions.depthMax, lines[path] == nil else { return }
    lines[path] = line
  }

  // MARK: keys and strings

  /// The parts of a key; stops before whatever can't belong to one.
  private mutating func dottedKey() -> [String] {
    var parts: [String] = []
    var count = 0
    while true {
      skipBlanks()
      let part: String
      if peek() == UInt8(ascii: "\"") || peek() == UInt8(ascii: "'") {
        part = string()
      } else {
        let start = index
        while let byte = peek(), Self.isBareKeyByte(byte) { advance() }
        guard index > start else { return parts }
        part = String(decoding: bytes[start..<index], as: UTF8.self)
      }
      count += 1
      // One more than is recorded, so that a deeper path never passes for a shorter one.
      if parts.count <= KeyPositions.depthMax { parts.append(part) }
      if count == KeyPositions.nestingMax {
        defects.append((line, "the key has too many parts"))
      }
      skipBlanks()
      guard peek() == UInt8(ascii: ".") else { return parts }
      advance()
    }
  }

  /// A string of any kind, from its opening quote on, decoded as far as keys need it.
  private mutating func string() -> String {
    guard let quote = peek() else { return "" }
    let isLiteral = quote == UInt8(ascii: "'")
    let isMultiline = peek(1) == quote && peek(2) == quote
    advance(isMultiline ? 3 : 1)
    var decoded: [UInt8] = []
    while let byte = peek() {
      if byte == quote {
        guard isMultiline else {
          advance()
          break
        }
        if peek(1) == quote && peek(2) == quote {
          advance(3)
          // Up to two quotes may stand before the closing three.
          for _ in 0..<2 where peek() == quote {
            decoded.append(quote)
            advance()
          }
          break
        }
        decoded.append(byte)
        advance()
      } else if byte == UInt8(ascii: "\n") && !isMultiline {
        break
      } else if byte == UInt8(ascii: "\\") && !isLiteral {
        advance()
        escape(into: &decoded)
      } else {
        decoded.append(byte)
        advance()
      }
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  /// After a backslash.
  private mutating func escape(into decoded: inout [UInt8]) {
    guard let byte = peek() else { return }
    advance()
    switch byte {
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "e"): decoded.append(0x1B)
    case UInt8(ascii: "x"): scalar(digitCount: 2, into: &decoded)
    case UInt8(ascii: "u"): scalar(digitCount: 4, into: &decoded)
    case UInt8(ascii: "U"): scalar(digitCount: 8, into: &decoded)
    default: decoded.append(byte)
    }
  }

  private mutating func scalar(digitCount: Int, into decoded: inout [UInt8]) {
    let digits = bytes[index..<min(index + digitCount, bytes.count)]
    guard digits.count == digitCount,
      let number = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
      let scalar = Unicode.Scalar(number)
    else { return }
    if number == 0 { defects.append((line, "a text holds the character NUL")) }
    advance(digitCount)
    decoded.append(contentsOf: Array(String(Character(scalar)).utf8))
  }

  // MARK: bytes

  private func peek(_ distance: Int = 0) -> UInt8? {
    index + distance < bytes.count ? bytes[index + distance] : nil
  }

  private mutating func advance(_ count: Int = 1) {
    for _ in 0..<count where index < bytes.count {
      if bytes[index] == UInt8(ascii: "\n") { line += 1 }
      index += 1
    }
  }

  private mutating func skipBlanks() {
    while peek() == UInt8(ascii: " ") || peek() == UInt8(ascii: "\t") { advance() }
  }

  private mutating func skipBlanksAndLines() {
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
        advance()
      case UInt8(ascii: "#"):
        skipLine()
      default:
        return
      }
    }
  }

  private mutating func skipLine() {
    while let byte = peek() {
      advance()
      if byte == UInt8(ascii: "\n") { return }
    }
  }

  private static func isBareKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  private static func beginsKey(_ byte: UInt8) -> Bool {
    isBareKeyByte(byte) || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
  }

  private static func endsBareValue(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "#"),
      UInt8(ascii: "\n"):
      true
    default: false
    }
  }
}
