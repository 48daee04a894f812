public import HoldfastEvent
public import HoldfastLink
public import HoldfastRingLog
public import HoldfastStage

/// Sends one upstream's events in order and moves its cursor over what was acknowledged.
///
/// A synchronous state machine with one owner. What happens outside comes in by `connected`,
/// `closed` and `acknowledged`, which only note it; ``step(now:read:keep:into:)`` is the one that
/// acts, so the owner calls it after each of them, when events became durable, and at `wakeAt`.
///
/// - The ring log is the queue: nothing is read before the link is up, and no more than the
///   in-flight window holds.
/// - Every number is unread, or in exactly one slot of `inFlight`, or settled in exactly one term of
///   ``ledger``, into which it passes together with the cursor. The ledger is consistent whenever the
///   owner looks, and may be saved at any time.
/// - Whatever is lost before its slot passed is sent again with the same identity: at least once.
///
/// The log's part: a result's events are consecutive, and end before a gap record that stands
/// between two of them.
public struct Forwarder: Sendable {
  /// What the shell must do.
  public enum Action: Sendable {
    /// Make a new client and connect to the broker at that place of the list, see
    /// `LinkConfiguration.broker(at:)`; answered by `connected` or `closed`.
    case connect(ProtocolVersion, place: Int)
    /// Ask the primary, beside the link that is up, whether it grants a connection, and close that
    /// again; answered by `asked`.
    case ask(ProtocolVersion)
    /// Drop the link at once; answered by `closed`.
    case disconnect
    /// Publish each message at QoS 1, in order; each answered by an acknowledgement. What the
    /// client library refuses is answered as a broker would: 0x90, 0x95 or 0x99.
    case publish(MessageBatch)
    case log(LogEntry)
  }

  /// Reads the log at a number, with so many gap records right before it already passed;
  /// ``recalling`` of them: an event once more that was read before, or a gap where it is gone.
  public typealias Read = (_ from: SequenceNumber, _ passedGaps: Int) -> ReadResult
  /// Takes a dead letter; false: it can't be kept, and counts as dropped.
  public typealias Keep = (DeadLetter) -> Bool

  /// See ``Read``.
  public static let recalling = Int.max

  /// Most messages in flight: packet identifiers are 16 bits wide, and libmosquitto's cost per
  /// acknowledgement grows with the window.
  public static let inFlightCountMax = 1000
  /// Rendered bytes above which nothing new is rendered while something is in flight.
  public static let inFlightByteCountMax = 4 << 20
  /// Events and gap records looked at in one step; the rest waits for the next, at once.
  public static let scanCountMax = 20_000
  /// Slots between the cursor and the read position.
  static let slotCountMax = 4096
  /// A close later than this after the sending is not held against the message, microseconds.
  static let suspectTime: Int64 = 5 * microsecondsPerSecond

  /// As given at the start.
  public let configuration: UpstreamConfiguration
  /// Cursor and counters, consistent with each other at any time; `offered` is the log's to count.
  public internal(set) var ledger: UpstreamLedger
  /// When `step` is wanted although nothing happened, microseconds by boot clock.
  public private(set) var wakeAt: Int64?

  var link: Link
  var grant: SessionGrant?
  /// Raised at each connect: answers to an earlier link's messages are told apart by it.
  var generation: UInt64 = 0
  var inFlight = InFlight()
  /// The next number to read in the lane that is being read; without a backlog apart, what lies
  /// between the cursor and it is on its way.
  public internal(set) var position: SequenceNumber
  /// How many gap records right before that number have been passed.
  var passedGaps = 0
  /// Where the lane that is being read ends; `.max`: it is the live end of the log.
  var laneEnd = SequenceNumber.max
  var lanes = Lanes()
  /// A link has begun: live data may have to be divided from what lies behind it.
  var isDividing = false
  var hasDivided = false
  /// The first number that can't be read yet; 0: nothing is divided now, as it could not be saved.
  ///
  /// The owner keeps it up to date.
  public var readableEnd: SequenceNumber = 0
  /// The stages wait until what was divided without them is sent.
  var areStagesWaiting = false

