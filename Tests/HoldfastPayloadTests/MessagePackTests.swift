import HoldfastPayload
import Testing

/// The MessagePack specification, format by format.
@Suite struct MessagePackTests {
  private static let examples: [(String, Value)] = [
    ("00", .number(0)), ("7f", .number(127)), ("ff", .number(-1)), ("e0", .number(-32)),
    ("c0", .null), ("c2", .boolean(false)), ("c3", .boolean(true)), ("cc00", .number(0)),
    ("ccff", .number(255)), ("cdffff", .number(65_535)), ("ceffffffff", .number(4_294_967_295)),
    ("cfffffffffffffffff", .number(0x1p64)), ("d080", .number(-128)), ("d07f", .number(127)),
    ("d18000", .number(-32_768)), ("d17fff", .number(32_767)),
    ("d280000000", .number(-2_147_483_648)),
    ("d27fffffff", .number(2_147_483_647)), ("d38000000000000000", .number(-0x1p63)),
    ("d37fffffffffffffff", .number(0x1p63)), ("d3ffffffffffffffff", .number(-1)),
    ("ca3fc00000", .number(1.5)), ("cb3ff199999999999a", .number(1.1)),
    ("ca7f800000", .number(.infinity)),
    ("cb7ff8000000000000", .number(.nan)), ("cb8000000000000000", .number(-0.0)),
    ("a0", .text("")), ("a161", .text("a")), ("d90161", .text("a")), ("da000161", .text("a")),
    ("db0000000161", .text("a")), ("d900", .text("")), ("c40161", .text("a")), ("c400", .text("")),
    ("c5000161", .text("a")), ("c60000000161", .text("a")), ("d40100", .composite),
    ("d5010000", .composite), ("d60100000000", .composite), ("d7010000000000000000", .composite),
    ("d80100000000000000000000000000000000", .composite), ("c7000a", .composite),
    ("c7030a000000", .composite), ("c800010a00", .composite), ("c9000000010a00", .composite),
    ("80", .composite), ("90", .composite), ("920102", .composite), ("81a16101", .composite),
    ("dc000101", .composite), ("dd0000000101", .composite), ("de0001a16101", .composite),
    ("df00000001a16101", .composite), ("dc0000", .composite), ("de0000", .composite),
  ]

  @Test(arguments: examples.indices)
  func `every format is read`(index: Int) throws {
    let (bytes, expected) = Self.examples[index]
    let reading = try Reading(hex(bytes), .messagepack, ["", "none"])
    #expect(reading.fault == nil, "\(bytes)")
    #expect(reading.values == [expected, .missing], "\(bytes)")
    reading.checkBounds()
    let within = try Reading(hex("9281a16b" + bytes + "07"), .messagepack, ["[0].k", "[1]"])
    #expect(within.fault == nil && within.values == [expected, .number(7)], "\(bytes)")
    #expect(try Reading(hex(bytes + "00"), .messagepack, [""]).fault == .trailing, "\(bytes)")
  }

  @Test func `an object cut short is truncated, wherever it is cut`() throws {
    for (bytes, _) in Self.examples {
      let whole = hex(bytes)
      for count in 1..<max(1, whole.count) {
        let fault = try Reading(Array(whole[..<count]), .messagepack, [""]).fault
        #expect(fault == .truncated, "\(bytes) at \(count)")
      }
    }
  }

  @Test(
    arguments: [
      ("82a16101a162920203", ["a", "b[0]", "b[2]"], [.number(1), .number(2), .missing]),
      ("8301a161ff02cd010003", ["1", "-1", "256"], [.text("a"), .number(2), .number(3)]),
      ("81d0ff05", ["-1"], [.number(5)]), ("81d3fffffffffffffffe05", ["-2"], [.number(5)]),
      ("82a16101a16102", ["a"], [.number(1)]), ("81c4016101", ["a"], [.missing]),
      ("8291 01 02 a161 03", ["a"], [.number(3)]), ("81 d40100 01", ["1"], [.missing]),
      ("81d90161 81a16205", ["a.b", "a"], [.number(5), .composite]),
      ("df00000002c0010205", ["2"], [.number(5)]),
    ] as [(String, [String], [Value])]
  )
  func `a path leads through maps and arrays`(
    bytes: String,
    paths: [String],
    expected: [Value]
  ) throws {
    let reading = try Reading(hex(bytes), .messagepack, paths)
    #expect(reading.fault == nil && reading.values == expected)
  }

  @Test func `ranges are the content without its head`() throws {
    let bytes = hex("84 a161 cd03e8 a162 920102 a163 a178 a164 d4057f")
    let reading = try Reading(bytes, .messagepack, ["a", "b", "c", "d"])
    #expect(reading.fields.map(\.range) == [4..<6, 9..<11, 14..<15, 19..<20])
  }

  @Test(
    arguments: [
      ("c1", .malformed), ("91c1", .malformed), ("ddffffffff", .truncated),
      ("dfffffffff00", .truncated),
      ("dbffffffff", .truncated), ("c6ffffffff", .truncated), ("c9ffffffff01", .truncated),
      ("d4", .truncated), ("d401", .truncated), ("81a161", .truncated), ("82a16101", .truncated),
    ] as [(String, PayloadFault)]
  )
  func `what is no object is a fault`(bytes: String, expected: PayloadFault) throws {
    #expect(try Reading(hex(bytes), .messagepack, ["none"]).fault == expected)
  }

  @Test func `64 levels are followed and 65 are not`() throws {
    for open in ["91", "81a161", "dc0001", "df00000001a161"] {
      func nested(_ depth: Int) -> [UInt8] { hex(String(repeating: open, count: depth) + "01") }
      #expect(try Reading(nested(64), .messagepack, ["none"]).fault == nil)
      #expect(try Reading(nested(65), .messagepack, ["none"]).fault == .tooDeep)
      #expect(try Reading(nested(600), .messagepack, ["none"]).fault == .tooDeep)
    }
  }
}
