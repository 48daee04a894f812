/// Reads fields out of JSON (RFC 8259).
///
/// Where a path leads, it goes down step by step, at most as deep as the paths; everything else is
/// passed without going down, with a bit per level. Both hold to the grammar.
@safe
struct JSONScan {
  private let bytes: UnsafeRawBufferPointer
  private let end: Int
  private var position: Int

  /// Reads one payload.
  static func run(
    _ bytes: UnsafeRawBufferPointer,
    _ found: inout Findings
  ) throws(PayloadFault) {
    let range = unsafe textRange(of: bytes)
    var scan = unsafe JSONScan(bytes: bytes, end: range.upperBound, position: range.lowerBound)
    try scan.value(0, depth: 0, &found)
    if found.isSettled { return }
    scan.skipSpace()
    if scan.position < scan.end { throw .trailing }
  }

  /// A value that is wanted, or where something within it is.
  private mutating func value(
    _ node: Int,
    depth: Int,
    _ found: inout Findings
  ) throws(PayloadFault) {
    let start = position
    switch try next() {
    case UInt8(ascii: "{"): try object(node, depth: depth + 1, &found)
    case UInt8(ascii: "["): try array(node, depth: depth + 1, &found)
    case UInt8(ascii: "\""):
      let hasEscapes = try passText()
      let range = start + 1..<position - 1
      found.settle(node, as: Field(kind: .text, number: 0, range: range, hasEscapes: hasEscapes))
    case UInt8(ascii: "t"):
      try pass("true")
      found.settle(node, as: Field(kind: .boolean, number: 1, range: start..<position))
    case UInt8(ascii: "f"):
      try pass("false")
      found.settle(node, as: Field(kind: .boolean, number: 0, range: start..<position))
    case UInt8(ascii: "n"):
      try pass("null")
      found.settle(node, as: Field(kind: .null, number: 0, range: start..<position))
    default:
      let number = try unsafe DecimalNumber(bytes, &position, end: end)
      if found.endsAt(node) {
        let value = unsafe number.value(of: bytes, start..<position)
        found.settle(node, as: Field(kind: .number, number: value, range: start..<position))
      }
    }
    found.close(node)
  }

  private mutating func object(
    _ node: Int,
    depth: Int,
    _ found: inout Findings
  ) throws(PayloadFault) {
    if depth > depthMax { throw .tooDeep }
    let start = position
    position += 1
    skipSpace()
    var hasMore = try next() != UInt8(ascii: "}")
    while hasMore {
      let key = try passKey()
      let child =
        key.hasEscapes
        ? found.child(of: node, unsafe JSONCharacters(bytes, key.range))
        : unsafe found.child(of: node, bytes, key.range)
      if child == 0 {
        try passValue(depth: depth)
      } else {
        try value(child, depth: depth, &found)
        if found.isSettled { return }
      }
      skipSpace()
      hasMore = try passComma(or: UInt8(ascii: "}"))
    }
    position += 1
    found.settle(node, as: Field(kind: .composite, number: 0, range: start..<position))
  }

  private mutating func array(
    _ node: Int,
    depth: Int,
    _ found: inout Findings
  ) throws(PayloadFault) {
    if depth > depthMax { throw .tooDeep }
    let start = position
    position += 1
    skipSpace()
    var hasMore = try next() != UInt8(ascii: "]")
    var index = 0
    while hasMore {
      let child = found.child(of: node, index: index)
      if child == 0 {
        try passValue(depth: depth)
      } else {
        try value(child, depth: depth, &found)
        if found.isSettled { return }
      }
      index += 1
      skipSpace()
      hasMore = try passComma(or: UInt8(ascii: "]"))
    }
    position += 1
    found.settle(node, as: Field(kind: .composite, number: 0, range: start..<position))
  }