  /// What was last saved of the stages, see ``snapshotsToSave(saved:byteCountMax:)``.
  public enum SavedStages: Equatable, Sendable {
    case none
    /// What the file holds.
    case pictures([ArraySlice<UInt8>])
    /// The file can't be read for the moment: ``Forwarder/takeUp(_:)`` follows.
    case unreadable
  }

  var stages: StagedLog
  /// Whether nothing may be read before the owner has found out where the stages stood.
  public internal(set) var isWaitingForStages = false
  let freshPipeline: Pipeline
  private let rules: [DecodeRules]
  /// Numbers of the lane lost to the upstream before ``position``.
  var readLostCount: UInt64
  /// Numbers of the lane before ``position`` that were read, those lost to the upstream among them.
  var readCount: UInt64
  /// What must be met until all stages are computed again, of both lanes together; nil: they are.
  var replayExpectation: (lost: UInt64, read: UInt64)?
  /// Where the log is divided by what was saved last of the stages.
  var savedSplit: SequenceNumber?
  /// Whether live data waits until the owner has saved where it begins.
  var isLiveHeld = false
  /// How often nothing was divided because a backlog with stages waited already.
  public internal(set) var undividedCount: UInt64 = 0

  var verdicts: TopicVerdicts
  var eventFormat: EventFormat
  var batchFormat: BatchFormat
  let freshBatchFormat: BatchFormat
  var gapFormat: GapFormat

  /// When something was last answered, or sent with nothing in flight.
  var quietSince: Int64 = 0
  var suspicion = Suspicion()
  var ramp: Ramp
  var refusal: RefusalState
  /// Whether each event's own topic decides where it is sent.
  let sendsByTopic: Bool
  var lines: [LogEntry] = []
  var setAsideLine = SparseLine()
  var undecodableLine = SparseLine()
  private var hasToldVersion = false
  var hasToldNobodyListens = false
  /// Answers of 0x80 or above since the process began: the message was not delivered by it.
  public internal(set) var refusalCount: UInt64 = 0
  /// Messages taken since the process began for which the peer had no subscriber (reason 0x10).
  public internal(set) var unheardCount: UInt64 = 0
  /// Whether the last message that the peer took on this link was one of those.
  public internal(set) var isUnheard = false
  /// Whether the peer answered any message on this link.
  var hasAnswered = false

  /// What may be handed to the socket; nil: anything.
  ///
  /// Where upstreams share one, its owner puts it here for the time of a call.
  public var budget: ByteBudget?
  /// What may be sent at the moment; the owner keeps it up to date.
  public var permission = SendPermission.everything
  /// Bytes of this link that the budget has been charged with.
  var chargedByteCount: UInt64 = 0
  /// Those of the last message.
  var lastChargedByteCount = 0
  /// How well batches are compressed: bytes before, in sixteenths of those after.
  var compressionSixteenths = 16
  /// Whether the link is wanted, whatever the schedule says.
  var isWanted = false
  /// Whether the schedule has closed the link.
  var isScheduledOut = false
  /// When what is in flight has had its time after the schedule closed.
  var closesAt: Int64?
  var startJitter: SplitMix64

