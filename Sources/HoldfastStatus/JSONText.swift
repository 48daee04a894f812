/// A JSON document (RFC 8259), written from front to back.
struct JSONText {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  mutating func object(_ members: (inout JSONText) -> Void) {
    open(UInt8(ascii: "{"))
    members(&self)
    close(UInt8(ascii: "}"))
  }

  mutating func list<S: Sequence>(_ elements: S, _ write: (inout JSONText, S.Element) -> Void) {
    open(UInt8(ascii: "["))
    for element in elements { write(&self, element) }
    close(UInt8(ascii: "]"))
  }

  mutating func member(_ name: String, _ write: (inout JSONText) -> Void) {
    key(name)
    write(&self)
  }

  mutating func member(_ name: String, _ text: String) {
    key(name)
    value(text)
  }

  mutating func member(_ name: String, _ number: UInt64) {
    key(name)
    raw("\(number)")
  }

  mutating func member(_ name: String, optional number: UInt64?) {
    key(name)
    raw(number.map { "\($0)" } ?? "null")
  }

  mutating func member(_ name: String, _ flag: Bool) {
    key(name)
    value(flag)
  }

  mutating func member(_ name: String, decimal number: Double?) {
    key(name)
    value(decimal: number)
  }

  /// Microseconds as seconds.
  mutating func member(_ name: String, seconds microseconds: Int64?) {
    key(name)
    value(decimal: microseconds.map { Double($0) / 1e6 })
  }

  mutating func value(_ text: String) {
    separate()
    quote(text)
    needsComma = true
  }

  mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }

  /// Null where it is not finite.
  mutating func value(decimal number: Double?) {
    guard let number, number.isFinite else { return null() }
    // Three digits are enough for people and charts, and half the bytes.
    let rounded = number.magnitude < 1e12 ? (number * 1000).rounded() / 1000 : number
    raw("\(rounded)")
  }

  mutating func null() { raw("null") }

  mutating func newline() { bytes.append(UInt8(ascii: "\n")) }

  private mutating func raw(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
    needsComma = true
  }

  private mutating func key(_ name: String) {
    separate()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = false
  }

  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        bytes.append(
          contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8
        )
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
