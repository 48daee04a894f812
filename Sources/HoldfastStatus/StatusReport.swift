public import HoldfastAgent
public import HoldfastEvent
internal import HoldfastRingLog

/// A picture of the agent at one instant: all that the page, its JSON and the metrics are made of.
public struct StatusReport: Sendable {
  /// Since when a link has been as it is.
  public struct LinkTime: Equatable, Sendable {
    /// Whether it is up.
    public var isUp = false
    /// By boot clock; when it became so, or when the agent started.
    public var since: Int64 = 0
    /// How often it came up since the agent started.
    public var upCount: UInt64 = 0
    /// Whether it was up once, or could not be made at least once: its state is known.
    public var isKnown = false

    /// A link that was never up.
    public init() {}
  }

  /// How fast an upstream's queue grows, of the last minute.
  public struct Pace: Equatable, Sendable {
    /// Events per second that were offered to it.
    public var offered = 0.0
    /// Events per second that it settled.
    public var settled = 0.0

    /// Nothing moves.
    public init() {}
  }

  /// `holdfast --version`.
  public var version = ""
  /// The core's own picture, with its detail.
  public var agent = AgentStatus()
  /// When it was made.
  public var now = ClockReading(boot: 0, wall: 0)
  /// When the agent started.
  public var startedAt = ClockReading(boot: 0, wall: 0)
  /// In configuration order.
  public var sourceLinks: [LinkTime] = []
  /// In configuration order.
  public var upstreamLinks: [LinkTime] = []
  /// When each upstream's oldest unsent event arrived, by boot clock; nil where it has none.
  public var oldestArrivals: [Age?] = []
  /// When the newest durable event arrived, by boot clock; nil before the first.
  public var newestArrival: Int64?
  /// In configuration order; nil before there was anything to measure.
  public var paces: [Pace?] = []
  /// The loudest topics by events, then those by bytes that are not among them.
  public var loudest: [TopicActivity.Topic] = []
  /// Topics that have fallen silent.
  public var silent: [TopicActivity.Topic] = []
  /// Topics that are known.
  public var topicCount = 0
  /// How many may be.
  public var topicCountMax = 0
  /// How many made room for others.
  public var forgottenTopicCount: UInt64 = 0
  /// Charts.
  public var history = RateHistory()
  /// Lines for the operator.
  public var problems = RecentProblems()
  /// Steps of the wall clock.
  public var clock = ClockWatch()
  /// What the disk was asked to do.
  public var disk = DiskFigures()
  /// Filled in by whoever asks.
  public var machine = MachineFacts()
  /// How long the agent has not answered, microseconds; 0: it has.
  public var silence: Int64 = 0

  /// How old something is.
  public struct Age: Equatable, Sendable {
    /// Microseconds.
    public var microseconds: Int64
    /// Whether it may be older than that: all that is known is how long we have been running.
    public var isAtLeast: Bool

    /// An age.
    public init(microseconds: Int64, isAtLeast: Bool) {
      self.microseconds = microseconds
      self.isAtLeast = isAtLeast
    }
  }

  /// A picture of nothing.
  public init() {}

  /// Microseconds since the agent started.
  public var uptime: Int64 { max(0, now.boot.subtractingSaturated(startedAt.boot)) }

  /// Ring open, and each source subscribed or known to be down.
  public var isReady: Bool {
    agent.detail.isRecovered && silence == 0 && sourceLinks.allSatisfy(\.isKnown)
  }

  /// The age of the oldest event that some upstream has not settled.
  public var oldestAge: Age? {
    oldestArrivals.compactMap { $0 }.max { $0.microseconds < $1.microseconds }
  }

  /// Microseconds between the arrival of an upstream's oldest unsettled event and that of the newest
  /// durable one.
  public func lag(_ index: Int) -> Int64 {
    guard oldestArrivals.indices.contains(index), let age = oldestArrivals[index] else { return 0 }
    let newestAge = newestArrival.map { max(0, now.boot.subtractingSaturated($0)) } ?? 0
    return max(0, age.microseconds - newestAge)
  }

  /// Terms of an upstream's account as counters, which never move back within a run.
  ///
  /// offered = delivered + filtered + aggregated + deadLettered + Σ dropped + Σ lost + Σ pendingLost
  /// + buffered.
  public struct Account: Equatable, Sendable {
    /// Made durable for it, or settled from memory while the disk fails.
    public var offered: UInt64
    /// Acknowledged by the peer.
    public var delivered: UInt64
    /// Not selected, or kept back by a stage; less where a stage lets some go later.
    public var filtered: UInt64
    /// Went into results of stages.
    public var aggregated: UInt64
    /// Set aside in the dead-letter file.
    public var deadLettered: UInt64
    /// Indexed by `UpstreamDropReason`.
    public var dropped: [UInt64]
    /// Indexed by `LossReason`: what the cursor has passed.
    public var lost: [UInt64]
    /// Indexed by `LossReason`: certain, and still ahead of the cursor.
    public var pendingLost: [UInt64]
    /// Durable and not settled yet.
    public var buffered: UInt64

    /// Whether the law holds.
    public var isBalanced: Bool {
      let settled = [delivered, filtered, aggregated, deadLettered, buffered]
      return offered == (settled + dropped + lost + pendingLost).reduce(0, &+)
    }
  }

  /// The account of configured upstream `index`.
  public func account(_ index: Int) -> Account {
    let upstream = agent.upstreams[index]
    let detail = agent.detail.upstreams[index]
    let ledger = upstream.ledger
    return Account(
      offered: ledger.offered &+ detail.settledInMemoryCount,
      delivered: ledger.delivered,
      filtered: ledger.filtered,
      aggregated: ledger.aggregated,
      deadLettered: ledger.deadLettered,
      dropped: ledger.dropped,
      lost: zip(ledger.lost, detail.pendingLoss).map { $0 >= $1 ? $0 - $1 : 0 },
      pendingLost: detail.pendingLoss,
      buffered: upstream.lagEventCount
    )
  }
}