  /// A value that nobody wants, with all that is in it; it stands in `depth` objects and arrays.
  private mutating func passValue(depth: Int) throws(PayloadFault) {
    // Bit 0: whether the innermost is an object; a level is a bit, ``depthMax`` of them.
    var objects: UInt64 = 0
    var level = depth
    while true {
      let first = try next()
      if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
        let isObject = first == UInt8(ascii: "{")
        level += 1
        if level > depthMax { throw .tooDeep }
        objects = objects << 1 | (isObject ? 1 : 0)
        position += 1
        skipSpace()
        if try next() != (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
          if isObject { _ = try passKey() }
          continue
        }
        position += 1
        objects >>= 1
        level -= 1
      } else {
        try passScalar(first)
      }
      // Behind a value: the next one, or the end of what it stands in.
      while true {
        if level == depth { return }
        skipSpace()
        let isObject = objects & 1 == 1
        if try passComma(or: isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
          if isObject { _ = try passKey() }
          break
        }
        position += 1
        objects >>= 1
        level -= 1
      }
    }
  }

  @inline(__always)
  private mutating func passScalar(_ first: UInt8) throws(PayloadFault) {
    switch first {
    case UInt8(ascii: "\""): _ = try passText()
    case UInt8(ascii: "t"): try pass("true")
    case UInt8(ascii: "f"): try pass("false")
    case UInt8(ascii: "n"): try pass("null")
    default: _ = try unsafe DecimalNumber(bytes, &position, end: end)
    }
  }

  // MARK: parts

  /// The byte at `position`, which stays there.
  @inline(__always)
  private func next() throws(PayloadFault) -> UInt8 {
    if position >= end { throw .truncated }
    return unsafe bytes[position]
  }

  @inline(__always)
  private mutating func skipSpace() {
    while position < end, unsafe isSpace(bytes[position]) { position += 1 }
  }

  /// Passes a comma and the space behind it; false, and nothing is passed, at `close`.
  @inline(__always)
  private mutating func passComma(or close: UInt8) throws(PayloadFault) -> Bool {
    let byte = try next()
    if byte == close { return false }
    if byte != UInt8(ascii: ",") { throw .malformed }
    position += 1
    skipSpace()
    return true
  }

  /// Passes a key, the colon, and the space around it; gives where the key's characters stand.
  @inline(__always)
  private mutating func passKey() throws(PayloadFault) -> (range: Range<Int>, hasEscapes: Bool) {
    if try next() != UInt8(ascii: "\"") { throw .malformed }
    let start = position + 1
    let hasEscapes = try passText()
    let range = start..<position - 1
    skipSpace()
    if try next() != UInt8(ascii: ":") { throw .malformed }
    position += 1
    skipSpace()
    return (range, hasEscapes)
  }

  @inline(__always)
  private mutating func pass(_ word: StaticString) throws(PayloadFault) {
    for place in 0..<word.utf8CodeUnitCount {
      if position >= end { throw .truncated }
      if unsafe bytes[position] != word.utf8Start[place] { throw .malformed }
      position += 1
    }
  }

  /// Passes a text with its quotes; gives whether escapes are in it.
  private mutating func passText() throws(PayloadFault) -> Bool {
    var hasEscapes = false
    position += 1
    while true {
      passPlainWords()
      let byte = try next()
      position += 1
      if byte == UInt8(ascii: "\"") { return hasEscapes }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        try passEscape()
      } else if byte < 0x20 {
        position -= 1
        throw .malformed
      }
    }
  }

  /// Passes characters that mean themselves, eight at a time, up to one that does not or to the
  /// last word.
  @inline(__always)
  private mutating func passPlainWords() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    while position + 8 <= end {
      let word = UInt64(
        littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      )
      let quote = word ^ 0x2222_2222_2222_2222
      let backslash = word ^ 0x5C5C_5C5C_5C5C_5C5C
      // A borrow reaches only bytes above one that is right, so the lowest mark is right.
      let marks =
        ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash
          | (word &- 0x2020_2020_2020_2020) & ~word) & tops
      if marks != 0 {
        position += marks.trailingZeroBitCount >> 3
        return
      }
      position += 8
    }
  }

  /// Passes what stands behind a backslash.
  private mutating func passEscape() throws(PayloadFault) {
    let byte = try next()
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
    case UInt8(ascii: "u"):
      position += 1
      for _ in 0..<4 {
        if hexadecimalDigit(try next()) == nil { throw .malformed }
        position += 1
      }
    default: throw .malformed
    }
  }
}
