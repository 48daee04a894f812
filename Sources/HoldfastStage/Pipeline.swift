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

  /// What an event takes in the log besides topic, payload and properties, before compression.
  static let eventOverheadByteCount: UInt64 = 24

  /// Identifies the configuration: a snapshot of another one is not taken.
  public let hash: UInt64
  /// The number with which it began anew in the midst of the log; 0: with the log, or none such.
  ///
  /// It stands in the identities of results, so that none of them is one of the stages before it.
  public let origin: SequenceNumber
  /// What passed through each stage since the pipeline was made.
  public private(set) var counts: [StageCounts]
  /// The same with what each stage counted besides; made when it is asked for.
  public var report: [StageCounts] {
    counts.enumerated().map { place, counts in
      var counts = counts
      counts.evictedTopicCount = stages.evictedTopicCount(place)
      counts.notes = stages.notes(place).filter { $0.value > 0 }
      return counts
    }
  }
  /// The events that leave, in order.
  public internal(set) var output: [StageEvent] = []
  /// Events that could not be read and are to be set aside, in order.
  public internal(set) var undecodable: [StageEvent] = []
  /// How many events of the log went into results in the last step.
  public private(set) var aggregatedCount = 0
  /// What each stage did in the last step, while ``isTracing``.
  public private(set) var traces: [StageTrace] = []
  /// Whether ``traces`` are kept, which costs an allocation per stage and event.
  public var isTracing = false
  /// Whether all that leaves in a step stays in ``output`` and ``bytes`` until the next one, however
  /// often it has to be resumed.
  public var keepsOutput = false

  var stages: StageTable
  var selection: StageSelection
  var pass: StagePass
  var entering: [StageEvent] = []
  /// Stages that wait for earlier events; the last one goes on first.
  var pauses: [Pause] = []
  /// Earlier events that were read back for it and have not gone on.
  var recalled: [StageEvent] = []
  private var tracedSteps: [StageTrace.Step] = []
  /// The stage at hand let an event go on because it is no current value.
  private var isPassingHistorical = false

  /// - Parameters:
  ///   - configurations: checked settings, at most ``stageCountMax``.
  ///   - rules: how payloads are read, by the slot of their source.
  ///   - setsAside: whether what a stage can't read is set aside; otherwise it goes on unchanged.
  ///   - origin: see ``origin``.
  public init(
    stages configurations: [StageConfiguration],
    rules: [DecodeRules],
    setsAside: Bool,
    origin: SequenceNumber = 0
  ) {
    self.origin = origin
    let suffix = origin == 0 ? "" : " from \(origin)"
    let configurations = Array(configurations.prefix(Self.stageCountMax))
    var text = "undecodable \(setsAside)"
    var stages = StageTable()
    for (place, configuration) in configurations.enumerated() {
      let own = "\(place) \(configuration.canonicalText)"
      text += "\n" + own
      stages.append(configuration, hash: stableHash(own + suffix))
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
  /// The same by topic: those that had one last, ``PayloadFaults/topicCountMax`` of them.
  public var faultsByTopic: PayloadFaults { pass.decoder.faultsByTopic }
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
    if stages.recalls { stages.expire(row.boot, pass.logByteCount) }
    let selected = selection.stages(for: row, in: source)
    entering.append(enter(row, of: source, number: number))
    run(from: 0, selected, isFirst: true)
    if stages.recalls { count(row) }
  }

  /// Copies an event of the log into the arena.
  mutating func enter(
    _ row: EventBatch.Row,
    of source: [UInt8],
    number: SequenceNumber
  ) -> StageEvent {
    let start = UInt32(truncatingIfNeeded: pass.bytes.count)
    var event = StageEvent(row: row, number: number)
    event.row.topicOffset = start
    event.row.payloadOffset = start &+ UInt32(row.topicByteCount)
    event.row.propertiesOffset = event.row.payloadOffset &+ row.payloadByteCount
    pass.bytes.append(contentsOf: source[row.topicRange])
    pass.bytes.append(contentsOf: source[row.payloadRange])
    if row.propertiesByteCount > 0 { pass.bytes.append(contentsOf: source[row.propertiesRange]) }
    return event
  }

  /// An event of the log goes by that is none of the upstream's topics.
  public mutating func pass(over row: EventBatch.Row) {
    guard stages.recalls else { return }
    stages.expire(row.boot, pass.logByteCount)
    count(row)
  }

  /// The log keeps one event more for a stage that may ask for earlier ones.
  private mutating func count(_ row: EventBatch.Row) {
    pass.logByteCount &+=
      UInt64(row.topicByteCount) &+ UInt64(row.payloadByteCount) &+ UInt64(row.propertiesByteCount)
      &+ Self.eventOverheadByteCount
  }

  /// The log's time passes without an event.
  public mutating func tick(_ now: ClockReading, number: SequenceNumber) {
    begin(now: now, number: number)
    // The first byte is that of the event at hand, by which its topic is told from others.
    pass.bytes.append(0)
    if stages.recalls { stages.expire(now.boot, pass.logByteCount) }
    run(from: 0, 0, isFirst: true)
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
    pauses.removeAll(keepingCapacity: true)
    recalled.removeAll(keepingCapacity: true)
    aggregatedCount = 0
  }

  /// Takes what stands in `entering` through the stages from one on.
  ///
  /// - Parameters:
  ///   - first: the place of that stage.
  ///   - selected: a bit for each stage that selects the event's topic, as it came.
  ///   - isFirst: whether the step's time is new to them.
  mutating func run(from first: Int, _ selected: UInt64, isFirst: Bool) {
    for place in first..<max(first, stages.count) {
      pass.out.removeAll(keepingCapacity: true)
      if isFirst && stages.dueAt(place) <= pass.now.wall { stages.advance(place, &pass) }
      let timedCount = pass.out.count
      for index in entering.indices {
        if enter(place, entering[index], selected) { continue }
        pause(place, entering[index...], selected)
        break
      }
      if isTracing { trace(place, timedCount) }
      swap(&entering, &pass.out)
    }
    swap(&output, &entering)
  }

  /// - Returns: false where the stage asks for earlier events before it goes on.
  @inline(__always)
  mutating func enter(_ place: Int, _ event: StageEvent, _ selected: UInt64) -> Bool {
    let isSelected =
      event.hasOriginalTopic
      ? selected >> UInt64(place) & 1 == 1
      : selection.selects(place, topic: pass.bytes[event.row.topicRange])
    guard isSelected else {
      pass.emit(event)
      if isTracing { noteStep(nil) }
      return true
    }
    counts[place].enteredCount &+= 1
    counts[place].enteredByteCount &+= UInt64(event.row.payloadByteCount)
    let faultCount = isTracing ? pass.decoder.faultCount : 0
    let verdict = step(event, through: place)
    if pass.isRecalling {
      pass.isRecalling = false
      return false
    }
    if isTracing { noteStep(verdict, hasFault: pass.decoder.faultCount != faultCount) }
    return true
  }

  /// - Returns: what becomes of the event unless it goes on.
  private mutating func step(_ event: StageEvent, through place: Int) -> StageVerdict {
    let before = pass.out.count
    isPassingHistorical =
      pass.decoder.readsSparkplug && !stages.takesHistorical(place) && pass.isHistorical(event)
    if isPassingHistorical { pass.emit(event) } else { stages.step(place, event, &pass) }
    noteLeaving(from: before, place)
    let verdict = pass.verdict
    switch verdict {
    case .filtered: return verdict
    case .aggregated: if event.result == nil { aggregatedCount += 1 }
    case .undecodable: undecodable.append(event)
    }
    pass.verdict = .filtered
    return verdict
  }

  /// Counts what a stage let go on, from one event on.
  @inline(__always)
  mutating func noteLeaving(from start: Int, _ place: Int) {
    for index in start..<max(start, pass.out.count) {
      counts[place].leftCount &+= 1
      counts[place].leftByteCount &+= UInt64(pass.out[index].row.payloadByteCount)
    }
  }

  mutating func noteStep(_ verdict: StageVerdict?, hasFault: Bool = false) {
    tracedSteps.append(
      StageTrace.Step(
        verdict: verdict,
        leftEnd: pass.out.count,
        fault: hasFault ? pass.decoder.lastFault : nil,
        isHistorical: verdict != nil && isPassingHistorical
      )
    )
  }

  mutating func trace(_ place: Int, _ timedCount: Int) {
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
  /// Adds what went through the stages of another pipeline of the same configuration.
  public mutating func addCounts(of other: Pipeline) {
    for (place, count) in other.counts.enumerated() where counts.indices.contains(place) {
      counts[place].add(count)
    }
    pass.decoder.addCounts(of: other.pass.decoder)
  }

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
    writer.append(pass.logByteCount)
    return writer.bytes
  }

  /// Takes over a snapshot; false, and the pipeline as new, where it is of another configuration or
  /// can't be read.
  public mutating func restore(_ bytes: ArraySlice<UInt8>) -> Bool {
    let fresh = self
    var reader = SnapshotReader(bytes)
    if reader.number() == hash, reader.number(UInt8.self).map(Int.init) == stages.count,
      restoreStages(&reader), pass.decoder.restore(from: &reader),
      let logByteCount: UInt64 = reader.number(), reader.isAtEnd
    {
      pass.logByteCount = logByteCount
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
  /// Topics whose state was given up for want of room; see ``Pipeline/report``.
  public var evictedTopicCount: UInt64 = 0
  /// What else the stage counted, without zeros; see ``Pipeline/report``.
  public var notes: [StageNote: UInt64] = [:]

  /// Nothing yet.
  public init() {}

  /// Adds what another pipeline's stage of that place counted.
  public mutating func add(_ other: StageCounts) {
    enteredCount &+= other.enteredCount
    enteredByteCount &+= other.enteredByteCount
    leftCount &+= other.leftCount
    leftByteCount &+= other.leftByteCount
    evictedTopicCount &+= other.evictedTopicCount
    notes.merge(other.notes) { $0 &+ $1 }
  }

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
    /// Why its payload could not be read; nil: it could, or was not.
    public var fault: PayloadFault?
    /// It went on unseen, being no current value: see ``isHistorical(sparkplug:)``.
    public var isHistorical = false
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
