import HoldfastPayload
import Testing

/// RFC 8949, appendix A, and what is no CBOR.
@Suite struct CBORTests {
  private static let examples: [(String, Value)] = [
    ("00", .number(0)), ("01", .number(1)), ("0a", .number(10)), ("17", .number(23)),
    ("1818", .number(24)), ("1819", .number(25)), ("1864", .number(100)), ("1903e8", .number(1000)),
    ("1a000f4240", .number(1e6)), ("1b000000e8d4a51000", .number(1e12)),
    ("1bffffffffffffffff", .number(0x1p64)), ("3bffffffffffffffff", .number(-0x1p64)),
    ("c249010000000000000000", .text([1, 0, 0, 0, 0, 0, 0, 0, 0])), ("20", .number(-1)),
    ("29", .number(-10)), ("3863", .number(-100)), ("3903e7", .number(-1000)),
    ("f90000", .number(0)), ("f98000", .number(-0.0)), ("f93c00", .number(1)),
    ("fb3ff199999999999a", .number(1.1)), ("f93e00", .number(1.5)), ("f97bff", .number(65_504)),
    ("fa47c35000", .number(100_000)), ("fa7f7fffff", .number(3.4028234663852886e+38)),
    ("fb7e37e43c8800759c", .number(1.0e+300)), ("f90001", .number(5.960464477539063e-8)),
    ("f90400", .number(0.00006103515625)), ("f9c400", .number(-4)),
    ("fbc010666666666666", .number(-4.1)),
    ("f97c00", .number(.infinity)), ("f97e00", .number(.nan)), ("f9fc00", .number(-.infinity)),
    ("fa7f800000", .number(.infinity)), ("fa7fc00000", .number(.nan)),
    ("faff800000", .number(-.infinity)), ("fb7ff0000000000000", .number(.infinity)),
    ("fb7ff8000000000000", .number(.nan)), ("fbfff0000000000000", .number(-.infinity)),
    ("f4", .boolean(false)), ("f5", .boolean(true)), ("f6", .null), ("f7", .null), ("f0", .null),
    ("f8ff", .null),
    ("c074323031332d30332d32315432303a30343a30305a", .text("2013-03-21T20:04:00Z")),
    ("c11a514b67b0", .number(1_363_896_240)), ("c1fb41d452d9ec200000", .number(1_363_896_240.5)),
    ("d74401020304", .text([1, 2, 3, 4])),
    ("d818456449455446", .text([0x64, 0x49, 0x45, 0x54, 0x46])),
    ("d82076687474703a2f2f7777772e6578616d706c652e636f6d", .text("http://www.example.com")),
    ("40", .text("")), ("4401020304", .text([1, 2, 3, 4])), ("60", .text("")), ("6161", .text("a")),
    ("6449455446", .text("IETF")), ("62225c", .text("\"\\")), ("62c3bc", .text("ü")),
    ("63e6b0b4", .text("水")), ("64f0908591", .text("\u{10151}")), ("80", .composite),
    ("83010203", .composite), ("8301820203820405", .composite), ("a0", .composite),
    ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", .composite),
    ("a201020304", .composite), ("a26161016162820203", .composite),
    ("a56161614161626142616361436164614461656145", .composite), ("826161a161626163", .composite),
    ("5f42010243030405ff", .composite), ("7f657374726561646d696e67ff", .composite),
    ("9fff", .composite), ("9f018202039f0405ffff", .composite), ("83018202039f0405ff", .composite),
    ("9f01820203820405ff", .composite), ("bf61610161629f0203ffff", .composite),
    ("826161bf61626163ff", .composite), ("bf6346756ef563416d7421ff", .composite),
    ("7f6161ff", .text("a")), ("7fff", .text("")), ("5f404101ff", .text([1])),
  ]

  @Test(arguments: examples.indices)
  func `an example of the appendix is read`(index: Int) throws {
    let (bytes, expected) = Self.examples[index]
    let reading = try Reading(hex(bytes), .cbor, ["", "none"])
    #expect(reading.fault == nil, "\(bytes)")
    #expect(reading.values == [expected, .missing], "\(bytes)")
    reading.checkBounds()
    // The same within an array and as a value behind a key.
    let within = try Reading(hex("82a1" + "616b" + bytes + "07"), .cbor, ["[0].k", "[1]"])
    #expect(within.fault == nil && within.values == [expected, .number(7)], "\(bytes)")
    #expect(try Reading(hex(bytes + "00"), .cbor, [""]).fault == .trailing, "\(bytes)")
  }

