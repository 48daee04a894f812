internal import HoldfastEvent

extension RingLog {
  /// Orders the segments found, finds the end of the log and accounts for what is missing.
  ///
  /// - Parameters:
  ///   - found: every segment of the directory.
  ///   - isStateKnown: whether the state could be read.
  ///   - newLog: the id to go on under when the numbers alone can't tell events apart.
  ///   - now: both clocks.
  /// - Throws: when a file can't be read, for now.
  mutating func restore(
    _ found: [Segment],
    isStateKnown: Bool,
    newLog: LogID,
    now: ClockReading
  ) throws(DiskError) {
    arrange(found)
    // Whatever a hot file of a newer format held must not pass for damage to the one before.
    if !isStateKnown || holeReason == .newerFormat { try findEnds() }
    if !isStateKnown { try freeStale(now: now) }
    // Files may hold torn blocks of lives begun after the last save; none of those comes again.
    if !state.isClean { state.epoch += Self.epochReserve }
    let tail = try scanTail()
    let saved = state.durable
    let aheadCounts = settledAhead(of: saved + 1)
    // Numbers that were given out and durable and can't be read any more. Those that passed
    // through memory alone while the disk failed are below every cursor.
    let needed = max(tail.readable, state.upstreams.map(\.cursor).min() ?? 1, 1)
    account(needed, tail.end, .lostCorrupt, now: now)
    let last = max(tail.end, 1)
    next = max(last, state.reserved)
    if !isStateKnown && !found.isEmpty { next = last + Self.unknownReserve }
    if next > last {
      recoverySteps.insert(.passedUnused)
      makeRoom(forUnused: last..<next)
      if state.gaps.hasRoom(forUnused: last..<next, of: state.log) {
        addGap(last..<next, reason: .unused, now: now)
      } else {
        // Numbers given out and lost may be given out again, under another id.
        next = last
        state.log = newLog
        note(.warning, "ring log: too many unclean stops to keep; new events get log id \(newLog)")
      }
    }
    durable = next - 1
    if let newest = segments.newest {
      segments.newest?.end = min(newest.end, tail.readable)
      if tail.readable <= newest.first {
        recoverySteps.insert(.freedEmpty)
        free(segments.removeLast())
      }
    }
    if tail.synced + 1 < tail.readable {
      unsynced = UnsyncedTail(numbers: tail.synced + 1..<tail.readable)
    }
    if isStateKnown {
      for index in state.upstreams.indices { state.upstreams[index].offered &+= aheadCounts[index] }
    }
    try recount(from: saved + 1, to: last, isStateKnown: isStateKnown, now: now)
    rememberLatest()
    isStateDirty = true
  }

  /// Why numbers are missing that no file holds.
  private var holeReason: GapReason {
    // A hot file of a newer format does not say what it holds.
    newerFiles.contains { Segment.hotIndex($0.name) != nil } ? .newerFormat : .corrupt
  }

  /// Sorts by number, clips what overlaps, and frees what is below the floor or sealed already.
  private mutating func arrange(_ found: [Segment]) {
    state.epoch = max(state.epoch, found.compactMap(\.epoch).max() ?? 0)
    let arranged = Segment.arranged(found, floor: state.floor)
    for segment in arranged.free {
      let isCopy = found.contains {
        $0.isSealed && $0.first <= segment.first && segment.first < $0.end
      }
      let step: RecoverySteps = isCopy ? .freedSealedCopy : .freedGivenUp
      recoverySteps.insert(segment.end <= state.floor ? .freedBelowFloor : step)
      free(segment)
    }
    segments = SegmentTable(arranged.kept)
  }

  /// Lives of hot files passed by after an unclean stop: far more than begin between two saves.
  static var epochReserve: UInt64 { 1 << 20 }

  /// Most events kept in ``recovered``: as many as a source compares with what comes again.
  private static var recoveredCountMax: Int { 16_384 }

