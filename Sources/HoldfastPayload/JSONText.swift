/// The characters of a JSON string, its escapes undone.
///
/// A half of a surrogate pair without the other becomes U+FFFD, the replacement character. What is
/// no escape of RFC 8259, section 7, stays as it stands.
///
/// - Parameter bytes: what stands between the quotes.
/// - Returns: UTF-8, if the bytes are.
/// - Complexity: O(bytes); allocates the result.
public func jsonText(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
  var text: [UInt8] = []
  text.reserveCapacity(bytes.count)
  for byte in unsafe JSONCharacters(bytes, 0..<bytes.count) { text.append(byte) }
  return text
}

/// The characters of a JSON string, its escapes undone; see the other of this name.
public func jsonText(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
  unsafe bytes.withUnsafeBytes { unsafe jsonText($0) }
}

/// The characters of a JSON string byte by byte, for comparing keys without a copy.
@safe
struct JSONCharacters: Sequence, IteratorProtocol {
  private let bytes: UnsafeRawBufferPointer
  private var position: Int
  private let end: Int
  /// Bytes of a character that are still to come, the next one lowest.
  private var rest: UInt32 = 0

  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    unsafe self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  mutating func next() -> UInt8? {
    if rest != 0 {
      let byte = UInt8(truncatingIfNeeded: rest)
      rest >>= 8
      return byte
    }
    guard position < end else { return nil }
    let byte = unsafe bytes[position]
    position += 1
    guard byte == UInt8(ascii: "\\"), position < end else { return byte }
    let escape = unsafe bytes[position]
    let meant: UInt8
    switch escape {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): meant = escape
    case UInt8(ascii: "b"): meant = 0x08
    case UInt8(ascii: "f"): meant = 0x0C
    case UInt8(ascii: "n"): meant = 0x0A
    case UInt8(ascii: "r"): meant = 0x0D
    case UInt8(ascii: "t"): meant = 0x09
    case UInt8(ascii: "u"): return character() ?? byte
    default: return byte
    }
    position += 1
    return meant
  }

  /// The first byte of the character whose number stands behind `u`; nil if none does.
  private mutating func character() -> UInt8? {
    guard let unit = unit(at: position) else { return nil }
    position += 5
    var number = unit
    if unit & 0xFC00 == 0xD800 {
      let hasPair = position < end && (unsafe bytes[position]) == UInt8(ascii: "\\")
      if hasPair, let low = self.unit(at: position + 1), low & 0xFC00 == 0xDC00 {
        position += 6
        number = 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
      }
    }
    return encode(Unicode.Scalar(number) ?? "\u{FFFD}")
  }

  private mutating func encode(_ scalar: Unicode.Scalar) -> UInt8 {
    let value = scalar.value
    let tail = 0x80 | value & 0x3F
    switch value {
    case ..<0x80: return UInt8(value)
    case ..<0x800:
      rest = tail
      return UInt8(0xC0 | value >> 6)
    case ..<0x1_0000:
      rest = tail << 8 | 0x80 | value >> 6 & 0x3F
      return UInt8(0xE0 | value >> 12)
    default:
      rest = tail << 16 | (0x80 | value >> 6 & 0x3F) << 8 | 0x80 | value >> 12 & 0x3F
      return UInt8(0xF0 | value >> 18)
    }
  }

  /// The number in four hexadecimal digits behind a `u` at `start`.
  private func unit(at start: Int) -> UInt32? {
    guard start + 5 <= end, unsafe bytes[start] == UInt8(ascii: "u") else { return nil }
    var value: UInt32 = 0
    for place in start + 1..<start + 5 {
      guard let digit = hexadecimalDigit(unsafe bytes[place]) else { return nil }
      value = value << 4 | digit
    }
    return value
  }
}

/// What a hexadecimal digit is worth; nil for any other byte.
func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - 0x30)
  case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - 0x57)
  case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - 0x37)
  default: nil
  }
}
