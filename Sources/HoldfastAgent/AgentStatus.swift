public import HoldfastEvent
public import HoldfastRingLog
public import HoldfastStage

/// A picture of the agent at one instant.
public struct AgentStatus: Equatable, Sendable {
  /// In one word, whether data is safe.
  public enum Health: String, Sendable {
    case good
    /// The ring is full: events are refused or given up for want of room, or the next ones will be.
    case full
    /// The disk fails: events pass through memory and are acknowledged only when delivered.
    case failing
  }

  /// One source.
  public struct Source: Equatable, Sendable {
    /// Its account.
    public var ledger: SourceLedger
    /// Whether its link is up.
    public var isConnected = false

    /// A source that is not connected.
    public init(ledger: SourceLedger) { self.ledger = ledger }
  }

  /// One upstream.
  public struct Upstream: Equatable, Sendable {
    /// With losses already known beyond the cursor added to `lost`.
    public var ledger: UpstreamLedger
    /// Whether its link is up.
    public var isConnected = false
    /// Events durable and not yet settled.
    public var lagEventCount: UInt64 = 0
    /// Messages sent and not yet acknowledged.
    public var inFlightCount = 0

    /// What went through each of its stages, in order.
    public var stages: [StageCounts] = []
    /// Payloads that they could not read, in the order of `PayloadFault.allCases`.
    public var undecodable: [UInt64] = []

    /// An upstream that is not connected.
    public init(ledger: UpstreamLedger) { self.ledger = ledger }
  }

  /// The worst of what is known.
  public var health: Health = .good
  /// In configuration order.
  public var sources: [Source] = []
  /// In configuration order.
  public var upstreams: [Upstream] = []
  /// The log that numbers new events.
  public var log = LogID(high: 0, low: 0)
  /// The newest durable number; 0 before the first.
  public var durable: UInt64 = 0
  /// Bytes on disk of every file of ours, and the bound.
  public var ringByteCount = 0
  /// The bound on ``ringByteCount``.
  public var ringByteCountMax = 0

  /// Bytes of events held in memory: pending, recent, and on their way to upstreams.
  public var memoryByteCount = 0

  /// A picture of nothing.
  public init() {}
}
