import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream

let second: Int64 = 1_000_000

/// What a sensor said, as its agent stored it.
struct Reading: Equatable {
  var topic: [UInt8]
  var payload: [UInt8]
  var flags: EventFlags = .qos1

  init(_ topic: String, _ payload: [UInt8], flags: EventFlags = .qos1) {
    self.topic = Array(topic.utf8)
    self.payload = payload
    self.flags = flags
  }
}

/// A message on its way to the centre.
struct Shipped: Equatable {
  var topic: [UInt8]
  var payload: [UInt8]
  var properties: [UInt8]
  var isRetained = false

  subscript(name: String) -> String? {
    EventProperties(encoded: properties[...]).pairs.first { $0.name == Array(name.utf8) }
      .map { String(decoding: $0.value, as: UTF8.self) }
  }
}

let wallOfAll: Int64 = 1_767_225_600_123_456

/// What an agent makes of readings, by its own forwarder.
func shipped(
  _ readings: [Reading],
  agent: String = "edge-1",
  log: LogID = LogID(high: 7, low: 9),
  first: SequenceNumber = 1,
  format: MessageFormat = .ndjson,
  compression: BatchCompression = .none,
  count: Int = 500,
  isReplay: Bool = false
) -> [Shipped] {
  var configuration = UpstreamConfiguration(
    name: "central",
    link: LinkConfiguration(host: "central", port: 1883),
    topics: [TopicFilter("#")].compactMap { $0 }
  )
  configuration.format = format
  configuration.compression = compression
  configuration.batchEventCountMax = count
  (configuration.inFlightMax, configuration.isReplay) = (1000, isReplay)
  if format != .event { configuration.topicTemplate = "holdfast/{agent}/events" }
  var forwarder = Forwarder(
    configuration: configuration,
    agentID: agent,
    ledger: UpstreamLedger(name: "central", cursor: first),
    seed: 1
  )
  var events = EventBatch()
  for reading in readings {
    events.append(
      topic: reading.topic,
      payload: reading.payload,
      clock: ClockReading(boot: 0, wall: wallOfAll),
      flags: reading.flags
    )
  }
  let stored = StoredBatch(log: log, first: first, events: events)
  let read: Forwarder.Read = { from, _ in
    stored.index(of: from).map { .events(stored, row: $0) } ?? .end
  }
  var messages: [Shipped] = []
  var actions: [Forwarder.Action] = []
  func step(_ now: Int64) -> [Acknowledgement] {
    forwarder.step(now: now, read: read, keep: { _ in true }, into: &actions)
    var answers: [Acknowledgement] = []
    for case .publish(let batch) in actions {
      for row in batch.rows {
        messages.append(
          Shipped(
            topic: Array(batch.bytes[row.topicRange]),
            payload: Array(batch.bytes[row.payloadRange]),
            properties: Array(batch.bytes[row.propertiesRange]),
            isRetained: row.isRetained
          )
        )
        answers.append(Acknowledgement(tag: row.tag))
      }
    }
    actions = []
    return answers
  }
  forwarder.start(now: 0)
  _ = step(0)
  forwarder.connected(SessionGrant(protocolVersion: .v5, isSessionPresent: false), now: 0)
  for turn in 1..<10_000 {
    let answers = step(Int64(turn) * 2 * second)
    if answers.isEmpty && forwarder.ledger.cursor == stored.end { break }
    forwarder.acknowledged(answers, now: Int64(turn) * 2 * second)
  }
  return messages
}

/// Payloads of every kind, made from a seed.
func readings(_ count: Int, seed: UInt64) -> [Reading] {
  var random = SplitMix64(seed: seed)
  return (0..<count).map { index in
    let payload: [UInt8] =
      switch random.next() % 5 {
      case 0: Array("\(Double(random.next() % 1000) / 10)".utf8)
      case 1: Array("{\"v\":\(index),\"t\":\"a\\\"b\\\\\"}".utf8)
      case 2: (0..<Int(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      case 3: []
      default: Array("line 1\nline 2\t\u{1}ü\(index)".utf8)
      }
    let topic = ["hall/\(random.next() % 5)", "a b/c,d=e", "ü\\℃"][Int(random.next() % 3)]
    return Reading(topic, payload, flags: random.next() % 9 == 0 ? [.qos1, .retained] : .qos1)
  }
}
