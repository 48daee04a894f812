internal import HoldfastEvent
internal import HoldfastStage

/// Where an event's record goes in a Kafka cluster: topic and key, made by templates.
///
/// `{agent}` and `{upstream}` are filled in once; `{topic}` and what the wildcards of the filter took
/// differ from event to event. A topic's name may hold letters, digits, `.`, `_` and `-` only: of
/// what an event's topic brings in, `/` becomes `.` and anything else `_`. A key is left as it is.
struct RecordTarget: Sendable {
  /// Most bytes of a topic's name (Kafka, `Topic.validate`).
  static let topicByteCountMax = 249

  private let filters: [TopicFilter]
  private let topic: FillText
  private let key: FillText
  private let usesCaptures: Bool
  private var captures: [Range<Int>] = []
  private var name: [UInt8] = []

  /// Nil for an upstream that speaks MQTT.
  init?(_ configuration: UpstreamConfiguration, agentID: String) {
    guard let kafka = configuration.kafka else { return nil }
    filters = configuration.topics
    let places = ["{agent}": agentID, "{upstream}": configuration.name]
    topic = FillText(filled(configuration.topicTemplate, places))
    key = FillText(filled(kafka.keyTemplate, places))
    usesCaptures = topic.usesCaptures || key.usesCaptures
  }

  /// Whether every record goes to the same topic.
  var isConstant: Bool { topic.isConstant }

  /// Whether a topic's name can be made for an event's topic: where wildcards are asked for, a
  /// filter has to match, which it need not after a stage that renames.
  mutating func isPublishable(_ eventTopic: ArraySlice<UInt8>) -> Bool {
    if usesCaptures && !findCaptures(eventTopic) { return false }
    // Taken out meanwhile, so that its memory is used again.
    var made: [UInt8] = []
    swap(&made, &name)
    made.removeAll(keepingCapacity: true)
    appendTopic(for: eventTopic, to: &made)
    defer { swap(&made, &name) }
    return (1...Self.topicByteCountMax).contains(made.count)
      && !(made.count <= 2 && made.allSatisfy { $0 == dot })
  }

  /// Appends the topic's name for an event's topic.
  mutating func appendTopic(for eventTopic: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    if topic.usesCaptures { _ = findCaptures(eventTopic) }
    let start = bytes.count
    topic.append(topic: eventTopic, captures: captures, isJSON: false, to: &bytes)
    for index in start..<bytes.count { bytes[index] = Self.legal(bytes[index]) }
  }

  /// Appends the key for an event's topic.
  mutating func appendKey(for eventTopic: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    if key.usesCaptures { _ = findCaptures(eventTopic) }
    key.append(topic: eventTopic, captures: captures, isJSON: false, to: &bytes)
  }

  /// What a byte of an event's topic becomes in a topic's name.
  static func legal(_ byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), dot, UInt8(ascii: "_"), UInt8(ascii: "-"):
      byte
    case UInt8(ascii: "/"): dot
    default: UInt8(ascii: "_")
    }
  }

  /// What the wildcards of the first filter that matches took; false where none does.
  private mutating func findCaptures(_ eventTopic: ArraySlice<UInt8>) -> Bool {
    for filter in filters where filter.captures(in: eventTopic, into: &captures) { return true }
    captures.removeAll(keepingCapacity: true)
    return false
  }
}

private let dot = UInt8(ascii: ".")

/// `text` with each of `places` replaced, once.
private func filled(_ text: String, _ places: [String: String]) -> String {
  var result = ""
  var rest = text[...]
  while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
    let place = String(rest[open...close])
    result += rest[..<open]
    result += places[place] ?? place
    rest = rest[rest.index(after: close)...]
  }
  return result + rest
}
