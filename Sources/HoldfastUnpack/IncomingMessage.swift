internal import HoldfastEvent
internal import HoldfastUpstream

/// One message as the source handed it over.
struct IncomingMessage {
  let topic: ArraySlice<UInt8>
  let payload: ArraySlice<UInt8>
  let properties: EventProperties
  let isRetained: Bool

  init(_ batch: EventBatch, _ index: Int) {
    topic = batch.topic(index)
    payload = batch.payload(index)
    let row = batch.rows[index]
    properties =
      row.propertiesByteCount == 0
      ? EventProperties() : EventProperties(encoded: batch.properties(index))
    isRetained = row.flags.contains(.retained)
  }

  /// The value of the first user property of that name.
  func property(_ name: StaticString) -> [UInt8]? {
    let name = Array("\(name)".utf8)
    return properties.pairs.first { $0.name == name }?.value
  }

  /// Whose it says it is; nil where it doesn't say.
  var agent: [UInt8]? { property("agent") }

  /// What it holds, by its properties or else by its payload.
  func content(_ decoder: inout BatchDecoder) throws(BatchFault) -> BatchContent {
    if let event = try event() { return .events([event]) }
    guard payload.count <= BatchDecoder.byteCountMax else { throw BatchDecoder.tooLarge }
    let content = try decoder.decode(payload)
    try verify(content)
    return content
  }

  /// The event whose identity stands in the properties; nil where it is a batch.
  private func event() throws(BatchFault) -> ReceivedEvent? {
    let name: EventIdentity.Name
    if let result = property("result") {
      name = .result(result)
    } else if let digits = property("seq") {
      guard let number = decimal(digits[...]), isSequenceNumber(number) else {
        throw BatchFault(what: "its property seq is no sequence number")
      }
      name = .number(number)
    } else {
      return nil
    }
    guard let agent, let log = property("log").flatMap({ LogID(digits: $0[...]) }) else {
      throw BatchFault(what: "its properties name no agent and log")
    }
    var event = ReceivedEvent(
      identity: EventIdentity(origin: Origin(agent: agent, log: log), name: name),
      time: property("time") ?? [],
      topic: Array(topic),
      payload: Array(payload)
    )
    event.isRetained = isRetained
    event.isPossiblyRedelivered = property("redelivered") != nil
    event.isHistorical = property("historical") != nil
    event.isReplay = property("replay") != nil
    return event
  }

  /// Whether the batch is what its properties say; without them, over 3.1.1, nothing is said.
  private func verify(_ content: BatchContent) throws(BatchFault) {
    guard case .events(let events) = content else { return }
    if events.isEmpty { throw BatchFault(what: "it holds no event") }
    if let count = property("count"), decimal(count[...]) != UInt64(events.count) {
      throw BatchFault(what: "it doesn't hold as many events as its property count says")
    }
    let log = property("log")
    for event in events {
      let origin = event.identity.origin
      if let agent, agent != origin.agent { throw Self.foreign }
      if let log, log != Array(origin.log.description.utf8) { throw Self.foreign }
    }
  }

  private static let foreign = BatchFault(
    what: "it holds an event of another agent or log than its properties say"
  )

  /// The whole message as a dead letter.
  func letter(reason: String) -> DeadLetter {
    DeadLetter(
      upstream: "unpack",
      log: UnpackQueue.logID,
      first: 0,
      end: 0,
      count: 0,
      topic: Array(topic),
      payload: Array(payload),
      properties: properties.encoded,
      isRetained: isRetained,
      reason: reason
    )
  }

  /// One event of it as a dead letter.
  func letter(_ event: ReceivedEvent, reason: String) -> DeadLetter {
    var letter = letter(reason: reason)
    let message = OutgoingMessage(event, of: self, topic: event.topic)
    letter.log = event.identity.origin.log
    if case .number(let number) = event.identity.name {
      letter.first = number
      letter.end = number + 1
    }
    letter.count = 1
    letter.topic = event.topic
    letter.payload = event.payload
    letter.properties = message.properties
    return letter
  }
}

extension BatchContent {
  /// Whose it is: of its first event, the others having to be of the same.
  var agent: [UInt8]? {
    switch self {
    case .gap(let origin): origin.agent
    case .events(let events): events.first?.identity.origin.agent
    }
  }
}

