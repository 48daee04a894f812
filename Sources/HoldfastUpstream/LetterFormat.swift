internal import HoldfastEvent
internal import HoldfastStage

/// Renders dead letters as messages, to be sent once more.
///
/// A message of MQTT goes out as it was. A record gets topic and key anew, so that it follows a
/// template that was mended since; its headers say for which event's topic.
public struct LetterFormat: Sendable {
  private var target: RecordTarget?
  private let gapTopic: [UInt8]
  private let agentID: [UInt8]

  /// - Parameters:
  ///   - configuration: the upstream's.
  ///   - agentID: fills in `{agent}`.
  public init(_ configuration: UpstreamConfiguration, agentID: String) {
    target = RecordTarget(configuration, agentID: agentID)
    gapTopic = GapFormat(configuration: configuration, agentID: agentID).topic
    self.agentID = Array(agentID.utf8)
  }

  /// Appends one letter.
  public mutating func append(_ letter: DeadLetter, tag: UInt64, to out: inout MessageBatch) {
    guard target != nil else {
      out.append(
        topic: letter.topic,
        payload: letter.payload[...],
        properties: letter.properties,
        tag: tag
      )
      out.rows[out.rows.count - 1].isRetained = letter.isRetained
      return
    }
    let headers = EventProperties(encoded: letter.properties[...])
    let isGap = value(of: "gap", in: headers) != nil
    let eventTopic = value(of: "topic", in: headers) ?? letter.topic
    var topic = gapTopic
    if !isGap {
      topic.removeAll()
      target?.appendTopic(for: eventTopic[...], to: &topic)
    }
    out.append(
      topic: topic,
      payload: letter.payload[...],
      properties: letter.properties,
      tag: tag
    )
    let keyOffset = out.bytes.count
    if isGap {
      out.bytes += agentID
    } else {
      target?.appendKey(for: eventTopic[...], to: &out.bytes)
    }
    let time = value(of: "time", in: headers)
    out.setLast(keyFrom: keyOffset, wall: time.flatMap { instant(ofRFC3339: $0[...]) } ?? 0)
  }

  /// Of the first header of that name.
  private func value(of name: String, in headers: EventProperties) -> [UInt8]? {
    headers.pairs.first { $0.name.elementsEqual(name.utf8) }?.value
  }
}
