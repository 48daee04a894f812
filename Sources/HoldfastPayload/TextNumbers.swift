/// Which texts count as numbers besides those that are a number from end to end.
///
/// Nothing is guessed: by default none. What is a number is a matter of the text alone, exactly:
/// - ``hasUnits``: a number as RFC 8259 writes it, spaces or none, and a unit: `21.5 °C`, `45%`,
///   `-3 dBm`. A unit is one word of at most ``unitByteCountMax`` bytes that begins with a letter,
///   `%` or a character beyond ASCII, and is made of letters, digits, `%/*^.-()` and such characters.
///   Right behind the number it has no digit, so that `0x1F`, `12h30` and `2026-01-31` are none.
/// - ``comma``: a comma is the decimal point, or stands before each group of three digits.
public struct TextNumbers: Equatable, Sendable {
  /// What a comma within a number means.
  public enum Comma: String, CaseIterable, Sendable {
    /// A text with one is no number.
    case none
    /// `21,5` is 21.5.
    case decimal
    /// `1,013.25` is 1013.25.
    case group
  }

  /// Most bytes of such a text, white space around it aside; a longer one is no number.
  public static let byteCountMax = 64
  /// Most bytes of a unit.
  public static let unitByteCountMax = 24
  /// Only texts that are a number from end to end.
  public static let plain = TextNumbers()

  /// Whether a unit may follow the number.
  public var hasUnits: Bool
  /// What a comma means.
  public var comma: Comma

  /// Made of its parts.
  public init(hasUnits: Bool = false, comma: Comma = .none) {
    self.hasUnits = hasUnits
    self.comma = comma
  }

  /// The number of a text without white space around it; nil where it is none.
  ///
  /// - Complexity: O(``byteCountMax``).
  func number(_ text: UnsafeRawBufferPointer) -> Double? {
    guard text.count <= Self.byteCountMax else { return nil }
    return unsafe withUnsafeTemporaryAllocation(byteCount: Self.byteCountMax, alignment: 1) {
      var reader = unsafe NumberReader(text: text, plain: $0)
      guard reader.takeNumber(comma) else { return nil }
      let end = reader.position
      guard unsafe end == text.count || hasUnits && isUnit(text, from: end) else { return nil }
      return unsafe decimalNumber(UnsafeRawBufferPointer(rebasing: $0[..<reader.count]))
    }
  }

  private func isUnit(_ text: UnsafeRawBufferPointer, from start: Int) -> Bool {
    var position = start
    while position < text.count {
      let byteCount = unsafe spaceByteCount(text, position)
      if byteCount == 0 { break }
      position += byteCount
    }
    let isApart = position > start
    let count = text.count - position
    guard count > 0, count <= Self.unitByteCountMax else { return false }
    for place in position..<text.count {
      let byte = unsafe text[place]
      let isFirst = place == position
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "%"), 0x80...0xFF:
        // A space of any kind ends a word.
        if unsafe spaceByteCount(text, place) > 0 { return false }
      case UInt8(ascii: "0")...UInt8(ascii: "9"): if isFirst || !isApart { return false }
      case UInt8(ascii: "/"), UInt8(ascii: "*"), UInt8(ascii: "^"), UInt8(ascii: "."),
        UInt8(ascii: "-"), UInt8(ascii: "("), UInt8(ascii: ")"):
        if isFirst { return false }
      default: return false
      }
    }
    return true
  }
}

/// How many bytes the space at a place has: a plain one, U+00A0, U+2009 or U+202F; 0: it is none.
private func spaceByteCount(_ text: UnsafeRawBufferPointer, _ place: Int) -> Int {
  switch unsafe text[place] {
  case 0x20: return 1
  case 0xC2: return place + 1 < text.count && (unsafe text[place + 1]) == 0xA0 ? 2 : 0
  case 0xE2:
    guard place + 2 < text.count, unsafe text[place + 1] == 0x80 else { return 0 }
    let last = unsafe text[place + 2]
    return last == 0x89 || last == 0xAF ? 3 : 0
  default: return 0
  }
}

/// Copies the number at the begin of a text, as RFC 8259 would write it.
@safe
private struct NumberReader {
  private let text: UnsafeRawBufferPointer
  private let plain: UnsafeMutableRawBufferPointer
  /// Behind the number.
  private(set) var position = 0
  /// Bytes copied, never more than were read.
  private(set) var count = 0

  init(text: UnsafeRawBufferPointer, plain: UnsafeMutableRawBufferPointer) {
    unsafe self.text = text
    unsafe self.plain = plain
  }

  /// Copies what may be a number, for the caller to see whether it is.
  ///
  /// - Returns: false where no number begins the text, or its commas stand wrong.
  mutating func takeNumber(_ comma: TextNumbers.Comma) -> Bool {
    if byte(position) == UInt8(ascii: "-") { put(UInt8(ascii: "-"), from: 1) }
    let digitCount = takeDigits()
    if digitCount == 0 { return false }
    if comma == .group, byte(position) == UInt8(ascii: ",") {
      guard digitCount <= 3 else { return false }
      while byte(position) == UInt8(ascii: ",") {
        position += 1
        guard takeDigits() == 3 else { return false }
      }
    }
    let isPoint = byte(position) == UInt8(ascii: ".")
    if isPoint || comma == .decimal && byte(position) == UInt8(ascii: ",") {
      put(UInt8(ascii: "."), from: 1)
      if takeDigits() == 0 { return false }
    }
    takeExponent()
    return true
  }

  private func byte(_ place: Int) -> UInt8 { unsafe place < text.count ? text[place] : 0 }

  private mutating func put(_ byte: UInt8, from byteCount: Int) {
    unsafe plain[count] = byte
    count += 1
    position += byteCount
  }

  private mutating func takeDigits() -> Int {
    let start = position
    while byte(position) &- 0x30 <= 9 { put(byte(position), from: 1) }
    return position - start
  }

  /// An `e` without digits is the begin of a unit.
  private mutating func takeExponent() {
    guard byte(position) | 0x20 == UInt8(ascii: "e") else { return }
    let hasSign = byte(position + 1) == UInt8(ascii: "-") || byte(position + 1) == UInt8(ascii: "+")
    guard byte(position + (hasSign ? 2 : 1)) &- 0x30 <= 9 else { return }
    put(byte(position), from: 1)
    if hasSign { put(byte(position), from: 1) }
    _ = takeDigits()
  }
}
