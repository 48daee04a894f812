internal import HoldfastEvent

extension RingLog {
  /// Orders the segments found, finds the end of the log and accounts for what is missing.
  mutating func restore(
    _ found: [Segment],
    isStateKnown: Bool,
    now: ClockReading
  ) throws(DiskError) {
    arrange(found)
    // Files may hold torn blocks of lives begun after the last save; none of those comes again.
    if !state.isClean { state.epoch += Self.epochReserve }
    let end = try scanTail(now: now)
    let proven = max(state.durable, end.proven)
    let readable = max(end.readable, 1)
    // Numbers that were durable and can't be read any more. Those that passed through memory alone
    // while the disk failed are below every cursor.
    let needed = max(readable, state.upstreams.map(\.cursor).min() ?? 1)
    account(needed, proven + 1, .corrupt, .lostCorrupt, now: now)
    let last = max(proven + 1, readable)
    next = state.isClean ? max(last, state.reserved) : max(last, state.reserved, 1)
    if !isStateKnown && !found.isEmpty { next = last + Self.unknownReserve }
    if next > last {
      recoverySteps.insert(.passedUnused)
      addGap(last..<next, reason: .unused, topics: [], now: now)
    }
    let saved = state.durable
    durable = next - 1
    if !segments.isEmpty {
      segments[segments.count - 1].end = min(segments[segments.count - 1].end, readable)
      if segments[segments.count - 1].end <= segments[segments.count - 1].first {
        recoverySteps.insert(.freedEmpty)
        free(segments.removeLast())
      }
    }
    try recount(from: saved + 1, to: last, isStateKnown: isStateKnown, now: now)
    isStateDirty = true
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
    segments = arranged.kept
  }

  /// A reader for the start alone: an upstream's, which has not begun to read.
  private var recoveryReader: SegmentReader { readers.first ?? SegmentReader(disk: disk) }

  /// Reads every block of the newest hot segment.
  ///
  /// - Returns: `readable`: the number after the last event that must or may count. `proven`: the
  ///   highest number that a later block says was durable before it. Beyond that, the first bad
  ///   block ends the log: it and what follows were never acknowledged.
  private mutating func scanTail(
    now: ClockReading
  ) throws(DiskError) -> (readable: SequenceNumber, proven: SequenceNumber) {
    while let place = segments.indices.last {
      guard !segments[place].isSealed else { return (segments[place].end, 0) }
      let (blocks, written) = try blocks(of: segments[place])
      let proven = max(written, state.durable)
      if segments[place].isHeadless && segments[place].first > proven + 1 {
        recoverySteps.insert(.freedHeadless)
        // Its first commit was never synced and lost its first block: none of it was acknowledged.
        free(segments.removeLast())
        continue
      }
      syncTail(segments[place].name)
      let readable = unbrokenEnd(blocks, from: segments[place].first, proven: proven)
      if readable < blocks.last?.upperBound ?? 0 { recoverySteps.insert(.tornTail) }
      segments[place].end = readable
      return (readable, proven)
    }
    return (state.durable + 1, 0)
  }

  /// The numbers of each block that can be read, and what the blocks say was durable before them.
  private mutating func blocks(
    of segment: Segment
  ) throws(DiskError) -> (blocks: [Range<SequenceNumber>], proven: SequenceNumber) {
    let reader = recoveryReader
    reader.isForgiving = givesUpUnreadable
    reader.currentDurable = 0
    defer { reader.isForgiving = false }
    defer { reader.reset() }
    var whole = segment
    whole.end = UInt64.max >> 1
    var proven: SequenceNumber = 0
    var blocks: [Range<SequenceNumber>] = []
    var position = whole.first
    recovered = []
    scan: while true {
      switch try reader.read(position, in: whole, directory: directory) {
      case .missing(let end):
        if end >= whole.end { break scan }
        position = end
      case .events(let batch):
        blocks.append(batch.first..<batch.end)
        remember(batch)
        proven = max(proven, reader.currentDurable)
        position = batch.end
      }
    }
    return (blocks, max(proven, reader.currentDurable))
  }

  /// Where the log ends: past what is proven, only an unbroken run of blocks counts.
  private func unbrokenEnd(
    _ blocks: [Range<SequenceNumber>],
    from first: SequenceNumber,
    proven: SequenceNumber
  ) -> SequenceNumber {
    var readable = first
    for block in blocks {
      if block.lowerBound > readable && block.lowerBound > proven + 1
        && !isUnused(readable..<block.lowerBound)
      {
        break
      }
      readable = max(readable, block.upperBound)
    }
    return readable
  }

