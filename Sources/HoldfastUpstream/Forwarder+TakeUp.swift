internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage

// Where the stages stood when the agent stopped: taken over from their pictures, or begun anew.

extension Forwarder {
  /// Takes over where the stages stood.
  ///
  /// Pictures of other settings, of another log or from beyond what is settled are not taken: then
  /// the stages begin anew where each lane begins.
  public mutating func takeUp(_ saved: SavedStages) {
    isWaitingForStages = false
    if stages.isEmpty {
      // What is in flight, and a backlog, need the log from the cursor on and no more.
      ledger.hold = 0
      return
    }
    // Until it is known what is needed, nothing more of the log is let go.
    isWaitingForStages = saved == .unreadable
    if isWaitingForStages { return }
    ledger.hold = ledger.cursor
    guard case .pictures(let records) = saved, !records.isEmpty else {
      beginAnew(.notice, "no state of theirs can be read")
      return
    }
    let pictures = records.compactMap { StageSnapshot($0, for: configuration.id) }
    if pictures.contains(where: \.state.isEmpty) {
      beginAnew(.notice, "their state was too large to be kept")
      return
    }
    guard pictures.count == records.count, restore(pictures) else {
      beginAnew(.notice, "their settings have changed")
      return
    }
    ledger.hold = pictures.reduce(ledger.hold) { min($0, $1.needed) }
  }

  private mutating func restore(_ pictures: [StageSnapshot]) -> Bool {
    let log = stages.log
    guard let live = pictures.last, pictures.count <= 2, live.end == .max,
      pictures.allSatisfy({ $0.log == log })
    else { return false }
    let lostBefore = pictures.reduce(0) { $0 &+ $1.lostCount }
    guard lostBefore <= lostCount else { return false }
    if pictures.count == 2 {
      let split = pictures[0].end
      guard split <= live.origin, findSplit(split) else { return false }
      savedSplit = split
    }
    let isOfLive = pictures.count == 2 || lanes.parked == nil
    if isOfLive {
      guard restoreLane(live) else { return false }
    } else {
      // Divided since: nothing of the live lane was computed that can't be computed again.
      stages.replay = StageReplay(from: stages.origin, to: position)
    }
    if exchangeLanes() {
      defer { exchangeLanes() }
      guard restoreLane(pictures[0]) else { return false }
    }
    let readBefore = pictures.reduce(0) { $0 &+ $1.readCount }
    replayExpectation = (lostCount &- lostBefore, ledger.settled &- readBefore)
    return true
  }

  /// Makes the lanes that the pictures know, where the ledger does not.
  private mutating func findSplit(_ split: SequenceNumber) -> Bool {
    if let parked = lanes.parked { return parked.place.end == split }
    if ledger.cursor < split {
      guard configuration.canBeDivided else { return false }
      // Nothing of the live lane is settled, and none of its numbers may be durable.
      ledger.divide(at: split)
      park(ledger.cursor..<split, from: split)
    } else {
      // The backlog is settled. It is met once more, as nobody else knows how much there was to read.
      let end = position
      park(split..<split, from: split)
      position = end
    }
    return true
  }

  private mutating func restoreLane(_ picture: StageSnapshot) -> Bool {
    guard picture.position <= position else { return false }
    var staged = StagedLog(pipeline(from: picture.origin), log: stages.log)
    guard staged.restore(picture.state[...]) else { return false }
    stages = staged
    inFlight.lane = stages.origin
    stages.replay = StageReplay(
      from: picture.position,
      to: position,
      after: (picture.lostCount, picture.readCount)
    )
    return true
  }

  /// The stages begin anew in each lane.
  private mutating func beginAnew(_ level: LogEntry.Level, _ reason: String) {
    replayExpectation = nil
    if exchangeLanes() {
      beginLaneAnew(level, reason)
      (readCount, readLostCount) = (ledger.settled, lostCount)
      exchangeLanes()
      (readCount, readLostCount) = (0, 0)
    }
    beginLaneAnew(level, reason)
  }

  private mutating func beginLaneAnew(_ level: LogEntry.Level, _ reason: String) {
    // An earlier try may have left something.
    let isNew = position <= 1
    let hasOrigin = configuration.order == .liveFirst || !ledger.ahead.isEmpty
    stages.reset(pipeline(from: isNew || !hasOrigin ? 0 : position))
    inFlight.lane = stages.origin
    // Before the first number there was nothing to know, and behind the last one there is nothing.
    if isNew || position >= laneEnd { return }
    note(level, "the stages begin anew at number \(position): \(reason)")
  }

  /// All is computed again: goes on from there where the same was met as when it was computed first.
  ///
  /// What was lost can't be met, what passed through memory while the disk failed neither. So with
  /// equal sums both lanes are the same; and one that has met every number has, by itself.
  mutating func endReplays(_ expected: (lost: UInt64, read: UInt64)) {
    let isDivided = lanes.parked != nil
    var replays = [stages.replay, lanes.parked?.stages.replay].compactMap(\.self)
    let lost = replays.reduce(0) { $0 &+ $1.lostCount }
    let read = replays.reduce(0) { $0 &+ $1.readCount }
    let isSame = lost == expected.lost && read == expected.read
    replays.removeAll { ($0.isWhole && isDivided || isSame) && !$0.hasMissed }
    endReplay(isSame: isSame, isDivided: isDivided)
    if exchangeLanes() {
      endReplay(isSame: isSame, isDivided: isDivided)
      // Of the sum of both lanes alone something is known where one begins anew.
      if !replays.isEmpty, let live = lanes.parked {
        readCount = ledger.settled &- live.readCount
        readLostCount = lostCount &- live.readLostCount
      }
      exchangeLanes()
    } else {
      (readCount, readLostCount) = (ledger.settled, lostCount)
    }
    if let parked = lanes.parked, parked.place.range.isEmpty {
      // It was only there to be counted.
      exchangeLanes()
      endBacklog()
    }
  }

  private mutating func endReplay(isSame: Bool, isDivided: Bool) {
    guard let replay = stages.replay else { return }
    stages.replay = nil
    readCount = replay.countsBefore.read &+ replay.readCount
    readLostCount = replay.countsBefore.lost &+ replay.lostCount
    if (isSame || isDivided && replay.isWhole) && !replay.hasMissed { return }
    // What was computed first had more to go by; going on from less could count events twice.
    beginLaneAnew(.warning, "a part of the log that they need is gone")
  }

  /// Numbers lost to the upstream, as far as it is settled.
  private var lostCount: UInt64 { ledger.lost.reduce(0, &+) }
}
