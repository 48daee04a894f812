public import HoldfastEvent
internal import HoldfastPayload

/// Runs the stages of one upstream, or of one source, over recorded events, sends nothing, and
/// keeps account of what would have been sent.
///
/// The account is of bounded size, whatever the number of events and topics. It costs several times
/// what the stages alone do.
public struct DryRun: Sendable {
  /// An earlier event of the log: its row, and what that points into; nil: it is gone.
  public typealias Recall = (SequenceNumber) -> (row: EventBatch.Row, bytes: [UInt8])?

  /// Most topics with an account of their own, the first that come; the others are summed.
  public static let topicCountMax = 10_000
  /// Most events left out of all topics that wait, per stage, for the point behind them to be
  /// compared with the line to it; beyond it those of the topic at hand are not compared.
  public static let waitingCountMax = 1 << 19
  /// How many events of the log are remembered with their topics: one that a stage holds back
  /// longer counts for the topic that it leaves under.
  static let originCountMax = 1 << 18

  private struct Origin: Sendable {
    var number: SequenceNumber = 0
    /// A slot of `tallies`; -1: none.
    var slot: Int32 = -1
  }

  let configurations: [StageConfiguration]
  private(set) var pipeline: Pipeline
  private(set) var curves: [CurveErrors?]
  private var selection: StageSelection
  private var flow = Flow()
  private var unselected = Volume()
  private var setAside = Volume()
  private var stageFlows: [Flow]
  private var tallies = TopicStates<Flow>(countMax: topicCountMax)
  private var otherTopics = Flow()
  private var origins: [Origin]
  /// Whether ``acts`` are made, which costs a text per stage and event.
  public var isExplaining = false
  /// What each stage did in the last step, while ``isExplaining``.
  public private(set) var acts: [StageAct] = []

  /// - Parameters:
  ///   - stages: checked settings.
  ///   - topics: what is forwarded; empty: everything. Whether a broker would accept the topic that
  ///     an event leaves under is not looked at.
  ///   - rules: how payloads are read, by the slot of their source.
  ///   - setsAside: see `Pipeline`.
  ///   - waitingCountMax: see ``waitingCountMax``.
  public init(
    stages: [StageConfiguration],
    topics: [TopicFilter] = [],
    rules: [DecodeRules],
    setsAside: Bool,
    waitingCountMax: Int = waitingCountMax
  ) {
    configurations = Array(stages.prefix(Pipeline.stageCountMax))
    pipeline = Pipeline(stages: configurations, rules: rules, setsAside: setsAside)
    pipeline.isTracing = true
    pipeline.keepsOutput = true
    curves = configurations.map { CurveErrors($0, rules: rules, pointCountMax: waitingCountMax) }
    // "#" selects all, topics that begin with "$" included, as it does for an upstream.
    selection = StageSelection([topics.contains { $0.description == "#" } ? [] : topics])
    stageFlows = configurations.map { _ in Flow() }
    origins = [Origin](repeating: Origin(), count: configurations.isEmpty ? 1 : Self.originCountMax)
  }

  /// What left in the last step, in order; its bytes stand in ``bytes``.
  public var output: [StageEvent] { pipeline.output }
  /// What was set aside in the last step.
  public var undecodable: [StageEvent] { pipeline.undecodable }
  /// Topics and payloads of ``output``, ``undecodable`` and ``acts``.
  public var bytes: [UInt8] { pipeline.bytes }

  /// Begins another stored batch.
  public mutating func beginBatch() {
    pipeline.beginBatch()
    selection.beginBatch()
  }

  /// Takes the next event or tick of the log.
  ///
  /// - Parameters:
  ///   - row: the event's row.
  ///   - source: what the row points into.
  ///   - number: its sequence number, above all that went in before.
  ///   - recall: gives an earlier event of the log again; nil: it is gone.
  /// - Returns: whether it came to the stages; if not nothing happened.
  @discardableResult
  public mutating func step(
    _ row: EventBatch.Row,
    of source: [UInt8],
    number: SequenceNumber,
    recall: Recall = { _ in nil }
  ) -> Bool {
    if row.flags.contains(.tick) {
      if pipeline.isEmpty { return false }
      pipeline.tick(ClockReading(boot: row.boot, wall: row.wall), number: number)
    } else {
      guard selection.stages(for: row, in: source) & 1 == 1 else {
        unselected.add(row)
        pipeline.pass(over: row)
        return false
      }
      flow.entered.add(row)
      let slot = tally(source[row.topicRange]) { $0.entered.add(row) }
      origins[Int(number % UInt64(origins.count))] = Origin(number: number, slot: Int32(slot ?? -1))
      pipeline.step(row, of: source, number: number)
    }
    while pipeline.isRecalling {
      while let earlier = pipeline.recallNumber {
        if let (row, bytes) = recall(earlier) {
          pipeline.recall(row, of: bytes)
        } else {
          pipeline.recallGone()
        }
      }
      pipeline.resume()
    }
    if isExplaining { explain() }
    account()
    return true
  }

