internal import HoldfastEvent

// Where an upstream begins that is added to a log which has recorded for others.

extension RingLog {
  /// Sets a new upstream's cursor where it is to begin, among what the log still holds.
  mutating func begin(_ index: Int, from start: UpstreamStart, now: ClockReading) {
    let oldest = max(oldest, 1)
    let cursor: SequenceNumber
    switch start {
    case .now: return
    case .oldest: cursor = oldest
    case .number(let number): cursor = number
    case .time(let wall): cursor = firstNumber(at: wall, for: index, now: now)
    }
    tellUnused(from: cursor, now: now)
    let slot = upstreamIndices[index]
    state.upstreams[slot].cursor = min(max(cursor, oldest), next)
    positions[index] = state.upstreams[slot].cursor
    state.upstreams[slot].offered = next - positions[index] - unusedCount(from: positions[index])
  }

  /// Records what the log holds no event for, behind `start` and before every other cursor.
  ///
  /// Most of it was never given to an event: an unclean stop leaves numbers out. Whatever it was, each
  /// upstream that was there has been told, and then the record was let go. To one that begins now
  /// it is no loss, which an account without a record would make of it.
  private mutating func tellUnused(from start: SequenceNumber, now: ClockReading) {
    let passed = lowestCursor
    do throws(DiskError) {
      // Until now a segment reached to where the next one begins.
      try findEnds()
    } catch {
      // Read later, such numbers count as lost.
    }
    for (earlier, later) in zip(segments, segments.dropFirst()) where later.first > start {
      let end = min(later.first, passed)
      if earlier.end < end { addGap(earlier.end..<end, reason: .unused, now: now) }
    }
    if let last = segments.last, last.end < min(next, passed) {
      addGap(last.end..<min(next, passed), reason: .unused, now: now)
    }
  }

  /// The first number whose event arrived at or after an instant; the log's end where none did.
  ///
  /// By halving what is left, so that a few blocks are read: where the wall clock went back in
  /// between, it is a place where it passed that instant, not always the first.
  private mutating func firstNumber(
    at wall: Int64,
    for index: Int,
    now: ClockReading
  ) -> SequenceNumber {
    var low = max(oldest, 1)
    var high = next
    while low < high {
      let middle = low + (high - low) / 2
      guard let (number, time) = firstEvent(from: middle, for: index, now: now), number < high
      else {
        high = middle
        continue
      }
      if time < wall { low = number + 1 } else { high = middle }
    }
    return low
  }

  /// The first event that can be read at or behind a number, and when it arrived.
  private mutating func firstEvent(
    from start: SequenceNumber,
    for index: Int,
    now: ClockReading
  ) -> (SequenceNumber, Int64)? {
    var number = start
    var passedGaps = 0
    while number < next {
      switch read(index, from: number, passedGaps: passedGaps, now: now) {
      case .events(let batch, let row): return (number, batch.events.rows[row].wall)
      case .gap(let record):
        if record.reason.coversNumbers && record.end > number {
          number = record.end
          passedGaps = 0
        } else {
          passedGaps += 1
        }
      case .end: return nil
      }
    }
    return nil
  }
}
