/// HTML as bytes: what is ours goes in as it is, what comes from outside is escaped.
struct Markup {
  private(set) var bytes: [UInt8] = []

  /// Markup of our own; nothing that comes from outside may be part of it.
  mutating func add(_ markup: StaticString) {
    unsafe bytes.append(
      contentsOf: UnsafeBufferPointer(start: markup.utf8Start, count: markup.utf8CodeUnitCount)
    )
  }

  /// Text, wherever it comes from; also between quotes of an attribute.
  mutating func text(_ text: String) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "&"): add("&amp;")
      case UInt8(ascii: "<"): add("&lt;")
      case UInt8(ascii: ">"): add("&gt;")
      case UInt8(ascii: "\""): add("&quot;")
      case UInt8(ascii: "'"): add("&#39;")
      // Not allowed in HTML, whatever stands for it.
      case 0..<0x09, 0x0b..<0x20, 0x7f: bytes.append(UInt8(ascii: " "))
      default: bytes.append(byte)
      }
    }
  }

  mutating func number(_ value: Int) { text("\(value)") }

  /// Text within an element.
  mutating func element(_ open: StaticString, _ content: String, _ close: StaticString) {
    add(open)
    text(content)
    add(close)
  }
}
