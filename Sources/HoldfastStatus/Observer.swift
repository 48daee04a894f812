public import HoldfastAgent
public import HoldfastEvent
internal import HoldfastRingLog

/// Watches the agent from beside its core, and remembers in fixed memory what a page must show.
///
/// The shell tells it what goes into the core and what comes out; it decides nothing. Batches cost
/// one lookup per event, ``tick(_:disk:now:)`` a look at the counters a second.
public struct Observer: Sendable {
  /// Between two looks, microseconds.
  public static let interval: Int64 = microsecondsPerSecond
  /// Topics in a report: by events, more by bytes, silent ones.
  static let loudestCount = 50
  static let heaviestCount = 25
  static let silentCount = 25
  /// Looks that make up a pace: a minute's.
  private static let paceCount = 60

  private struct Standing {
    var at: Int64
    var offered: UInt64
    var settled: UInt64
  }

  private let version: String
  private let payloadByteCountMax: Int
  private let startedAt: ClockReading
  private var topics: TopicActivity
  private var history = RateHistory()
  private var problems = RecentProblems()
  private var clock = ClockWatch()
  private var marks = ArrivalMarks()
  private var sourceLinks: [StatusReport.LinkTime] = []
  private var upstreamLinks: [StatusReport.LinkTime] = []
  private var standings: [[Standing]] = []

  /// - Parameters:
  ///   - configuration: the agent's.
  ///   - version: of the program.
  ///   - now: the start.
  public init(configuration: AgentConfiguration, version: String, now: ClockReading) {
    self.version = version
    payloadByteCountMax = configuration.ring.payloadByteCountMax
    startedAt = now
    topics = TopicActivity(countMax: configuration.status.topicCountMax)
    var link = StatusReport.LinkTime()
    link.since = now.boot
    sourceLinks = configuration.sources.map { _ in link }
    upstreamLinks = configuration.upstreams.map { _ in link }
    standings = configuration.upstreams.map { _ in [] }
  }

  /// Something goes into the core.
  public mutating func note(_ input: borrowing Input, now: ClockReading) {
    switch input {
    case .received(_, let batch):
      topics.note(batch, payloadByteCountMax: payloadByteCountMax, now: now.boot)
    case .sourceConnected(let index, _): noteLink(&sourceLinks, index, isUp: true, now.boot)
    case .sourceClosed(let index, _): noteLink(&sourceLinks, index, isUp: false, now.boot)
    case .upstreamConnected(let index, _): noteLink(&upstreamLinks, index, isUp: true, now.boot)
    case .upstreamClosed(let index, _): noteLink(&upstreamLinks, index, isUp: false, now.boot)
    case .primaryAsked, .handedOver, .acknowledged, .timer, .stop: break
    }
  }

  /// The core has a line for the operator.
  public mutating func note(_ entry: LogEntry, now: ClockReading) {
    problems.note(entry, now: now)
  }

  private func noteLink(
    _ links: inout [StatusReport.LinkTime],
    _ index: Int,
    isUp: Bool,
    _ now: Int64
  ) {
    guard links.indices.contains(index) else { return }
    links[index].isKnown = true
    guard links[index].isUp != isUp else { return }
    links[index].isUp = isUp
    links[index].since = now
    if isUp { links[index].upCount &+= 1 }
  }

  /// Looks at the counters; to be called every ``interval``.
  public mutating func tick(_ status: AgentStatus, disk: DiskFigures, now: ClockReading) {
    clock.note(now)
    marks.note(status.durable, now: now.boot)
    var totals = RateHistory.Totals()
    for source in status.sources { totals.received &+= source.ledger.received }
    for upstream in status.upstreams {
      totals.delivered &+= upstream.ledger.delivered &+ upstream.ledger.derivedDelivered
    }
    totals.written = disk.writtenByteCount
    history.note(totals, now: now.boot)
    topics.tick(now: now.boot)
    for (index, upstream) in status.upstreams.enumerated() where standings.indices.contains(index) {
      let standing = Standing(
        at: now.boot,
        offered: upstream.ledger.offered,
        settled: upstream.ledger.settled
      )
      standings[index].append(standing)
      if standings[index].count > Self.paceCount { standings[index].removeFirst() }
    }
  }

  /// All of it, with a picture of the core that was made just now.
  ///
  /// - Complexity: O(topics · log topics + sources + upstreams).
  public func report(
    _ status: AgentStatus,
    disk: DiskFigures,
    now: ClockReading
  ) -> StatusReport {
    var report = StatusReport()
    report.version = version
    report.agent = status
    report.now = now
    report.startedAt = startedAt
    report.sourceLinks = sourceLinks
    report.upstreamLinks = upstreamLinks
    for (index, link) in status.detail.upstreams.enumerated() {
      let lag = status.upstreams[index].lagEventCount
      let cursor = status.upstreams[index].ledger.cursor
      report.oldestArrivals.append(lag > 0 ? age(of: cursor, link.oldestArrival, now) : nil)
    }
    report.newestArrival = status.durable > 0 ? marks.arrival(of: status.durable) : nil
    report.paces = standings.map(Self.pace)
    report.loudest = topics.loudest(Self.loudestCount)
    let names = Set(report.loudest.map(\.name))
    report.loudest += topics.heaviest(Self.heaviestCount).filter { !names.contains($0.name) }
    report.silent = topics.silent(Self.silentCount, now: now.boot)
    report.topicCount = topics.count
    report.topicCountMax = topics.countMax
    report.forgottenTopicCount = topics.forgottenCount
    report.history = history
    report.problems = problems
    report.clock = clock
    report.disk = disk
    return report
  }

  private static func pace(_ standings: [Standing]) -> StatusReport.Pace? {
    guard let first = standings.first, let last = standings.last, last.at > first.at else {
      return nil
    }
    let seconds = Double(last.at - first.at) / Double(microsecondsPerSecond)
    var pace = StatusReport.Pace()
    if last.offered > first.offered {
      pace.offered = Double(last.offered - first.offered) / seconds
    }
    if last.settled > first.settled {
      pace.settled = Double(last.settled - first.settled) / seconds
    }
    return pace
  }

  /// How old an event is: by its own stamp or ours where there is one, else by its segment's.
  private func age(
    of sequence: SequenceNumber,
    _ arrival: RingLog.Arrival?,
    _ now: ClockReading
  ) -> StatusReport.Age {
    let exact = { (microseconds: Int64) in
      StatusReport.Age(microseconds: max(0, microseconds), isAtLeast: false)
    }
    // A stamp of an earlier boot looks like one from before the start, or from the future.
    if let arrival, arrival.isExact, let boot = arrival.boot, boot >= startedAt.boot,
      boot <= now.boot
    {
      return exact(now.boot - boot)
    }
    if let boot = marks.arrival(of: sequence) { return exact(now.boot - boot) }
    let uptime = now.boot.subtractingSaturated(startedAt.boot)
    guard let arrival, arrival.wall >= ClockWatch.credibleWall, ClockWatch.isCredible(now),
      now.wall.subtractingSaturated(arrival.wall) >= uptime
    else { return StatusReport.Age(microseconds: max(0, uptime), isAtLeast: true) }
    return exact(now.wall - arrival.wall)
  }
}
