internal import HoldfastEvent

/// What a run has shown, or many runs together.
public struct WorldReport: Equatable, Sendable {
  /// The seed of the run; of many runs together the first one's.
  public var seed: UInt64 = 0
  /// What was violated, with the seed; nil: nothing.
  public var failure: String?
  /// A hash of every step: equal for equal seeds.
  public var trace: UInt64 = 0
  /// Simulated microseconds.
  public var time: Int64 = 0
  /// Steps of the agent.
  public var stepCount = 0
  /// Events that the agent was handed, repetitions left out.
  public var eventCount = 0
  /// Messages that the sensors' brokers were acknowledged.
  public var acknowledgedCount = 0
  /// Events that the upstreams got, each counted once per upstream.
  public var deliveredCount = 0
  /// Events that the agent says were evicted, over all upstreams.
  public var evictedCount: UInt64 = 0
  /// Events that the agent says could not be read back, over all upstreams.
  public var corruptCount: UInt64 = 0
  /// Events that came marked as historical, however often.
  public var historicalCount = 0
  /// Times that live data was divided from a backlog.
  public var divisionCount = 0
  /// Connects to another broker of a list than its primary.
  public var failOverCount = 0
  /// Times that an upstream went back to its primary because that had answered.
  public var comebackCount = 0
  /// Times that an upstream's order changed between two starts.
  public var orderChangeCount = 0
  /// Events set aside in dead-letter files.
  public var deadLetterCount: UInt64 = 0
  /// Results of stages that the upstreams got, each counted once.
  public var resultCount = 0
  /// Events that went into results, over all upstreams.
  public var aggregatedCount: UInt64 = 0
  /// Events that the stages of sources kept back.
  public var sourceFilteredCount = 0
  /// Times that an upstream's stages began anew.
  public var freshStartCount = 0
  /// Earlier events that stages asked for and got.
  public var recalledCount = 0
  /// Earlier events that stages asked for and that were gone.
  public var goneCount = 0
  /// Times that the agent wrote into its log that time has passed.
  public var tickCount = 0
  /// Upstreams with stages whose account was compared, to the event, with what they make of the log.
  public var judgedUpstreamCount = 0
  /// Those of them where live data was divided from a backlog.
  public var dividedUpstreamCount = 0
  /// Those where some number's event was unknown to the world, so that it could not be.
  public var blindUpstreamCount = 0
  /// Crashes of the process, power cuts included.
  public var crashCount = 0
  /// Power cuts alone.
  public var powerCutCount = 0
  /// Times the ring ran over: it gave up events, or closed a source.
  public var overrunCount = 0
  /// Disk operations that were made to fail.
  public var diskFaultCount = 0
  /// Comparisons with what the world itself knows: numbers settled, at the end of the run.
  public var numberCount = 0
  /// What was reached, and how often.
  public var coverage = Coverage()
  /// What the seed chose, for people.
  public var summary = ""

  /// A report of nothing.
  public init() {}

  /// What the run lacks of what every run of the proof must have, in words.
  ///
  /// That is a day, 5,000 events, 20 faults of 6 kinds, 3 crashes and a ring that ran over.
  public var shortfalls: [String] {
    var missing: [String] = []
    if time < 24 * 3600 * microsecondsPerSecond { missing.append("less than 24 hours") }
    if eventCount < 5000 { missing.append("\(eventCount) events") }
    if coverage.faultCount < 20 { missing.append("\(coverage.faultCount) faults") }
    if coverage.faultKindCount < 6 { missing.append("\(coverage.faultKindCount) kinds") }
    if crashCount < 3 { missing.append("\(crashCount) crashes") }
    if overrunCount < 1 { missing.append("no overrun") }
    return missing
  }

  /// Adds the figures of another run.
  public mutating func add(_ other: WorldReport) {
    time += other.time
    stepCount += other.stepCount
    eventCount += other.eventCount
    acknowledgedCount += other.acknowledgedCount
    deliveredCount += other.deliveredCount
    evictedCount += other.evictedCount
    corruptCount += other.corruptCount
    historicalCount += other.historicalCount
    divisionCount += other.divisionCount
    failOverCount += other.failOverCount
    comebackCount += other.comebackCount
    orderChangeCount += other.orderChangeCount
    deadLetterCount += other.deadLetterCount
    resultCount += other.resultCount
    aggregatedCount += other.aggregatedCount
    sourceFilteredCount += other.sourceFilteredCount
    freshStartCount += other.freshStartCount
    recalledCount += other.recalledCount
    goneCount += other.goneCount
    tickCount += other.tickCount
    judgedUpstreamCount += other.judgedUpstreamCount
    dividedUpstreamCount += other.dividedUpstreamCount
    blindUpstreamCount += other.blindUpstreamCount
    crashCount += other.crashCount
    powerCutCount += other.powerCutCount
    overrunCount += other.overrunCount
    diskFaultCount += other.diskFaultCount
    numberCount += other.numberCount
    coverage.add(other.coverage)
  }
}
