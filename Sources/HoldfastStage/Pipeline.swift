public import HoldfastEvent
public import HoldfastPayload

/// The stages of one upstream or source, in order, as one deterministic machine.
///
/// What comes out depends on the events and gaps that went in since the start, or since the
/// snapshot that was restored, and on nothing else: the same log gives the same results, byte for
/// byte. Single owner, synchronous.
///
/// After each ``step(_:of:number:)`` the events that leave stand in ``output``, their bytes in
/// ``bytes``, until the next step.
public struct Pipeline: Sendable {
  /// Most stages of one pipeline.
  public static let stageCountMax = 32

  /// Identifies the configuration: a snapshot of another one is not taken.
  public let hash: UInt64
  /// What passed through each stage since the pipeline was made.
  public private(set) var counts: [StageCounts]
  /// The events that leave, in order.
  public private(set) var output: [StageEvent] = []
  /// Events that could not be read and are to be set aside, in order.
  public private(set) var undecodable: [StageEvent] = []
  /// How many events of the log went into results in the last step.
  public private(set) var aggregatedCount = 0
  /// What each stage did in the last step, while ``isTracing``.
  public private(set) var traces: [StageTrace] = []
  /// Whether ``traces`` are kept, which costs an allocation per stage and event.
  public var isTracing = false

  private var stages: StageTable
  private var selection: StageSelection
  private var pass: StagePass
  private var entering: [StageEvent] = []
  private var tracedSteps: [StageTrace.Step] = []

  /// - Parameters:
  ///   - configurations: checked settings, at most ``stageCountMax``.
  ///   - rules: how payloads are read, by the slot of their source.
  ///   - setsAside: whether what a stage can't read is set aside; otherwise it goes on unchanged.
  public init(
    stages configurations: [StageConfiguration],
    rules: [DecodeRules],
    setsAside: Bool
  ) {
    let configurations = Array(configurations.prefix(Self.stageCountMax))
    var text = "undecodable \(setsAside)"
    var stages = StageTable()
    for (place, configuration) in configurations.enumerated() {
      let own = "\(place) \(configuration.canonicalText)"
      text += "\n" + own
      stages.append(configuration, hash: stableHash(own))
    }
    for (slot, rule) in rules.enumerated() { text += "\nsource \(slot) \(rule.canonicalText)" }
    hash = stableHash(text)
    self.stages = stages
    selection = StageSelection(configurations.map(\.topics))
    counts = configurations.map { _ in StageCounts() }
    pass = StagePass(decoder: PayloadDecoder(rules: rules, setsAside: setsAside))
  }

  /// Whether it lets everything through as it is.
  public var isEmpty: Bool { stages.count == 0 }
  /// Topic, payload and properties of every event in ``output`` and ``undecodable``.
  public var bytes: [UInt8] { pass.bytes }
  /// Payloads that could not be read, in the order of `PayloadFault.allCases`.
  public var faultCounts: [UInt64] { pass.decoder.faultCounts }
  /// Payloads that could not be read, and why the last of them could not.
  public var faults: (count: UInt64, last: PayloadFault) {
    (pass.decoder.faultCount, pass.decoder.lastFault)
  }
  /// Topics whose state was given up for want of room, by stage.
  public var evictedTopicCounts: [UInt64] {
    (0..<stages.count).map { stages.evictedTopicCount($0) }
  }

  /// Begins another stored batch: where a topic's bytes lie means another topic now.
  public mutating func beginBatch() { selection.beginBatch() }

  /// Takes the next event of the log.
  ///
  /// - Parameters:
  ///   - row: the event's row.
  ///   - source: what the row points into.
  ///   - number: its sequence number, above all that went in before.
  /// - Complexity: O(stages + bytes), and O(results) where time makes many due.
  public mutating func step(_ row: EventBatch.Row, of source: [UInt8], number: SequenceNumber) {
    begin(now: ClockReading(boot: row.boot, wall: row.wall), number: number)
    let selected = selection.stages(for: row, in: source)
    var event = StageEvent(row: row, number: number)
    event.row.topicOffset = 0
    event.row.payloadOffset = UInt32(row.topicByteCount)
    event.row.propertiesOffset = UInt32(row.topicByteCount) &+ row.payloadByteCount
    pass.bytes.append(contentsOf: source[row.topicRange])
    pass.bytes.append(contentsOf: source[row.payloadRange])
    if row.propertiesByteCount > 0 { pass.bytes.append(contentsOf: source[row.propertiesRange]) }
    entering.append(event)
    run(selected)
  }

  /// The log's time passes without an event.
  public mutating func tick(_ now: ClockReading, number: SequenceNumber) {
    begin(now: now, number: number)
    // The first byte is that of the event at hand, by which its topic is told from others.
    pass.bytes.append(0)
    run(0)
  }

  /// Numbers are missing here, or events that never got one.
  public mutating func gap(_ record: GapRecord) {
    if record.reason == .unused { return }
    for place in 0..<stages.count {
      stages.gap(place, count: record.count, topics: record.topics)
    }
  }

  /// When time alone changes something, microseconds since 1970 by the log's time; `.max`: never.
  public var dueAt: Int64 { (0..<stages.count).reduce(.max) { min($0, stages.dueAt($1)) } }

  private mutating func begin(now: ClockReading, number: SequenceNumber) {
    pass.begin(now: now, number: number)
    undecodable.removeAll(keepingCapacity: true)
    entering.removeAll(keepingCapacity: true)
    traces.removeAll(keepingCapacity: true)
    aggregatedCount = 0
  }

