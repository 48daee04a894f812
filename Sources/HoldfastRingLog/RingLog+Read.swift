public import HoldfastEvent

extension RingLog {
  /// The first number that readers may not see yet.
  public var readableEnd: SequenceNumber { isFailing ? next : durable + 1 }

  /// What stands at number `sequence` for upstream `index`.
  ///
  /// - Parameters:
  ///   - index: the configured upstream; each has a reader with a place of its own.
  ///   - sequence: the number wanted, at least 1.
  ///   - passedGaps: how many marks right before that number were passed already.
  ///   - now: both clocks, for gap records that damage makes necessary.
  /// - Returns: see ``ReadResult``; `.end` also when the disk can't be read for the moment.
  /// - Complexity: O(block), and O(log segments) to find it.
  public mutating func read(
    _ index: Int,
    from sequence: SequenceNumber,
    passedGaps: Int,
    now: ClockReading
  ) -> ReadResult {
    if let mark = state.gaps.standing(before: sequence, passed: passedGaps) { return .gap(mark) }
    if let gap = state.gaps.covering(sequence)?.clipped(from: sequence) { return .gap(gap) }
    guard sequence < readableEnd else { return .end }
    if let batch = tail.batch(holding: sequence) ?? pendingBatch(holding: sequence) {
      return cut(batch, at: sequence)
    }
    guard let place = segments.index(holding: sequence) else {
      // An upstream that goes back to what it had read, and not sent, finds it given up meanwhile.
      if sequence < state.floor {
        return lose(sequence..<state.floor, reason: .evicted, now: now)
      }
      // Nothing holds it and nothing says why: a file of ours has gone.
      let next = segments.index(after: sequence)
      let end = next < segments.count ? segments[next].first : readableEnd
      return lose(sequence..<max(end, sequence + 1), now: now)
    }
    let segment = segments[place]
    let reader = reader(index, at: sequence)
    do throws(DiskError) {
      let outcome = try reader.read(sequence, in: segment, directory: directory)
      reader.failingSince = nil
      reader.isForgiving = false
      switch outcome {
      case .events(let batch): return cut(batch, at: sequence)
      case .missing(let end): return lose(sequence..<max(end, sequence + 1), now: now)
      case .newer: return lose(sequence..<segment.end, reason: .newerFormat, now: now)
      }
    } catch {
      if error.errno == Self.noEntry { return lose(sequence..<segment.end, now: now) }
      let since = reader.failingSince ?? now.boot
      reader.failingSince = since
      // A bad sector stays bad; after a minute it is damage like any other.
      reader.isForgiving = now.boot - since >= Self.unreadableTime
      note(.warning, "ring log: \(error); reading is tried again")
      return .end
    }
  }

  /// Takes over that an upstream has all numbers from one on still to read.
  public mutating func setUnread(_ index: Int, from position: SequenceNumber) {
    positions[index] = position
    if unread[index].isEmpty { return }
    unread[index] = []
    backlogReaders[index]?.reset()
    backlogReaders[index] = nil
  }

  /// Takes over what an upstream has still to read, in order; the last part has no end.
  ///
  /// A second reader serves what lies before that one, so that reading both by turns does not unpack
  /// each block anew.
  public mutating func setUnread(_ index: Int, _ parts: [Range<SequenceNumber>]) {
    guard let first = parts.first else { return }
    positions[index] = first.lowerBound
    unread[index] = parts
    if backlogReaders[index] == nil { backlogReaders[index] = SegmentReader(disk: disk) }
  }

  /// The one that reads live data, or the one for what lies behind it.
  private func reader(_ index: Int, at sequence: SequenceNumber) -> SegmentReader {
    guard let second = backlogReaders[index], let live = unread[index].last,
      sequence < live.lowerBound
    else { return readers[index] }
    return second
  }

  var allReaders: [SegmentReader] {
    readers + backlogReaders.compactMap(\.self) + [recallReader]
  }

  /// An event once more that was read before, for a stage that asks for it.
  ///
  /// Nothing is recorded of what is gone: it was accounted for when it was read first. The reader
  /// has a place of its own, so that the others need not search for theirs again.
  ///
  /// - Returns: the event; `.gap` where the log does not have it any more; `.end` where the disk
  ///   can't be read for the moment.
  /// - Complexity: O(block) when reading on, O(segment's blocks) after a jump.
  public mutating func recall(_ sequence: SequenceNumber, now: ClockReading) -> ReadResult {
    if let gap = state.gaps.covering(sequence) { return .gap(gap) }
    if let batch = tail.batch(holding: sequence) ?? pendingBatch(holding: sequence),
      let row = batch.index(of: sequence)
    {
      return .events(batch, row: row)
    }
    guard let place = segments.index(holding: sequence) else { return .gap(gone(sequence, now)) }
    do throws(DiskError) {
      let outcome = try recallReader.read(sequence, in: segments[place], directory: directory)
      recallReader.failingSince = nil
      recallReader.isForgiving = false
      if case .events(let batch) = outcome, let row = batch.index(of: sequence) {
        return .events(batch, row: row)
      }
      return .gap(gone(sequence, now))
    } catch {
      if error.errno == Self.noEntry { return .gap(gone(sequence, now)) }
      let since = recallReader.failingSince ?? now.boot
      recallReader.failingSince = since
      recallReader.isForgiving = now.boot - since >= Self.unreadableTime
      note(.warning, "ring log: \(error); reading is tried again")
      return .end
    }
  }