  /// Numbers are missing here, or events that never got one.
  public mutating func gap(_ record: GapRecord) { pipeline.gap(record) }

  /// The `type` of a stage, by its place; empty where there is none.
  public func typeName(_ place: Int) -> String {
    configurations.indices.contains(place) ? configurations[place].kind.typeName : ""
  }

  /// As far as it has come.
  ///
  /// - Complexity: O(topics log topics).
  public var report: DryRunReport {
    let counts = pipeline.report
    let stages = configurations.indices.map { place in
      DryRunReport.Stage(
        type: configurations[place].kind.typeName,
        topics: configurations[place].topics,
        flow: stageFlows[place],
        evictedTopicCount: counts[place].evictedTopicCount,
        notes: counts[place].notes,
        curve: curves[place]?.current
      )
    }
    let faults = zip(PayloadFault.allCases, pipeline.faultCounts).map { (fault: $0, count: $1) }
    return DryRunReport(
      flow: flow,
      unselected: unselected,
      setAside: setAside,
      stages: stages,
      faults: faults.filter { $0.count > 0 },
      faultsByTopic: pipeline.faultsByTopic,
      topics: topicReports,
      otherTopics: otherTopics
    )
  }

  private var topicReports: [DryRunReport.Topic] {
    let topics = (0..<tallies.count).map {
      DryRunReport.Topic(topic: tallies.topic($0), flow: tallies[$0])
    }
    func saved(_ flow: Flow) -> Int64 {
      Int64(clamping: flow.entered.byteCount).subtractingSaturated(
        Int64(clamping: flow.out.byteCount)
      )
    }
    return topics.sorted {
      let (one, other) = (saved($0.flow), saved($1.flow))
      return one != other ? one > other : $0.topic.lexicographicallyPrecedes($1.topic)
    }
  }

  /// Notes something of a topic; nil: it has no account of its own.
  @discardableResult
  private mutating func tally(_ topic: ArraySlice<UInt8>, _ note: (inout Flow) -> Void) -> Int? {
    if let slot = tallies.find(topic) {
      note(&tallies[slot])
      return slot
    }
    guard tallies.count < Self.topicCountMax else {
      note(&otherTopics)
      return nil
    }
    let slot = tallies.slot(of: topic, value: Flow()).slot
    note(&tallies[slot])
    return slot
  }

  private mutating func account() {
    let bytes = pipeline.bytes
    for trace in pipeline.traces {
      account(trace)
      curves[trace.place]?.take(trace, in: bytes)
    }
    for event in pipeline.undecodable { setAside.add(event) }
    for event in pipeline.output {
      flow.leave(event)
      if let result = event.result {
        tally(result.key[...]) { $0.leave(event) }
        continue
      }
      let origin = origins[Int(event.number % UInt64(origins.count))]
      if origin.number != event.number {
        tally(bytes[event.row.topicRange]) { $0.leave(event) }
      } else if origin.slot < 0 {
        otherTopics.leave(event)
      } else {
        tallies[Int(origin.slot)].leave(event)
      }
    }
  }

  private mutating func account(_ trace: StageTrace) {
    for event in trace.left.prefix(trace.timedCount) { stageFlows[trace.place].leave(event) }
    var start = trace.timedCount
    for (event, step) in zip(trace.entered, trace.steps) {
      let range = start..<max(start, step.leftEnd)
      start = range.upperBound
      if step.verdict == nil { continue }
      stageFlows[trace.place].entered.add(event)
      for left in trace.left[range] { stageFlows[trace.place].leave(left) }
    }
  }

  private mutating func explain() {
    acts.removeAll(keepingCapacity: true)
    let bytes = pipeline.bytes
    for trace in pipeline.traces {
      acts += StageAct.all(
        of: trace,
        by: configurations[trace.place].kind,
        &curves[trace.place],
        in: bytes
      )
    }
  }
}
