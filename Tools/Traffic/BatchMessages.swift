import FoundationEssentials

/// One event of a JSON batch.
struct BatchedEvent: Decodable {
  var agent: String
  var log: String
  var seq: UInt64
  var topic: String
  var payload: String?
  var payload_base64: String?
  var redelivered: String?

  /// Nil where there is no payload, or the base64 is damaged.
  var payloadBytes: [UInt8]? {
    if let payload { return Array(payload.utf8) }
    return payload_base64.flatMap { Data(base64Encoded: $0) }.map { Array($0) }
  }
}

/// A gap record as it is sent to `holdfast/<agent>/gaps`.
struct GapMessage: Decodable {
  var agent: String
  var log: String
  var first: UInt64
  var last: UInt64?
  var count: UInt64?
  var reason: String
}

/// What a payload is, by its first bytes.
enum PayloadShape {
  case single
  case lines
  case array
  case compressed

  init(_ payload: UnsafeRawBufferPointer) {
    let object = Array(#"{"agent":"#.utf8)
    if payload.starts(with: object) {
      self = .lines
    } else if payload.first == UInt8(ascii: "["), payload.dropFirst().starts(with: object) {
      self = .array
    } else if payload.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      self = .compressed
    } else {
      self = .single
    }
  }
}

/// Reads batches; anything it can't read is nil.
struct BatchReader {
  private let decoder = JSONDecoder()

  func events(lines payload: UnsafeRawBufferPointer) -> [BatchedEvent]? {
    var events: [BatchedEvent] = []
    for line in payload.split(separator: UInt8(ascii: "\n")) {
      guard let event = try? decoder.decode(BatchedEvent.self, from: Data(line)) else {
        return nil
      }
      events.append(event)
    }
    return events
  }

  func events(array payload: UnsafeRawBufferPointer) -> [BatchedEvent]? {
    try? decoder.decode([BatchedEvent].self, from: Data(payload))
  }

  func gap(_ payload: UnsafeRawBufferPointer) -> GapMessage? {
    try? decoder.decode(GapMessage.self, from: Data(payload))
  }
}
