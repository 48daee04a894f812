public import HoldfastEvent
internal import HoldfastLink
internal import HoldfastRingLog
public import HoldfastUpstream

/// What a replay is told to do.
public struct ReplayConfiguration: Equatable, Sendable {
  /// Where to, and in which format: as the agent's, but for what belongs to the live flow.
  public var upstream: UpstreamConfiguration
  /// First part of every event's identity.
  public var agentID: String
  /// What to send.
  public var numbers: Range<SequenceNumber>
  /// Names of sources, by their slot.
  public var sources: [String]
  /// When it begins, microseconds since 1970: gap records of what is gone bear it.
  public var wall: Int64 = 0
  /// Whether events may go where nothing can mark them: format `event` over MQTT 3.1.1.
  public var mayGoUnmarked = false

  /// Makes an upstream's settings those of a replay beside the live flow.
  ///
  /// It has a connection of its own under a client id of its own, tells no status, has no hours, and
  /// shares no budget. Events go as they were stored: stages begin anew with a range, and would make
  /// of it other results under the identities of those that were delivered.
  ///
  /// - Parameters:
  ///   - upstream: the agent's settings.
  ///   - agentID: the agent's.
  ///   - numbers: what to send.
  ///   - sources: names of sources, by their slot.
  ///   - clientID: no other client's at that broker.
  ///   - budgetByteCount: bytes per second that may be handed to the socket; nil: any number.
  public init(
    _ upstream: UpstreamConfiguration,
    agentID: String,
    numbers: Range<SequenceNumber>,
    sources: [String],
    clientID: String,
    budgetByteCount: Int?
  ) {
    var upstream = upstream
    upstream.isReplay = true
    upstream.link.clientID = clientID
    upstream.link.statusTopic = nil
    upstream.stages = []
    upstream.order = .oldestFirst
    upstream.schedule = SendSchedule()
    upstream.budgetByteCount = budgetByteCount
    upstream.budgetOwner = nil
    // Nothing more comes behind the last event of the range.
    upstream.batchAgeMax = 0
    self.upstream = upstream
    self.agentID = agentID
    self.numbers = numbers
    self.sources = sources
  }
}

/// What became of the numbers of a range: each stands in exactly one term.
public struct ReplayAccount: Equatable, Sendable {
  /// What was asked for.
  public var numbers: Range<SequenceNumber>
  /// The first number that is not settled: where another replay goes on.
  public var position: SequenceNumber
  /// Acknowledged by the upstream.
  public var delivered: UInt64 = 0
  /// Refused for good, or not to be made a message of.
  public var refused: UInt64 = 0
  /// Not selected by the upstream's topics, and marks of time for stages.
  public var filtered: UInt64 = 0
  /// Lost before, as gap records of the log say: the records were sent.
  public var recorded: UInt64 = 0
  /// Never given to an event, as records say.
  public var unused: UInt64 = 0
  /// Recycled or damaged without a record, or while the replay read them.
  public var gone: UInt64 = 0
  /// Those of them, in order.
  public var goneRanges: [Range<SequenceNumber>] = []

  init(_ ledger: UpstreamLedger, _ log: ReplayLog) {
    numbers = log.numbers
    position = ledger.cursor
    delivered = ledger.delivered
    refused = ledger.deadLettered + ledger.dropped.reduce(0, +)
    filtered = ledger.filtered
    unused = ReplayLog.count(log.unused, before: position)
    gone = ReplayLog.count(log.gone, before: position)
    goneRanges = log.gone.compactMap { range in
      range.lowerBound < position ? range.lowerBound..<min(range.upperBound, position) : nil
    }
    recorded = ledger.lost.reduce(0, +) &- gone
  }

  /// Whether all of the range is settled.
  public var isComplete: Bool { position >= numbers.upperBound }

  /// Whether each number before ``position`` stands in exactly one term.
  public var isBalanced: Bool {
    position &- numbers.lowerBound
      == delivered &+ refused &+ filtered &+ recorded &+ unused &+ gone
  }
}