  /// Fills ``recovered`` from the newest segments, as far back as needed.
  private mutating func rememberLatest() {
    var parts: [[RecoveredEvent]] = []
    var wanted = Self.recoveredCountMax
    let reader = recoveryReader
    reader.isForgiving = true
    defer { reader.isForgiving = false }
    defer { reader.reset() }
    for segment in segments.reversed() where wanted > 0 {
      var part: [RecoveredEvent] = []
      let count = min(segment.end - segment.first, SequenceNumber(wanted))
      var position = segment.end - count
      while position < segment.end {
        let outcome = try? reader.read(position, in: segment, directory: directory)
        if case .some(.missing(let next)) = outcome, next > position {
          position = next
          continue
        }
        guard case .some(.events(let batch)) = outcome, let row = batch.index(of: position) else {
          break
        }
        for event in batch.events.rows[row...] where event.flags.contains(.qos1) {
          part.append(RecoveredEvent(source: event.source, hash: batch.events.contentHash(event)))
        }
        position = batch.end
      }
      reader.reset()
      parts.append(part)
      wanted -= part.count
    }
    recovered = parts.reversed().flatMap { $0 }
  }

  /// Per upstream: how many numbers from `start` on it had settled when the state was saved.
  ///
  /// They passed through memory while the disk failed, and the state was saved before them.
  /// Whether or not they came to the disk, they were offered.
  private func settledAhead(of start: SequenceNumber) -> [UInt64] {
    state.upstreams.map { ledger in
      ledger.settled(in: start..<SequenceNumber.max).reduce(0) {
        $0 + ($1.upperBound - $1.lowerBound) - state.gaps.coveredCount($1, reason: .unused)
      }
    }
  }

  /// Brings the accounts up to what became durable after the last state write.
  ///
  /// Each source's share is read from the events themselves; a source that can't be told (damage)
  /// keeps its old count, while every upstream is offered every number.
  private mutating func recount(
    from first: SequenceNumber,
    to end: SequenceNumber,
    isStateKnown: Bool,
    now: ClockReading
  ) throws(DiskError) {
    guard let start = isStateKnown ? first : unsynced?.numbers.lowerBound, start < end else {
      return
    }
    for index in state.upstreams.indices {
      // What it had settled by then has been counted.
      let parts = isStateKnown ? state.upstreams[index].pending(in: start..<end) : [start..<end]
      for part in parts {
        let unused = state.gaps.coveredCount(part, reason: .unused)
        state.upstreams[index].offered += part.upperBound - part.lowerBound - unused
      }
    }
    let reader = recoveryReader
    // What may be read a moment later must not be left out of the account for good.
    reader.isForgiving = givesUpUnreadable
    defer { reader.isForgiving = false }
    defer { reader.reset() }
    var position = start
    while position < end {
      if let gap = state.gaps.covering(position) {
        position = gap.end
        continue
      }
      guard let place = segments.index(holding: position) else { break }
      let outcome: SegmentReader.Outcome?
      do throws(DiskError) {
        outcome = try reader.read(position, in: segments[place], directory: directory)
      } catch {
        if !givesUpUnreadable { throw error }
        outcome = nil
      }
      guard case .some(.events(let batch)) = outcome, let row = batch.index(of: position) else {
        guard case .some(.missing(let next)) = outcome, next > position else { break }
        position = next
        continue
      }
      unsynced?.append(batch, from: row)
      if isStateKnown {
        recoverySteps.insert(.recounted)
        count(batch.events.rows[row...])
      }
      tail.append(batch)
      position = batch.end
    }
  }

  /// Counts events as received and stored by their sources.
  mutating func count(_ rows: ArraySlice<EventBatch.Row>) {
    for row in rows {
      let source = Int(row.source)
      guard state.sources.indices.contains(source) else { continue }
      state.sources[source].received += 1
      state.sources[source].stored += 1
      if row.flags.contains(.possiblyRedelivered) {
        state.sources[source].possiblyRedelivered += 1
      }
    }
  }

