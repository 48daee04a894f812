import HoldfastPayload
import Testing

@Suite struct LineTests {
  @Test(
    arguments: [
      ("82", .number(82)), ("82.5", .number(82.5)), ("-1.2e-3", .number(-0.0012)),
      ("12i", .number(12)),
      ("-12i", .number(-12)), ("12u", .number(12)), ("5.", .number(5)), (".5", .number(0.5)),
      ("+1", .number(1)), ("007", .number(7)), ("1e400", .number(.infinity)), ("t", .boolean(true)),
      ("T", .boolean(true)), ("true", .boolean(true)), ("True", .boolean(true)),
      ("F", .boolean(false)),
      ("TRUE", .boolean(true)), ("f", .boolean(false)), ("false", .boolean(false)),
      (#""""#, .text("")),
      ("False", .boolean(false)), ("FALSE", .boolean(false)), (#""a, b=c d""#, .text("a, b=c d")),
      (#""a\"b\\c\nd""#, .text(#"a"b\c\nd"#)), ("\"two\nlines\"", .text("two\nlines")),
    ] as [(String, Value)]
  )
  func `a field has its type's value`(text: String, expected: Value) throws {
    for line in ["m v=\(text)", "m v=\(text) 17", "m,t=x a=1,v=\(text),z=2 -17\nm v=9"] {
      let reading = try Reading(line, .line, ["v", "w"])
      #expect(reading.fault == nil && reading.values == [expected, .missing], "\(line)")
      reading.checkBounds()
    }
  }

  @Test func `a name is that of a field, or else of a tag`() throws {
    let line = "weather,site=north,temp=warm temp=82.5,hum=71i 1465839830100400200"
    let paths = ["temp", "site", "hum", "weather", "time", "a.b", "temp.x", "[0]", ""]
    let reading = try Reading(line, .line, paths)
    #expect(
      reading.values == [
        .number(82.5), .text("north"), .number(71), .missing, .missing, .missing, .missing,
        .missing, .composite,
      ]
    )
    #expect(reading.texts[2] == "71")
    #expect(reading.texts[8] == "weather,site=north,temp=warm temp=82.5,hum=71i")
  }

  @Test func `the first of two fields or tags of a name counts`() throws {
    let reading = try Reading("m,t=1,t=2 f=1,f=2", .line, ["t", "f"])
    #expect(reading.values == [.text("1"), .number(1)])
  }

  @Test func `a backslash makes a separator part of a name`() throws {
    let line = #"my\ m\,x,tag\ k\=1=a\ b\,c\d f\,1=1,"q"=2,a.b=3,b\x=4"#
    let paths = [#""tag k=1""#, #""f,1""#, #""\"q\"""#, #""a.b""#, #"b\x"#]
    let reading = try Reading(line, .line, paths)
    #expect(reading.fault == nil)
    #expect(
      reading.values == [.text(#"a b,c\d"#), .number(1), .number(2), .number(3), .number(4)]
    )
    #expect(reading.fields[0].hasEscapes)
  }

  @Test func `comments and empty lines come before the first line`() throws {
    let reading = try Reading("\n# note\r\n\n  # more\nm v=1\r\nbroken", .line, ["v", "w"])
    #expect(reading.fault == nil && reading.values == [.number(1), .missing])
  }

  @Test(
    arguments: [
      ("m", .truncated), ("m ", .truncated), ("m v", .truncated), ("m v=", .truncated),
      ("m v=\"a", .truncated), ("m,", .truncated), ("m,t", .truncated), ("m,t=", .truncated),
      ("m,t=1", .truncated), ("# note", .truncated), ("\n", .truncated), ("m v=1,", .truncated),
      ("m v=1 -", .truncated), ("m\nv=1", .malformed), (",t=1 v=1", .malformed),
      ("m v=x", .malformed),
      ("m v=1x", .malformed), ("m v=1.5i", .malformed), ("m v=-1u", .malformed),
      ("m =1", .malformed),
      ("m v=1 x", .malformed), ("m v=1 2 3", .malformed), ("m v=tr", .malformed),
      ("m v", .truncated),
      ("m v=\"a\"b", .malformed), ("m,t= v=1", .malformed), ("m v=nan", .malformed),
      ("m v=i", .malformed),
      ("m v=0x1", .malformed), ("m v=1e", .malformed), ("m v=\n", .malformed),
      ("m v=1ii", .malformed),
    ] as [(String, PayloadFault)]
  )
  func `a fault says what is wrong`(text: String, expected: PayloadFault) throws {
    #expect(try Reading(text, .line, ["w"]).fault == expected)
  }

  @Test func `nothing is looked at behind the last field`() throws {
    #expect(try Reading("m v=1,w", .line, ["v"]).values == [.number(1)])
  }
}
