import HoldfastEvent
import HoldfastPayload
import Testing

/// Random documents, whole and damaged, against a naive recursive parser.
@Suite struct JSONPropertyTests {
  private static let keys = ["a", "b", "long key of 22 bytes", "", #"\u0061"#, #"q\""#, "é", "a.b"]
  private static let texts = keys + [#"\ud83d\ude00"#, #"\ud800"#, #"\\"#, "21.5", " on "]
  private static let numbers = [
    "0", "-0", "1e5", "21.5", "1e400", "-12.5E-3", "18446744073709551616",
  ]

  private func any<Element>(_ choices: [Element], _ random: inout SplitMix64) -> Element {
    choices[Int(random.next() % UInt64(choices.count))]
  }

  private func document(_ depth: Int, _ random: inout SplitMix64) -> String {
    let space = any(["", "", "", " ", "\n\t"], &random)
    let kind = random.next() % (depth < 5 ? 9 : 5)
    switch kind {
    case 0: return any(["true", "false", "null"], &random)
    case 1, 2: return any(Self.numbers, &random) + space
    case 3, 4: return "\"\(any(Self.texts, &random))\"" + space
    default:
      let parts = (0..<random.next() % 4).map { _ in
        let value = document(depth + 1, &random)
        return kind > 6 ? space + "\"\(any(Self.keys, &random))\"\(space):" + value : space + value
      }
      let inner = parts.joined(separator: "," + space) + space
      return kind > 6 ? "{\(inner)}" : "[\(inner)]"
    }
  }

  private func paths(_ random: inout SplitMix64) throws -> [FieldPath] {
    try (0..<1 + random.next() % 4).map { _ in
      try FieldPath(
        (0..<random.next() % 4).map { place in
          if random.next() % 3 == 0 { return "[\(random.next() % 3)]" }
          let key = any(
            ["a", "b", #""long key of 22 bytes""#, #""""#, #""q\"""#, "é", #""a.b""#],
            &random
          )
          return place == 0 ? key : "." + key
        }.joined()
      )
    }
  }

  private func expected(_ tree: NaiveJSON, _ paths: [FieldPath]) -> [Value] {
    paths.map { tree.value(at: $0.steps[...])?.plain ?? .missing }
  }

  @Test func `random documents give the fields that a naive parser finds`() throws {
    var random = SplitMix64(seed: 23)
    var foundCount = 0
    for _ in 0..<12_000 {
      let bytes = Array(document(0, &random).utf8)
      let paths = try paths(&random)
      let tree = try #require(NaiveJSON(bytes))
      let reading = Reading(bytes, .json, paths)
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(reading.fault == nil, "\(text)")
      #expect(reading.values == expected(tree, paths), "\(text) \(paths)")
      reading.checkBounds()
      foundCount += reading.fields.count { $0.kind != .missing }
    }
    #expect(foundCount > 4_000)
  }

  @Test func `a damaged document is a fault exactly if a naive parser refuses it`() throws {
    var random = SplitMix64(seed: 29)
    let nowhere = try FieldPath(#""not there""#)
    var goodCount = 0
    for _ in 0..<25_000 {
      var bytes = Array(document(0, &random).utf8)
      for _ in 0...random.next() % 2 {
        let place = Int(random.next() % UInt64(bytes.count + 1))
        let byte = any(Array("{}[]\",:0-.eE+\\ \ntfnu1x\0".utf8), &random)
        switch random.next() % 3 {
        case 0: bytes.insert(byte, at: place)
        case 1 where place < bytes.count: bytes[place] = byte
        default: if place < bytes.count { bytes.remove(at: place) }
        }
      }
      if bytes.isEmpty { continue }
      let tree = NaiveJSON(bytes)
      let paths = try paths(&random) + [nowhere]
      let reading = Reading(bytes, .json, paths)
      let text = String(decoding: bytes, as: UTF8.self)
      #expect((reading.fault == nil) == (tree != nil), "\(text.debugDescription)")
      if let tree, reading.fault == nil {
        goodCount += 1
        #expect(reading.values == expected(tree, paths), "\(text.debugDescription) \(paths)")
      }
      reading.checkBounds()
    }
    #expect(goodCount > 3_000)
  }

  @Test func `an object or array cut short is truncated, wherever it is cut`() throws {
    var random = SplitMix64(seed: 31)
    let nowhere = try FieldPath(#""not there""#)
    for _ in 0..<400 {
      let bytes = Array("[\(document(0, &random)),\(document(0, &random))]".utf8)
      for count in 1..<bytes.count {
        let fault = Reading(Array(bytes[..<count]), .json, [nowhere]).fault
        #expect(fault == .truncated, "\(String(decoding: bytes[..<count], as: UTF8.self))")
      }
    }
  }
}
