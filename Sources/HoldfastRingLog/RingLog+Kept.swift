internal import HoldfastEvent

// What every upstream has passed and is kept all the same, to be sent again on demand.
//
// It is room that is not free yet: whoever asks whether there is room counts it as free, and whoever
// needs room takes it first, the oldest before the others. So nothing is refused or given up for it.

extension RingLog {
  /// Bytes of segments that no upstream needs, and that are kept; 0 without `keep_delivered`.
  ///
  /// - Complexity: O(1).
  public var keptByteCount: Int {
    configuration.keepDelivered == nil ? 0 : segments.passedByteCount
  }

  /// Segments that must stay free beside what is kept: the next one, one prepared ahead of it, and as
  /// much for files of the owner, so that a commit never has to make room by itself.
  private static var roomSegmentCount: Int { 3 }
  /// Most segments looked into for one whose time can be believed.
  private static var datedSegmentCountMax: Int { 16 }
  /// Between two looks at the age, microseconds.
  private static var keptCheckInterval: Int64 { 60 * microsecondsPerSecond }

  /// Whether the oldest segment stays although no upstream may need it.
  ///
  /// - Complexity: O(1), and once a minute the last block of some segments.
  mutating func isOldestKept(now: ClockReading) -> Bool {
    guard let keeping = configuration.keepDelivered, let oldest = segments.first else {
      return false
    }
    // One that has begun, and a file that was found at the start, are passed from here on.
    segments.pass(before: lowestNeeded)
    // Nothing to look into while an upstream needs it.
    guard isReleasable(oldest) else { return false }
    if oldest.first < keptFloor { return false }
    guard isFree(Self.roomSegmentCount * configuration.segmentByteCount) else { return false }
    switch keeping {
    case .byteCount(let count):
      return segments.passedByteCount - oldest.byteCount < count
    case .span(let span):
      if now.boot < keptCheckAt { return true }
      if ageOfOldest(now: now) >= span { return false }
      keptCheckAt = now.boot.addingSaturated(Self.keptCheckInterval)
      return true
    }
  }

  /// How long ago the latest event of the oldest segment arrived, microseconds.
  ///
  /// Of a segment that was left since the start the boot clock tells. Of one found at the start the
  /// wall clock does, as far as it can be believed: from 2020 on, and not ahead of the present. Else
  /// a later one tells, than which it arrived no later. Where none does, as before a clock is set,
  /// the time since the start counts: so what a wrong clock has stamped stays no longer than what
  /// follows it.
  private mutating func ageOfOldest(now: ClockReading) -> Int64 {
    for place in 0..<Swift.min(Self.datedSegmentCountMax, segments.count - 1) {
      if let endedAt = segments[place].endedAt {
        return Swift.max(now.boot.subtractingSaturated(endedAt), place == 0 ? 0 : sinceStart(now))
      }
      if let wall = newestWall(ofSegment: place), wall > Self.credibleWall, wall <= now.wall {
        return now.wall.subtractingSaturated(wall)
      }
    }
    return sinceStart(now)
  }

  private func sinceStart(_ now: ClockReading) -> Int64 {
    now.boot.subtractingSaturated(openedAt)
  }

  /// Lets go of what is kept where the file system has no room, until a segment can be begun.
  mutating func giveUpKept(for error: DiskError, now: ClockReading) {
    guard keptByteCount > 0, isForWantOfRoom(error) else { return }
    var byteCount = 0
    while spares.isEmpty, byteCount < 2 * configuration.segmentByteCount, keptByteCount > 0,
      let oldest = segments.first
    {
      do throws(RingLogError) {
        guard try releaseOldest(now: now) else { return }
      } catch {
        return
      }
      byteCount += oldest.byteCount
    }
  }

  /// The same while the disk fails, when nothing can be saved before.
  ///
  /// What the saved state calls needed stays: the next start finds the rest gone as it would find it
  /// kept, below every cursor.
  mutating func discardKept(for error: DiskError) {
    guard isForWantOfRoom(error) else { return }
    var byteCount = 0
    while keptByteCount > 0, segments.count > 1, let oldest = segments.first,
      oldest.end <= savedNeeded,
      byteCount < 2 * configuration.segmentByteCount + State.fileByteCount
    {
      segments.removeFirst()
      if sealer?.source.name == oldest.name { abandonSeal() }
      for reader in allReaders { reader.forget(oldest.name) }
      state.floor = max(state.floor, oldest.end)
      discard(oldest.name)
      byteCount += oldest.byteCount
    }
  }

  private func isForWantOfRoom(_ error: DiskError) -> Bool {
    error.errno == Self.noSpace || error.errno == Self.overQuota
  }

  /// ENOSPC.
  private static var noSpace: Int32 { 28 }
  /// EDQUOT.
  private static var overQuota: Int32 { 122 }

  // MARK: gap records

  /// The lowest number whose gap records stay: of what is kept they tell what is missing in it.
  var lowestTold: SequenceNumber {
    configuration.keepDelivered == nil ? lowestNeeded : min(lowestNeeded, oldest)
  }

  /// Gap records that some upstream has not passed yet.
  ///
  /// - Complexity: O(gap records + upstreams).
  public var waitingGapCount: Int {
    let needed = lowestNeeded
    return state.gaps.records.count {
      $0.end > needed || $0.end == needed && !$0.reason.coversNumbers
    }
  }

  /// Forgets the oldest gap record if every upstream has passed it: the list's bound is for the others.
  ///
  /// What is kept before its end goes next, as a replay of it could not tell what is missing. A start
  /// asks before it knows which upstreams are configured; so every saved account counts.
  ///
  /// - Returns: false where no record can go.
  private mutating func dropToldGap() -> Bool {
    guard configuration.keepDelivered != nil, let first = state.gaps.records.first,
      let needed = state.upstreams.map(\.needed).min()
    else { return false }
    let end = first.reason.coversNumbers ? first.end : first.end &+ 1
    guard end <= min(needed, lowestNeeded) else { return false }
    state.gaps.removeAll(before: end)
    keptFloor = max(keptFloor, end)
    return true
  }

  /// The same while one more record would be too many.
  mutating func makeRoomForGap() {
    while state.gaps.records.count >= GapList.countMax, dropToldGap() {}
  }

  /// The same while one more range of unused numbers would find no room.
  mutating func makeRoom(forUnused range: Range<SequenceNumber>) {
    while !state.gaps.hasRoom(forUnused: range, of: state.log), dropToldGap() {}
  }
}
