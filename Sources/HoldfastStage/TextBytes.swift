/// The bytes of a text with its escapes undone one by one, so that nothing is copied.
///
/// Escapes are those of RFC 8259, section 7. What is none stays as it is; half of a surrogate pair
/// becomes U+FFFD.
struct TextBytes: Sendable {
  private let bytes: ArraySlice<UInt8>
  private let hasEscapes: Bool
  private var place: Int
  /// Up to four bytes of a character that was escaped, the next one lowest.
  private var pending: UInt32 = 0

  init(_ bytes: ArraySlice<UInt8>, hasEscapes: Bool) {
    self.bytes = bytes
    self.hasEscapes = hasEscapes
    place = bytes.startIndex
  }

  var isAtEnd: Bool { pending == 0 && place >= bytes.endIndex }

  mutating func next() -> UInt8? {
    if pending != 0 {
      defer { pending >>= 8 }
      return UInt8(truncatingIfNeeded: pending)
    }
    guard place < bytes.endIndex else { return nil }
    let byte = bytes[place]
    place += 1
    guard hasEscapes, byte == UInt8(ascii: "\\"), place < bytes.endIndex else { return byte }
    return escaped(bytes[place])
  }

  /// Goes on behind the UTF-8 character at hand.
  mutating func skipCharacter() {
    guard next() != nil else { return }
    while true {
      let before = self
      guard let byte = next() else { return }
      if byte & 0xc0 != 0x80 {
        self = before
        return
      }
    }
  }

  /// What a backslash and `byte` stand for; `place` is at `byte`.
  private mutating func escaped(_ byte: UInt8) -> UInt8 {
    let meaning: UInt8
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): meaning = byte
    case UInt8(ascii: "b"): meaning = 8
    case UInt8(ascii: "f"): meaning = 12
    case UInt8(ascii: "n"): meaning = 10
    case UInt8(ascii: "r"): meaning = 13
    case UInt8(ascii: "t"): meaning = 9
    case UInt8(ascii: "u"):
      guard let unit = unit(at: place + 1) else { return UInt8(ascii: "\\") }
      place += 5
      return character(unit)
    default: return UInt8(ascii: "\\")
    }
    place += 1
    return meaning
  }

  /// Four hexadecimal digits.
  private func unit(at start: Int) -> UInt32? {
    guard bytes.endIndex - start >= 4 else { return nil }
    var unit: UInt32 = 0
    for byte in bytes[start..<(start + 4)] {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: return nil
      }
      unit = unit << 4 | UInt32(digit)
    }
    return unit
  }

  /// The first byte of a character's UTF-8; the others are left in `pending`.
  private mutating func character(_ unit: UInt32) -> UInt8 {
    var value = unit
    if unit & 0xf800 == 0xd800 {
      value = 0xfffd
      if unit < 0xdc00, bytes.endIndex - place >= 6, bytes[place] == UInt8(ascii: "\\"),
        bytes[place + 1] == UInt8(ascii: "u"), let low = self.unit(at: place + 2),
        low & 0xfc00 == 0xdc00
      {
        place += 6
        value = 0x1_0000 + (unit & 0x3ff) << 10 + low & 0x3ff
      }
    }
    // A NUL would read as nothing pending, but it is a first byte, never a later one.
    switch value {
    case 0..<0x80: return UInt8(truncatingIfNeeded: value)
    case 0x80..<0x800:
      pending = 0x80 | value & 0x3f
      return UInt8(truncatingIfNeeded: 0xc0 | value >> 6)
    case 0x800..<0x1_0000:
      pending = 0x80 | value >> 6 & 0x3f | (0x80 | value & 0x3f) << 8
      return UInt8(truncatingIfNeeded: 0xe0 | value >> 12)
    default:
      pending =
        0x80 | value >> 12 & 0x3f | (0x80 | value >> 6 & 0x3f) << 8 | (0x80 | value & 0x3f) << 16
      return UInt8(truncatingIfNeeded: 0xf0 | value >> 18)
    }
  }
}
