internal import HoldfastEvent

// Text is written as bytes into the buffer it goes to: no String is made per event.

extension [UInt8] {
  /// Appends the decimal digits of `value`.
  mutating func append(decimal value: UInt64) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var start = 20
    var rest = value
    repeat {
      start -= 1
      digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    for index in start..<20 { append(digits[index]) }
  }

  mutating func append(text: String) { append(contentsOf: text.utf8) }

  /// Appends one entry of encoded ``EventProperties``; parts beyond 65,535 bytes are cut.
  mutating func append(property name: [UInt8], _ value: [UInt8]) {
    for part in [name, value] {
      let count = Swift.min(part.count, Int(UInt16.max))
      append(UInt8(truncatingIfNeeded: count))
      append(UInt8(truncatingIfNeeded: count >> 8))
      append(contentsOf: part.prefix(count))
    }
  }

  /// Appends RFC 4648 base64 with padding.
  public mutating func append(base64 bytes: ArraySlice<UInt8>) {
    let alphabet = base64Alphabet
    var index = bytes.startIndex
    while index < bytes.endIndex {
      let left = bytes.endIndex - index
      let second = left > 1 ? bytes[index + 1] : 0
      let third = left > 2 ? bytes[index + 2] : 0
      let group = Int(bytes[index]) << 16 | Int(second) << 8 | Int(third)
      append(alphabet[group >> 18])
      append(alphabet[group >> 12 & 63])
      append(left > 1 ? alphabet[group >> 6 & 63] : UInt8(ascii: "="))
      append(left > 2 ? alphabet[group & 63] : UInt8(ascii: "="))
      index += 3
    }
  }

  /// Appends a JSON string (RFC 8259, section 7) of bytes that are valid UTF-8.
  public mutating func append(jsonString bytes: ArraySlice<UInt8>) {
    append(UInt8(ascii: "\""))
    unsafe bytes.withUnsafeBufferPointer { bytes in
      var start = 0
      for index in 0..<bytes.count {
        let byte = unsafe bytes[index]
        if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") { continue }
        unsafe append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<index]))
        append(jsonEscape: byte)
        start = index + 1
      }
      unsafe append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
    }
    append(UInt8(ascii: "\""))
  }

  private mutating func append(jsonEscape byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0A: append(UInt8(ascii: "n"))
    case 0x0C: append(UInt8(ascii: "f"))
    case 0x0D: append(UInt8(ascii: "r"))
    default:
      append(text: "u00")
      append(hexDigit(byte >> 4))
      append(hexDigit(byte & 15))
    }
  }

  private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}

private let base64Alphabet = Array(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
)

/// Whether the bytes are well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates.
public func isValidUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
  unsafe bytes.withUnsafeBufferPointer { bytes in
    var index = 0
    let count = bytes.count
    while index < count {
      let lead = unsafe bytes[index]
      index += 1
      if lead < 0x80 { continue }
      // How many bytes follow, and what the first of them may be.
      let rest: Int
      var least: UInt8 = 0x80
      var most: UInt8 = 0xBF
      switch lead {
      case 0xC2...0xDF: rest = 1
      case 0xE0...0xEF:
        rest = 2
        if lead == 0xE0 { least = 0xA0 }
        if lead == 0xED { most = 0x9F }
      case 0xF0...0xF4:
        rest = 3
        if lead == 0xF0 { least = 0x90 }
        if lead == 0xF4 { most = 0x8F }
      default: return false
      }
      guard index + rest <= count else { return false }
      for _ in 0..<rest {
        let byte = unsafe bytes[index]
        guard byte >= least && byte <= most else { return false }
        least = 0x80
        most = 0xBF
        index += 1
      }
    }
    return true
  }
}

/// Outside bytes as a quoted, escaped text of bounded length, for messages to people.
func quoted(_ bytes: ArraySlice<UInt8>) -> String {
  let byteCountMax = 120
  var text: [UInt8] = []
  let shown = Array(String(decoding: bytes.prefix(byteCountMax), as: UTF8.self).utf8)
  text.append(jsonString: shown[...])
  if bytes.count > byteCountMax { text.append(text: "…") }
  return String(decoding: text, as: UTF8.self)
}
