import HoldfastPayload
import Testing

@Suite struct JSONTests {
  private func fault(_ text: String) throws -> PayloadFault? {
    try Reading(text, .json, [#""not there""#]).fault
  }

  @Test(
    arguments: [
      (#"{"a":1"#, .truncated), (#"{"a":"#, .truncated), (#"{"a"#, .truncated), ("[1,", .truncated),
      ("tru", .truncated), ("-", .truncated), ("1.", .truncated), (#""\u12"#, .truncated),
      ("  ", .truncated), ("\0\0", .truncated), ("\u{FEFF}", .truncated),
      (#"{"a":1}}"#, .trailing), ("1 2", .trailing), ("21.5 C", .trailing), ("01", .trailing),
      ("nulll", .trailing), (#"{}{}"#, .trailing), ("[]\0x", .trailing),
      (#"{a:1}"#, .malformed), (#"{"a" 1}"#, .malformed), (#"{"a":1,}"#, .malformed),
      ("[1 2]", .malformed), ("[1,]", .malformed), ("[01]", .malformed), ("[1}", .malformed),
      ("[NaN]", .malformed), ("[Infinity]", .malformed), ("[+1]", .malformed), ("[.5]", .malformed),
      ("['a']", .malformed), ("[\"\t\"]", .malformed), (#"["\x"]"#, .malformed),
      ("[,]", .malformed),
      (#"["\u12g4"]"#, .malformed), ("[tRue]", .malformed), ("x", .malformed),
      ("[1\0]", .malformed),
      ("// note\n1", .malformed), ("{\"a\":1,\"b\"}", .malformed), ("{1:2}", .malformed),
    ] as [(String, PayloadFault)]
  )
  func `a fault says what is wrong`(text: String, expected: PayloadFault) throws {
    #expect(try fault(text) == expected)
    #expect(try fault(#"{"deep":[\#(text)"#) != nil)
  }

  @Test(arguments: [
    "\u{FEFF}{\"a\":1}", "{\"a\":1}\0", "{\"a\":1}\n\0\0", " \r\n\t{ \"a\" : 1 } \n",
    "{\"a\":1,\"a\":2}", #"{"\u0061":1,"a":2}"#, #"{"b":{"a":3},"a":1}"#,
  ])
  func `marks, space, NULs, escapes and doubled keys don't hide a field`(text: String) throws {
    let reading = try Reading(text, .json, ["a"])
    #expect(reading.fault == nil && reading.values == [.number(1)])
  }

  @Test func `the first of doubled keys counts, even where it leads nowhere`() throws {
    let text = #"{"a":1,"a":{"b":2},"c":{},"c":{"d":3},"e":[{"f":4}],"e":5}"#
    let reading = try Reading(text, .json, ["a.b", "a", "c.d", "e", "e[0].f"])
    #expect(reading.fault == nil)
    #expect(reading.values == [.missing, .number(1), .missing, .composite, .number(4)])
  }

  @Test func `ranges keep the text of numbers, texts and composites`() throws {
    let text = #"{"a": 1e400 ,"b": -0, "c":"x\ny", "d":{"e": [1, 2]} ,"f": null, "g":true}"#
    let reading = try Reading(text, .json, ["a", "b", "c", "d", "d.e", "f", "g", ""])
    #expect(
      reading.texts == [
        "1e400", "-0", #"x\ny"#, #"{"e": [1, 2]}"#, "[1, 2]", "null", "true", text,
      ]
    )
    #expect(
      reading.fields.map(\.hasEscapes) == [false, false, true] + Array(repeating: false, count: 5)
    )
    #expect(reading.values[0] == .number(.infinity) && reading.values[1] == .number(-0.0))
  }

  @Test func `nothing is looked at behind the last field`() throws {
    let reading = try Reading(#"{"a":{"b":1, x"#, .json, ["a.b", "a.b"])
    #expect(reading.fault == nil && reading.values == [.number(1), .number(1)])
    #expect(try Reading(#"{"a":{}, x"#, .json, ["a.b"]).fault == nil)
    #expect(try Reading(#"{"a":{"b":1, x"#, .json, ["a.b", "a"]).fault == .malformed)
    #expect(try Reading(#"{"a":{"b":1}} x"#, .json, ["a.b", ""]).fault == .trailing)
  }

  @Test func `64 levels are followed and 65 are not`() throws {
    for (open, close) in [("[", "]"), (#"{"a":"#, "}")] {
      func nested(_ depth: Int) -> String {
        String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
      }
      #expect(try fault(nested(64)) == nil)
      #expect(try fault(nested(65)) == .tooDeep)
      #expect(try fault(nested(600)) == .tooDeep)
      #expect(try fault("[" + nested(63) + "," + nested(63) + "]") == nil)
      #expect(try fault("[" + nested(63) + "," + nested(64) + "]") == .tooDeep)
      let step = open == "[" ? "[0]" : "a"
      let path = Array(repeating: step, count: 64).joined(separator: open == "[" ? "" : ".")
      #expect(try Reading(nested(64), .json, [path]).values == [.number(1)])
      #expect(try Reading(nested(65), .json, [path]).fault == .tooDeep)
    }
  }

  @Test func `a document of 10 MB is read in bounded memory`() throws {
    let deep = String(repeating: "[", count: 10 << 20)
    #expect(try fault(deep) == .tooDeep)
    let long = "[\"" + String(repeating: "a", count: 5 << 20) + "\"," + "1"
    #expect(try fault(long) == .truncated)
  }

  @Test func `texts of every length around eight bytes end where they end`() throws {
    for count in 0..<40 {
      for special in ["", #"\""#, #"\\"#, "é", #"\u00e9"#] {
        let text = String(repeating: "x", count: count) + special
        let reading = try Reading("[\"\(text)\",7]", .json, ["[0]", "[1]"])
        #expect(reading.texts == [text, "7"], "\(count) \(special)")
      }
      for byte in UInt8(0)..<0x20 {
        let inner = [UInt8](repeating: 0x78, count: count) + [byte]
        let reading = try Reading(Array("[\"".utf8) + inner + Array("\"]".utf8), .json, ["[1]"])
        #expect(reading.fault == .malformed)
      }
    }
  }

  @Test(arguments: [
    (#"a\"\\\/\b\f\n\r\tz"#, "a\"\\/\u{8}\u{C}\n\r\tz"), (#"\u00e9\u20AC\ud83d\ude00"#, "é€😀"),
    (#"\ud83d"#, "\u{FFFD}"), (#"\ude00\ud83d"#, "\u{FFFD}\u{FFFD}"), (#"\ud83d\n"#, "\u{FFFD}\n"),
    (#"\ud83d\u0041"#, "\u{FFFD}A"), (#"\x\"#, #"\x\"#), (#"\u12"#, #"\u12"#),
    (#"\u12g4"#, #"\u12g4"#),
    ("\\u0000x", "\0x"), ("", ""), ("é", "é"),
  ])
  func `escapes are undone`(text: String, expected: String) {
    #expect(jsonText(Array(text.utf8)[...]) == Array(expected.utf8))
  }

  @Test func `an empty payload has no fields and no fault`() throws {
    for format in PayloadFormat.allCases {
      let reading = try Reading("", format, ["", "a", "[0]"])
      #expect(reading.fault == nil && reading.values == [.missing, .missing, .missing])
    }
  }

  @Test func `a scanner takes up to 32 paths, each a field`() throws {
    let names = (0..<40).map { "k\($0)" }
    let text = "{" + names.reversed().map { #""\#($0)":"\#($0)""# }.joined(separator: ",") + "}"
    let reading = try Reading(text, .json, names)
    #expect(reading.fault == nil)
    #expect(
      reading.values == names.prefix(32).map { .text($0) } + Array(repeating: .missing, count: 8)
    )
    #expect(try Reading("{", .json, []).fault == nil)
  }
}
