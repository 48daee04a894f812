import HoldfastPayload
import Testing

@Suite struct SparkplugTests {
  private func value(_ metric: Message) throws -> Value {
    let other = Message.metric("other", 10).fixed(13, 0, width: 8)
    let reading = try Reading(Message.payload([other, metric]), .sparkplug, ["m", "none"])
    #expect(reading.fault == nil)
    reading.checkBounds()
    #expect(reading.values[1] == .missing)
    return reading.values[0]
  }

  @Test(
    arguments: [
      (1, 0xFB, -5), (1, 0xFFFF_FFFB, -5), (1, 127, 127), (2, 0xFFFB, -5), (2, 0xFFFF_FFFB, -5),
      (3, 0xFFFF_FFFB, -5), (3, 0x7FFF_FFFF, 2_147_483_647), (4, UInt64(bitPattern: -5), -5),
      (4, UInt64(1) << 63, -0x1p63), (5, 0xFB, 251), (6, 0xFFFB, 65_531),
      (7, 0xFFFF_FFFB, 4_294_967_291),
      (8, UInt64.max, 0x1p64), (0, 0xFFFF_FFFB, 4_294_967_291), (13, 1_700_000_000_000, 1.7e12),
    ] as [(UInt64, UInt64, Double)]
  )
  func `whole numbers have the sign of their type`(type: UInt64, bits: UInt64, value: Double) throws
  {
    for number: UInt64 in [10, 11] {
      #expect(try self.value(.metric("m", type).varint(number, bits)) == .number(value))
    }
  }

  @Test func `values of the other types`() throws {
    let float = Message.metric("m", 9).fixed(12, UInt64(Float(21.5).bitPattern), width: 4)
    #expect(try value(float) == .number(21.5))
    let double = Message.metric("m", 10).fixed(13, (21.1).bitPattern, width: 8)
    #expect(try value(double) == .number(21.1))
    #expect(try value(.metric("m", 11).varint(14, 1)) == .boolean(true))
    #expect(try value(.metric("m", 11).varint(14, 0)) == .boolean(false))
    #expect(try value(.metric("m", 12).counted(15, Array("on \\n".utf8))) == .text("on \\n"))
    #expect(try value(.metric("m", 17).counted(16, [0, 255])) == .text([0, 255]))
    #expect(try value(.metric("m", 19).counted(18, [1, 2])) == .composite)
    #expect(try value(.metric("m", 3).varint(7, 1)) == .null)
    #expect(try value(.metric("m", 3).varint(10, 5).varint(7, 1)) == .null)
    #expect(try value(.metric("m", 3).varint(10, 5).varint(7, 0)) == .number(5))
    #expect(try value(.metric("m", 3)) == .null)
    // The last of a oneof counts; unknown fields and wire types are passed.
    #expect(try value(.metric("m", 3).varint(10, 5).varint(10, 6).counted(99, [1])) == .number(6))
    #expect(try value(.metric("m", 3).counted(10, [1]).varint(10, 6)) == .number(6))
  }

  @Test func `metrics are found by name, or by alias where they have no name`() throws {
    let metrics = [
      Message.metric("Node Control/Rebirth", 11).varint(14, 1),
      Message.metric("alias:7", 3).varint(2, 9).varint(10, 1),
      Message().varint(2, 8).varint(10, 2), Message().varint(2, 8).varint(10, 3),
      Message().varint(2, UInt64.max).varint(10, 4),
    ]
    let paths = [
      "Node Control/Rebirth", "alias:7", "alias:8", "alias:9", "alias:18446744073709551615",
      "alias:08", "alias:", "Node Control/Rebirth.x", "",
    ]
    let reading = try Reading(Message.payload(metrics), .sparkplug, paths)
    #expect(
      reading.values == [
        .boolean(true), .number(1), .number(2), .missing, .number(4), .missing, .missing, .missing,
        .composite,
      ]
    )
  }

  @Test func `a payload is historical where every metric is marked`() {
    func isOld(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { isHistorical(sparkplug: $0) } }
    let plain = Message.metric("a", 3).varint(10, 5)
    #expect(!isOld(Message.payload([plain, plain])))
    #expect(!isOld(Message.payload([plain, plain.varint(5, 1)])))
    #expect(!isOld(Message.payload([plain.varint(5, 1), plain])))
    #expect(isOld(Message.payload([plain.varint(5, 1), plain.varint(5, 1)])))
    #expect(!isOld(Message.payload([plain.varint(5, 0)])))
    #expect(!isOld(Message.payload([])) && !isOld([]) && !isOld([0x12, 0xFF]))
    #expect(!isOld(Message.payload([plain.varint(5, 1)]) + [0x12, 0xFF]), "can't be read")
  }

  @Test func `a historical metric counts only where all are`() throws {
    let live = Message.metric("m", 3).varint(10, 5)
    let other = Message.metric("other", 3).varint(10, 7)
    func old(_ name: String, _ value: UInt64) -> Message {
      Message.metric(name, 3).varint(5, 1).varint(10, value)
    }
    func values(_ metrics: [Message]) throws -> [Value] {
      let reading = try Reading(
        Message.payload(metrics),
        .sparkplug,
        ["m", "other", "m.timestamp"]
      )
      #expect(reading.fault == nil)
      reading.checkBounds()
      return reading.values
    }
    let stamp = Value.number(1_700_000_000_000)
    #expect(try values([old("m", 1), live, old("m", 2)]) == [.number(5), .missing, stamp])
    #expect(try values([old("m", 1), other]) == [.missing, .number(7), .missing])
    #expect(try values([other, old("m", 1)]) == [.missing, .number(7), .missing])
    #expect(try values([old("m", 1), old("m", 2)]) == [.number(1), .missing, stamp])
    #expect(try values([old("m", 1), old("other", 2)]) == [.number(1), .number(2), stamp])
    // A stamp belongs to its own metric.
    let bare = Message().counted(1, Array("m".utf8)).varint(10, 6)
    #expect(try values([old("m", 1), bare]) == [.number(6), .missing, .missing])
    #expect(try values([Message().varint(2, 7).varint(3, 9).varint(10, 1)]).last == .missing)
    let alias = try Reading(
      Message.payload([Message().varint(2, 7).varint(3, 9).varint(10, 1)]),
      .sparkplug,
      ["alias:7.timestamp", "alias:7"]
    )
    #expect(alias.values == [.number(9), .number(1)])
  }

  @Test(
    arguments: [
      ("08", .truncated), ("0880", .truncated), ("1205", .truncated), ("12020a05", .truncated),
      ("09000000", .truncated), ("1d00", .truncated), ("0b", .malformed), ("0c", .malformed),
      ("0e", .malformed), ("00", .malformed), ("08ffffffffffffffffffff01", .malformed),
      ("12ffffffffffffffffff01", .truncated), ("8080808010", .malformed),
    ] as [(String, PayloadFault)]
  )
  func `a fault says what is wrong`(bytes: String, expected: PayloadFault) throws {
    #expect(try Reading(hex(bytes), .sparkplug, ["m"]).fault == expected)
  }
}