  private func gone(_ sequence: SequenceNumber, _ now: ClockReading) -> GapRecord {
    GapRecord(
      log: state.log,
      first: sequence,
      end: sequence &+ 1,
      count: 1,
      reason: .evicted,
      wall: now.wall
    )
  }

  /// How long what can't be read is tried again, microseconds.
  private static var unreadableTime: Int64 { 60 * microsecondsPerSecond }

  private func pendingBatch(holding sequence: SequenceNumber) -> StoredBatch? {
    guard isFailing else { return nil }
    return pending.first { $0.index(of: sequence) != nil }
  }

  /// The batch up to the next gap record, so that records reach the reader in their place.
  private func cut(_ batch: StoredBatch, at sequence: SequenceNumber) -> ReadResult {
    guard let row = batch.index(of: sequence) else { return .end }
    guard let place = state.gaps.nextPlace(after: sequence), place < batch.end else {
      return .events(batch, row: row)
    }
    var part = batch
    part.events.rows.removeSubrange(Int(place - batch.first)...)
    return .events(part, row: row)
  }

  /// Records that numbers can't be read, and answers with the record.
  private mutating func lose(
    _ range: Range<SequenceNumber>,
    reason: GapReason = .corrupt,
    now: ClockReading
  ) -> ReadResult {
    let end = min(range.upperBound, readableEnd)
    if range.lowerBound < end { addGap(range.lowerBound..<end, reason: reason, now: now) }
    guard let gap = state.gaps.covering(range.lowerBound)?.clipped(from: range.lowerBound) else {
      return .end
    }
    return .gap(gap)
  }

  /// Records the parts of `range` that no record covers yet.
  mutating func addGap(
    _ range: Range<SequenceNumber>,
    reason: GapReason,
    topics: [[UInt8]] = [],
    now: ClockReading
  ) {
    var rest = range
    // Looked for anew each time: one record more can join others, and cover what is next.
    while let part = state.gaps.uncovered(rest).first {
      rest = part.upperBound..<max(part.upperBound, range.upperBound)
      let count = part.upperBound - part.lowerBound
      state.gaps.moveMarks(within: part)
      add(
        GapRecord(
          log: state.log,
          first: part.lowerBound,
          end: part.upperBound,
          count: reason == .unused ? 0 : count,
          reason: reason,
          topics: topics,
          wall: now.wall
        )
      )
      if reason == .corrupt || reason == .newerFormat {
        note(
          .error,
          "ring log: \(count) events (\(part.lowerBound)-\(part.upperBound - 1)) can't be read"
            + (reason == .newerFormat ? ", a newer version wrote them" : "")
            + "; recorded as a gap"
        )
      }
    }
    isStateDirty = true
  }

  /// Adds one record to the list, which stays within its bound.
  mutating func add(_ record: GapRecord) {
    let joinCount = state.gaps.joinCount
    var places = positions
    for slot in upstreamIndices {
      places.append(state.upstreams[slot].cursor)
      places += state.upstreams[slot].ahead.map(\.upperBound)
    }
    for parts in unread { places += parts.map(\.lowerBound) }
    makeRoomForGap()
    state.gaps.add(record, places: places)
    if state.gaps.joinCount > joinCount {
      note(
        .warning,
        "ring log: more than \(GapList.countMax) gap records wait to be sent; the closest are "
          + "joined to one"
      )
    }
  }

  /// Events lost to upstream `index` beyond its cursor, already certain: per ``LossReason``.
  public func pendingLoss(_ index: Int) -> [UInt64] {
    let cursor = upstream(index).cursor
    var counts = [UInt64](repeating: 0, count: LossReason.allCases.count)
    let parts =
      unread[index].isEmpty ? [positions[index]..<SequenceNumber.max] : unread[index]
    for part in parts {
      let range = max(part.lowerBound, cursor)..<max(part.upperBound, cursor)
      if range.isEmpty { continue }
      counts[LossReason.evicted.rawValue] += state.gaps.coveredCount(range, reason: .evicted)
      counts[LossReason.corrupt.rawValue] +=
        state.gaps.coveredCount(range, reason: .corrupt)
        + state.gaps.coveredCount(range, reason: .newerFormat)
    }
    return counts
  }

  /// Durable numbers that upstream `index` has not settled, and that were given to events.
  public func unsettledCount(_ index: Int) -> UInt64 {
    upstream(index).pending(in: 0..<durable + 1).reduce(0) {
      $0 + ($1.upperBound - $1.lowerBound) - state.gaps.coveredCount($1, reason: .unused)
    }
  }

  /// Numbers from `sequence` to the durable end that were never given to an event.
  public func unusedCount(from sequence: SequenceNumber) -> UInt64 {
    state.gaps.coveredCount(sequence..<max(sequence, durable + 1), reason: .unused)
  }

  /// The gap records kept, in order.
  public var gaps: [GapRecord] { state.gaps.records }
  /// How many gap records were ever joined to others because more than 512 waited to be sent.
  public var joinedGapCount: UInt64 { state.gaps.joinCount }

  /// ENOENT.
  static var noEntry: Int32 { 2 }
}
