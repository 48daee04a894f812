internal import HoldfastCodec
internal import HoldfastEvent
internal import HoldfastPayload

/// Why a message can't be unpacked, for a person.
public struct BatchFault: Error, Equatable, Sendable {
  /// One line.
  public var what: String
}

/// What the payload of a message holds.
public enum BatchContent: Equatable, Sendable {
  case events([ReceivedEvent])
  /// A gap record: one JSON object with a reason.
  case gap(Origin)
}

/// Reads batches of any format back into events: `ndjson`, `json` and `lines`, each plain, in zstd
/// or in gzip.
///
/// Which it is shows in its first bytes, so that batches over MQTT 3.1.1, which has no content
/// type, can be read as well. All or nothing: a batch of which any part is not as Holdfast writes
/// it is no batch.
public struct BatchDecoder: Sendable {
  /// Most bytes of a batch after decompression: the largest payload an agent takes, 8 MiB, with six
  /// bytes of JSON for each of its bytes, and room for the rest.
  public static let byteCountMax = 64 << 20

  private enum Key: Int, CaseIterable {
    case agent, log, seq, result, resultBase64, time, topic, topicBase64, payload, payloadBase64
    case retained, redelivered, historical, replay, reason

    func name(in format: PayloadFormat) -> String {
      let isLine = format == .line
      return switch self {
      case .resultBase64: "result_base64"
      case .topic: isLine ? "event_topic" : "topic"
      case .topicBase64: isLine ? "event_topic_base64" : "topic_base64"
      case .payloadBase64: "payload_base64"
      default: "\(self)"
      }
    }
  }

  private var objects = Self.scanner(.json)
  private var lines = Self.scanner(.line)
  private var fields: [Field] = []

  /// A decoder; it keeps nothing from one message to the next.
  public init() {}

  private static func scanner(_ format: PayloadFormat) -> FieldScanner {
    FieldScanner(paths: Key.allCases.compactMap { try? FieldPath($0.name(in: format)) })
  }

  /// Reads one message's payload.
  ///
  /// - Throws: what is wrong with it.
  /// - Complexity: O(bytes after decompression).
  public mutating func decode(_ payload: ArraySlice<UInt8>) throws(BatchFault) -> BatchContent {
    let text = try Self.decompressed(payload)
    switch text.first {
    case UInt8(ascii: "["): return .events(try array(text))
    case UInt8(ascii: "{"): return try objectLines(text)
    case UInt8(ascii: "h") where text.starts(with: "holdfast,".utf8):
      var events: [ReceivedEvent] = []
      try forEachLine(text) { (decoder, line) throws(BatchFault) in
        events.append(try decoder.event(line, .line))
      }
      return .events(events)
    default: throw BatchFault(what: "it is no batch of Holdfast's")
    }
  }

