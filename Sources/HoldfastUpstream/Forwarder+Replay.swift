public import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage

// Stages across crashes: pictures of them, and computing again what came after the newest one.

extension Forwarder {
  /// Most bytes of a picture of the stages; one that is larger is not kept, and the stages begin
  /// anew after a crash.
  public static let snapshotByteCountMax = 16 << 20

  /// Takes over where the stages stood.
  ///
  /// A picture of other settings, of another log or from beyond the cursor is not taken: then the
  /// stages begin anew at the cursor.
  public mutating func takeUp(_ saved: SavedStages) {
    isWaitingForStages = false
    if stages.isEmpty {
      // What is in flight, and a backlog, need the log from the cursor on and no more.
      ledger.hold = 0
      return
    }
    let log = stages.log
    // Until it is known what is needed, nothing more of the log is let go.
    isWaitingForStages = saved == .unreadable
    if isWaitingForStages { return }
    ledger.hold = ledger.cursor
    guard case .picture(let snapshot) = saved else {
      // Before the first number there was nothing to know.
      if ledger.cursor > 1 {
        note(
          .notice,
          "the stages begin anew at number \(ledger.cursor): no state of theirs can be read"
        )
      }
      return
    }
    guard let picture = StageSnapshot(snapshot, for: configuration.id), picture.log == log,
      picture.position <= ledger.cursor, picture.lostCount <= lostCount,
      stages.restore(picture.state[...])
    else {
      note(.notice, "the stages begin anew at number \(ledger.cursor): their settings have changed")
      return
    }
    ledger.hold = picture.needed
    stages.replay = StageReplay(
      position: picture.position,
      lostCountExpected: lostCount - picture.lostCount,
      readCountExpected: ledger.settled &- picture.readCount
    )
  }

  /// Computes again what lies between the picture and the cursor, silently.
  ///
  /// - Returns: whether that is done.
  mutating func replay(_ read: Read) -> Bool {
    guard var replay = stages.replay else { return true }
    var budget = Forwarder.scanCountMax
    reading: while replay.position < ledger.cursor || stages.pipeline.isRecalling {
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
          if replay.position >= ledger.cursor || stages.pipeline.isRecalling { break }
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
    guard replay.position >= ledger.cursor, !stages.pipeline.isRecalling else { return false }
    stages.replay = nil
    if !replay.isComplete {
      // What was computed first had more to go by; going on from less could count events twice.
      stages.reset(freshPipeline)
      note(
        .warning,
        "the stages begin anew at number \(ledger.cursor): a part of the log that they need is gone"
      )
    }
    return true
  }

  private mutating func recompute(_ record: GapRecord, _ replay: inout StageReplay) {
    let record = record.clipped(from: replay.position) ?? record
    stages.gap(record)
    guard record.reason.coversNumbers, record.end > replay.position else {
      replay.passedGaps += 1
      return
    }
    if record.reason != .unused {
      replay.lostCount += min(record.end, ledger.cursor) - replay.position
      replay.readCount += min(record.end, ledger.cursor) - replay.position
    }
    replay.position = record.end
    replay.passedGaps = 0
  }

  /// Takes a picture of the stages when reading has come to another segment.
  ///
  /// - Parameter segmentStart: the first number of the segment that a reader at a number is in.
  public mutating func considerSnapshot(_ segmentStart: (SequenceNumber) -> SequenceNumber?) {
    guard !stages.isEmpty, !stages.isOpen, stages.replay == nil, !isWaitingForStages else { return }
    stages.takeSnapshot(
      position,
      lostCount: readLostCount,
      readCount: readCount,
      segmentStart(position)
    )
  }

  /// What must be saved now: a picture whose place the cursor has reached.
  ///
  /// - Parameters:
  ///   - savedCursor: the cursor that is durable.
  ///   - byteCountMax: most bytes that are kept.
  /// - Returns: bytes for the file; nil: nothing. Answered by ``snapshotEnded(isSaved:)``.
  public mutating func snapshotToSave(
    savedCursor: SequenceNumber,
    byteCountMax: Int
  ) -> [UInt8]? {
    guard let picture = stages.pendingSnapshot, picture.position <= savedCursor else { return nil }
    let bytes = picture.encoded(for: configuration.id)
    guard bytes.count <= byteCountMax else {
      note(
        .warning,
        "the stages' state has \(bytes.count) bytes, more than the \(byteCountMax)"
          + " that are kept: after a crash they would begin anew; lower max_topics"
      )
      ledger.hold = picture.needed
      stages.clearSnapshot()
      return nil
    }
    return bytes
  }

  /// The picture is durable, and the log before it is needed no more; or it could not be saved, and
  /// is tried again.
  public mutating func snapshotEnded(isSaved: Bool) {
    guard isSaved, let picture = stages.pendingSnapshot else { return }
    ledger.hold = picture.needed
    stages.clearSnapshot()
  }

  /// When a stage that waits for nothing but time wants to go on.
  ///
  /// - Parameter end: the first number that can't be read yet.
  /// - Returns: microseconds since 1970; `.max`: none waits, or something is still to be read.
  public func tickDueAt(end: SequenceNumber) -> Int64 {
    let isUpToDate = position == end && !stages.isOpen && stages.replay == nil
    return isUpToDate && !isWaitingForStages ? stages.pipeline.dueAt : .max
  }

  /// Wants a picture at once where the log has no room and only the stages keep some of it.
  ///
  /// - Parameter end: the first number that can't be read yet; where it has not come to, more than
  ///   the stages is in the way.
  public mutating func wantSnapshotForRoom(end: SequenceNumber) {
    guard !stages.isEmpty, !isWaitingForStages, position == end, ledger.needed < position,
      stages.pendingSnapshot?.position != position,
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
    guard !stages.isEmpty, !isWaitingForStages, position == end, !stages.isOpen,
      stages.replay == nil, ledger.needed < position
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
  public mutating func wantSnapshot() { stages.wantSnapshot() }

  /// Numbers lost to the upstream before the cursor.
  private var lostCount: UInt64 { ledger.lost.reduce(0, &+) }
}
