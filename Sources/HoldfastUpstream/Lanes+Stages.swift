internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage

// Live data ahead of a backlog where there are stages: each lane has its own.
//
// The log is cut before one number. What the stages knew goes on over the backlog and ends with it;
// behind the cut they begin anew. Both depend on the log and the cut alone, and the cut is durable
// before the first live number is read. The backlog's last number is not read before the cut also
// stands in the file of the stages: once the backlog is settled the ledger does not know it any more.

extension Forwarder {
  /// Where reading of the lane ends for the moment.
  var readingEnd: SequenceNumber {
    if laneEnd == .max || stages.isEmpty || savedSplit == laneEnd { return laneEnd }
    return max(1, laneEnd) - 1
  }

  /// Makes a lane of what lies behind the one that is read, with stages as new.
  mutating func park(_ range: Range<SequenceNumber>, from origin: SequenceNumber) {
    var live = Lane(
      place: LanePlace(position: origin, end: .max),
      batch: freshBatchFormat,
      stages: StagedLog(pipeline(from: origin), log: stages.log)
    )
    (position, laneEnd) = (range.lowerBound, range.upperBound)
    exchange(&live)
    lanes.parked = live
  }

  /// Cuts the log before the first number that can't be read yet.
  mutating func divideStages() {
    if hasBacklogLane {
      undividedCount &+= 1
      note(
        .warning,
        "a backlog with stages waits already: \(readableEnd - position) newer events go before what"
          + " arrives from now on; \(undividedCount) times since the start"
      )
      return
    }
    guard !stages.isOpen, savedSplit == nil else {
      // In a later step: what leaves on account of a number leaves in one lane, and the file can tell
      // of one cut.
      isDividing = true
      return
    }
    let split = readableEnd
    laneEnd = split
    var live = Lane(
      place: LanePlace(position: split, end: .max),
      batch: freshBatchFormat,
      stages: StagedLog(pipeline(from: split), log: stages.log)
    )
    note(
      .info,
      "sending live data from number \(split) on, and numbers \(position) to \(split - 1) behind it"
        + " as historical"
    )
    exchange(&live)
    live.stages.wantSnapshot()
    lanes.parked = live
    ledger.divide(at: split)
    hasDivided = true
    isLiveHeld = true
  }

  /// Where live data begins is durable.
  public mutating func divisionSaved() { isLiveHeld = false }
}
