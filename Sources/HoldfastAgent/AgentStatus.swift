public import HoldfastRingLog

/// A picture of the agent at one instant.
public struct AgentStatus: Equatable, Sendable {
  public enum Health: String, Sendable {
    case good
    /// The ring is full and something is dropped or refused.
    case full
    /// The disk fails: events pass through memory and are acknowledged only when delivered.
    case failing
  }

  public struct Source: Equatable, Sendable {
    public var ledger: SourceLedger
    public var isConnected = false

    public init(ledger: SourceLedger) { self.ledger = ledger }
  }

  public struct Upstream: Equatable, Sendable {
    /// With losses already known beyond the cursor added to `lost`.
    public var ledger: UpstreamLedger
    public var isConnected = false
    /// Events durable and not yet settled.
    public var lagEventCount: UInt64 = 0
    /// Messages sent and not yet acknowledged.
    public var inFlightCount = 0

    public init(ledger: UpstreamLedger) { self.ledger = ledger }
  }

  public var health: Health = .good
  public var sources: [Source] = []
  public var upstreams: [Upstream] = []
  /// The newest durable number; 0 before the first.
  public var durable: UInt64 = 0
  /// Bytes on disk of every file of ours, and the bound.
  public var ringByteCount = 0
  public var ringByteCountMax = 0

  public init() {}
}
