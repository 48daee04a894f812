public import HoldfastEvent
internal import HoldfastLink
internal import HoldfastRingLog
internal import HoldfastStage

/// A part of the log that is still to be read.
struct LanePlace: Equatable, Sendable {
  /// The next number to read.
  var position: SequenceNumber
  /// Gap records right before it that were passed.
  var passedGaps = 0
  /// The first number that is no part of it; `.max` for live data.
  var end: SequenceNumber

  var range: Range<SequenceNumber> { position..<max(position, end) }
}

/// A lane that is being read, the batch that is gathered from it, and its stages.
struct Lane: Sendable {
  var place: LanePlace
  var batch: BatchFormat
  var stages: StagedLog
  /// Numbers of the lane before its position that were read, and those of them that were lost.
  var readCount: UInt64 = 0
  var readLostCount: UInt64 = 0

  /// Whether older numbers than others that were sent already are read here.
  var isBacklog: Bool { place.end != .max }
}

/// The lanes beside the one that is read at the moment.
///
/// An upstream's unread numbers are a few ranges of backlog and the live end of the log. At most two
/// are read by turns, the oldest backlog and the live end; everything in flight stands in one queue,
/// whichever lane it came from.
struct Lanes: Sendable {
  /// Backlog that is not being read yet, in order.
  var waiting: [LanePlace] = []
  /// The other one that is being read.
  var parked: Lane?

  var isEmpty: Bool { waiting.isEmpty && parked == nil }
}

extension Forwarder {
  /// Part of the window that is kept free of backlog, as a divisor.
  static let liveWindowPart = 4

  /// Where the lane stands that is read at the moment.
  var place: LanePlace { LanePlace(position: position, passedGaps: passedGaps, end: laneEnd) }

  /// Changes places with the lane that is read at the moment.
  mutating func exchange(_ lane: inout Lane) {
    let place = place
    (position, passedGaps, laneEnd) = (lane.place.position, lane.place.passedGaps, lane.place.end)
    lane.place = place
    swap(&batchFormat, &lane.batch)
    swap(&stages, &lane.stages)
    swap(&readCount, &lane.readCount)
    swap(&readLostCount, &lane.readLostCount)
    inFlight.lane = stages.origin
  }

  /// Goes over to the other lane, if there is one.
  @discardableResult
  mutating func exchangeLanes() -> Bool {
    guard var other = lanes.parked else { return false }
    // Two owners of its arrays would copy them.
    lanes.parked = nil
    exchange(&other)
    lanes.parked = other
    return true
  }

  /// Each lane has stages of its own, which must be able to begin in the midst of the log.
  var isLiveFirst: Bool {
    configuration.order == .liveFirst && configuration.canBeDivided && !areStagesWaiting
  }

  /// Whether what is read at the moment gives way to live data.
  var givesWay: Bool { isBacklog && isLiveFirst }

  /// Whether it is backlog behind data that was sent already.
  var isBacklog: Bool { laneEnd != .max }

  /// The numbers not handed over to the link yet, in order; the last range has no end.
  public var unread: [Range<SequenceNumber>] {
    let one = position..<laneEnd
    if lanes.isEmpty { return [one] }
    let ranges = lanes.waiting.map(\.range) + (lanes.parked.map { [$0.place.range] } ?? []) + [one]
    return ranges.sorted { $0.lowerBound < $1.lowerBound }
  }

  /// Whether backlog and live data are read by turns.
  public var hasBacklogLane: Bool { !lanes.isEmpty || isBacklog }

  /// Takes over what an earlier run had settled ahead of its cursor.
  mutating func restoreLanes() {
    var ranges = ledger.pending
    guard let live = ranges.popLast(), let first = ranges.first else { return }
    if !configuration.stages.isEmpty && configuration.canBeDivided && ranges.count == 1 {
      park(first, from: first.upperBound)
      position = live.lowerBound
      return
    }
    position = live.lowerBound
    lanes.waiting = ranges.map { LanePlace(position: $0.lowerBound, end: $0.upperBound) }
    if !configuration.stages.isEmpty {
      // They are for one backlog and the live end.
      stages = StagedLog(Pipeline(stages: [], rules: [], setsAside: false), log: stages.log)
      areStagesWaiting = true
    }
  }

