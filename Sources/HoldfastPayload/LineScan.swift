/// Reads fields out of InfluxDB's line protocol.
///
///     measurement,tag=value field=1.5,other=12i,text="a \" b",flag=t 1700000000000000000
///
/// A backslash before a comma, an equals sign or a space makes it part of a name or of a tag's
/// value; before a quote or a backslash, part of a text; anywhere else it stands for itself.
@safe
struct LineScan {
  private let bytes: UnsafeRawBufferPointer
  private let count: Int
  private var position = 0

  private init(_ bytes: UnsafeRawBufferPointer) {
    unsafe self.bytes = bytes
    count = bytes.count
  }

  private func at(_ place: Int) -> UInt8 { unsafe bytes[place] }

  /// Reads one payload.
  static func run(
    _ bytes: UnsafeRawBufferPointer,
    _ found: inout Findings
  ) throws(PayloadFault) {
    var scan = unsafe LineScan(bytes)
    scan.passComments()
    let start = scan.position
    if scan.passName(isMeasurement: true).isEmpty { throw scan.fault }
    while scan.pass(UInt8(ascii: ",")) { try scan.tag(&found) }
    guard scan.pass(UInt8(ascii: " ")) else { throw scan.fault }
    scan.passBlanks()
    repeat {
      try scan.field(&found)
      if found.isSettled { return }
    } while scan.pass(UInt8(ascii: ","))
    let end = scan.position
    try scan.passTime()
    found.settle(0, as: Field(kind: .composite, number: 0, range: start..<end))
  }

  /// Whether the line ends here.
  private var isAtEnd: Bool {
    position >= count || at(position) == 0x0A || at(position) == 0x0D
  }

  /// What is wrong when something is missing here.
  private var fault: PayloadFault { position < count ? .malformed : .truncated }

  private mutating func pass(_ byte: UInt8) -> Bool {
    guard position < count, at(position) == byte else { return false }
    position += 1
    return true
  }

  private mutating func passBlanks() {
    while pass(UInt8(ascii: " ")) {}
  }

  /// Passes lines that are empty or comments.
  private mutating func passComments() {
    while position < count {
      let byte = at(position)
      if isSpace(byte) {
        position += 1
      } else if byte == UInt8(ascii: "#") {
        while position < count, at(position) != 0x0A { position += 1 }
      } else {
        return
      }
    }
  }

  /// Passes a name or a tag's value, up to what ends it.
  private mutating func passName(isMeasurement: Bool = false) -> Range<Int> {
    let start = position
    while !isAtEnd {
      let byte = at(position)
      if byte == UInt8(ascii: ",") || byte == UInt8(ascii: " ") { break }
      if byte == UInt8(ascii: "="), !isMeasurement { break }
      position += 1
      if byte == UInt8(ascii: "\\"), !isAtEnd, LineCharacters.isSpecial(at(position)) {
        position += 1
      }
    }
    return start..<position
  }

  private func child(_ name: Range<Int>, _ found: Findings) -> Int {
    for place in name where at(place) == UInt8(ascii: "\\") {
      return found.child(of: 0, unsafe LineCharacters(bytes, name))
    }
    return unsafe found.child(of: 0, bytes, name)
  }

  private mutating func tag(_ found: inout Findings) throws(PayloadFault) {
    let name = passName()
    guard !name.isEmpty, pass(UInt8(ascii: "=")) else { throw fault }
    let value = passName()
    if value.isEmpty { throw fault }
    let node = child(name, found)
    if node == 0 { return }
    let hasEscapes = unsafe bytes[value].contains(UInt8(ascii: "\\"))
    // A field of that name may come yet.
    found.settleIfMissing(
      node,
      as: Field(kind: .text, number: 0, range: value, hasEscapes: hasEscapes)
    )
  }

  private mutating func field(_ found: inout Findings) throws(PayloadFault) {
    let name = passName()
    guard !name.isEmpty, pass(UInt8(ascii: "=")) else { throw fault }
    let value = try value()
    let node = child(name, found)
    if node == 0 { return }
    found.settle(node, as: value)
    found.close(node)
  }

