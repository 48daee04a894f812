public import HoldfastEvent
public import HoldfastRingLog
internal import HoldfastStage

// Stages across crashes: pictures of them, and computing again what came after the newest one.

extension Forwarder {
  /// Most bytes of the pictures of the stages; where they are larger they are not kept, and the
  /// stages begin anew after a crash.
  public static let snapshotByteCountMax = 16 << 20

  /// Computes again what lies between the pictures and what is settled, silently.
  ///
  /// - Returns: whether that is done.
  mutating func replay(_ read: Read) -> Bool {
    guard let expected = replayExpectation else { return true }
    var isDone = replayLane(read)
    if exchangeLanes() {
      isDone = replayLane(read) && isDone
      exchangeLanes()
    }
    guard isDone else { return false }
    replayExpectation = nil
    endReplays(expected)
    return true
  }

  private mutating func replayLane(_ read: Read) -> Bool {
    guard var replay = stages.replay else { return true }
    var budget = Forwarder.scanCountMax
    reading: while replay.position < replay.end || stages.pipeline.isRecalling {
      guard budget > 0 else { break }
      if stages.pipeline.isRecalling {
        guard stages.recall(budget: &budget, read) else { break }
        if stages.takeGone() != nil { replay.hasMissed = true }
        continue
      }
      switch read(replay.position, replay.passedGaps) {
      case .end:
        break reading
      case .gap(let record):
        budget -= 1
        recompute(record, &replay)
      case .events(let batch, _):
        guard let start = batch.index(of: replay.position) else { break reading }
        verdicts.begin()
        stages.beginBatch()
        for row in batch.events.rows[start...] {
          if replay.position >= replay.end || stages.pipeline.isRecalling { break }
          if verdict(on: row, in: batch.events.bytes) == .filtered {
            stages.pass(over: row)
          } else {
            stages.recompute(row, of: batch.events.bytes, replay.position)
          }
          replay.position += 1
          replay.passedGaps = 0
          replay.readCount += 1
          budget -= 1
        }
      }
    }
    stages.replay = replay
    return replay.position >= replay.end && !stages.pipeline.isRecalling
  }

  private mutating func recompute(_ record: GapRecord, _ replay: inout StageReplay) {
    let record = record.clipped(from: replay.position)?.clipped(to: laneEnd) ?? record
    stages.gap(record)
    guard record.reason.coversNumbers, record.end > replay.position else {
      replay.passedGaps += 1
      return
    }
    if record.reason != .unused {
      replay.lostCount += min(record.end, replay.end) - replay.position
      replay.readCount += min(record.end, replay.end) - replay.position
    }
    replay.position = record.end
    replay.passedGaps = 0
  }

  /// Takes a picture of the stages when reading has come to another segment; of both lanes at once.
  ///
  /// - Parameter segmentStart: the first number of the segment that a reader at a number is in.
  public mutating func considerSnapshot(_ segmentStart: (SequenceNumber) -> SequenceNumber?) {
    guard !stages.isEmpty, stages.isAtRest, stages.pendingSnapshot == nil, !isWaitingForStages,
      lanes.parked?.stages.isAtRest ?? true
    else { return }
    let segment = segmentStart(position)
    let parkedSegment = lanes.parked.flatMap { segmentStart($0.place.position) }
    let isWanted =
      stages.wantsSnapshot(in: segment)
      || lanes.parked?.stages.wantsSnapshot(in: parkedSegment) ?? false
    guard isWanted else { return }
    takeSnapshot(segment)
    if exchangeLanes() {
      takeSnapshot(parkedSegment)
      exchangeLanes()
    }
  }

  private mutating func takeSnapshot(_ segment: SequenceNumber?) {
    stages.takeSnapshot(place, lostCount: readLostCount, readCount: readCount, segment)
  }

  /// The pictures that wait to be saved, that of the backlog first.
  private var pendingSnapshots: [StageSnapshot] {
    [lanes.parked?.stages.pendingSnapshot, stages.pendingSnapshot].compactMap(\.self)
  }

