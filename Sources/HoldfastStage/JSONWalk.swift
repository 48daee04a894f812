/// A place in a JSON text, and steps over its parts.
///
/// No step leaves the text.
struct JSONWalk {
  private let text: ArraySlice<UInt8>
  /// Counted from the text's begin.
  var place: Int

  init(_ text: ArraySlice<UInt8>, place: Int) {
    self.text = text
    self.place = place
  }

  private var byte: UInt8? { byte(at: place) }

  private func byte(at place: Int) -> UInt8? {
    place >= 0 && place < text.count ? text[text.startIndex + place] : nil
  }

  mutating func passSpace() {
    while let byte, isSpace(byte) { place += 1 }
  }

  private func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
  }

  /// Passes an opening bracket; whether it is an object's.
  ///
  /// Nil, and nothing passed, at another value.
  mutating func open() -> Bool? {
    guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") else { return nil }
    defer { place += 1 }
    return byte == UInt8(ascii: "{")
  }

  /// Passes a closing bracket, and white space before it, if that comes next.
  mutating func close() -> Bool {
    var next = self
    next.passSpace()
    guard next.byte == UInt8(ascii: "}") || next.byte == UInt8(ascii: "]") else { return false }
    place = next.place + 1
    return true
  }

  /// Passes a member's key and its colon.
  mutating func passKey() -> Bool {
    passSpace()
    guard passText() else { return false }
    passSpace()
    guard byte == UInt8(ascii: ":") else { return false }
    place += 1
    return true
  }

  /// Passes white space and a comma, or stands before the closing bracket; where that is.
  mutating func passSeparator() -> Int? {
    passSpace()
    let separator = place
    switch byte {
    case UInt8(ascii: ","): place += 1
    case UInt8(ascii: "}"), UInt8(ascii: "]"): break
    default: return nil
    }
    return separator
  }

  private mutating func passText() -> Bool {
    guard byte == UInt8(ascii: "\"") else { return false }
    place += 1
    while let byte {
      place += 1
      if byte == UInt8(ascii: "\"") { return true }
      if byte == UInt8(ascii: "\\") { place += 1 }
    }
    return false
  }

  /// Passes a value, however deep.
  mutating func passValue() -> Bool {
    var depth = 0
    while let byte {
      switch byte {
      case UInt8(ascii: "\""):
        if !passText() { return false }
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        place += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return false }
        depth -= 1
        place += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        if depth == 0 { return false }
        place += 1
        continue
      case let byte where isSpace(byte):
        place += 1
        continue
      default:
        while let byte = self.byte, !isSpace(byte), !isSign(byte) { place += 1 }
      }
      if depth == 0 { return true }
    }
    return false
  }

  private func isSign(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"),
      UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "\""):
      true
    default: false
    }
  }

  /// Where the key of the member stands whose value begins at a place, with its quotes; nil where
  /// that is no member's value.
  func key(before value: Int) -> Range<Int>? {
    var end = before(value)
    guard byte(at: end) == UInt8(ascii: ":") else { return nil }
    end = before(end)
    guard byte(at: end) == UInt8(ascii: "\"") else { return nil }
    var start = end - 1
    while let byte = byte(at: start) {
      // A quote within a text has an odd number of backslashes before it; before a text there is none.
      var backslashes = start - 1
      while self.byte(at: backslashes) == UInt8(ascii: "\\") { backslashes -= 1 }
      if byte == UInt8(ascii: "\"") && (start - 1 - backslashes) % 2 == 0 {
        return start..<(end + 1)
      }
      start -= 1
    }
    return nil
  }

  /// The last place before another one that is no white space.
  private func before(_ place: Int) -> Int {
    var place = place - 1
    while let byte = byte(at: place), isSpace(byte) { place -= 1 }
    return place
  }
}
