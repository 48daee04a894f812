internal import HoldfastEvent

extension RingLog {
  /// Ends each hot segment at what was written into it, not at where the next one begins.
  mutating func findEnds() throws(DiskError) {
    for place in segments.indices.dropLast() where !segments[place].isSealed {
      var segment = segments[place]
      let written = try scan(segment).end(durable: 0, gaps: state.gaps).written
      segment.end = min(segment.end, written)
      segments[place] = segment
    }
  }

  /// Without the state: frees hot files that waited for their next life, and tells holes in the
  /// numbers that an unclean stop left from those that damage left.
  ///
  /// Lives are counted: each segment's is one more than the one's before it, and
  /// ``epochReserve`` more for each unclean stop between them. Where that does not hold, and the
  /// numbers don't join either, something between was freed, and then so was everything before.
  /// Only hot files wait, and no more than ``spareCountMax``; anything else is damage, and kept.
  mutating func freeStale(now: ClockReading) throws(DiskError) {
    var stale = 0
    for place in segments.indices.dropLast() {
      let next = segments[place + 1]
      let segment = segments[place]
      guard segment.end < next.first else { continue }
      let lives = try epoch(of: next) &- epoch(of: segment)
      if lives & (Self.epochReserve - 1) != 1 {
        let isHot = segments[...place].allSatisfy { !$0.isSealed }
        if isHot && place < Self.spareCountMax { stale = place + 1 }
      } else if lives > 1 {
        addGap(segment.end..<next.first, reason: .unused, now: now)
      }
    }
    for _ in 0..<stale {
      let segment = segments.removeFirst()
      note(.notice, "ring log: \(segment.name) was free: what follows it came lives later")
      free(segment)
    }
    state.gaps.removeAll(before: segments.first?.first ?? 1)
  }

  /// The life that a file was written in, sealed ones included; 0 where that can't be read.
  private func epoch(of segment: Segment) throws(DiskError) -> UInt64 {
    if let epoch = segment.epoch { return epoch }
    let file = try disk.open(directory + "/" + segment.name, isWritable: false)
    defer { disk.close(file) }
    let found = try Segment.firstHeader(of: file, on: disk, byteCount: segment.byteCount)
    return found.0?.epoch ?? 0
  }

  private func scan(_ segment: Segment) throws(DiskError) -> TailScan {
    var scan = TailScan(of: segment)
    let file = try disk.open(directory + "/" + segment.name, isWritable: false)
    defer { disk.close(file) }
    try scan.advance(
      in: file,
      on: disk,
      byteCount: segment.byteCount,
      isForgiving: givesUpUnreadable
    )
    return scan
  }

  /// Finds the end of the log in the newest hot segment.
  ///
  /// - Returns: `end`: the number after the last event that is there or is known to have been
  ///   there. `readable`: the number after the last one that can be read. What follows was never
  ///   acknowledged. `synced`: the last one that is known to be on the disk; what follows may be
  ///   in the kernel's cache alone.
  mutating func scanTail() throws(DiskError) -> (
    readable: SequenceNumber, end: SequenceNumber, synced: SequenceNumber
  ) {
    while let newest = segments.last {
      guard !newest.isSealed else {
        return (newest.end, max(newest.end, state.durable + 1), newest.end - 1)
      }
      let scan = try scan(newest)
      if newest.isHeadless && newest.first > max(scan.proven, state.durable) + 1 {
        // Its first commit was never synced and lost its first block: none of it was acknowledged.
        recoverySteps.insert(.freedHeadless)
        free(segments.removeLast())
        continue
      }
      let end = scan.end(durable: state.durable, gaps: state.gaps).end
      if end < scan.lastEnd { recoverySteps.insert(.tornTail) }
      let readable = try readableEnd(of: newest, before: end)
      segments.newest?.end = readable
      // A segment is begun when all before it was synced.
      return (readable, end, max(state.durable, scan.proven, newest.first - 1))
    }
    return (state.durable + 1, state.durable + 1, state.durable)
  }

  /// A reader for the start alone: an upstream's, which has not begun to read.
  var recoveryReader: SegmentReader {
    readers.first ?? SegmentReader(disk: disk, contexts: contexts)
  }

  /// The number after the last event that can be decoded; the segment's first where none can.
  private func readableEnd(
    of segment: Segment,
    before end: SequenceNumber
  ) throws(DiskError) -> SequenceNumber {
    let reader = recoveryReader
    reader.isForgiving = givesUpUnreadable
    defer { reader.isForgiving = false }
    defer { reader.reset() }
    var whole = segment
    whole.end = end
    var readable = segment.first
    var position = segment.first
    while position < end {
      switch try reader.read(position, in: whole, directory: directory) {
      case .missing(let next): position = max(next, position + 1)
      case .newer: return readable
      case .events(let batch):
        readable = batch.end
        position = batch.end
      }
    }
    return readable
  }
}
