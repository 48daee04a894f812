internal import HoldfastPayload

/// One word, sign or literal of a condition.
struct ConditionToken: Equatable {
  enum Kind: Equatable {
    case word(String)
    case text(String)
    case number(Double)
    case sign(String)
    case end
  }

  var kind: Kind
  /// Of its first character, from 1.
  var column: Int

  /// For messages.
  var name: String {
    switch kind {
    case .word(let word): word
    case .text: "a text"
    case .number: "a number"
    case .sign(let sign): "\"\(sign)\""
    case .end: "the end"
    }
  }
}

/// Splits the text of a condition.
struct ConditionLexer {
  private let characters: [Character]
  private var place = 0

  init(_ text: String) { characters = Array(text) }

  /// All of them, and the end as the last.
  mutating func tokens() throws(TextFault) -> [ConditionToken] {
    var tokens: [ConditionToken] = []
    while true {
      while let next = character, next.isWhitespace { place += 1 }
      let column = place + 1
      let kind = try next()
      tokens.append(ConditionToken(kind: kind, column: column))
      if kind == .end { return tokens }
    }
  }

  private var character: Character? { character(at: place) }

  private func character(at place: Int) -> Character? {
    place < characters.count ? characters[place] : nil
  }

  private func fault(_ message: String, at column: Int? = nil) -> TextFault {
    TextFault(column: column ?? (place + 1), message: message)
  }

  private mutating func next() throws(TextFault) -> ConditionToken.Kind {
    guard let first = character else { return .end }
    if first.isLetter || first == "_" { return .word(word()) }
    if first.isDecimalDigit || first == "-" || first == "+" { return try number() }
    if first == "\"" { return .text(try text()) }
    let pair = String(characters[place..<min(characters.count, place + 2)])
    switch pair {
    case "==", "!=", "<=", ">=":
      place += 2
      return .sign(pair)
    case "&&": throw fault("write \"and\" for &&")
    case "||": throw fault("write \"or\" for ||")
    case "<>": throw fault("write != for <>")
    default: break
    }
    switch first {
    case "<", ">", "(", ")", "[", "]", ",":
      place += 1
      return .sign(String(first))
    case "=": throw fault("write == to compare")
    case "!": throw fault("write \"not\" for !")
    case "'": throw fault("a text stands in double quotes")
    default: throw fault("\"\(first)\" can't stand here; other names are written field(\"…\")")
    }
  }

  /// A word of the language or a path; brackets belong to it where they hold an index.
  private mutating func word() -> String {
    let start = place
    while let next = character {
      if next == "[" {
        var end = place + 1
        while let digit = character(at: end), digit.isDecimalDigit { end += 1 }
        let name = String(characters[start..<place])
        guard end > place + 1, character(at: end) == "]", name != "in" else { break }
        place = end + 1
      } else if next.isLetter || next.isDecimalDigit || next == "_" || next == "-" || next == "." {
        place += 1
      } else {
        break
      }
    }
    return String(characters[start..<place])
  }

  private mutating func number() throws(TextFault) -> ConditionToken.Kind {
    let start = place
    while let next = character, next.isLetter || next.isDecimalDigit || "+-.".contains(next) {
      place += 1
    }
    let text = Array(String(characters[start..<place]).utf8)
    let number = unsafe text.withUnsafeBytes { unsafe decimalNumber($0) }
    guard let number, number.isFinite else {
      throw fault("not a decimal number such as -12.5 or 1e6", at: start + 1)
    }
    return .number(number)
  }

  private mutating func text() throws(TextFault) -> String {
    let start = place
    var text = ""
    place += 1
    while let next = character {
      place += 1
      if next == "\"" { return text }
      text.append(next == "\\" ? try escape() : next)
    }
    throw fault("this text has no closing quote", at: start + 1)
  }

  /// What stands behind a backslash.
  private mutating func escape() throws(TextFault) -> Character {
    let column = place
    let next = character
    place += 1
    switch next {
    case "\"", "\\": return next ?? "\\"
    case "n": return "\n"
    case "t": return "\t"
    case "u":
      let digits = String(characters[min(place, characters.count)...].prefix(4))
      if digits.count == 4, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }),
        let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value)
      {
        place += 4
        return Character(scalar)
      }
      throw fault("\\u takes four hexadecimal digits of a character", at: column)
    default: throw fault("of escapes there are \\\", \\\\, \\n, \\t and \\u0041", at: column)
    }
  }
}

extension Character {
  fileprivate var isDecimalDigit: Bool { isASCII && isNumber }
}
