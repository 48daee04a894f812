internal import HoldfastEvent

/// The newest events that a start finds and that no state and no block calls durable.
struct UnsyncedTail {
  /// The numbers from the first of them to the last that can be read.
  let numbers: Range<SequenceNumber>
  /// What of it fits into memory.
  private(set) var batches: [StoredBatch] = []
  private(set) var memoryByteCount = 0

  init(numbers: Range<SequenceNumber>) { self.numbers = numbers }

  /// Keeps the events of `batch` from `row` on that belong here.
  ///
  /// No process leaves more than a log holds in memory while the disk fails; of a file that says
  /// otherwise the rest is not kept.
  mutating func append(_ batch: StoredBatch, from row: Int) {
    let first = max(batch.first + UInt64(row), numbers.lowerBound)
    let end = min(batch.end, numbers.upperBound)
    guard first < end,
      memoryByteCount + batch.events.memoryByteCount <= 2 * RingLog.failingByteCountMax
    else { return }
    var part = batch
    part.first = first
    part.events.rows = Array(
      batch.events.rows[Int(first - batch.first)..<Int(end - batch.first)]
    )
    memoryByteCount += part.events.memoryByteCount
    batches.append(part)
  }
}

extension RingLog {
  /// Makes the newest events durable before anybody is told that they are: after a kill the kernel
  /// may hold the only copy of them.
  ///
  /// The last step of a start before its state is saved, so that no start that is repeated syncs
  /// the same pages twice. Where they can't be synced the events are written once more elsewhere,
  /// like those of a commit that failed.
  mutating func secureTail(now: ClockReading) {
    guard let found = unsynced else { return }
    unsynced = nil
    guard let name = segments.newest?.name else { return }
    do throws(DiskError) {
      let file = try disk.open(directory + "/" + name, isWritable: true)
      defer { disk.close(file) }
      try disk.sync(file)
    } catch {
      rewriteTail(found, after: error, now: now)
    }
  }

  /// Takes events that were found back to where they had just been appended, and commits them.
  private mutating func rewriteTail(
    _ found: UnsyncedTail,
    after error: DiskError,
    now: ClockReading
  ) {
    recoverySteps.insert(.rewroteTail)
    durable = found.numbers.lowerBound - 1
    // The commit fills it again.
    tail = Tail(byteCountMax: configuration.tailByteCountMax)
    var position = found.numbers.lowerBound
    for var batch in found.batches {
      addGap(position..<batch.first, reason: .corrupt, now: now)
      position = batch.end
      // Without a state nothing of what was found has been counted for the sources.
      if recoverySteps.contains(.unreadableState) { count(batch.events.rows[...]) }
      stamper.stamp(&batch.events)
      pendingEventCount += batch.events.count
      pendingMemoryByteCount += batch.events.memoryByteCount
      pending.append(batch)
    }
    addGap(position..<found.numbers.upperBound, reason: .corrupt, now: now)
    withdraw(found.numbers.lowerBound)
    if pending.isEmpty {
      durable = next - 1
      fence(end: found.numbers.lowerBound)
      return
    }
    do throws(RingLogError) {
      try rewritePending(after: .disk(error), now: now)
      try commit(now: now)
    } catch {
      // `isFailing` is raised and said; the events are in memory.
      return
    }
    // Between these events and the next one lie numbers that were passed by.
    fence(end: found.numbers.upperBound)
    state.epoch += Self.epochReserve
  }

  /// Takes what is pending from `first` on back from the upstreams, to be offered once it is
  /// durable.
  private mutating func withdraw(_ first: SequenceNumber) {
    for (index, slot) in upstreamIndices.enumerated() {
      if state.upstreams[slot].offered == 0 {
        // A new one, to which nothing was offered: what becomes durable from now on is for it.
        state.upstreams[slot].clip(to: max(first, 1))
        unread[index] = []
        positions[index] = state.upstreams[slot].cursor
      } else {
        let count = min(state.upstreams[slot].offered, UInt64(pendingEventCount))
        state.upstreams[slot].offered -= count
      }
    }
  }
}
