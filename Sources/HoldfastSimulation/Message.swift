internal import HoldfastEvent

/// What a sensor says: ordinary values, and what a parser may stumble over.
public enum MessageKind: String, CaseIterable, Sendable {
  case plain = "text"
  case empty = "empty payload"
  case control = "NUL, quotes and control characters"
  case notText = "payload that is not UTF-8"
  case badTopic = "topic that is not UTF-8"
  case oversize = "payload above the limit"
  case loop = "our own identity comes back"
  case retained = "retained, replayed"
  case bulk = "bulk that fills the ring"

  var index: Int { MessageKind.allCases.firstIndex(of: self) ?? 0 }

  /// Whether other messages have its topic.
  var hasSharedTopic: Bool { self == .plain || self == .bulk || self == .retained }

  /// Whether the log gives it a number.
  var isStored: Bool { self != .oversize && self != .loop && self != .badTopic }
}

/// What a sensor said, and what became of it.
struct Message {
  var kind = MessageKind.plain
  var source: Int
  var topicIndex: Int
  /// Whose payload it repeats: its own, unless the broker replays a retained message.
  var textOf: Int
  /// Bytes of filler behind the start of the payload.
  var fillerByteCount = 0
  var isQoS1: Bool
  /// The broker replays it to each new subscription.
  var isRetained = false
  /// The upstreams whose filters select its topic, as bits.
  var selectedBy: UInt32 = 0
  /// It bears properties of its own.
  var hasProperties = false
  /// The sensors' broker got a PUBACK.
  var isAcknowledged = false
  /// The stages of its source kept it back at least once.
  var isFilteredAtSource = false
  /// Times it was handed to the agent.
  var handedCount = 0
  /// Its text was handed over: with this message, or with one that repeats it.
  var isTextHanded = false
  /// Times the broker sent it.
  var sendCount = 0
  /// Numbers that the log gave it, by their place in ``Numbering``.
  var places: [Int] = []
}

/// Letters to fill payloads with: hardly compressible, the same in every world.
private let filler: [UInt8] = {
  var random = SplitMix64(seed: 0xf111)
  let letters = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_".utf8)
  var bytes: [UInt8] = []
  for _ in 0..<(1 << 17) {
    var word = random.next()
    for _ in 0..<8 {
      bytes.append(letters[Int(word & 63)])
      word >>= 8
    }
  }
  return bytes
}()

extension World {
  /// The topic follows from the message; odd messages have one of their own.
  func topic(of id: Int) -> [UInt8] {
    let message = messages[id]
    switch message.kind {
    case .plain, .retained, .bulk, .oversize, .loop:
      return Array("plant/\(message.source)/\(message.topicIndex)".utf8)
    case .empty, .control, .notText:
      return Array("plant/\(message.source)/odd/\(message.textOf)".utf8)
    case .badTopic: return Array("plant/\(message.source)/odd/\(message.textOf)/".utf8) + [0xff]
    }
  }

  /// The payload follows from the message, so that every byte of it can be checked.
  func payload(of id: Int) -> [UInt8] {
    let message = messages[id]
    var bytes: [UInt8] = []
    if message.kind == .empty { return bytes }
    bytes.reserveCapacity(message.fillerByteCount + 40)
    let isJSON = plan.hasStages && message.isJSON
    bytes.append(
      contentsOf: isJSON
        ? "{\"m\":\(message.textOf),\"v\":\(message.value),\"t\":\"".utf8
        : "m\(message.textOf);".utf8
    )
    switch message.kind {
    case .control:
      bytes.append(contentsOf: [0, 1, 8, 9, 10, 12, 13, 27, 31, 34, 92, 47, 127])
      bytes.append(contentsOf: "é€😀".utf8)
    case .notText:
      bytes.append(contentsOf: [0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80])
    default: break
    }
    let start = Int(UInt64(message.textOf) &* 0x9e37_79b9 % UInt64(filler.count - (64 << 10)))
    bytes.append(contentsOf: filler[start..<start + message.fillerByteCount])
    if isJSON { bytes.append(contentsOf: "\"}".utf8) }
    return bytes
  }

  /// What the sensor, or our own echo, put beside the payload.
  func properties(of id: Int) -> [UInt8] {
    let message = messages[id]
    let text = { (text: String) in Array(text.utf8) }
    if message.kind == .loop {
      return EventProperties(pairs: [
        .init(name: text("agent"), value: text("edge")),
        .init(name: text("log"), value: text("00")),
        .init(name: text("seq"), value: text("7")),
      ]).encoded
    }
    guard message.hasProperties else { return [] }
    return EventProperties(
      contentType: text("text/plain"),
      pairs: [.init(name: text("unit"), value: text("K\(message.textOf)"))]
    ).encoded
  }
}
