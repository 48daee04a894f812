internal import HoldfastEvent

/// A regional outage: many agents, one central broker that comes back.
public struct HerdSettings: Equatable, Sendable {
  /// What the agents do about there being so many of them.
  public enum Manner: String, CaseIterable, Sendable {
    /// Tries at a fixed interval, and the whole window at once.
    case none = "fixed retry, whole window"
    /// Full-jitter backoff, and the whole window at once.
    case jitter = "jitter, whole window"
    /// Full-jitter backoff, and a window that grows: what Holdfast does.
    case ramp = "jitter, ramp"
    /// The same with a broker that answers "server busy" while it has too much to do.
    case quota = "jitter, ramp, broker says busy"
  }

  /// What the agents do.
  public var manner: Manner
  /// All chance comes from it.
  public var seed: UInt64 = 1
  /// How many agents.
  public var agentCount = 10_000
  /// How long the broker was away, microseconds.
  public var outage: Int64 = 3600 * microsecondsPerSecond
  /// Between two events of one agent, microseconds.
  public var eventInterval: Int64 = 5 * microsecondsPerSecond
  /// Connects that the broker can take in a second.
  public var connectsPerSecond = 1000
  /// Messages that the broker can take in a second.
  public var messagesPerSecond = 20_000
  /// Messages that an agent has in flight at most.
  public var windowMax = 100
  /// One way between an agent and the broker, microseconds.
  public var latency: Int64 = 25_000
  /// From an agent's connect to CONNACK, microseconds; as by default.
  public var connectTimeout: Int64 = 10 * microsecondsPerSecond
  /// Without any PUBACK an agent gives the link up, microseconds; as by default.
  public var acknowledgementTimeout: Int64 = 30 * microsecondsPerSecond
  /// The longest delay of an agent with jitter, microseconds; as by default.
  public var backoffMax: Int64 = 30 * microsecondsPerSecond
  /// Between two tries of an agent without jitter, microseconds.
  public var fixedDelay: Int64 = 5 * microsecondsPerSecond
  /// Work in front of it with which the broker says that it is busy, microseconds.
  public var busyTime: Int64 = 2 * microsecondsPerSecond
  /// What a refusal, or finding that a client has gone, costs the broker, as a part of a connect.
  public var refusalPart: Int64 = 10
  /// It ends then, whether or not all is delivered, microseconds.
  public var timeMax: Int64 = 7200 * microsecondsPerSecond

  /// The settings of the page.
  public init(_ manner: Manner) { self.manner = manner }
}

/// What came of it.
public struct HerdReport: Equatable, Sendable {
  /// The manner that was tried.
  public var manner: HerdSettings.Manner
  /// Most messages that lay in front of the broker.
  public var messageQueueMax = 0
  /// Longest time that something new would have waited for the broker, microseconds.
  public var queueTimeMax: Int64 = 0
  /// When the last agent had its first CONNACK, microseconds after the broker came back.
  public var connectedAt: Int64 = 0
  /// When no agent had anything left of the outage; nil: not within the time.
  public var drainedAt: Int64?
  /// Messages that the broker took more than once.
  public var repeatedCount = 0
  /// Links that agents gave up: no CONNACK, or no acknowledgement, in time.
  public var givenUpCount = 0
  /// Connects that the broker refused as it was busy.
  public var refusedCount = 0
  /// Once a second: how long something new would have waited, microseconds, and the part of the
  /// outage's events that the broker has, in thousandths.
  public var series: [(queueTime: Int64, delivered: Int)] = []

  /// Whether all but the series is the same.
  public static func == (first: HerdReport, second: HerdReport) -> Bool {
    first.manner == second.manner && first.messageQueueMax == second.messageQueueMax
      && first.queueTimeMax == second.queueTimeMax && first.connectedAt == second.connectedAt
      && first.drainedAt == second.drainedAt && first.repeatedCount == second.repeatedCount
      && first.givenUpCount == second.givenUpCount && first.refusedCount == second.refusedCount
  }
}
