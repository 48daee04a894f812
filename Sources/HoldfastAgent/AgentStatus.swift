public import HoldfastEvent
public import HoldfastLink
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
    /// For how long none of those was acknowledged, whole seconds.
    ///
    /// A link that is half open is connected, and this grows.
    public var silentSeconds = 0

    /// Answers since the process began that said that a message was not taken.
    public var refusalCount: UInt64 = 0
    /// Why it refuses events at present; nil: it does not.
    public var refusalText: String?
    /// Messages that it took since the process began, and had no subscriber for (MQTT 5).
    public var unheardCount: UInt64 = 0
    /// Whether the last one it took was one of those.
    public var isUnheard = false

    /// What went through each of its stages, in order.
    public var stages: [StageCounts] = []
    /// Payloads that they could not read, in the order of `PayloadFault.allCases`.
    public var undecodable: [UInt64] = []
    /// The same by topic.
    public var undecodableTopics = PayloadFaults()
    /// The topic that has most of them.
    public var mostUndecodable: (topic: [UInt8], count: UInt64)? {
      undecodableTopics.topics.first.map { ($0.topic, $0.count) }
    }

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
  /// Those of delivered data that is kept: they make room for whatever needs it.
  public var ringKeptByteCount = 0
  /// The bound on ``ringByteCount``.
  public var ringByteCountMax = 0

  /// Bytes of events held in memory: pending, recent, and on their way to upstreams.
  public var memoryByteCount = 0

  /// What only a status page asks for; empty unless ``Agent/detailedStatus(now:)`` made it.
  public var detail = Detail()

  /// A picture of nothing.
  public init() {}
}

extension AgentStatus {
  /// One end's link, and how far an upstream has come in time.
  public struct Link: Equatable, Sendable {
    /// Where it connects to; holds no credentials.
    public var url = ""
    /// Which broker of its list that is; 0: the primary.
    public var place = 0
    /// Brokers in the list.
    public var brokerCount = 1
    /// Where it stands.
    public var state = HoldfastLink.Link.State.idle
    /// When the oldest event that an upstream has not settled arrived; nil: there is none, or it is
    /// not known.
    public var oldestArrival: RingLog.Arrival?
    /// An upstream's losses that are certain and lie beyond what it has read, per ``LossReason``.
    ///
    /// They stand in its account as `lost`, and move to and fro until its cursor has passed them.
    public var pendingLoss = [UInt64](repeating: 0, count: LossReason.allCases.count)
    /// Events that an upstream settled from memory alone, while the disk fails: not in `offered` yet.
    public var settledInMemoryCount: UInt64 = 0

    /// A link that is not wanted.
    public init() {}
  }

  /// What changes from second to second without anything being new.
  public struct Detail: Equatable, Sendable {
    /// `agent.id`.
    public var agentID = ""
    /// Whether what the disk holds was read at the start.
    public var isRecovered = false
    /// `ring.when_full`.
    public var whenFull = FullPolicy.dropOldest
    /// Events taken and not yet durable.
    public var pendingCount = 0
    /// Gap records kept until every upstream has passed them.
    public var gapCount = 0
    /// Bytes of the log's segments.
    public var segmentByteCount = 0
    /// Events in them.
    public var segmentEventCount: UInt64 = 0
    /// In configuration order.
    public var sources: [Link] = []
    /// In configuration order.
    public var upstreams: [Link] = []

    /// Nothing.
    public init() {}
  }
}