  private mutating func value() throws(PayloadFault) -> Field {
    let start = position
    if pass(UInt8(ascii: "\"")) { return try text() }
    while !isAtEnd, at(position) != UInt8(ascii: ","),
      at(position) != UInt8(ascii: " ")
    {
      position += 1
    }
    let range = start..<position
    if !range.isEmpty, at(start) | 0x20 == UInt8(ascii: "t") || at(start) | 0x20 == 0x66 {
      for (word, truth) in Self.truths where unsafe bytes[range].elementsEqual(word) {
        return Field(kind: .boolean, number: truth ? 1 : 0, range: range)
      }
      throw .malformed
    }
    return try number(range)
  }

  private func number(_ range: Range<Int>) throws(PayloadFault) -> Field {
    var end = range.lowerBound
    guard
      let number = try? unsafe DecimalNumber(bytes, &end, end: range.upperBound, isLoose: true)
    else { throw range.isEmpty ? fault : .malformed }
    let digits = range.lowerBound..<end
    let value = unsafe number.value(of: bytes, digits)
    let field = Field(kind: .number, number: value, range: digits)
    if end == range.upperBound { return field }
    // A whole number: digits before an `i`, with a sign or not, or before a `u`.
    let suffix = at(end)
    let isWhole = unsafe bytes[digits].dropFirst().allSatisfy { (0x30...0x39).contains($0) }
    let isNegative = at(range.lowerBound) == UInt8(ascii: "-")
    guard end == range.upperBound - 1, isWhole,
      suffix == UInt8(ascii: "i") || suffix == UInt8(ascii: "u") && !isNegative
    else { throw .malformed }
    return field
  }

  /// A text behind its first quote; line breaks may stand in it.
  private mutating func text() throws(PayloadFault) -> Field {
    let start = position
    var hasEscapes = false
    while position < count {
      let byte = at(position)
      position += 1
      if byte == UInt8(ascii: "\"") {
        let range = start..<position - 1
        guard isAtEnd || at(position) == 0x20 || at(position) == 0x2C else {
          throw .malformed
        }
        return Field(kind: .text, number: 0, range: range, hasEscapes: hasEscapes)
      }
      if byte == UInt8(ascii: "\\"), position < count,
        LineCharacters.isSpecialInText(at(position))
      {
        hasEscapes = true
        position += 1
      }
    }
    throw .truncated
  }

  private static let truths: [(word: [UInt8], truth: Bool)] = [
    (Array("t".utf8), true), (Array("T".utf8), true), (Array("true".utf8), true),
    (Array("True".utf8), true), (Array("TRUE".utf8), true),
    (Array("f".utf8), false), (Array("F".utf8), false), (Array("false".utf8), false),
    (Array("False".utf8), false), (Array("FALSE".utf8), false),
  ]

  /// Passes the time stamp, if there is one, and the blanks around it.
  private mutating func passTime() throws(PayloadFault) {
    passBlanks()
    if isAtEnd { return }
    _ = pass(UInt8(ascii: "-"))
    let start = position
    while position < count, (0x30...0x39).contains(at(position)) { position += 1 }
    if position == start { throw fault }
    passBlanks()
    if !isAtEnd { throw .malformed }
  }
}

/// The characters of a name, a tag's value or a text of line protocol, escapes undone.
@safe
struct LineCharacters: Sequence, IteratorProtocol {
  private let bytes: UnsafeRawBufferPointer
  private var position: Int
  private let end: Int
  private let isText: Bool

  /// Of what stands at `range`; `isText` says whether between quotes.
  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, isText: Bool = false) {
    unsafe self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
    self.isText = isText
  }

  mutating func next() -> UInt8? {
    guard position < end else { return nil }
    let byte = unsafe bytes[position]
    position += 1
    guard byte == UInt8(ascii: "\\"), position < end else { return byte }
    let meant = unsafe bytes[position]
    guard isText ? Self.isSpecialInText(meant) : Self.isSpecial(meant) else { return byte }
    position += 1
    return meant
  }

  /// What a backslash makes part of a name or of a tag's value.
  static func isSpecial(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ",") || byte == UInt8(ascii: "=") || byte == UInt8(ascii: " ")
  }

  /// What a backslash makes part of a text.
  static func isSpecialInText(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }
}