/// A message to publish: the event with its original topic and payload, identity and marks as user
/// properties, as format `event` has them.
struct OutgoingMessage {
  var topic: [UInt8]
  var payload: [UInt8]
  /// Encoded `EventProperties`.
  var properties: [UInt8]
  var isRetained: Bool

  var byteCount: Int { topic.count + payload.count + properties.count }

  /// The message as it came.
  init(_ message: IncomingMessage, topic: ArraySlice<UInt8>) {
    self.topic = Array(topic)
    payload = Array(message.payload)
    properties = message.properties.encoded
    isRetained = message.isRetained
  }

  init(_ event: ReceivedEvent, of message: IncomingMessage, topic: [UInt8]) {
    self.topic = topic
    payload = event.payload
    isRetained = event.isRetained
    // A message of its own bears them already.
    if message.property("seq") != nil || message.property("result") != nil {
      properties = message.properties.encoded
      return
    }
    var pairs: [EventProperties.Pair] = []
    func add(_ name: String, _ value: [UInt8]) {
      pairs.append(EventProperties.Pair(name: Array(name.utf8), value: value))
    }
    add("agent", event.identity.origin.agent)
    add("log", Array(event.identity.origin.log.description.utf8))
    switch event.identity.name {
    case .number(let number): add("seq", Array("\(number)".utf8))
    case .result(let text): add("result", text)
    }
    add("time", event.time)
    if event.isPossiblyRedelivered { add("redelivered", Array("possible".utf8)) }
    if event.isHistorical { add("historical", Array("true".utf8)) }
    if event.isReplay { add("replay", Array("true".utf8)) }
    properties = EventProperties(pairs: pairs).encoded
  }
}

/// Fills in `{topic}`, `{agent}` and `{upstream}` by the event, not by who unpacks it.
struct EventTopics {
  private enum Part { case text([UInt8]), topic, agent }

  private var parts: [Part] = []

  init(template: String, upstream: String) {
    var text: [UInt8] = []
    var rest = Array(template.utf8)[...]
    func passes(_ word: String) -> Bool {
      guard rest.starts(with: word.utf8) else { return false }
      rest = rest.dropFirst(word.utf8.count)
      return true
    }
    while !rest.isEmpty {
      if passes("{upstream}") {
        text.append(contentsOf: upstream.utf8)
      } else if passes("{topic}") {
        parts += [.text(text), .topic]
        text = []
      } else if passes("{agent}") {
        parts += [.text(text), .agent]
        text = []
      } else {
        text.append(rest.removeFirst())
      }
    }
    parts.append(.text(text))
  }

  func topic(of event: ReceivedEvent) -> [UInt8] {
    var topic: [UInt8] = []
    for part in parts {
      switch part {
      case .text(let text): topic.append(contentsOf: text)
      case .topic: topic.append(contentsOf: event.topic)
      case .agent: topic.append(contentsOf: event.identity.origin.agent)
      }
    }
    return topic
  }
}

extension ReceivedEvent {
  /// Appends the object that an `ndjson` batch would hold, without a line's end.
  func appendObject(to bytes: inout [UInt8]) {
    func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
    func append(value: ArraySlice<UInt8>, for key: String) {
      if isValidUTF8(value) {
        append(",\"\(key)\":")
        bytes.append(jsonString: value)
      } else {
        append(",\"\(key)_base64\":\"")
        bytes.append(base64: value)
        append("\"")
      }
    }
    append("{\"agent\":")
    bytes.append(
      jsonString: Array(String(decoding: identity.origin.agent, as: UTF8.self).utf8)[...]
    )
    append(",\"log\":\"\(identity.origin.log)\"")
    switch identity.name {
    case .number(let number): append(",\"seq\":\(number)")
    case .result(let text): append(value: text[...], for: "result")
    }
    append(value: time[...], for: "time")
    append(value: topic[...], for: "topic")
    append(value: payload[...], for: "payload")
    if isRetained { append(",\"retained\":true") }
    if isPossiblyRedelivered { append(",\"redelivered\":\"possible\"") }
    if isHistorical { append(",\"historical\":true") }
    if isReplay { append(",\"replay\":true") }
    append("}")
  }
}
