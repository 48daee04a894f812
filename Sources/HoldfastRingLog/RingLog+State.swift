public import HoldfastEvent

extension RingLog {
  /// Saves cursors, counters, gap records and the reserved bound in one durable write.
  ///
  /// - Throws: ``isFailing`` is raised then.
  public mutating func saveState(now: ClockReading) throws(RingLogError) {
    try saveState(reserving: 0, now: now)
  }

  /// The same, with room for `count` more numbers.
  mutating func saveState(reserving count: UInt64, now: ClockReading) throws(RingLogError) {
    let reserved = state.reserved
    if next + count + Self.reservedCount / 2 >= reserved {
      state.reserved = next + count + Self.reservedCount
    }
    state.isClean = false
    do throws(RingLogError) {
      try writeState()
    } catch {
      // A bound that isn't durable bounds nothing.
      state.reserved = reserved
      throw error
    }
  }

  /// Writes the state as it stands.
  mutating func writeState() throws(RingLogError) {
    state.durable = durable
    state.floor = max(state.floor, min(oldest, durable + 1))
    state.gaps.removeAll(before: lowestTold)
    state.generation += 1
    let saved = durableState
    do throws(DiskError) {
      try stateFile.write(saved)
    } catch {
      // Once more, into a new file: never the same pages.
      do throws(DiskError) { try stateFile.write(saved) } catch { throw fail(.disk(error)) }
    }
    isStateDirty = false
    mustSaveState = false
    savedNeeded = lowestNeeded
  }

  /// The state without what is pending: after a crash those events are counted from the log, or,
  /// where they were not written, received anew.
  private var durableState: State {
    var durable = state
    for batch in pending {
      for row in batch.events.rows {
        let slot = Int(row.source)
        guard durable.sources.indices.contains(slot) else { continue }
        durable.sources[slot].received -= 1
        durable.sources[slot].stored -= 1
        if row.flags.contains(.possiblyRedelivered) {
          durable.sources[slot].possiblyRedelivered -= 1
        }
      }
    }
    return durable
  }

  /// Commits and saves for an orderly stop: numbering will go on without a gap.
  public mutating func close(now: ClockReading) throws(RingLogError) {
    try commit(now: now)
    state.reserved = next
    state.isClean = true
    try writeState()
    if let active { disk.close(active.file) }
    active = nil
    for reader in allReaders { reader.reset() }
    abandonSeal()
    abandonPreparing()
    stateFile.close()
  }

  /// While the disk fails: forgets events in memory that every upstream has acknowledged, and that
  /// no upstream's stages need to be computed anew.
  public mutating func forgetDelivered() {
    guard isFailing, let first = pending.first, first.end <= lowestNeeded else { return }
    let kept = lowestNeeded
    pending.removeAll { $0.end <= kept }
    let count = pendingEventCount
    pendingEventCount = pending.reduce(0) { $0 + $1.events.count }
    for slot in upstreamIndices {
      state.upstreams[slot].offered += UInt64(count - pendingEventCount)
    }
    pendingMemoryByteCount = pending.reduce(0) { $0 + $1.events.memoryByteCount }
  }

  /// Tries the disk again after it failed; true when what was in memory is durable.
  public mutating func retryDisk(now: ClockReading) -> Bool {
    guard isFailing else { return true }
    guard isRecovered else { return false }
    forgetDelivered()
    // Nobody needs these numbers on disk, and a later start must not count them once more.
    durable = max(durable, (pending.first?.first ?? next) - 1)
    fence(end: pending.first?.first ?? next)
    isFailing = false
    stateFile.close()
    do throws(RingLogError) {
      try makeDirectory()
      try saveState(reserving: 0, now: now)
      for index in pending.indices { try encode(index, now: now) }
      try commit(now: now)
    } catch {
      isFailing = true
      fence(end: pending.first?.first ?? next)
      if case .disk(let error) = error { discardKept(for: error) }
      return false
    }
    note(.notice, "ring log: the disk takes writes again")
    return true
  }

  func makeDirectory() throws(RingLogError) {
    do throws(DiskError) { try disk.makeDirectory(directory) } catch { throw .disk(error) }
  }
}
