import HoldfastEvent
import HoldfastPayload
import Testing

/// Whatever the bytes: no trap, ranges within the payload, the same verdict twice.
///
/// A debug build checks every access to the payload against its bounds, which are exact here.
@Suite struct DamageTests {
  private static let paths = ["", "a", "b.c", "d[1]", "e", "f", "temp", "1", "alias:7", "[0].a"]

  private static let samples: [(PayloadFormat, [UInt8])] = [
    (
      .json, Array(#"{"x":[1,{"y":null}],"a":-21.5e3,"b":{"c":"q\"\u00e9"},"d":[true,false]}"#.utf8)
    ),
    (.json, Array("\u{FEFF}[{\"a\":12345678901234567890.5}, \"\\ud83d\\ude00 long text\"]\0".utf8)),
    (.text, Array("\u{FEFF} -21.5e-3\r\n\0".utf8)), (.text, Array("true".utf8)),
    (
      .cbor,
      hex("a5 6178 8201a16179f6 6161 fbc010666666666666 6162 a16163 7f6171617aff")
        + hex("6164 9ff4f5ff 6165 f93c00")
    ),
    (.cbor, hex("a4 6166 c11a514b67b0 01 3903e7 7fff 5f42010241ffff 636e6f74 f6")),
    (
      .messagepack,
      hex(
        "86a1619201c0a162 81a163 d90271ff a164dc0002c2c3 a165ca3fc00000 01d18000 a166d6010000 0000"
      )
    ),
    (
      .line,
      Array("# note\nm\\ x,temp=hot,u\\,v=a\\=b a=-1.5,b\\ c=12i,e=\"q\\\"\\\\\",f=t 17\n".utf8)
    ),
    (
      .sparkplug,
      Message.payload([
        .metric("temp", 1).varint(10, 0xFB),
        .metric("a", 10).fixed(13, (21.1).bitPattern, width: 8),
        .metric("e", 12).counted(15, Array("on".utf8)), Message().varint(2, 7).varint(7, 1),
        .metric("f", 9).fixed(12, 0x41AC_0000, width: 4).varint(5, 1),
      ])
    ),
  ]

  private func check(_ payload: [UInt8], _ format: PayloadFormat) throws {
    for paths in [Self.paths, ["none"]] {
      let reading = try Reading(payload, format, paths)
      reading.checkBounds()
      _ = reading.values
      payload.withUnsafeBytes { bytes in
        for field in reading.fields { _ = numericValue(of: field, in: bytes) }
      }
    }
    if format == .sparkplug { _ = payload.withUnsafeBytes { isHistorical(sparkplug: $0) } }
  }

  @Test func `samples cut at every length`() throws {
    for (format, sample) in Self.samples {
      for count in 0...sample.count { try check(Array(sample[..<count]), format) }
    }
  }

  @Test func `samples with every byte flipped in every bit, or set to a byte that means something`()
    throws
  {
    for (format, sample) in Self.samples {
      for place in sample.indices {
        let bits = (0..<8).map { sample[place] ^ 1 << UInt8($0) }
        for byte in bits + [0x00, 0x7F, 0xFF, 0x22, 0x5C, 0x9F, 0xBF, 0x5F, 0x1B, 0xDF] {
          var damaged = sample
          damaged[place] = byte
          try check(damaged, format)
        }
      }
    }
  }

  @Test func `every format on the samples of every other`() throws {
    for (_, sample) in Self.samples {
      for format in PayloadFormat.allCases { try check(sample, format) }
    }
  }

  @Test func `random bytes`() throws {
    var random = SplitMix64(seed: 37)
    for _ in 0..<4_000 {
      let bytes = (0..<Int(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next())
      }
      for format in PayloadFormat.allCases { try check(bytes, format) }
    }
  }

  @Test func `samples are read without a fault`() throws {
    for (format, sample) in Self.samples {
      #expect(try Reading(sample, format, ["none"]).fault == nil, "\(format)")
    }
  }
}