  /// - Parameters:
  ///   - configuration: checked settings.
  ///   - agentID: first part of every event's identity.
  ///   - ledger: as saved, or new; sending begins at its cursor.
  ///   - rules: how payloads are read, by the slot of their source.
  ///   - sources: names of sources, by their slot.
  ///   - log: the log that is being read.
  ///   - saved: what was last saved of the stages.
  ///   - seed: all jitter comes from it.
  public init(
    configuration: UpstreamConfiguration,
    agentID: String,
    ledger: UpstreamLedger,
    rules: [DecodeRules] = [],
    sources: [String] = [],
    log: LogID = LogID(high: 0, low: 0),
    saved: SavedStages = .none,
    seed: UInt64
  ) {
    self.configuration = configuration
    self.ledger = ledger
    position = ledger.cursor
    readLostCount = ledger.lost.reduce(0, &+)
    readCount = ledger.settled
    self.rules = rules
    freshPipeline = Pipeline(
      stages: configuration.stages,
      rules: rules,
      setsAside: configuration.undecodable == .deadLetter
    )
    stages = StagedLog(freshPipeline, log: log)
    var seeds = SplitMix64(seed: seed)
    link = Link(
      name: "upstream \(configuration.name)",
      configuration: configuration.link,
      seed: seeds.next()
    )
    refusal = RefusalState(
      backoff: Backoff(cap: configuration.link.backoffMax, seed: seeds.next()),
      busyBackoff: Backoff.busy(cap: configuration.link.backoffMax, seed: ~seed)
    )
    ramp = Ramp(start: configuration.rampStart)
    startJitter = SplitMix64(seed: seeds.next())
    budget = configuration.budgetByteCount.map { ByteBudget(bytesPerSecond: $0) }
    let template = TopicTemplate(
      configuration.topicTemplate,
      agentID: agentID,
      upstream: configuration.name
    )
    let target = RecordTarget(configuration, agentID: agentID)
    sendsByTopic =
      configuration.format == .event && !(target.map(\.isConstant) ?? template.isConstant)
    verdicts = TopicVerdicts(
      filters: configuration.topics,
      exceptions: configuration.exceptTopics,
      template: configuration.format == .event && target == nil ? template : nil,
      target: target
    )
    eventFormat = EventFormat(
      agentID: agentID,
      template: template,
      retain: configuration.retain,
      addsIdentity: configuration.addsIdentity,
      target: target,
      sources: sources,
      isReplay: configuration.isReplay
    )
    freshBatchFormat = BatchFormat(configuration: configuration, agentID: agentID)
    batchFormat = freshBatchFormat
    gapFormat = GapFormat(configuration: configuration, agentID: agentID)
    restoreLanes()
    takeUp(saved)
  }

  /// The stages as new, beginning at a number in the midst of the log; 0: with the log.
  func pipeline(from origin: SequenceNumber) -> Pipeline {
    if origin == 0 { return freshPipeline }
    return Pipeline(
      stages: configuration.stages,
      rules: rules,
      setsAside: configuration.undecodable == .deadLetter,
      origin: origin
    )
  }

  /// What went through each stage.
  public var stageCounts: [StageCounts] {
    var counts = stages.pipeline.report
    guard let parked = lanes.parked else { return counts }
    for (place, count) in parked.stages.pipeline.report.enumerated()
    where counts.indices.contains(place) {
      counts[place].add(count)
    }
    return counts
  }
  /// Payloads that stages could not read, in the order of `PayloadFault.allCases`.
  public var undecodableCounts: [UInt64] {
    let counts = stages.pipeline.faultCounts
    guard let parked = lanes.parked else { return counts }
    return zip(counts, parked.stages.pipeline.faultCounts).map { $0 &+ $1 }
  }
  /// The same by topic.
  public var undecodableTopics: PayloadFaults { stages.pipeline.faultsByTopic }

  /// Whether CONNACK came and the link has not ended since.
  public var isConnected: Bool { link.isUp }
  /// Where its link stands.
  public var linkState: Link.State { link.state }
  /// Bytes of rendered messages, of the batch being gathered, and of a picture of the stages that
  /// waits to be saved.
  public var memoryByteCount: Int {
    inFlight.heldByteCount + batchFormat.byteCount + (lanes.parked?.batch.byteCount ?? 0)
      + (stages.pendingSnapshot?.state.count ?? 0)
      + (lanes.parked?.stages.pendingSnapshot?.state.count ?? 0)
  }
  /// For how long nothing has been answered although something is in flight, microseconds.
  ///
  /// Connected means that acknowledgements flow: a link that is half open is known by this first.
  public func silence(now: Int64) -> Int64 {
    link.isUp && inFlight.sentCount > 0 ? max(0, now.subtractingSaturated(quietSince)) : 0
  }