  /// Divides live data from what lies behind it, where a link begins with more than
  /// `liveLagMax` events unread.
  mutating func divideLanes(now: Int64) {
    guard isDividing, readableEnd > 0 else { return }
    isDividing = false
    guard isLiveFirst else { return }
    read(.live)
    guard readableEnd > position, readableEnd - position > configuration.liveLagMax else { return }
    if !configuration.stages.isEmpty { return divideStages() }
    let laneCount = lanes.waiting.count + (lanes.parked == nil ? 0 : 1)
    guard laneCount < UpstreamLedger.aheadCountMax - 1 else {
      note(
        .warning,
        "\(laneCount) separate ranges of backlog wait already: \(readableEnd - position) newer"
          + " events go before what arrives from now on"
      )
      return
    }
    takeBackBatch()
    lanes.waiting.append(
      LanePlace(position: position, passedGaps: passedGaps, end: readableEnd)
    )
    position = readableEnd
    passedGaps = 0
    ledger.divide(at: readableEnd)
    hasDivided = true
    note(
      .info,
      "sending live data from number \(readableEnd) on, and \(readableEnd - ledger.cursor) numbers"
        + " of backlog behind it"
    )
  }

  /// Whether lanes were divided since it was asked last: that must be durable before live data
  /// leaves, or a start after a crash would take the backlog for live data.
  public mutating func takeDivision() -> Bool {
    defer { hasDivided = false }
    return hasDivided
  }

  /// Reads the events of the batch being gathered once more, later.
  private mutating func takeBackBatch() {
    guard !batchFormat.isEmpty else { return }
    position = batchFormat.first
    passedGaps = 0
    batchFormat = freshBatchFormat
  }

  enum LaneKind { case live, backlog }

  /// Goes over to a lane; false: there is none.
  @discardableResult
  mutating func read(_ kind: LaneKind) -> Bool {
    if isBacklog == (kind == .backlog) { return true }
    if exchangeLanes() { return true }
    // Beside live data only: the live end is never left out.
    guard kind == .backlog, !lanes.waiting.isEmpty else { return false }
    lanes.parked = Lane(
      place: lanes.waiting.removeFirst(),
      batch: freshBatchFormat,
      // None: where there are any, no lane waits that could be read by turns with another.
      stages: stages
    )
    return exchangeLanes()
  }

  /// The backlog was read to its end: what of it is in flight stands in the queue of all.
  mutating func endBacklog() {
    exchangeLanes()
    guard let ended = lanes.parked else { return }
    lanes.parked = nil
    readCount &+= ended.readCount
    readLostCount &+= ended.readLostCount
    if stages.isEmpty { return }
    stages.addCounts(of: ended.stages)
    stages.wantSnapshot()
    isLiveHeld = false
    note(
      .info,
      "the backlog before number \(ended.place.end) is sent, and its stages are let go"
    )
  }

  /// Fills what room there is: from live data first, or from the oldest first.
  mutating func fillLanes(
    grant: SessionGrant,
    now: Int64,
    read: Read,
    keep: Keep,
    into actions: inout [Action]
  ) -> FillEnd {
    guard hasBacklogLane || areStagesWaiting else {
      return fill(grant: grant, now: now, read: read, keep: keep, into: &actions)
    }
    let end = fillByTurns(grant: grant, now: now, read: read, keep: keep, into: &actions)
    self.read(.live)
    return end
  }

  private mutating func fillByTurns(
    grant: SessionGrant,
    now: Int64,
    read: Read,
    keep: Keep,
    into actions: inout [Action]
  ) -> FillEnd {
    var liveEnd = FillEnd.noMore
    if isLiveFirst && !isLiveHeld {
      self.read(.live)
      liveEnd = fill(grant: grant, now: now, read: read, keep: keep, into: &actions)
      if liveEnd != .noMore { return liveEnd }
    }
    while self.read(.backlog) {
      let end = fill(grant: grant, now: now, read: read, keep: keep, into: &actions)
      guard end == .laneEnd else { return end == .noMore ? liveEnd : end }
      endBacklog()
    }
    if isLiveFirst || isLiveHeld { return liveEnd }
    if areStagesWaiting {
      // What needs no answer passes at the end of this step.
      guard inFlight.slots.isEmpty else { return inFlight.sentCount == 0 ? .paused : .noMore }
      beginStages()
    }
    return fill(grant: grant, now: now, read: read, keep: keep, into: &actions)
  }

  /// The backlog of an upstream that had none before is sent as it came; from here on its stages
  /// are at work.
  private mutating func beginStages() {
    areStagesWaiting = false
    stages = StagedLog(freshPipeline, log: stages.log)
    ledger.hold = ledger.cursor
    note(
      .notice,
      "the stages begin at number \(position): what waited before it went as it came, behind newer"
        + " data"
    )
  }
}
