internal import HoldfastEvent

/// Renders gap records for people and programs at the centre.
struct GapFormat: Sendable {
  private let agentID: [UInt8]
  /// Empty: gap records are passed without being sent.
  let topic: [UInt8]
  /// Kafka: the agent's id is the record's key, so that its gap records keep their order.
  private let isRecord: Bool
  private let isReplay: Bool

  init(configuration: UpstreamConfiguration, agentID: String) {
    self.agentID = Array(agentID.utf8)
    let topic = TopicTemplate(
      configuration.gapTopicTemplate,
      agentID: agentID,
      upstream: configuration.name
    ).filled()
    isRecord = configuration.kafka != nil
    isReplay = configuration.isReplay
    self.topic = isRecord ? topic.map(RecordTarget.legal) : topic
  }

  /// Appends one gap record as one message.
  ///
  /// `first` and `last` enclose the missing numbers; a record that only marks a place has
  /// `last` = `first` - 1. `count` is null where it can't be known.
  func append(_ record: GapRecord, tag: UInt64, to out: inout MessageBatch) {
    let last = record.end == 0 ? 0 : record.end - 1
    var json: [UInt8] = []
    json.append(text: #"{"agent":"#)
    json.append(jsonString: agentID[...])
    json.append(text: #","log":"\#(record.log)","first":\#(record.first),"last":\#(last)"#)
    json.append(text: #","count":\#(record.count.map(String.init) ?? "null")"#)
    json.append(text: #","reason":"\#(record.reason)","topics":["#)
    for (index, topic) in record.topics.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      // No broker hands out another kind; one that came all the same is shown mended.
      json.append(jsonString: Array(String(decoding: topic, as: UTF8.self).utf8)[...])
    }
    json.append(text: #"],"time":"\#(rfc3339(wallMicroseconds: record.wall))""#)
    json.append(text: isReplay ? #","replay":true}"# : "}")
    var properties: [UInt8] = []
    properties.append(property: [], Array("application/json".utf8))
    properties += originProperties(agentID: agentID, log: record.log)
    properties.append(property: Array("first".utf8), Array(String(record.first).utf8))
    properties.append(property: Array("gap".utf8), Array(record.reason.description.utf8))
    if isReplay { properties += replayMark }
    out.append(topic: topic, payload: json[...], properties: properties, tag: tag)
    if isRecord {
      let keyOffset = out.bytes.count
      out.bytes += agentID
      out.setLast(keyFrom: keyOffset, wall: record.wall)
    }
  }
}
