/// A Swift source whose comments and string contents are blanked, so that words in them don't
/// count as code; line breaks, and code interpolated into strings, stay.
struct SwiftCode {
  let path: String
  /// The source without what isn't code.
  private(set) var bytes: [UInt8] = []

  init(path: String, text: String) {
    self.path = path
    var blanker = Blanker(Array(text.utf8))
    blanker.run()
    bytes = blanker.output
  }

  var lines: [String] {
    bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
  }

  func line(at index: Int) -> Int {
    1 + bytes.prefix(index).count { $0 == UInt8(ascii: "\n") }
  }

  /// Where `word` stands and doesn't go on from, or into, a longer identifier.
  func occurrences(of word: String) -> [Int] {
    let word = Array(word.utf8)
    guard let first = word.first, let last = word.last, word.count <= bytes.count else { return [] }
    var found: [Int] = []
    for index in 0...(bytes.count - word.count) where bytes[index] == first {
      guard bytes[index..<index + word.count].elementsEqual(word) else { continue }
      let end = index + word.count
      let joinsBefore = isWordByte(first) && index > 0 && isWordByte(bytes[index - 1])
      let joinsAfter = isWordByte(last) && end < bytes.count && isWordByte(bytes[end])
      if !joinsBefore && !joinsAfter { found.append(index) }
    }
    return found
  }

  /// The index right after the bracket that closes the one at `index`.
  func closing(after index: Int) -> Int? {
    var depth = 0
    for place in index..<bytes.count {
      switch bytes[place] {
      case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      default: break
      }
      if depth == 0 { return place + 1 }
    }
    return nil
  }
}

func isWordByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
    true
  default: byte >= 0x80
  }
}

/// Copies a Swift source, with blanks in place of comments and string contents.
private struct Blanker {
  private let input: [UInt8]
  private var index = 0
  private(set) var output: [UInt8] = []

  init(_ input: [UInt8]) { self.input = input }

  mutating func run() { code(untilParenthesis: false) }

  private func peek(_ distance: Int = 0) -> UInt8? {
    index + distance < input.count ? input[index + distance] : nil
  }

  private func sees(_ text: String) -> Bool {
    input[index...].starts(with: text.utf8)
  }

  private mutating func keep(_ count: Int = 1) {
    for _ in 0..<count where index < input.count {
      output.append(input[index])
      index += 1
    }
  }

  private mutating func blank(_ count: Int = 1) {
    for _ in 0..<count where index < input.count {
      output.append(input[index] == UInt8(ascii: "\n") ? input[index] : UInt8(ascii: " "))
      index += 1
    }
  }

  /// Code up to the end or, within an interpolation, past the parenthesis that ends it.
  private mutating func code(untilParenthesis: Bool) {
    var depth = 0
    while let byte = peek() {
      if sees("//") {
        while let byte = peek(), byte != UInt8(ascii: "\n") { blank() }
      } else if sees("/*") {
        comment()
      } else if byte == UInt8(ascii: "\"") {
        string(poundCount: 0)
      } else if byte == UInt8(ascii: "#"), let count = poundsOfString() {
        keep(count)
        string(poundCount: count)
      } else {
        if byte == UInt8(ascii: "(") { depth += 1 }
        if byte == UInt8(ascii: ")") { depth -= 1 }
        keep()
        if untilParenthesis && depth == 0 { return }
      }
    }
  }

  /// A block comment; they nest.
  private mutating func comment() {
    var depth = 0
    repeat {
      if sees("/*") {
        depth += 1
        blank(2)
      } else if sees("*/") {
        depth -= 1
        blank(2)
      } else {
        blank()
      }
    } while depth > 0 && index < input.count
  }

  /// How many `#` stand here before a quote; nil if no quote follows.
  private func poundsOfString() -> Int? {
    var count = 0
    while peek(count) == UInt8(ascii: "#") { count += 1 }
    return peek(count) == UInt8(ascii: "\"") ? count : nil
  }

  private mutating func string(poundCount: Int) {
    let quotes = sees("\"\"\"") ? "\"\"\"" : "\""
    let pounds = String(repeating: "#", count: poundCount)
    keep(quotes.utf8.count)
    while let byte = peek() {
      if sees(quotes + pounds) {
        keep(quotes.utf8.count + poundCount)
        return
      } else if byte == UInt8(ascii: "\n") && quotes.utf8.count == 1 {
        return
      } else if sees("\\\(pounds)(") {
        keep(1 + poundCount)
        code(untilParenthesis: true)
      } else if sees("\\\(pounds)") {
        blank(2 + poundCount)
      } else {
        blank()
      }
    }
  }
}
