public import HoldfastEvent

extension RingLog {
  /// Bytes written per piece when a file is prepared.
  private static var preparedByteCount: Int { 512 << 10 }
  /// Waits after a failure of something that can wait, microseconds.
  private static var retryDelay: Int64 { 30 * microsecondsPerSecond }

  /// Does one bounded piece of upkeep; true when there is more to do at once.
  ///
  /// In this order: free segments that no upstream needs, give up those beyond the age, seal,
  /// prepare the next file. Never needed for correctness: a commit does what it must by itself.
  ///
  /// - Complexity: O(1 MiB) of data.
  public mutating func work(now: ClockReading) -> Bool {
    if isFailing { return false }
    do throws(RingLogError) {
      if segments.count > 1, !isOldestKept(now: now), try releaseOldest(now: now) { return true }
      if try shrink(now: now) { return true }
      if try evictAged(now: now) { return true }
      rollAged(now: now)
    } catch {
      return false
    }
    do throws(DiskError) {
      if sealer != nil {
        try sealStep(now: now)
        return true
      }
      if now.boot >= sealRetryAt, try beginSeal(now: now) { return true }
      return try prepareStep(now: now)
    } catch {
      giveUpKept(for: error, now: now)
      note(.warning, "ring log: \(error); sealing and preparing files wait 30 s")
      abandonSeal()
      abandonPreparing()
      sealRetryAt = now.boot + Self.retryDelay
      return false
    }
  }

  /// Makes a ring whose bound was lowered fit again, a file at a time.
  ///
  /// Under `refuse-newest` nothing undelivered goes: the ring shrinks as it is delivered.
  private mutating func shrink(now: ClockReading) throws(RingLogError) -> Bool {
    guard byteCount > configuration.byteCountMax else { return false }
    if let spare = spares.popLast() {
      discard(spare.name)
      return true
    }
    if dropNewerFile() { return true }
    guard configuration.whenFull == .dropOldest, segments.count > 1 else { return false }
    return try evictOldest(now: now)
  }

  /// Fills the next hot file with zeros ahead of its use, a piece at a time.
  private mutating func prepareStep(now: ClockReading) throws(DiskError) -> Bool {
    let size = configuration.segmentByteCount
    guard var current = preparing else {
      guard spares.isEmpty, now.boot >= sealRetryAt, let active, active.offset > size / 4,
        isFree(size)
      else { return false }
      lastHotIndex += 1
      let name = Segment.hotName(lastHotIndex)
      let file = try disk.create(directory + "/" + name)
      preparing = PreparingFile(name: name, file: file, writtenByteCount: 0)
      return true
    }
    if current.writtenByteCount < size {
      let count = min(Self.preparedByteCount, size - current.writtenByteCount)
      let zeros = [UInt8](repeating: 0, count: count)
      try disk.write(current.file, at: current.writtenByteCount, zeros[...])
      current.writtenByteCount += count
      preparing = current
      return true
    }
    try disk.sync(current.file)
    try disk.syncDirectory(directory)
    disk.close(current.file)
    preparing = nil
    spares.append(SpareFile(name: current.name, byteCount: size))
    return false
  }

  mutating func abandonPreparing() {
    guard let current = preparing else { return }
    disk.close(current.file)
    preparing = nil
    discard(current.name)
  }

  /// Gives up the oldest segment when all in it is older than the bound; once a minute.
  private mutating func evictAged(now: ClockReading) throws(RingLogError) -> Bool {
    guard let ageMax = configuration.ageMax, now.boot >= ageCheckAt, !segments.isEmpty,
      segments.count > 1 || active == nil
    else { return false }
    ageCheckAt = now.boot + Self.ageCheckInterval
    guard let wall = newestWall(ofSegment: 0), wall > Self.credibleWall,
      now.wall - wall > ageMax
    else { return false }
    ageCheckAt = now.boot
    return try evictOldest(now: now)
  }

  /// Leaves the active segment after an eighth of the age, so that its events can be given up
  /// soon after their time, however few follow them.
  private mutating func rollAged(now: ClockReading) {
    guard let ageMax = configuration.ageMax, let active, pendingEventCount == 0,
      now.boot - active.openedAt >= max(ageMax / 8, Self.ageCheckInterval)
    else { return }
    fence(end: next)
  }

  /// Between two looks at the oldest segment's age, microseconds.
  private static var ageCheckInterval: Int64 { 60 * microsecondsPerSecond }

  /// When the latest event of a segment arrived, by the wall clock; nil where it can't be told.
  mutating func newestWall(ofSegment place: Int) -> Int64? {
    var segment = segments[place]
    if segment.lastWall == nil, segment.end > segment.first {
      let reader = SegmentReader(disk: disk, contexts: contexts)
      reader.isForgiving = true
      defer { reader.reset() }
      if let last = wall(of: segment.end - 1, in: segment, reader) {
        segment.lastWall = last
      } else if place + 1 < segments.count {
        // Damaged at its end: what begins the next segment arrived no earlier.
        let next = segments[place + 1]
        segment.lastWall = wall(of: next.first, in: next, reader)
      }
      segments[place] = segment
    }
    return segment.lastWall
  }

  private func wall(
    of sequence: SequenceNumber,
    in segment: Segment,
    _ reader: SegmentReader
  ) -> Int64? {
    guard
      case .some(.events(let batch)) = try? reader.read(
        sequence,
        in: segment,
        directory: directory
      ),
      let row = batch.index(of: sequence)
    else { return nil }
    return batch.events.rows[row].wall
  }

  /// 2020-01-01: a stamp before it comes from a clock that was not set, and says nothing of age.
  static var credibleWall: Int64 { 1_577_836_800 * microsecondsPerSecond }
}
