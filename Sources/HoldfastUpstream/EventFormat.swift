internal import HoldfastEvent

/// Renders events one by one: original payload, identity and arrival time as user properties.
struct EventFormat: Sendable {
  private let agentID: [UInt8]
  private let template: TopicTemplate
  private let retain: RetainPolicy
  /// Kafka: where records go; nil: messages of MQTT.
  private var target: RecordTarget?
  /// Kafka: the entry `source` of each source, by its slot.
  private let sources: [[UInt8]]
  private let addsIdentity: Bool
  private let isReplay: Bool
  /// The entry `time`.
  private var time = TimeText(
    prefix: { [4, 0] + Array("time".utf8) + [UInt8(truncatingIfNeeded: $0), 0] },
    suffix: []
  )
  /// The entries `agent` and `log`: the same for every event of a log.
  private var origin: [UInt8] = []
  private var log: LogID?

  init(
    agentID: String,
    template: TopicTemplate,
    retain: RetainPolicy,
    addsIdentity: Bool = true,
    target: RecordTarget? = nil,
    sources: [String] = [],
    isReplay: Bool = false
  ) {
    self.isReplay = isReplay
    self.addsIdentity = addsIdentity
    self.agentID = Array(agentID.utf8)
    self.template = template
    self.retain = retain
    self.target = target
    self.sources = sources.map { name in
      var entry: [UInt8] = []
      if name.isEmpty { return entry }
      entry.append(property: Array("source".utf8), Array(name.utf8))
      return entry
    }
  }

  /// Must come before the events of another log.
  mutating func begin(log: LogID) {
    if self.log == log { return }
    self.log = log
    origin = originProperties(agentID: agentID, log: log)
  }

  /// Appends one event as one message.
  mutating func append(
    _ leaving: Leaving,
    of bytes: [UInt8],
    tag: UInt64,
    to out: inout MessageBatch
  ) {
    let event = leaving.row
    let topicOffset = out.bytes.count
    if target == nil {
      template.append(topic: bytes[event.topicRange], to: &out.bytes)
    } else {
      target?.appendTopic(for: bytes[event.topicRange], to: &out.bytes)
    }
    let payloadOffset = out.bytes.count
    out.bytes.append(contentsOf: bytes[event.payloadRange])
    let propertiesOffset = out.bytes.count
    appendProperties(leaving, of: bytes, to: &out.bytes)
    out.rows.append(
      MessageBatch.Row(
        tag: tag,
        topicOffset: UInt32(topicOffset),
        topicByteCount: UInt32(payloadOffset - topicOffset),
        payloadOffset: UInt32(payloadOffset),
        payloadByteCount: UInt32(propertiesOffset - payloadOffset),
        propertiesOffset: UInt32(propertiesOffset),
        propertiesByteCount: UInt32(out.bytes.count - propertiesOffset),
        isRetained: retain == .keep && event.flags.contains(.retained)
      )
    )
    if target == nil { return }
    let keyOffset = out.bytes.count
    target?.appendKey(for: bytes[event.topicRange], to: &out.bytes)
    out.setLast(keyFrom: keyOffset, wall: event.wall)
  }

  private mutating func appendProperties(
    _ leaving: Leaving,
    of bytes: [UInt8],
    to out: inout [UInt8]
  ) {
    let event = leaving.row
    guard addsIdentity else {
      if event.propertiesByteCount > 0 { out.append(contentsOf: bytes[event.propertiesRange]) }
      return
    }
    var own: ArraySlice<UInt8> = []
    if event.propertiesByteCount > 0 {
      own = bytes[event.propertiesRange]
      // An encoded content type is the first entry and must stay the first.
      if own.count >= 4 && own[own.startIndex] == 0 && own[own.startIndex + 1] == 0 {
        let low = Int(own[own.startIndex + 2])
        let count = 4 + (low | Int(own[own.startIndex + 3]) << 8)
        // One that is cut short, which only a forged block holds, would swallow what follows.
        if count > 4 && count <= own.count { out.append(contentsOf: own.prefix(count)) }
        own = own.dropFirst(count)
      }
    }
    out.append(contentsOf: origin)
    if let result = leaving.result {
      out.append(property: Array("result".utf8), result.text)
    } else {
      out.append(contentsOf: numberName)
      let lengthOffset = out.count
      out.append(0)
      out.append(0)
      out.append(decimal: leaving.number)
      out[lengthOffset] = UInt8(truncatingIfNeeded: out.count - lengthOffset - 2)
    }
    time.append(wall: event.wall, to: &out)
    if event.flags.contains(.possiblyRedelivered) { out.append(contentsOf: redelivered) }
    if leaving.isHistorical { out.append(contentsOf: historical) }
    if isReplay { out.append(contentsOf: replayMark) }
    if leaving.missingCount > 0 {
      out.append(property: Array("missing_before".utf8), Array(String(leaving.missingCount).utf8))
    }
    if target != nil {
      out.append(contentsOf: topicName)
      out.append(UInt8(truncatingIfNeeded: event.topicByteCount))
      out.append(UInt8(truncatingIfNeeded: event.topicByteCount >> 8))
      out.append(contentsOf: bytes[event.topicRange])
      let source = Int(event.source)
      if leaving.result == nil, source < sources.count { out.append(contentsOf: sources[source]) }
      if retain == .keep && event.flags.contains(.retained) { out.append(contentsOf: retained) }
    }
    if !own.isEmpty { out.append(contentsOf: own) }
  }
}

/// The entry that marks what was sent before.
let replayMark: [UInt8] = [6, 0] + Array("replay".utf8) + [4, 0] + Array("true".utf8)

/// The entries `agent` and `log`: with a sequence number, the identity of an event.
func originProperties(agentID: [UInt8], log: LogID) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.append(property: Array("agent".utf8), agentID)
  bytes.append(property: Array("log".utf8), Array(log.description.utf8))
  return bytes
}

/// What stands before the number in the entry `seq`.
private let numberName: [UInt8] = [3, 0] + Array("seq".utf8)
private let topicName: [UInt8] = [5, 0] + Array("topic".utf8)
private let retained: [UInt8] = [8, 0] + Array("retained".utf8) + [4, 0] + Array("true".utf8)
private let historical: [UInt8] = [10, 0] + Array("historical".utf8) + [4, 0] + Array("true".utf8)
private let redelivered: [UInt8] =
  [11, 0] + Array("redelivered".utf8) + [8, 0]
  + Array("possible".utf8)