  /// Why the peer refuses events at present; nil: it does not.
  ///
  /// Until the refused one is taken or set aside, and where that is a matter of its topic, until the
  /// link is made anew. A peer that only has too much to do does not count: that passes.
  public var refusalText: String? {
    guard link.isUp, refusal.isDraining || refusal.probe != nil || refusal.hasDenied,
      RefusalKind(reasonCode: refusal.lastReason) != .busy
    else { return nil }
    return reasonText(refusal.lastReason)
  }

  /// Messages sent on this link and not yet answered.
  public var inFlightCount: Int { inFlight.sentCount }

  /// Where its link connects to, or will next.
  public var url: String { link.url }
  /// Which broker of the list that is; 0: the primary.
  public var brokerPlace: Int { link.place }
  /// See `Link.brokerCount`.
  public var brokerCount: Int { link.brokerCount }
  /// See `Link.url(at:)`.
  public func url(at place: Int) -> String { link.url(at: place) }
  /// See `Link.fallbackUntil(at:)`.
  public func fallbackUntil(at place: Int = 0) -> Int64? { link.fallbackUntil(at: place) }

  /// Lets the owner tell the link what an earlier run found out.
  public mutating func recall(_ tell: (inout Link) -> Void) { tell(&link) }

  /// Wants the link from now on.
  public mutating func start(now: Int64) {
    isWanted = true
    link.start(now: now)
  }

  /// Lets the link go until `start`; `step` says so to the shell.
  public mutating func stop(now: Int64, into actions: inout [Action]) {
    isWanted = false
    if link.requestClose("closing", isRetrying: false, now: now, log: &lines) {
      actions.append(.disconnect)
    }
    flushLines(into: &actions)
  }

  /// The broker answered CONNACK with success.
  public mutating func connected(_ grant: SessionGrant, now: Int64) {
    guard link.connected(grant, now: now, log: &lines) else { return }
    self.grant = grant
    generation &+= 1
    chargedByteCount = 0
    isDividing = configuration.order == .liveFirst
    quietSince = now
    refusal.beginLink()
    ramp.begin()
    hasToldNobodyListens = false
    isUnheard = false
    hasAnswered = false
    if grant.protocolVersion == .v5 {
      hasToldVersion = false
    } else if configuration.format == .event && !hasToldVersion {
      hasToldVersion = true
      note(
        .warning,
        "MQTT 3.1.1 carries no user properties: events go without agent, log, number and time,"
          + " and a refused event is taken for delivered; format = \"ndjson\" carries them"
      )
    }
  }

  /// The link ended or could not be made.
  public mutating func closed(_ failure: LinkFailure, now: Int64) {
    var failure = failure
    if link.isUp && judgeClose(failure, now: now) && !hasAnswered { failure.isExplained = true }
    link.closed(failure, now: now, log: &lines)
    if link.isUp { return }
    grant = nil
    inFlight.unsend()
  }

  /// Does whatever is due: connects, sends, sends again, sets aside, moves the cursor.
  ///
  /// - Parameters:
  ///   - now: microseconds by boot clock.
  ///   - read: reads durable events; called only while there is room in the window.
  ///   - keep: takes dead letters.
  ///   - actions: what the shell must do, in order, is appended.
  public mutating func step(
    now: Int64,
    read: Read,
    keep: Keep,
    into actions: inout [Action]
  ) {
    keepToSchedule(now: now, into: &actions)
    if let version = link.tick(now: now, log: &lines) {
      actions.append(.connect(version, place: link.place))
    }
    goHome(now: now, into: &actions)
    closeIfSilent(now: now, into: &actions)
    setAsideCondemned(now: now, keep: keep)
    inFlight.pass(into: &ledger)
    if refusal.isDraining && inFlight.sentCount == 0 && now >= refusal.resumeAt {
      resumeAtRefused()
    }
    suspicion.passed(before: inFlight.slots.firstID)
    var end = FillEnd.noRoom
    if isWaitingForStages {
      flushLines(into: &actions)
      wakeAt = link.wakeAt
      return
    }
    guard replay(read) else {
      flushLines(into: &actions)
      wakeAt = now
      return
    }
    if let grant, link.isUp, !link.isLeaving, !refusal.isDraining, now >= refusal.resumeAt {
      resend(grant: grant, now: now, keep: keep, into: &actions)
      divideLanes(now: now)
      if isLiveHeld && hasDivided {
        // The owner saves that first.
        end = .paused
      } else if inFlight.readyCount == 0 {
        end = fillLanes(grant: grant, now: now, read: read, keep: keep, into: &actions)
      }
      inFlight.pass(into: &ledger)
    }
    flushLines(into: &actions)
    wakeAt = end == .paused ? now : nextWake(now: now, end)
  }