  /// Finds or makes the account of each configured source and upstream.
  ///
  /// - Returns: which upstreams are new to a log that knew others.
  mutating func adopt(sources: [String], upstreams: [String]) -> [Bool] {
    var areNew: [Bool] = []
    for name in sources {
      if let index = state.sources.firstIndex(where: { $0.name == name }) {
        sourceIndices.append(index)
      } else if state.sources.count < State.ledgerCountMax {
        sourceIndices.append(state.sources.count)
        state.sources.append(SourceLedger(name: name))
      } else {
        // The place of a source that is configured no more; its counts end with it.
        let index = state.sources.firstIndex { !sources.contains($0.name) } ?? 0
        state.sources[index] = SourceLedger(name: name)
        sourceIndices.append(index)
      }
    }
    for ledger in state.upstreams where !upstreams.contains(ledger.name) {
      note(.notice, "ring log: upstream \"\(ledger.name)\" is configured no more; its hold ends")
    }
    state.upstreams.removeAll { !upstreams.contains($0.name) }
    for name in upstreams {
      if let index = state.upstreams.firstIndex(where: { $0.name == name }) {
        upstreamIndices.append(index)
        areNew.append(false)
        continue
      }
      // Where the accounts are lost an upstream begins at the oldest event: sent twice is better
      // than never. One that is really new begins with what arrives from now on.
      let isNew = state.generation > 0
      areNew.append(isNew)
      var ledger = UpstreamLedger(name: name, cursor: isNew ? next : max(oldest, 1))
      ledger.offered = next - ledger.cursor - unusedCount(from: ledger.cursor)
      upstreamIndices.append(state.upstreams.count)
      state.upstreams.append(ledger)
    }
    for slot in upstreamIndices {
      let reached = state.upstreams[slot].ahead.last?.upperBound ?? state.upstreams[slot].cursor
      guard reached > next else { continue }
      recoverySteps.insert(.setBackCursor)
      note(.error, "ring log: a cursor stood beyond the log's end; set back")
      state.upstreams[slot].clip(to: next)
    }
    isStateDirty = true
    return areNew
  }

  /// Accounts for numbers that are gone without a record.
  ///
  /// Below the floor they were evicted while in flight; above it a file has gone.
  mutating func accountForMissing(now: ClockReading) {
    let start = lowestCursor
    let floor = segments.first?.first ?? next
    let evictedEnd = min(floor, next, state.floor)
    account(start, evictedEnd, .evictedInFlight, reason: .evicted, now: now)
    account(max(start, evictedEnd), min(floor, next), .missedFile, now: now)
    for (earlier, later) in zip(segments, segments.dropFirst()) {
      account(max(earlier.end, start), later.first, .missedFile, now: now)
    }
    if let last = segments.last {
      account(max(last.end, start), next, .missedFile, now: now)
    }
  }

  /// Makes what the start found out durable.
  mutating func saveAfterRecovery(now: ClockReading) {
    if isFailing { return }
    let wasClean = state.isClean
    do throws(RingLogError) {
      try saveState(reserving: 0, now: now)
      // The other slot says that nothing follows what an orderly stop left. Should this one rot,
      // it must not be believed.
      if wasClean { try saveState(reserving: 0, now: now) }
    } catch {
      // `isFailing` is raised and said; the log goes on in memory.
    }
  }

  /// Records numbers that are gone without a record.
  private mutating func account(
    _ first: SequenceNumber,
    _ end: SequenceNumber,
    _ step: RecoverySteps,
    reason: GapReason? = nil,
    now: ClockReading
  ) {
    guard first < end, !state.gaps.uncovered(first..<end).isEmpty else { return }
    recoverySteps.insert(step)
    addGap(first..<end, reason: reason ?? holeReason, now: now)
  }
}
