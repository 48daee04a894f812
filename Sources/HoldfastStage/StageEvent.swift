public import HoldfastEvent
internal import HoldfastPayload

/// An event on its way through the stages; its bytes lie in the pass's arena.
public struct StageEvent: Equatable, Sendable {
  /// Stamps, flags, and where topic, payload and properties lie in ``StagePass/bytes``.
  public var row: EventBatch.Row
  /// Its sequence number; of a result the number of the event or tick that made it leave.
  public var number: SequenceNumber
  /// What a derived event is; nil for an event of the log.
  public var result: ResultIdentity?
  /// It leaves later than it would have without a stage (pre-trigger recording).
  public var isHistorical = false
  /// Of an event that begins a burst: how many before it could not be let go, at most.
  public var missingCount: UInt32 = 0
  /// Whether its topic is that of the event at hand, as it stands in the log.
  var hasOriginalTopic: Bool { row.topicOffset == 0 && result == nil }

  /// Made of its parts.
  public init(row: EventBatch.Row, number: SequenceNumber, result: ResultIdentity? = nil) {
    self.row = row
    self.number = number
    self.result = result
  }
}

/// What tells a derived event from all others, the same however often it is computed.
///
/// Together with the log and the upstream it is unique.
public struct ResultIdentity: Equatable, Hashable, Sendable {
  /// Hash of the stage's configuration and its place.
  public var stage: UInt64
  /// What it was computed for: the topic, as it came to the stage.
  public var key: [UInt8]
  /// Where its window begins or its transition stands, microseconds since 1970.
  public var start: Int64
  /// Raised with each correction; 0 at first.
  public var revision: UInt32

  /// Made of its parts.
  public init(stage: UInt64, key: [UInt8], start: Int64, revision: UInt32 = 0) {
    self.stage = stage
    self.key = key
    self.start = start
    self.revision = revision
  }
}

/// What becomes of an event of the log that no stage let through.
public enum StageVerdict: UInt8, Sendable {
  /// It was left out, or is held and may still leave.
  case filtered
  /// It went into a result.
  case aggregated
  /// It could not be read, and the policy sets such events aside.
  case undecodable
}

/// What one stage step reads and writes: an arena for bytes, and the events that go on.
///
/// One value per pipeline, reused for every event, so that nothing is allocated per event.
public struct StagePass: Sendable {
  /// Topic, payload and properties of every event of this pass.
  public internal(set) var bytes: [UInt8] = []
  /// What goes on to the next stage, in order.
  var out: [StageEvent] = []
  /// The log's time: the arrival stamps of the event or tick at hand.
  public internal(set) var now = ClockReading(boot: 0, wall: 0)
  /// The number at hand.
  public internal(set) var number: SequenceNumber = 0
  /// Bytes of all events before the one at hand, as they came, since the stages began.
  var logByteCount: UInt64 = 0
  /// The stage at hand waits for earlier events of the log, see ``Pipeline/isRecalling``.
  var isRecalling = false
  /// What becomes of the event of the log at hand unless it, or itself changed, comes out at the end.
  public internal(set) var verdict = StageVerdict.filtered
  /// Reads payloads by the rules of the event's source.
  var decoder: PayloadDecoder
  /// The fields that were read last; see ``PayloadDecoder``.
  var fields: [Field] = []

  init(decoder: PayloadDecoder) { self.decoder = decoder }

  /// Begins a step: nothing of the last one counts any more.
  mutating func begin(now: ClockReading, number: SequenceNumber) {
    bytes.removeAll(keepingCapacity: true)
    out.removeAll(keepingCapacity: true)
    self.now = now
    self.number = number
    verdict = .filtered
  }

  /// Lets an event go on to the next stage.
  mutating func emit(_ event: StageEvent) { out.append(event) }

  /// The topic of an event of this pass.
  func topic(_ event: StageEvent) -> ArraySlice<UInt8> { bytes[event.row.topicRange] }
  /// The payload of an event of this pass.
  func payload(_ event: StageEvent) -> ArraySlice<UInt8> { bytes[event.row.payloadRange] }

  /// Gives an event another payload, which is appended to the arena.
  mutating func setPayload(_ event: inout StageEvent, _ payload: some Collection<UInt8>) {
    event.row.payloadOffset = UInt32(truncatingIfNeeded: bytes.count)
    event.row.payloadByteCount = UInt32(truncatingIfNeeded: payload.count)
    bytes.append(contentsOf: payload)
  }

  /// Gives an event another topic, which is appended to the arena; at most 65,535 bytes of it.
  mutating func setTopic(_ event: inout StageEvent, _ topic: some Collection<UInt8>) {
    let topic = topic.prefix(Int(UInt16.max))
    event.row.topicOffset = UInt32(truncatingIfNeeded: bytes.count)
    event.row.topicByteCount = UInt16(truncatingIfNeeded: topic.count)
    bytes.append(contentsOf: topic)
  }

  /// Copies an event that a stage had held back into the arena.
  mutating func take(_ held: HeldEvent) -> StageEvent {
    var event = StageEvent(row: held.row, number: held.number)
    let start = UInt32(truncatingIfNeeded: bytes.count)
    event.row.topicOffset = start
    event.row.payloadOffset = start &+ UInt32(held.row.topicByteCount)
    event.row.propertiesOffset = event.row.payloadOffset &+ held.row.payloadByteCount
    event.isHistorical = held.isHistorical
    bytes.append(contentsOf: held.bytes)
    return event
  }

  /// A copy of an event of the log that outlives the pass.
  func hold(_ event: StageEvent) -> HeldEvent {
    var copy: [UInt8] = []
    copy.reserveCapacity(
      Int(event.row.topicByteCount) + Int(event.row.payloadByteCount)
        + Int(event.row.propertiesByteCount)
    )
    copy += bytes[event.row.topicRange]
    copy += bytes[event.row.payloadRange]
    if event.row.propertiesByteCount > 0 { copy += bytes[event.row.propertiesRange] }
    return HeldEvent(row: event.row, number: event.number, bytes: copy)
  }
}

/// An event that a stage keeps back, with bytes of its own: topic, payload, properties.
///
/// Results are never held: a stage that sees one lets it pass or drops it at once.
struct HeldEvent: Equatable, Sendable {
  /// Its offsets count for nothing; its byte counts say how `bytes` is divided.
  var row: EventBatch.Row
  var number: SequenceNumber
  var bytes: [UInt8]
  var isHistorical = false
}
