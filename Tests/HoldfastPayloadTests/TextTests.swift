import HoldfastPayload
import Testing

@Suite struct TextTests {
  @Test(
    arguments: [
      ("21.5", .number(21.5)), (" 21.5\r\n", .number(21.5)), ("-0", .number(-0.0)),
      ("1e400", .number(.infinity)), ("\u{FEFF}7\0", .number(7)), ("21.5 C", .text("21.5 C")),
      ("0x10", .text("0x10")), ("nan", .text("nan")), ("+1", .text("+1")), ("007", .text("007")),
      ("true", .boolean(true)), ("false\n", .boolean(false)), ("True", .text("True")),
      ("on", .text("on")), ("null", .text("null")), ("  a b ", .text("a b")), (" \n", .text("")),
      ("{\"a\":1}", .text("{\"a\":1}")), ("a\0b\0\0", .text("a\0b")),
    ] as [(String, Value)]
  )
  func `the whole payload is one value`(text: String, expected: Value) throws {
    let reading = try Reading(text, .text, ["", "a", "[0]"])
    #expect(reading.fault == nil)
    #expect(reading.values == [expected, .missing, .missing])
    reading.checkBounds()
  }

  @Test func `the range leaves out what is not the value's`() throws {
    #expect(try Reading("\u{FEFF} 21.5 \0", .text, [""]).texts == ["21.5"])
  }

  @Test(
    arguments: [
      (#"21.5"#, 21.5), (#""21.5""#, 21.5), (#"" 21.5\n""#, 21.5), (#""\u0032""#, 2), ("true", 1),
      ("false", 0), ("null", nil), ("{}", nil), (#""on""#, nil), (#""""#, nil), (#""21.5 C""#, nil),
      ("1e400", nil), (#""1e400""#, nil), (#""nan""#, nil), (#""inf""#, nil), ("-0", -0.0),
    ] as [(String, Double?)]
  )
  func `a field is worth a number if it is one, or a text of one`(
    text: String,
    value: Double?
  ) throws {
    let reading = try Reading(#"{"a":\#(text)}"#, .json, ["a"])
    let worth = reading.payload.withUnsafeBytes { numericValue(of: reading.fields[0], in: $0) }
    #expect(worth?.bitPattern == value?.bitPattern)
  }

  @Test func `a field that is not of this payload is worth nothing`() {
    let field = Field(kind: .text, number: 0, range: 5..<9)
    let payload = Array("123".utf8)
    #expect(payload.withUnsafeBytes { numericValue(of: field, in: $0) } == nil)
    #expect(payload.withUnsafeBytes { characters(of: field, in: $0, as: .json) } == [])
    #expect(payload.withUnsafeBytes { numericValue(of: .missing, in: $0) } == nil)
  }
}