  /// Takes what stands in `entering` through all stages.
  ///
  /// - Parameter selected: a bit for each stage that selects the event's topic, as it came.
  private mutating func run(_ selected: UInt64) {
    for place in 0..<stages.count {
      pass.out.removeAll(keepingCapacity: true)
      if stages.dueAt(place) <= pass.now.wall { stages.advance(place, &pass) }
      let timedCount = pass.out.count
      for event in entering {
        let isSelected =
          event.hasOriginalTopic
          ? selected >> UInt64(place) & 1 == 1
          : selection.selects(place, topic: pass.bytes[event.row.topicRange])
        guard isSelected else {
          pass.emit(event)
          if isTracing { noteStep(nil) }
          continue
        }
        counts[place].enteredCount &+= 1
        counts[place].enteredByteCount &+= UInt64(event.row.payloadByteCount)
        let verdict = step(event, through: place)
        if isTracing { noteStep(verdict) }
      }
      if isTracing { trace(place, timedCount) }
      swap(&entering, &pass.out)
    }
    swap(&output, &entering)
  }

  /// - Returns: what becomes of the event unless it goes on.
  private mutating func step(_ event: StageEvent, through place: Int) -> StageVerdict {
    let before = pass.out.count
    stages.step(place, event, &pass)
    for index in before..<max(before, pass.out.count) {
      counts[place].leftCount &+= 1
      counts[place].leftByteCount &+= UInt64(pass.out[index].row.payloadByteCount)
    }
    let verdict = pass.verdict
    switch verdict {
    case .filtered: return verdict
    case .aggregated: if event.result == nil { aggregatedCount += 1 }
    case .undecodable: undecodable.append(event)
    }
    pass.verdict = .filtered
    return verdict
  }

  private mutating func noteStep(_ verdict: StageVerdict?) {
    tracedSteps.append(StageTrace.Step(verdict: verdict, leftEnd: pass.out.count))
  }

  private mutating func trace(_ place: Int, _ timedCount: Int) {
    traces.append(
      StageTrace(
        place: place,
        entered: entering,
        steps: tracedSteps,
        left: pass.out,
        timedCount: timedCount
      )
    )
    tracedSteps.removeAll(keepingCapacity: true)
  }
}

extension Pipeline {
  /// All state, as bytes from which ``restore(_:)`` of a pipeline of the same configuration goes
  /// on exactly as this one would.
  ///
  /// - Complexity: O(state).
  public func snapshot() -> [UInt8] {
    var writer = SnapshotWriter()
    writer.append(hash)
    writer.append(UInt8(truncatingIfNeeded: stages.count))
    for place in 0..<stages.count {
      counts[place].save(into: &writer)
      stages.save(place, into: &writer)
    }
    pass.decoder.save(into: &writer)
    return writer.bytes
  }

  /// Takes over a snapshot; false, and the pipeline as new, where it is of another configuration or
  /// can't be read.
  public mutating func restore(_ bytes: ArraySlice<UInt8>) -> Bool {
    let fresh = self
    var reader = SnapshotReader(bytes)
    if reader.number() == hash, reader.number(UInt8.self).map(Int.init) == stages.count,
      restoreStages(&reader), pass.decoder.restore(from: &reader), reader.isAtEnd
    {
      return true
    }
    self = fresh
    return false
  }

  private mutating func restoreStages(_ reader: inout SnapshotReader) -> Bool {
    for place in 0..<stages.count {
      guard let count = StageCounts(from: &reader), stages.restore(place, from: &reader) else {
        return false
      }
      counts[place] = count
    }
    return true
  }
}

/// What went through one stage.
public struct StageCounts: Equatable, Sendable {
  /// Events that the stage's topics selected.
  public var enteredCount: UInt64 = 0
  /// Bytes of their payloads.
  public var enteredByteCount: UInt64 = 0
  /// Events that it let go on in answer to one, results included.
  public var leftCount: UInt64 = 0
  /// Bytes of their payloads.
  public var leftByteCount: UInt64 = 0

  /// Nothing yet.
  public init() {}

  init?(from reader: inout SnapshotReader) {
    guard let entered: UInt64 = reader.number(), let enteredBytes: UInt64 = reader.number(),
      let left: UInt64 = reader.number(), let leftBytes: UInt64 = reader.number()
    else { return nil }
    enteredCount = entered
    enteredByteCount = enteredBytes
    leftCount = left
    leftByteCount = leftBytes
  }

  func save(into writer: inout SnapshotWriter) {
    for count in [enteredCount, enteredByteCount, leftCount, leftByteCount] {
      writer.append(count)
    }
  }
}

/// What one stage did in one step.
public struct StageTrace: Sendable {
  /// What it did with one event.
  public struct Step: Equatable, Sendable {
    /// What becomes of the event unless it went on; nil: the stage's topics don't select it.
    public var verdict: StageVerdict?
    /// How many of ``StageTrace/left`` had left when the stage was done with it.
    public var leftEnd: Int
  }

  /// The stage's place, from 0.
  public var place: Int
  /// What came to it.
  public var entered: [StageEvent]
  /// What it did with each of those.
  public var steps: [Step]
  /// What went on.
  public var left: [StageEvent]
  /// How many of those, from the first, left because time had passed.
  public var timedCount: Int
}

/// FNV-1a over the text's bytes: 64 bits, the same in every version and on every machine.
func stableHash(_ text: String) -> UInt64 {
  text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
}
