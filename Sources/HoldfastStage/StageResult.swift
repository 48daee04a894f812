internal import HoldfastEvent

/// Where results go: a text in which `{topic}` stands for the topic they were computed for, and `{1}`
/// for what the first wildcard of the stage's matching filter took of it.
struct ResultTopic: Sendable {
  private let text: FillText
  private let filters: [TopicFilter]

  init(_ template: String, filters: [TopicFilter] = []) {
    text = FillText(template)
    self.filters = text.usesCaptures ? filters : []
  }

  /// The topic of a result for `key`; the key itself where it would be empty or too long (MQTT-1.5.4).
  func filled(with key: [UInt8]) -> [UInt8] {
    var topic: [UInt8] = []
    var captures: [Range<Int>] = []
    for filter in filters where filter.captures(in: key[...], into: &captures) { break }
    text.append(topic: key[...], captures: captures, isJSON: false, to: &topic)
    return topic.isEmpty || topic.count > Int(UInt16.max) ? key : topic
  }
}

/// Keeps identities apart: no two results for one topic have both start and revision in common.
///
/// Time can go back, and a topic's state can be given up for want of room; what is then computed
/// for a span that was sent before gets a revision above all that the topic has had. A revision
/// above 0 therefore does not promise that there was an earlier result.
struct RevisionFloor: Equatable, Sendable {
  /// The latest start that was sent.
  private(set) var start = Int64.min
  /// The highest revision that was sent.
  private(set) var revision: UInt32 = 0

  /// The revision of a result whose span begins at `start`.
  func revision(at start: Int64) -> UInt32 { start <= self.start ? revision &+ 1 : 0 }

  /// Takes note of what was sent.
  mutating func note(start: Int64, revision: UInt32) {
    self.start = max(self.start, start)
    self.revision = max(self.revision, revision)
  }

  /// Takes note of all that another one knows.
  mutating func note(_ other: RevisionFloor) { note(start: other.start, revision: other.revision) }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(start)
    bytes.append(revision)
  }

  init() {}

  init?(from bytes: inout SnapshotReader) {
    guard let start: Int64 = bytes.number(), let revision: UInt32 = bytes.number()
    else { return nil }
    self.start = start
    self.revision = revision
  }
}

extension StagePass {
  /// Lets a derived event go on, stamped with the log's time and `wall`.
  mutating func emitResult(
    _ payload: ResultText,
    topic: [UInt8],
    wall: Int64,
    identity: ResultIdentity
  ) {
    let row = EventBatch.Row(
      boot: now.boot,
      wall: wall,
      topicOffset: 0,
      topicByteCount: 0,
      payloadOffset: 0,
      payloadByteCount: 0,
      source: 0,
      flags: .qos1
    )
    var event = StageEvent(row: row, number: number, result: identity)
    setTopic(&event, topic)
    setPayload(&event, payload.bytes)
    emit(event)
  }

  /// Says what became of an event of the log; what an earlier stage computed has no verdict.
  mutating func settle(_ event: StageEvent, as verdict: StageVerdict) {
    if event.result == nil { self.verdict = verdict }
  }
}

extension HeldEvent {
  /// Memory of a held event besides its bytes: itself and the head of an array.
  static let overheadByteCount = MemoryLayout<HeldEvent>.stride + 32
  /// Memory that holding it takes, bytes.
  var memoryByteCount: Int { bytes.count + Self.overheadByteCount }
}

extension StageEvent {
  /// Memory that holding it takes, bytes.
  var memoryByteCount: Int {
    Int(row.topicByteCount) + Int(row.payloadByteCount) + Int(row.propertiesByteCount)
      + HeldEvent.overheadByteCount
  }
}
