public import HoldfastEvent

extension RingLog {
  /// Numbers events and encodes them; nothing is durable or readable before ``commit(now:)``.
  ///
  /// Payloads above the limit and topics that MQTT does not allow are dropped, counted and
  /// recorded as a gap in their place.
  ///
  /// - Parameters:
  ///   - events: in order of arrival.
  ///   - index: the configured source they came from.
  ///   - now: both clocks.
  /// - Throws: when there is no room or no number to be had: nothing of the batch may be
  ///   acknowledged then, part of it may be stored: the source's account tells how
  ///   much. Events that only memory keeps, because the disk has just begun to fail, are no error; see ``isFailing``.
  /// - Complexity: O(bytes).
  public mutating func append(
    _ events: EventBatch,
    source index: Int,
    now: ClockReading
  ) throws(RingLogError) {
    let limit = configuration.payloadByteCountMax
    let source = UInt8(truncatingIfNeeded: sourceIndices[index])
    guard !Self.isPlain(events, from: source, limit) else {
      return try appendStorable(events, source: index, now: now)
    }
    var part = EventBatch(bytes: events.bytes)
    for var row in events.rows {
      let fault = unsafe events.bytes.withUnsafeBytes { unsafe Self.fault(row, $0, limit) }
      if let fault {
        try appendStorable(part, source: index, now: now)
        part.rows.removeAll(keepingCapacity: true)
        drop(1, from: index, fault.drop)
        mark(fault.gap, count: 1, topics: [Array(events.bytes[row.topicRange])], now: now)
        continue
      }
      row.source = source
      part.rows.append(row)
    }
    try appendStorable(part, source: index, now: now)
  }

  /// Places a gap record that covers no numbers right before the next event's number.
  public mutating func mark(
    _ reason: GapReason,
    count: UInt64?,
    topics: [[UInt8]] = [],
    now: ClockReading
  ) {
    let record = GapRecord(
      log: state.log,
      first: next,
      end: next,
      count: count,
      reason: reason,
      topics: topics,
      wall: now.wall
    )
    add(record)
    isStateDirty = true
    mustSaveState = true
  }

  /// Writes down that time has passed, under a number of its own: stages that wait for time know it
  /// from the log alone.
  ///
  /// No source has it in its account; every upstream is offered it and counts it as filtered.
  ///
  /// - Parameter now: both clocks.
  /// - Throws: as ``append(_:source:now:)``.
  public mutating func appendTick(now: ClockReading) throws(RingLogError) {
    var events = EventBatch()
    events.append(
      topic: tickTopic,
      payload: [],
      clock: now,
      source: UInt8.max,
      flags: .tick
    )
    try appendStorable(events, source: nil, now: now)
  }

  private mutating func appendStorable(
    _ events: EventBatch,
    source index: Int?,
    now: ClockReading
  ) throws(RingLogError) {
    if events.isEmpty { return }
    let count = UInt64(events.count)
    if next + count >= state.reserved {
      // No number may be given to an event before the bound above it is durable.
      guard !isFailing else { throw .full }
      try saveState(reserving: count, now: now)
    }
    if isFailing && pendingMemoryByteCount + events.memoryByteCount > Self.failingByteCountMax {
      throw .full
    }
    var batch = StoredBatch(log: state.log, first: next, events: events)
    stamper.stamp(&batch.events)
    pending.append(batch)
    next += count
    pendingEventCount += events.count
    pendingMemoryByteCount += events.memoryByteCount
    if let index {
      let slot = sourceIndices[index]
      state.sources[slot].received += count
      state.sources[slot].stored += count
      state.sources[slot].possiblyRedelivered += UInt64(
        events.rows.reduce(0) { $0 + ($1.flags.contains(.possiblyRedelivered) ? 1 : 0) }
      )
    }
    if isFailing { return }
    do throws(RingLogError) {
      try encode(pending.count - 1, now: now)
    } catch .full {
      takeBack(source: index)
      throw .full
    } catch {
      // Memory keeps the events either way; `isFailing` says whether nothing else does.
      try? rewritePending(after: error, now: now)
    }
  }

  /// Undoes the last append, for which there was no room.
  ///
  /// Everything before it was made durable when the segment before was left. Blocks on disk may
  /// bear some of its numbers, so these are passed by and never given out again; where no record
  /// can be had for that, they are given out again under another log id.
  private mutating func takeBack(source index: Int?) {
    guard let last = pending.popLast() else { return }
    let count = UInt64(last.events.count)
    if let index {
      let slot = sourceIndices[index]
      state.sources[slot].received -= count
      state.sources[slot].stored -= count
      state.sources[slot].possiblyRedelivered -= UInt64(
        last.events.rows.reduce(0) { $0 + ($1.flags.contains(.possiblyRedelivered) ? 1 : 0) }
      )
    }
    pendingEventCount -= last.events.count
    pendingMemoryByteCount -= last.events.memoryByteCount
    mustSaveState = true
    fence(end: last.first)
    makeRoom(forUnused: last.first..<next)
    guard state.gaps.hasRoom(forUnused: last.first..<next, of: state.log) else {
      next = last.first
      if !pending.isEmpty { finishPending() }
      state.log = state.log.successor(at: next)
      return
    }
    let now = ClockReading(boot: 0, wall: last.events.rows.last?.wall ?? 0)
    addGap(last.first..<next, reason: .unused, now: now)
    // Readers pass the numbers at once, so a later start must not find events under them.
    if pending.isEmpty { durable = next - 1 }
  }