  /// What must be saved now: pictures whose places are settled.
  ///
  /// - Parameters:
  ///   - saved: the ledger that is durable.
  ///   - byteCountMax: most bytes that are kept.
  /// - Returns: records for the file; nil: nothing. Answered by ``snapshotEnded(isSaved:)``.
  public mutating func snapshotsToSave(
    saved: UpstreamLedger,
    byteCountMax: Int
  ) -> [[UInt8]]? {
    guard let last = stages.pendingSnapshot else { return nil }
    var pictures = pendingSnapshots
    guard pictures[0].position <= saved.cursor,
      pictures.count == 1 || last.position <= saved.settledEnd
    else { return nil }
    let byteCount = pictures.reduce(0) { $0 + $1.state.count }
    if byteCount > byteCountMax {
      note(
        .warning,
        "the stages' state has \(byteCount) bytes, more than the \(byteCountMax)"
          + " that are kept: after a crash they would begin anew; lower max_topics"
      )
      if pictures.count == 1 && savedSplit == nil {
        ledger.hold = last.needed
        stages.clearSnapshot()
        return nil
      }
      // Where the log is divided must be known all the same, and that it is divided no more.
      for place in pictures.indices { pictures[place].state = [] }
    }
    return pictures.map { $0.encoded(for: configuration.id) }
  }

  /// The pictures are durable, and the log before them is needed no more; or they could not be saved,
  /// and are tried again.
  public mutating func snapshotEnded(isSaved: Bool) {
    guard isSaved, let last = stages.pendingSnapshot else { return }
    let pictures = pendingSnapshots
    ledger.hold = pictures.reduce(last.needed) { min($0, $1.needed) }
    savedSplit = pictures.count > 1 ? pictures[0].end : nil
    stages.clearSnapshot()
    lanes.parked?.stages.clearSnapshot()
  }

  /// When a stage that waits for nothing but time wants to go on.
  ///
  /// - Parameter end: the first number that can't be read yet.
  /// - Returns: microseconds since 1970; `.max`: none waits, or something is still to be read.
  public func tickDueAt(end: SequenceNumber) -> Int64 {
    let isUpToDate = position == end && stages.isAtRest
    return isUpToDate && !isWaitingForStages ? stages.pipeline.dueAt : .max
  }

  /// Wants a picture at once where the log has no room and only the stages keep some of it.
  ///
  /// - Parameter end: the first number that can't be read yet; where it has not come to, more than
  ///   the stages is in the way.
  public mutating func wantSnapshotForRoom(end: SequenceNumber) {
    guard !stages.isEmpty, !isWaitingForStages, !hasBacklogLane, position == end,
      ledger.needed < position, stages.pendingSnapshot?.position != position,
      ledger.needed < stages.pipeline.recallFloor ?? position
    else { return }
    stages.wantSnapshot()
  }

  /// When time alone lets go of events that a burst has the log keep.
  ///
  /// A log without room takes no event any more that could tell the stages of the time.
  ///
  /// - Parameters:
  ///   - end: the first number that can't be read yet.
  ///   - boot: the boot clock now.
  /// - Returns: microseconds by boot clock; nil: none is kept, or something is still to be read.
  public func tickForRoomDueAt(end: SequenceNumber, boot: Int64) -> Int64? {
    guard !stages.isEmpty, !isWaitingForStages, !hasBacklogLane, position == end,
      stages.isAtRest, ledger.needed < position
    else { return nil }
    // Times are coarser in the log.
    return stages.pipeline.recallEndsAt(boot)?.addingSaturated(microsecondsPerSecond)
  }

  /// Says that a stage asked for events that the log has let go of.
  mutating func noteGone() {
    guard let gone = stages.takeGone() else { return }
    note(
      .warning,
      "\(gone.count) events before number \(stages.number) up to \(gone.end - 1), which a burst asks"
        + " for, are gone from the log; they stay filtered"
    )
  }

  /// Wants a picture soon, whichever segment is being read.
  public mutating func wantSnapshot() {
    stages.wantSnapshot()
    lanes.parked?.stages.wantSnapshot()
  }
}
