internal import HoldfastCodec
internal import HoldfastEvent

/// An event as an upstream, or a dead letter, shows it.
struct Arrival {
  /// The message whose bytes it has.
  var text: Int
  var identity: Identity
  /// It is marked as older than what was sent before it.
  var isHistorical = false
}

/// Takes messages apart again, byte by byte: what comes out is compared with what sensors said.
extension World {
  /// The events in a message; nil when any byte is not as it was sent.
  func events(
    _ topic: ArraySlice<UInt8>,
    _ payload: ArraySlice<UInt8>,
    _ properties: ArraySlice<UInt8>,
    isBatch: Bool
  ) -> [Arrival]? {
    if !isBatch {
      guard let id = message(topic, payload), payload.elementsEqual(self.payload(of: id)),
        topic.elementsEqual(self.topic(of: id)), let identity = identity(in: properties),
        hasOwnProperties(id, properties)
      else { return nil }
      let isHistorical = properties.value(of: Array("historical".utf8)) != nil
      return [Arrival(text: id, identity: identity, isHistorical: isHistorical)]
    }
    var text = payload
    if properties.value(of: [])?.contains(UInt8(ascii: "+")) ?? false {
      guard let unpacked = unpacked(payload) else { return nil }
      text = unpacked[...]
    }
    var arrivals: [Arrival] = []
    var reader = ObjectReader(text)
    while let fields = reader.next() {
      guard let log = LogID(digits: fields[.log][...]), let number = fields.number(.seq),
        case let (topic, content) = (fields[.topic], fields[.payload]),
        let id = message(topic[...], content[...]), content == self.payload(of: id),
        topic == self.topic(of: id)
      else { return nil }
      arrivals.append(
        Arrival(
          text: id,
          identity: Identity(log: log, number: number),
          isHistorical: !fields[.historical].isEmpty
        )
      )
    }
    return reader.isAtEnd && !arrivals.isEmpty ? arrivals : nil
  }

  func unpacked(_ payload: ArraySlice<UInt8>) -> [UInt8]? {
    payload.starts(with: [0x1F, 0x8B])
      ? gzipDecompressed(payload, byteCountMax: 64 << 20)
      : zstdDecompressed(payload, byteCountMax: 64 << 20)
  }

  /// Which message's payload or topic it is: odd ones have the number in their topic.
  func message(_ topic: ArraySlice<UInt8>, _ payload: ArraySlice<UInt8>) -> Int? {
    var digits = payload.dropFirst().prefix { $0 != UInt8(ascii: ";") }
    let start = Array("{\"m\":".utf8)
    if payload.starts(with: start) {
      digits = payload.dropFirst(start.count).prefix { $0 != UInt8(ascii: ",") }
    } else if payload.first != UInt8(ascii: "m") {
      let start = topic.lastIndex(of: UInt8(ascii: "/")) ?? topic.startIndex
      digits = topic[start...].dropFirst()
    }
    guard digits.count < 10, let id = Int(String(decoding: digits, as: UTF8.self)),
      messages.indices.contains(id)
    else { return nil }
    return id
  }

  private func identity(in properties: ArraySlice<UInt8>) -> Identity? {
    guard let log = properties.value(of: Array("log".utf8)).flatMap({ LogID(digits: $0) }),
      let seq = properties.value(of: Array("seq".utf8)),
      let number = UInt64(String(decoding: seq, as: UTF8.self)), number > 0
    else { return nil }
    return Identity(log: log, number: number)
  }

  /// Whether what the sensor put beside the payload is still there.
  private func hasOwnProperties(_ id: Int, _ properties: ArraySlice<UInt8>) -> Bool {
    guard messages[id].hasProperties else { return true }
    let unit = properties.value(of: Array("unit".utf8))
    return unit?.elementsEqual("K\(messages[id].textOf)".utf8) ?? false
      && properties.value(of: [])?.elementsEqual("text/plain".utf8) ?? false
  }

  /// A gap record as it stands in its message.
  func gap(in payload: ArraySlice<UInt8>, isRefused: Bool) -> Evidence.Gap? {
    var reader = ObjectReader(payload)
    guard let fields = reader.next(), let log = LogID(digits: fields[.log][...]),
      let first = fields.number(.first), let last = fields.number(.last), first <= last + 1,
      let reason = GapReason.allCases.first(where: {
        fields[.reason].elementsEqual($0.description.utf8)
      })
    else { return nil }
    return Evidence.Gap(
      log: log,
      numbers: first..<last + 1,
      reason: reason,
      count: fields.number(.count),
      isRefused: isRefused
    )
  }
}

