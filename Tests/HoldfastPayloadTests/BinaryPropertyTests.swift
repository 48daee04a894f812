import HoldfastEvent
import HoldfastPayload
import Testing

/// A value that knows its bytes in CBOR and in MessagePack, each form chosen at random.
private indirect enum Item {
  case null
  case boolean(Bool)
  case whole(Int64)
  case float(Double)
  case text(String)
  case array([Item])
  case map([(key: Item, value: Item)])

  static func random(_ depth: Int, _ random: inout SplitMix64) -> Item {
    let names = ["a", "b", "c", "", "a name of more than 31 bytes in all", "7"]
    switch random.next() % (depth < 4 ? 9 : 5) {
    case 0: return random.next() % 2 == 0 ? .null : .boolean(random.next() % 2 == 0)
    case 1, 2:
      // All widths, and the borders between them.
      return .whole((Int64(bitPattern: random.next()) >> Int64(random.next() % 64)))
    case 3: return .float(Double(Int64(bitPattern: random.next()) >> 20) / 8)
    case 4: return .text(names[Int(random.next() % 6)])
    case 5, 6:
      return .array(
        (0..<random.next() % (depth == 0 ? 20 : 4)).map { _ in .random(depth + 1, &random) }
      )
    default:
      return .map(
        (0..<random.next() % (depth == 0 ? 18 : 5)).map { _ in
          let key: Item =
            random.next() % 4 == 0
            ? .whole(Int64(random.next() % 600) - 300) : .text(names[Int(random.next() % 6)])
          return (key, .random(depth + 1, &random))
        }
      )
    }
  }

  var plain: Value {
    switch self {
    case .null: .null
    case .boolean(let value): .boolean(value)
    case .whole(let value): .number(Double(value))
    case .float(let value): .number(value)
    case .text(let text): .text(text)
    case .array, .map: .composite
    }
  }

  /// What a path's key has to be.
  var keyText: String {
    switch self {
    case .whole(let value): "\(value)"
    case .text(let text): text
    default: ""
    }
  }

  func value(at steps: ArraySlice<FieldPath.Step>) -> Item? {
    guard let step = steps.first else { return self }
    switch (step, self) {
    case (.key(let key), .map(let members)):
      let member = members.first { Array($0.key.keyText.utf8) == key }
      return member?.value.value(at: steps.dropFirst())
    case (.index(let index), .array(let items)):
      return index < items.count ? items[index].value(at: steps.dropFirst()) : nil
    default: return nil
    }
  }

  private static func bytes(_ value: UInt64, _ width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  // MARK: CBOR

  private static func head(_ major: UInt8, _ value: UInt64, _ random: inout SplitMix64) -> [UInt8] {
    let least = value < 24 ? 0 : value < 1 << 8 ? 1 : value < 1 << 16 ? 2 : value < 1 << 32 ? 3 : 4
    let size = random.next() % 4 == 0 ? least + Int(random.next() % UInt64(5 - least)) : least
    if size == 0 { return [major << 5 | UInt8(value)] }
    return [major << 5 | UInt8(23 + size)] + bytes(value, 1 << (size - 1))
  }

  func cbor(_ random: inout SplitMix64) -> [UInt8] {
    let tag = random.next() % 8 == 0 ? Self.head(6, random.next() % 400, &random) : []
    let isOpen = random.next() % 3 == 0
    switch self {
    case .null: return tag + [random.next() % 2 == 0 ? 0xF6 : 0xF7]
    case .boolean(let value): return tag + [value ? 0xF5 : 0xF4]
    case .whole(let value):
      let magnitude = UInt64(bitPattern: value < 0 ? ~value : value)
      return tag + Self.head(value < 0 ? 1 : 0, magnitude, &random)
    case .float(let value):
      let single = Float(value)
      if Double(single) == value { return tag + [0xFA] + Self.bytes(UInt64(single.bitPattern), 4) }
      return tag + [0xFB] + Self.bytes(value.bitPattern, 8)
    case .text(let text):
      let plain = Self.head(3, UInt64(text.utf8.count), &random) + text.utf8
      return isOpen ? tag + [0x7F, 0x60] + plain + [0xFF] : tag + plain
    case .array(let items):
      let head = isOpen ? [0x9F] : Self.head(4, UInt64(items.count), &random)
      return tag + head + items.flatMap { $0.cbor(&random) } + (isOpen ? [0xFF] : [])
    case .map(let members):
      let head = isOpen ? [0xBF] : Self.head(5, UInt64(members.count), &random)
      let inner = members.flatMap { $0.key.cbor(&random) + $0.value.cbor(&random) }
      return tag + head + inner + (isOpen ? [0xFF] : [])
    }
  }

  // MARK: MessagePack

  private static func head(
    _ count: Int,
    _ fixed: (first: UInt8, max: Int),
    _ firsts: [(first: UInt8, width: Int)],
    _ random: inout SplitMix64
  ) -> [UInt8] {
    if count <= fixed.max, random.next() % 4 != 0 { return [fixed.first | UInt8(count)] }
    let (first, width) = firsts[Int(random.next() % UInt64(firsts.count))]
    return [first] + bytes(UInt64(count), width)
  }

  private static func whole(_ value: Int64, _ random: inout SplitMix64) -> [UInt8] {
    let bits = UInt64(bitPattern: value)
    if (-32...127).contains(value), random.next() % 2 == 0 {
      return [UInt8(truncatingIfNeeded: bits)]
    }
    var forms: [(UInt8, Int)] = [(0xD3, 8)]
    if Int32(exactly: value) != nil { forms.append((0xD2, 4)) }
    if Int16(exactly: value) != nil { forms.append((0xD1, 2)) }
    if Int8(exactly: value) != nil { forms.append((0xD0, 1)) }
    if value >= 0 { forms.append((0xCF, 8)) }
    if UInt32(exactly: value) != nil { forms.append((0xCE, 4)) }
    if UInt16(exactly: value) != nil { forms.append((0xCD, 2)) }
    if UInt8(exactly: value) != nil { forms.append((0xCC, 1)) }
    let (first, width) = forms[Int(random.next() % UInt64(forms.count))]
    return [first] + bytes(bits, width)
  }

  func messagePack(_ random: inout SplitMix64) -> [UInt8] {
    switch self {
    case .null: return [0xC0]
    case .boolean(let value): return [value ? 0xC3 : 0xC2]
    case .whole(let value): return Self.whole(value, &random)
    case .float(let value):
      let single = Float(value)
      if Double(single) == value { return [0xCA] + Self.bytes(UInt64(single.bitPattern), 4) }
      return [0xCB] + Self.bytes(value.bitPattern, 8)
    case .text(let text):
      let widths: [(UInt8, Int)] = [(0xD9, 1), (0xDA, 2), (0xDB, 4)]
      return Self.head(text.utf8.count, (0xA0, 31), widths, &random) + text.utf8
    case .array(let items):
      let head = Self.head(items.count, (0x90, 15), [(0xDC, 2), (0xDD, 4)], &random)
      return head + items.flatMap { $0.messagePack(&random) }
    case .map(let members):
      let head = Self.head(members.count, (0x80, 15), [(0xDE, 2), (0xDF, 4)], &random)
      return head + members.flatMap { $0.key.messagePack(&random) + $0.value.messagePack(&random) }
    }
  }
}

@Suite struct BinaryPropertyTests {
  private static let steps = [
    "a", "b", "c", #""""#, #""a name of more than 31 bytes in all""#, #""7""#, #""-3""#, "[0]",
    "[1]",
    "[17]", "[2]",
  ]

  private func path(_ random: inout SplitMix64) throws -> FieldPath {
    let parts = (0..<random.next() % 4).map { _ in Self.steps[Int(random.next() % 11)] }
    let text = parts.reduce(into: "") { text, part in
      text += text.isEmpty || part.hasPrefix("[") ? part : "." + part
    }
    return try FieldPath(text)
  }

  @Test func `random trees give the fields that they hold, in CBOR and in MessagePack`() throws {
    var random = SplitMix64(seed: 41)
    var foundCount = 0
    for _ in 0..<4_000 {
      let item = Item.random(0, &random)
      let paths = try (0..<1 + random.next() % 5).map { _ in try path(&random) }
      let expected = paths.map { item.value(at: $0.steps[...])?.plain ?? .missing }
      let cbor = Reading(item.cbor(&random), .cbor, paths)
      #expect(cbor.fault == nil && cbor.values == expected, "\(cbor.payload) \(paths)")
      let messagePack = Reading(item.messagePack(&random), .messagepack, paths)
      #expect(
        messagePack.fault == nil && messagePack.values == expected,
        "\(messagePack.payload) \(paths)"
      )
      foundCount += expected.count { $0 != .missing }
    }
    #expect(foundCount > 3_000)
  }
}