  private static func decompressed(
    _ payload: ArraySlice<UInt8>
  ) throws(BatchFault) -> ArraySlice<UInt8> {
    var plain: [UInt8]?
    if payload.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      plain = zstdDecompressed(payload, byteCountMax: byteCountMax)
    } else if payload.starts(with: [0x1F, 0x8B]) {
      plain = gzipDecompressed(payload, byteCountMax: byteCountMax)
    } else {
      guard payload.count <= byteCountMax else { throw tooLarge }
      return payload
    }
    guard let plain else {
      throw BatchFault(what: "it can't be decompressed, or to more than 64 MiB")
    }
    return plain[...]
  }

  static let tooLarge = BatchFault(what: "it is larger than 64 MiB")

  private mutating func objectLines(
    _ text: ArraySlice<UInt8>
  ) throws(BatchFault) -> BatchContent {
    var events: [ReceivedEvent] = []
    var gap: Origin?
    try forEachLine(text) { (decoder, line) throws(BatchFault) in
      if events.isEmpty, let origin = try decoder.gap(line) {
        gap = origin
      } else {
        events.append(try decoder.event(line, .json))
      }
    }
    guard let gap else { return .events(events) }
    if !events.isEmpty { throw BatchFault(what: "it holds events beside a gap record") }
    return .gap(gap)
  }

  private mutating func forEachLine(
    _ text: ArraySlice<UInt8>,
    _ body: (inout BatchDecoder, ArraySlice<UInt8>) throws(BatchFault) -> Void
  ) throws(BatchFault) {
    var start = text.startIndex
    while start < text.endIndex {
      let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.endIndex
      if end > start { try body(&self, text[start..<end]) }
      start = end + 1
    }
  }

  /// The elements of an array of objects: cut at the commas between them, then read each.
  private mutating func array(_ text: ArraySlice<UInt8>) throws(BatchFault) -> [ReceivedEvent] {
    var events: [ReceivedEvent] = []
    var depth = 0
    var isText = false
    var start = text.startIndex + 1
    var index = start
    while index < text.endIndex {
      let byte = text[index]
      if isText {
        if byte == UInt8(ascii: "\\") { index += 1 }
        if byte == UInt8(ascii: "\"") { isText = false }
      } else if byte == UInt8(ascii: "\"") {
        isText = true
      } else if byte == UInt8(ascii: "{") {
        depth += 1
      } else if byte == UInt8(ascii: "}") {
        depth -= 1
      } else if depth == 0, byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") {
        events.append(try event(text[start..<index], .json))
        start = index + 1
        if byte == UInt8(ascii: "]") {
          guard start == text.endIndex else { break }
          return events
        }
      }
      index += 1
    }
    throw BatchFault(what: "its array is cut short, or goes on behind its end")
  }

  private mutating func scan(
    _ text: ArraySlice<UInt8>,
    _ format: PayloadFormat
  ) throws(BatchFault) {
    let fault = unsafe text.withUnsafeBytes { bytes in
      format == .line
        ? unsafe lines.read(bytes, as: .line, into: &fields)
        : unsafe objects.read(bytes, as: .json, into: &fields)
    }
    if fault != nil || text.isEmpty {
      throw BatchFault(what: "an event of it can't be read")
    }
  }

  private func text(_ key: Key, of bytes: ArraySlice<UInt8>, _ format: PayloadFormat) -> [UInt8]? {
    let field = fields[key.rawValue]
    guard field.kind == .text else { return nil }
    return unsafe bytes.withUnsafeBytes { unsafe characters(of: field, in: $0, as: format) }
  }

  /// A text, or what stands in base64 in its place.
  private func text(
    _ key: Key,
    or base64: Key,
    of bytes: ArraySlice<UInt8>,
    _ format: PayloadFormat
  ) -> [UInt8]? {
    if let text = text(key, of: bytes, format) { return text }
    return text(base64, of: bytes, format).flatMap { HoldfastUnpack.bytes(base64: $0[...]) }
  }

  private func isTrue(_ key: Key) -> Bool {
    fields[key.rawValue].kind == .boolean && fields[key.rawValue].number == 1
  }

  private func origin(of line: ArraySlice<UInt8>, _ format: PayloadFormat) -> Origin? {
    guard let agent = text(.agent, of: line, format), !agent.isEmpty,
      let log = text(.log, of: line, format).flatMap({ LogID(digits: $0[...]) })
    else { return nil }
    return Origin(agent: agent, log: log)
  }

  /// Whose gap record the object is; nil where it is none.
  private mutating func gap(_ line: ArraySlice<UInt8>) throws(BatchFault) -> Origin? {
    try scan(line, .json)
    guard fields[Key.reason.rawValue].kind == .text, fields[Key.seq.rawValue].kind == .missing
    else { return nil }
    return origin(of: line, .json)
  }

  private mutating func event(
    _ line: ArraySlice<UInt8>,
    _ format: PayloadFormat
  ) throws(BatchFault) -> ReceivedEvent {
    try scan(line, format)
    guard let origin = origin(of: line, format) else {
      throw BatchFault(what: "an event of it names no agent and log")
    }
    let name: EventIdentity.Name
    if let result = text(.result, or: .resultBase64, of: line, format) {
      name = .result(result)
    } else if let number = number(of: line) {
      name = .number(number)
    } else {
      throw BatchFault(what: "an event of it has no number")
    }
    guard let topic = text(.topic, or: .topicBase64, of: line, format),
      let payload = text(.payload, or: .payloadBase64, of: line, format),
      let time = format == .line ? lineTime(line) : text(.time, of: line, format)
    else { throw BatchFault(what: "an event of it has no topic, payload or time") }
    var event = ReceivedEvent(
      identity: EventIdentity(origin: origin, name: name),
      time: time,
      topic: topic,
      payload: payload
    )
    event.isRetained = isTrue(.retained)
    event.isPossiblyRedelivered = fields[Key.redelivered.rawValue].kind == .text
    event.isHistorical = isTrue(.historical)
    event.isReplay = isTrue(.replay)
    return event
  }

  /// A number that can be followed by another one.
  private func number(of line: ArraySlice<UInt8>) -> SequenceNumber? {
    let field = fields[Key.seq.rawValue]
    guard field.kind == .number, field.range.upperBound <= line.count else { return nil }
    let start = line.startIndex + field.range.lowerBound
    let number = decimal(line[start..<line.startIndex + field.range.upperBound])
    return number.flatMap { isSequenceNumber($0) ? $0 : nil }
  }

  /// The time stamp behind the last space, as text; its last three digits are not the time's.
  private func lineTime(_ line: ArraySlice<UInt8>) -> [UInt8]? {
    guard let space = line.lastIndex(of: UInt8(ascii: " ")) else { return nil }
    var digits = line[(space + 1)...]
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative { digits = digits.dropFirst() }
    guard let magnitude = decimal(digits), let value = Int64(exactly: magnitude) else { return nil }
    // Rounded down: the three digits were added to the time's.
    let wall = isNegative ? -(value / 1000) - (value % 1000 > 0 ? 1 : 0) : value / 1000
    return Array(rfc3339(wallMicroseconds: wall).utf8)
  }
}

/// Whether a log can have given that number: it begins at 1, and a next one must exist.
func isSequenceNumber(_ number: UInt64) -> Bool { number > 0 && number < .max }