extension ArraySlice<UInt8> {
  /// The value of an entry of encoded `EventProperties`; the content type has an empty name.
  func value(of name: [UInt8]) -> ArraySlice<UInt8>? {
    var index = startIndex
    while index + 2 <= endIndex {
      let valueIndex = index + 2 + (Int(self[index]) | Int(self[index + 1]) << 8)
      guard valueIndex + 2 <= endIndex else { return nil }
      let start = valueIndex + 2
      let end = start + (Int(self[valueIndex]) | Int(self[valueIndex + 1]) << 8)
      guard end <= endIndex else { return nil }
      if valueIndex - index - 2 == name.count, self[index + 2..<valueIndex].elementsEqual(name) {
        return self[start..<end]
      }
      index = end
    }
    return nil
  }
}

/// The values of one object that the world looks at; what is not there is empty.
struct ObjectFields {
  enum Key: String, CaseIterable {
    case log, seq, result, topic, payload, first, last, reason, count, historical

    static let names = allCases.map { Array($0.rawValue.utf8) }
    var index: Int { Key.allCases.firstIndex(of: self) ?? 0 }
  }

  private var values = [[UInt8]](repeating: [], count: Key.allCases.count)

  subscript(key: Key) -> [UInt8] { values[key.index] }

  /// The value as a number; nil where it is none.
  func number(_ key: Key) -> UInt64? { UInt64(String(decoding: self[key], as: UTF8.self)) }

  fileprivate mutating func set(_ name: ArraySlice<UInt8>, _ value: [UInt8]) {
    for (index, known) in Key.names.enumerated() where name.elementsEqual(known) {
      values[index] = value
    }
  }
}

/// Reads flat JSON objects one after another: lines, or the elements of an array.
///
/// Strings come out unescaped, and `name_base64` as the bytes of `name`; other values as they
/// stand. Nothing else is known: whatever is not what Holdfast writes ends the reading.
struct ObjectReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// Whether all was read.
  var isAtEnd: Bool { rest.allSatisfy { $0 == UInt8(ascii: "]") || $0 == UInt8(ascii: "\n") } }

  mutating func next() -> ObjectFields? {
    rest = rest.drop {
      $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\n")
    }
    guard rest.first == UInt8(ascii: "{") else { return nil }
    rest = rest.dropFirst()
    var fields = ObjectFields()
    let suffix = Array("_base64".utf8)
    while let name = string() {
      guard rest.popFirst() == UInt8(ascii: ":"), let value = value() else { return nil }
      if name.suffix(suffix.count).elementsEqual(suffix) {
        fields.set(name.dropLast(suffix.count), Self.bytes(base64: value))
      } else {
        fields.set(name[...], value)
      }
      let end = rest.popFirst()
      if end == UInt8(ascii: "}") { return fields }
      if end != UInt8(ascii: ",") { return nil }
    }
    return nil
  }

  private mutating func value() -> [UInt8]? {
    if rest.first == UInt8(ascii: "\"") { return string() }
    if rest.first == UInt8(ascii: "[") {
      let end = rest.firstIndex(of: UInt8(ascii: "]")) ?? rest.endIndex
      defer { rest = rest[end...].dropFirst() }
      return Array(rest[..<end])
    }
    let value = rest.prefix { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "}") }
    rest = rest.dropFirst(value.count)
    return Array(value)
  }

  private mutating func string() -> [UInt8]? {
    guard rest.popFirst() == UInt8(ascii: "\"") else { return nil }
    var bytes: [UInt8] = []
    var start = rest.startIndex
    var index = start
    while index < rest.endIndex {
      switch rest[index] {
      case UInt8(ascii: "\""):
        bytes.append(contentsOf: rest[start..<index])
        rest = rest[(index + 1)...]
        return bytes
      case UInt8(ascii: "\\"):
        bytes.append(contentsOf: rest[start..<index])
        guard let byte = escaped(at: &index) else { return nil }
        bytes.append(byte)
        start = index
      default: index += 1
      }
    }
    return nil
  }

  /// The byte that an escape stands for: Holdfast escapes nothing above U+001F but `"` and `\`.
  private func escaped(at index: inout Int) -> UInt8? {
    guard index + 1 < rest.endIndex else { return nil }
    let kind = rest[index + 1]
    index += 2
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): return kind
    case UInt8(ascii: "b"): return 8
    case UInt8(ascii: "t"): return 9
    case UInt8(ascii: "n"): return 10
    case UInt8(ascii: "f"): return 12
    case UInt8(ascii: "r"): return 13
    case UInt8(ascii: "u"):
      guard index + 4 <= rest.endIndex else { return nil }
      let digits = String(decoding: rest[index..<index + 4], as: UTF8.self)
      index += 4
      return UInt8(digits, radix: 16)
    default: return nil
    }
  }

  private static func bytes(base64 text: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    var word = 0
    var bitCount = 0
    for letter in text {
      let value: Int
      switch letter {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = Int(letter) - 65
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = Int(letter) - 71
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = Int(letter) + 4
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      default: return bytes
      }
      word = word << 6 | value
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: word >> bitCount))
      }
    }
    return bytes
  }
}
