public import HoldfastEvent
public import HoldfastPayload

/// Events, and bytes of their topics and payloads.
public struct Volume: Equatable, Sendable {
  /// How many.
  public var eventCount: UInt64
  /// Bytes of their topics and payloads; what a protocol adds is not in it.
  public var byteCount: UInt64

  /// Made of its parts.
  public init(eventCount: UInt64 = 0, byteCount: UInt64 = 0) {
    self.eventCount = eventCount
    self.byteCount = byteCount
  }

  mutating func add(_ event: StageEvent) { add(event.row) }

  mutating func add(_ row: EventBatch.Row) {
    eventCount &+= 1
    byteCount &+= UInt64(row.topicByteCount) &+ UInt64(row.payloadByteCount)
  }

  /// Both sums.
  public static func + (left: Volume, right: Volume) -> Volume {
    Volume(
      eventCount: left.eventCount &+ right.eventCount,
      byteCount: left.byteCount &+ right.byteCount
    )
  }
}

/// What came to something and what left it.
public struct Flow: Equatable, Sendable {
  /// What came.
  public var entered = Volume()
  /// Events of the log that left, changed ones included.
  public var left = Volume()
  /// Results of stages that left.
  public var results = Volume()

  /// Nothing yet.
  public init() {}

  /// Everything that left.
  public var out: Volume { left + results }

  mutating func leave(_ event: StageEvent) {
    if event.result == nil { left.add(event) } else { results.add(event) }
  }

  /// Both flows.
  public static func + (one: Flow, other: Flow) -> Flow {
    var sum = one
    sum.entered = one.entered + other.entered
    sum.left = one.left + other.left
    sum.results = one.results + other.results
    return sum
  }
}

/// What stages did to recorded events.
public struct DryRunReport: Equatable, Sendable {
  /// One stage's part.
  public struct Stage: Equatable, Sendable {
    /// `type` as the configuration names it.
    public var type: String
    /// Its `topics`; empty: all.
    public var topics: [TopicFilter]
    /// Of the events that its topics select.
    public var flow: Flow
    /// Topics whose state was given up for want of room.
    public var evictedTopicCount: UInt64
    /// What else it counted, without zeros.
    public var notes: [StageNote: UInt64]
    /// How well a reader gets back what was left out; nil for a type that draws no curve.
    public var curve: CurveReport?
  }

  /// One topic's part.
  public struct Topic: Equatable, Sendable {
    /// As it came from the log; of results the topic that they were computed for.
    public var topic: [UInt8]
    /// From the log to behind the last stage.
    public var flow: Flow
  }

  /// From the log to behind the last stage, of the topics that are forwarded.
  public var flow: Flow
  /// Events that the upstream's `topics` don't select.
  public var unselected: Volume
  /// Events whose payload could not be read, and that the policy sets aside.
  public var setAside: Volume
  /// In the order in which events pass through them.
  public var stages: [Stage]
  /// Payloads that a stage could not read, by reason; one that several can't read counts for each.
  public var faults: [(fault: PayloadFault, count: UInt64)]
  /// The same by topic.
  public var faultsByTopic: PayloadFaults
  /// Most bytes saved first, and by their bytes where those are equal.
  public var topics: [Topic]
  /// What belongs to no topic of ``topics``: there were more than ``DryRun/topicCountMax``.
  public var otherTopics: Flow

  /// Compares all.
  public static func == (left: DryRunReport, right: DryRunReport) -> Bool {
    left.flow == right.flow && left.unselected == right.unselected
      && left.setAside == right.setAside && left.stages == right.stages
      && left.faults.elementsEqual(right.faults) { $0 == $1 }
      && left.faultsByTopic == right.faultsByTopic && left.topics == right.topics
      && left.otherTopics == right.otherTopics
  }
}

/// How far what a reader reconstructs is from the events that were left out.
public struct CurveReport: Equatable, Sendable {
  /// The number that is looked at.
  public var field: FieldPath
  /// Events left out whose value was compared with what a reader reconstructs.
  public var leftOutCount: UInt64 = 0
  /// The largest distance.
  public var largest: Double = 0
  /// Where the largest distance first stood; nil while nothing was left out.
  public var largestAt: SequenceNumber?
  /// The topic of that event, as it came to the stage.
  public var largestTopic: [UInt8] = []
  /// The sum of all distances.
  public var sum: Double = 0
  /// Events about which the stage has not decided yet.
  public var undecidedCount: UInt64 = 0
  /// Events left out that could not be compared: no point before them, a distance out of range, or
  /// no room to wait for the point behind them (``DryRun/waitingCountMax``).
  public var uncomparedCount: UInt64 = 0

  /// The mean distance of the events left out; 0 where there are none.
  public var mean: Double { leftOutCount == 0 ? 0 : sum / Double(leftOutCount) }
}