  /// How many messages may be in flight now.
  func window(_ grant: SessionGrant) -> Int {
    if suspicion.isAlone || refusal.probe != nil { return 1 }
    return max(
      1,
      min(configuration.inFlightMax, ramp.window, grant.receiveMaximum, Forwarder.inFlightCountMax)
    )
  }

  /// Where the messages of this link go: link's number above, slot's number below.
  func tag(of id: UInt64) -> UInt64 { generation << 48 | id & Forwarder.slotMask }

  static let slotMask: UInt64 = 1 << 48 - 1

  mutating func note(_ level: LogEntry.Level, _ message: String) {
    lines.append(LogEntry(level, "\(link.name): \(link.url): \(message)"))
  }

  private mutating func flushLines(into actions: inout [Action]) {
    for line in lines { actions.append(.log(line)) }
    lines.removeAll(keepingCapacity: true)
  }

  private mutating func closeIfSilent(now: Int64, into actions: inout [Action]) {
    guard link.isUp, inFlight.sentCount > 0,
      now.subtractingSaturated(quietSince) >= configuration.acknowledgementTimeout
    else { return }
    let time = durationText(configuration.acknowledgementTimeout)
    if link.requestClose(
      "the link is half open: no acknowledgement for \(time) with \(inFlight.sentCount) messages"
        + " in flight",
      isRetrying: true,
      now: now,
      log: &lines
    ) {
      actions.append(.disconnect)
    }
  }

  private func nextWake(now: Int64, _ end: FillEnd) -> Int64? {
    let isAtEnd = end == .noMore
    guard link.isUp else { return link.wakeAt }
    var wake = min(closesAt ?? .max, link.wakeAt ?? .max)
    if !isAtEnd, let resumeAt = budget?.resumeAt(now) { wake = min(wake, resumeAt) }
    if inFlight.sentCount > 0 {
      wake = min(wake, quietSince.addingSaturated(configuration.acknowledgementTimeout))
    }
    if now < refusal.resumeAt {
      wake = min(wake, refusal.resumeAt)
    } else {
      // Where there is no room an acknowledgement comes first; the other lane may have been at its
      // end all the same.
      if !batchFormat.isEmpty && (isAtEnd || lanes.parked != nil && batchFormat.dueAt > now) {
        wake = min(wake, batchFormat.dueAt)
      }
      if isAtEnd, let other = lanes.parked, !other.batch.isEmpty {
        wake = min(wake, other.batch.dueAt)
      }
    }
    return wake == .max ? nil : wake
  }
}

/// One line at most per interval; those left out are counted into the next one.
struct SparseLine: Sendable {
  /// Least time between two lines, microseconds.
  static let interval: Int64 = 10 * microsecondsPerSecond

  private var shownAt: Int64?
  private var leftOutCount = 0

  /// What to add to the line; nil: leave it out.
  mutating func suffix(now: Int64) -> String? {
    if let shownAt, now.subtractingSaturated(shownAt) < Self.interval {
      leftOutCount += 1
      return nil
    }
    let suffix = leftOutCount == 0 ? "" : "; \(leftOutCount) more since the last such line"
    shownAt = now
    leftOutCount = 0
    return suffix
  }
}
