import HoldfastPayload
import Testing

@Suite struct TextNumberTests {
  private func number(_ text: String, _ texts: TextNumbers) throws -> Double? {
    // As a JSON text, and as a payload that is one text: the same must come out.
    let json = try Reading("{\"v\":\"\(text)\"}", .json, ["v"])
    let value = json.payload.withUnsafeBytes {
      numericValue(of: json.fields[0], in: $0, texts: texts)
    }
    let plain = try Reading(text, .text, [""])
    let other = plain.payload.withUnsafeBytes {
      numericValue(of: plain.fields[0], in: $0, texts: texts)
    }
    #expect(value == other || text == "true", "\(text)")
    return value
  }

  private static let units = TextNumbers(hasUnits: true)
  private static let decimal = TextNumbers(hasUnits: true, comma: .decimal)
  private static let group = TextNumbers(hasUnits: true, comma: .group)

  static let numbers: [(String, Double)] = [
    ("21.5 °C", 21.5), ("21.5°C", 21.5), ("45 %", 45), ("45%", 45), ("-3dBm", -3), ("-0.5 V", -0.5),
    ("5eV", 5), ("5 eV", 5), ("1e3W", 1000), ("1E-3 W", 0.001), ("2e+2 m", 200), ("5 W/m2", 5),
    ("5W/m²", 5), ("3.6 kg/(m*s)", 3.6), ("9.81 m-1", 9.81), ("  7 bar  ", 7), ("7   bar", 7),
    ("7\u{A0}bar", 7), ("7\u{202F}bar", 7), ("0 Ω", 0), ("12 µg", 12), ("21.5", 21.5), ("5E", 5),
    ("9007199254740993 Wh", 9_007_199_254_740_992), ("0.1 m", 0.1),
    ("1 \(String(repeating: "x", count: 24))", 1),
  ]
  @Test(arguments: numbers)
  func `a number with a unit counts where units are taken`(text: String, value: Double) throws {
    #expect(try number(text, Self.units) == value)
    #expect(try number(text, Self.decimal) == value && number(text, Self.group) == value)
    let isPlain = try number(text, .plain) != nil
    #expect(isPlain == (text == "21.5"), "nothing is guessed")
  }

  static let others = [
    "", "°C", "C 21.5", "21.5 ° C", "21.5 C ok", "0x1F", "0x10", "0b1", "12h30", "10-20 V",
    "5 V-10 V", "2026-01-31", "12:30", "192.168.0.1", "3 of 5", "3/4", "+5 V", "007 m", "1. V",
    ".5 V", "--1 V",
    "- 1 V", "1,013 hPa", "21,5 C", "NaN", "inf V", "1e999 V", "5 \u{7}", "5 V;", "5 \u{A0}",
    "5 V\u{A0}x", "1 \(String(repeating: "x", count: 25))",
    "\(String(repeating: "1", count: 63)) V",
    "on", "true", "5\tV", "5 V, 3 A",
  ]
  @Test(arguments: others) func `what only looks like one does not`(text: String) throws {
    #expect(try number(text, Self.units) == nil)
  }

  @Test func `a comma means what is said, and nothing else`() throws {
    let table: [(String, decimal: Double?, group: Double?)] = [
      ("21,5", 21.5, nil), ("21,5 °C", 21.5, nil), ("-0,25", -0.25, nil), ("1,5e3 W", 1500, nil),
      ("1,013", 1.013, 1013), ("1,013 hPa", 1.013, 1013), ("1,013.25 hPa", nil, 1013.25),
      ("1.013,25", nil, nil), ("12,345,678", nil, 12_345_678), ("1,2345", 1.2345, nil),
      ("1234,567", 1234.567, nil), ("0,013", 0.013, nil), (",5", nil, nil), ("5,", nil, nil),
      ("1,,000", nil, nil), ("1,000,", nil, nil), ("1.5", 1.5, 1.5), ("1, 5", nil, nil),
      ("123,456,78", nil, nil),
    ]
    for (text, decimal, group) in table {
      #expect(try number(text, Self.decimal) == decimal, "\(text)")
      #expect(try number(text, Self.group) == group, "\(text)")
      let isPlain = text == "1.5"
      #expect(try (number(text, Self.units) != nil) == isPlain, "\(text)")
      let bare = TextNumbers(comma: .decimal)
      let hasUnit = text.contains { $0.isLetter && $0 != "e" }
      #expect(try number(text, bare) == (hasUnit ? nil : decimal), "\(text)")
    }
  }

  /// The rule as an expression, over random texts that are nearly numbers with units.
  @Test func `of random texts those are numbers that the rule names`() throws {
    let rule =
      /(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+\-]?[0-9]+)?)( *)([A-Za-z%][A-Z0-9a-z%\/*^.\-()]*)/
    var random = SystemRandomNumberGenerator()
    let alphabet = Array("0123456789.-+eE  mWx%/,^")
    var hitCount = 0
    for _ in 0..<60_000 {
      let count = Int.random(in: 1...9, using: &random)
      let text = String((0..<count).map { _ in alphabet.randomElement(using: &random) ?? "0" })
      let trimmed = text.trimmed
      var expected = Double(trimmed).flatMap { _ in plain(trimmed) }
      if expected == nil, let match = trimmed.wholeMatch(of: rule) {
        let (_, digits, spaces, unit) = match.output
        if !spaces.isEmpty || !unit.contains(where: \.isNumber) {
          expected = plain(String(digits))
        }
      }
      if expected != nil { hitCount += 1 }
      #expect(try number(text, Self.units) == expected, "\(text)")
    }
    #expect(hitCount > 1000)
  }

  private func plain(_ text: String) -> Double? {
    Array(text.utf8).withUnsafeBytes { decimalNumber($0) }.flatMap { $0.isFinite ? $0 : nil }
  }
}

extension String {
  fileprivate var trimmed: String {
    var rest = drop { $0 == " " }
    while rest.last == " " { rest.removeLast() }
    return String(rest)
  }
}