  /// Encodes one pending batch, rotating to further segments as they fill.
  mutating func encode(_ index: Int, now: ClockReading) throws(RingLogError) {
    if index > 0 { try leaveSegment(between: pending[index - 1], and: pending[index]) }
    var row = 0
    let count = pending[index].events.count
    while row < count {
      let number = pending[index].first + UInt64(row)
      let segment = try activeSegment(of: pending[index].log, first: number, now: now)
      let taken = writer.append(
        pending[index].events,
        from: row,
        first: number,
        room: configuration.segmentByteCount - segment.offset,
        stamp: stamp(segment)
      )
      guard let taken else { throw .compression }
      row = taken
      if row < count {
        try writeOutput()
        fence(end: pending[index].first + UInt64(row))
      }
    }
  }

  private func stamp(_ segment: ActiveSegment) -> BlockStamp {
    BlockStamp(epoch: segment.epoch, log: segment.log, bootID: bootID, durable: durable)
  }

  /// Writes what is pending and makes it durable; raises ``durable``.
  ///
  /// - Throws: when neither the segment nor a fresh one takes it; ``isFailing`` is raised then and
  ///   the events stay in memory.
  public mutating func commit(now: ClockReading) throws(RingLogError) {
    guard !isFailing else { throw .full }
    guard needsCommit else { return }
    disk.beginCommit()
    defer { disk.endCommit() }
    if pendingEventCount > 0 {
      do throws(RingLogError) {
        try writeOutput()
      } catch {
        try rewritePending(after: error, now: now)
        do throws(RingLogError) { try writeOutput() } catch { throw fail(error) }
      }
      finishPending()
    }
    if mustSaveState { try saveState(reserving: 0, now: now) }
  }

  /// Hands what is pending to the operating system without waiting for the disk.
  ///
  /// It survives a kill, though not a power cut. For events at QoS 0, which nobody can send again.
  public mutating func writeThrough(now: ClockReading) throws(RingLogError) {
    guard !isFailing, pendingEventCount > 0 else { return }
    do throws(RingLogError) {
      try writeBlocks()
    } catch {
      try rewritePending(after: error, now: now)
    }
  }

  /// Writes everything that is pending and syncs.
  mutating func writeOutput() throws(RingLogError) {
    try writeBlocks()
    guard let segment = active else { return }
    let last = segments.count - 1
    guard segments[last].dataByteCount < segment.offset else { return }
    do throws(DiskError) { try disk.sync(segment.file) } catch { throw .disk(error) }
    var newest = segments[last]
    newest.dataByteCount = segment.offset
    newest.end = next
    segments[last] = newest
  }

  /// Closes the open block and writes all finished ones.
  private mutating func writeBlocks() throws(RingLogError) {
    guard var segment = active else { return }
    guard writer.closeBlock(stamp(segment)) else { throw .compression }
    if writer.output.isEmpty { return }
    do throws(DiskError) {
      try disk.write(segment.file, at: segment.offset, writer.output[...])
    } catch {
      throw .disk(error)
    }
    segment.offset += writer.output.count
    active = segment
    let last = segments.count - 1
    segments[last].payloadByteCount =
      (segments[last].payloadByteCount ?? 0) + writer.outputPayloadByteCount
    writer.removeOutput()
  }

  private mutating func finishPending() {
    durable = next - 1
    segments.newest?.end = next
    for slot in upstreamIndices { state.upstreams[slot].offered += UInt64(pendingEventCount) }
    for batch in pending { tail.append(batch) }
    forgetPending()
    isStateDirty = true
  }

  mutating func forgetPending() {
    pending.removeAll(keepingCapacity: true)
    pendingEventCount = 0
    pendingMemoryByteCount = 0
  }

  /// Leaves the active segment for good; what is in it stays readable up to what was durable.
  mutating func fence(end: SequenceNumber) {
    if let active {
      countRealSize(of: active)
      disk.close(active.file)
    }
    active = nil
    writer.beginSegment()
    // One append can have filled several segments whose events are now written once more.
    var index = segments.count - 1
    while index >= 0 && (index == segments.count - 1 || segments[index].end > end) {
      segments[index].end = min(segments[index].end, end)
      index -= 1
    }
    removeEmptySegments()
  }

  /// Hot files in which nothing durable was written are free again.
  ///
  /// The newest goes first, and where one stays so do those before it: a start that found a later one
  /// without them would take what they held for lost.
  private mutating func removeEmptySegments() {
    var isRemoving = true
    while active == nil, let last = segments.last, !last.isSealed,
      last.dataByteCount == 0 || last.first >= last.end
    {
      segments.removeLast()
      // Never as a spare: after a failed write its pages are in an unknown condition.
      if isRemoving { isRemoving = discard(last.name) }
    }
  }

  /// Puts every pending event into a fresh segment after the active one failed.
  mutating func rewritePending(
    after error: RingLogError,
    now: ClockReading
  ) throws(RingLogError) {
    if isFailing { throw error }
    note(.warning, "ring log: \(Self.describe(error)); rewriting into a fresh segment")
    fence(end: pending.first?.first ?? next)
    if case .disk(let error) = error { giveUpKept(for: error, now: now) }
    do throws(RingLogError) {
      for index in pending.indices { try encode(index, now: now) }
    } catch {
      throw fail(error)
    }
  }

  /// Raises ``isFailing`` and lets go of the active segment.
  mutating func fail(_ error: RingLogError) -> RingLogError {
    fence(end: pending.first?.first ?? next)
    if !isFailing {
      note(
        .error,
        "ring log: \(Self.describe(error)); the disk fails: events are acknowledged only when "
          + "every upstream has them"
      )
    }
    isFailing = true
    return error
  }

  /// The error in words for the operator.
  public static func describe(_ error: RingLogError) -> String {
    switch error {
    case .disk(let error): "\(error)"
    case .full: "no room"
    case .compression: "compression failed"
    }
  }
}

/// The topic that a tick has on disk; no event can come from a source under it.
private let tickTopic = Array("$holdfast/tick".utf8)