  /// After a kill the kernel may hold the only copy of the newest events; they are about to count
  /// as durable.
  private mutating func syncTail(_ name: String) {
    do throws(DiskError) {
      let file = try disk.open(directory + "/" + name, isWritable: true)
      defer { disk.close(file) }
      try disk.sync(file)
    } catch {
      note(.warning, "ring log: \(error); the newest events may not survive a power cut")
    }
  }

  /// Lives of hot files passed by after an unclean stop: far more than begin between two saves.
  private static var epochReserve: UInt64 { 1 << 20 }

  /// Most events kept in ``recovered``.
  private static var recoveredCountMax: Int { 16_384 }

  private mutating func remember(_ batch: StoredBatch) {
    recovered.append(batch)
    guard recovered.count % 256 == 0 else { return }
    var count = recovered.reduce(0) { $0 + $1.events.count }
    while let first = recovered.first, count - first.events.count >= Self.recoveredCountMax {
      count -= first.events.count
      recovered.removeFirst()
    }
  }

  private func isUnused(_ range: Range<SequenceNumber>) -> Bool {
    state.gaps.coveredCount(range, reason: .unused) == range.upperBound - range.lowerBound
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
    let start = isStateKnown ? first : (segments.first?.first ?? end)
    guard start < end else { return }
    let unused = state.gaps.coveredCount(start..<end, reason: .unused)
    for index in state.upstreams.indices { state.upstreams[index].offered += end - start - unused }
    guard isStateKnown else { return }
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
      guard let place = segmentIndex(holding: position) else { break }
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
      recoverySteps.insert(.recounted)
      for event in batch.events.rows[row...] {
        let source = Int(event.source)
        guard state.sources.indices.contains(source) else { continue }
        state.sources[source].received += 1
        state.sources[source].stored += 1
        if event.flags.contains(.possiblyRedelivered) {
          state.sources[source].possiblyRedelivered += 1
        }
      }
      tail.append(batch)
      position = batch.end
    }
  }

  /// Finds or makes the account of each configured source and upstream.
  mutating func adopt(sources: [String], upstreams: [String]) {
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
        continue
      }
      // Where the accounts are lost an upstream begins at the oldest event: sent twice is better
      // than never. One that is really new begins with what arrives from now on.
      let isNew = state.generation > 0
      var ledger = UpstreamLedger(name: name, cursor: isNew ? next : max(oldest, 1))
      ledger.offered = next - ledger.cursor - unusedCount(from: ledger.cursor)
      upstreamIndices.append(state.upstreams.count)
      state.upstreams.append(ledger)
    }
    for slot in upstreamIndices where state.upstreams[slot].cursor > next {
      recoverySteps.insert(.setBackCursor)
      note(.error, "ring log: a cursor stood beyond the log's end; set back")
      state.upstreams[slot].cursor = next
    }
    isStateDirty = true
  }

  /// Accounts for numbers that are gone without a record, and makes the result durable.
  ///
  /// Below the floor they were evicted while in flight; above it a file has gone.
  mutating func saveAfterRecovery(now: ClockReading) {
    let start = lowestCursor
    let floor = segments.first?.first ?? next
    let evictedEnd = min(floor, next, state.floor)
    account(start, evictedEnd, .evicted, .evictedInFlight, now: now)
    account(max(start, evictedEnd), min(floor, next), .corrupt, .missedFile, now: now)
    for (earlier, later) in zip(segments, segments.dropFirst()) {
      account(max(earlier.end, start), later.first, .corrupt, .missedFile, now: now)
    }
    if let last = segments.last {
      account(max(last.end, start), next, .corrupt, .missedFile, now: now)
    }
    if isFailing { return }
    do throws(RingLogError) {
      try saveState(reserving: 0, now: now)
    } catch {
      // `isFailing` is raised and said; the log goes on in memory.
    }
  }

  private mutating func account(
    _ first: SequenceNumber,
    _ end: SequenceNumber,
    _ reason: GapReason,
    _ step: RecoverySteps,
    now: ClockReading
  ) {
    guard first < end, !state.gaps.uncovered(first..<end).isEmpty else { return }
    recoverySteps.insert(step)
    addGap(first..<end, reason: reason, topics: [], now: now)
  }
}