  @Test func `an example cut short is truncated, wherever it is cut`() throws {
    for (bytes, _) in Self.examples {
      let whole = hex(bytes)
      for count in 1..<max(1, whole.count) {
        let fault = try Reading(Array(whole[..<count]), .cbor, [""]).fault
        #expect(fault == .truncated, "\(bytes) at \(count)")
      }
    }
  }

  @Test(
    arguments: [
      (
        "a26161016162820203", ["a", "b[0]", "b[1]", "b[2]"],
        [.number(1), .number(2), .number(3), .missing]
      ),
      ("bf61610161629f0203ffff", ["a", "b[1]", "b"], [.number(1), .number(3), .composite]),
      ("a201020304", ["1", "3", "2"], [.number(2), .number(4), .missing]),
      ("a22001390fff02", ["-1", "-4096"], [.number(1), .number(2)]),
      ("a21bffffffffffffffff013bffffffffffffffff02", ["18446744073709551615"], [.number(1)]),
      ("a2616101616102", ["a"], [.number(1)]), ("a1c061 6101", ["a"], [.number(1)]),
      ("a28101026161 03", ["a", "1"], [.number(3), .missing]),
      ("a17f6161ff01", ["a"], [.number(1)]),
      ("a17f61616162ff01", ["ab"], [.missing]), ("a1416101", ["a"], [.missing]),
      ("a1fb3ff000000000000001", ["1"], [.missing]), ("a161 31 05", ["1"], [.number(5)]),
      ("826161bf61626163ff", ["[1].b", "[0]"], [.text("c"), .text("a")]),
      ("9f018202039f0405ffff", ["[2][1]", "[1]", "[3]"], [.number(5), .composite, .missing]),
      ("d9d9f7a1616101", ["a"], [.number(1)]),
      ("a10001", ["0", "-0", "00"], [.number(1), .missing, .missing]),
    ] as [(String, [String], [Value])]
  )
  func `a path leads through maps and arrays`(
    bytes: String,
    paths: [String],
    expected: [Value]
  ) throws {
    let reading = try Reading(hex(bytes), .cbor, paths)
    #expect(reading.fault == nil && reading.values == expected)
  }

  @Test func `ranges are the content without its head`() throws {
    let reading = try Reading(
      hex("a4 6161 1903e8 6162 820102 6163 6178 6164 9f0304ff"),
      .cbor,
      ["a", "b", "c", "d"]
    )
    #expect(reading.fields.map(\.range) == [4..<6, 9..<11, 14..<15, 18..<20])
  }

  @Test(
    arguments: [
      ("1c", .malformed), ("1d", .malformed), ("1e", .malformed), ("1f", .malformed),
      ("3f", .malformed), ("df00ff", .malformed), ("ff", .malformed), ("f800", .malformed),
      ("f81f", .malformed), ("fc", .malformed), ("fe", .malformed), ("81ff", .malformed),
      ("a161 61ff", .malformed), ("bf6161ff", .malformed), ("5f6161ff", .malformed),
      ("7f4161ff", .malformed), ("7f00ff", .malformed), ("5f5f4100ffff", .malformed),
      ("7fc06161ff", .malformed), ("9bffffffffffffffff", .truncated),
      ("bb7fffffffffffffff00", .truncated), ("5bffffffffffffffff", .truncated),
      ("7b7fffffffffffffff", .truncated), ("bb8000000000000000", .truncated), ("c0", .truncated),
      ("9fc1ff", .malformed), ("c11f", .malformed),
    ] as [(String, PayloadFault)]
  )
  func `what is no item is a fault`(bytes: String, expected: PayloadFault) throws {
    #expect(try Reading(hex(bytes), .cbor, ["none"]).fault == expected)
  }

  @Test func `64 levels are followed and 65 are not`() throws {
    for open in ["81", "9f", "a1 6161", "bf 6161", "c181"] {
      let close = open == "9f" || open == "bf 6161" ? "ff" : ""
      func nested(_ depth: Int) -> [UInt8] {
        hex(String(repeating: open, count: depth) + "01" + String(repeating: close, count: depth))
      }
      #expect(try Reading(nested(64), .cbor, ["none"]).fault == nil)
      #expect(try Reading(nested(65), .cbor, ["none"]).fault == .tooDeep)
      #expect(try Reading(nested(600), .cbor, ["none"]).fault == .tooDeep)
    }
    let tags = [UInt8](repeating: 0xC1, count: 5 << 20)
    #expect(try Reading(tags + [0x01], .cbor, [""]).values == [.number(1)])
    #expect(try Reading([UInt8](repeating: 0x9F, count: 5 << 20), .cbor, [""]).fault == .tooDeep)
  }
}
