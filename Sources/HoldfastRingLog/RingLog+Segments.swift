internal import HoldfastEvent

extension RingLog {
  /// The segment to write into; begins one with event number `first` of `log` when there is none.
  mutating func activeSegment(
    of log: LogID,
    first: SequenceNumber,
    now: ClockReading
  ) throws(RingLogError) -> ActiveSegment {
    if let active { return active }
    try makeRoomForSegment(now: now)
    // What a recycled file still holds must be below the saved floor before it is written over.
    if isStateDirty && !spares.isEmpty { try saveState(reserving: 0, now: now) }
    do throws(DiskError) {
      let name: String
      let file: DiskFile
      if let spare = spares.popLast() {
        name = spare.name
        file = try disk.open(directory + "/" + name, isWritable: true)
      } else {
        lastHotIndex += 1
        name = Segment.hotName(lastHotIndex)
        file = try disk.create(directory + "/" + name)
        do throws(DiskError) {
          try disk.syncDirectory(directory)
        } catch {
          disk.close(file)
          discard(name)
          throw error
        }
      }
      state.epoch += 1
      let opened = ActiveSegment(
        file: file,
        log: log,
        epoch: state.epoch,
        offset: 0,
        openedAt: now.boot
      )
      active = opened
      writer.beginSegment()
      if var newest = segments.newest {
        newest.end = min(newest.end, first)
        newest.endedAt = now.boot
        segments.newest = newest
      }
      segments.append(
        Segment(
          name: name,
          isSealed: false,
          epoch: state.epoch,
          first: first,
          end: first,
          byteCount: configuration.segmentByteCount,
          dataByteCount: 0,
          payloadByteCount: 0,
          wall: now.wall,
          ticksPerSecond: configuration.ticksPerSecond
        )
      )
      segments.pass(before: lowestNeeded)
      return opened
    } catch {
      throw .disk(error)
    }
  }

  /// A segment holds events of one log, and none is missing between two of them: across a hole the
  /// next one begins, in a life that tells of it, see ``freeStale(now:)``.
  mutating func leaveSegment(
    between earlier: StoredBatch,
    and later: StoredBatch
  ) throws(RingLogError) {
    guard active != nil, earlier.end < later.first || earlier.log != later.log else { return }
    try writeOutput()
    fence(end: earlier.end)
    if earlier.end < later.first { state.epoch += Self.epochReserve }
  }

  /// Counts a segment that is left at what its file takes.
  ///
  /// Until then it was counted as full, as the room for the rest of it was set aside. A disk that
  /// fails now and then makes one segment after another be left with little in it: counted as full
  /// they would fill the ring, and acknowledged events would make room for nothing. A file that was
  /// recycled or prepared is as long as a segment, and is recycled once more; any other is removed.
  mutating func countRealSize(of active: ActiveSegment) {
    guard let byteCount = try? disk.byteCount(of: active.file), let newest = segments.newest,
      byteCount < newest.byteCount
    else { return }
    segments.newest?.byteCount = byteCount
  }

  /// Bytes that sealing may need on top of everything else.
  private var sealReserveByteCount: Int { configuration.segmentByteCount }

  /// The bound, less what a second state file takes while it replaces a failed one.
  var byteCountLimit: Int { configuration.byteCountMax - State.fileByteCount }

  /// Whether `byteCount` more bytes fit under the bound, once what is kept has made room.
  func fits(_ byteCount: Int) -> Bool { isFree(byteCount - keptByteCount) }

  /// Whether `byteCount` more bytes fit under the bound as it is.
  func isFree(_ byteCount: Int) -> Bool {
    self.byteCount + byteCount + sealReserveByteCount <= byteCountLimit
  }

  /// Whether events are refused under `refuse-newest`, with two segments kept for what was read.
  public var isFull: Bool {
    configuration.whenFull == .refuseNewest && !fits(2 * configuration.segmentByteCount)
      && newerFiles.isEmpty && !makesRoomSoon
  }

  /// Whether the oldest segment is about to go; what is kept counts as free already.
  private var makesRoomSoon: Bool {
    configuration.keepDelivered == nil && (segments.first.map { isReleasable($0) } ?? false)
  }

  /// Whether there is room again after ``isFull``: 5 % of the ring more than it takes, and as much as
  /// events of `byteCount` bytes in memory may need.
  public func hasRoomAgain(for byteCount: Int) -> Bool {
    // Where one segment ends before the next event, the two hold more than one's worth.
    let share = max(configuration.byteCountMax / 20, 2 * byteCount)
    return fits(2 * configuration.segmentByteCount + share)
  }

  /// Whether the next segment costs undelivered events, or is refused.
  public var isOutOfRoom: Bool {
    spares.isEmpty && !fits(configuration.segmentByteCount) && !makesRoomSoon
  }

  private mutating func makeRoomForSegment(now: ClockReading) throws(RingLogError) {
    var hasReleased = false
    while spares.isEmpty && !isFree(configuration.segmentByteCount) {
      if try releaseOldest(now: now) {
        hasReleased = true
        continue
      }
      if dropNewerFile() { continue }
      guard configuration.whenFull == .dropOldest, try evictOldest(now: now) else {
        // Refusing: the last two segments below the bound are for what was read already.
        if configuration.whenFull == .refuseNewest
          && byteCount + configuration.segmentByteCount <= byteCountLimit
        {
          return
        }
        throw .full
      }
      hasReleased = true
    }
    if hasReleased { isStateDirty = true }
  }

  /// Whether no upstream needs the oldest segment, and it is not being written.
  func isReleasable(_ segment: Segment) -> Bool {
    segment.end <= lowestNeeded && !(active != nil && segments.count == 1)
  }

  /// Frees the oldest segment if no upstream needs it; false if one does.
  mutating func releaseOldest(now: ClockReading) throws(RingLogError) -> Bool {
    guard let oldest = segments.first, isReleasable(oldest) else { return false }
    try dropFirstSegment(isKept: true, now: now)
    return true
  }

  /// Gives up the oldest segment: the gap record is durable before a byte of it goes.
  mutating func evictOldest(now: ClockReading) throws(RingLogError) -> Bool {
    guard let oldest = segments.first, segments.count > 1 || active == nil else { return false }
    let kept = max(oldest.first, positions.min() ?? oldest.first)
    let gaps = state.gaps
    if kept < oldest.end {
      let topics = topicsAtStart(of: oldest)
      addGap(kept..<oldest.end, reason: .evicted, topics: topics, now: now)
      note(
        .warning,
        "ring log: full; \(oldest.end - kept) undelivered events (\(kept)-\(oldest.end - 1)) make "
          + "room"
      )
    }
    do throws(RingLogError) {
      try dropFirstSegment(isKept: false, now: now)
    } catch {
      // The segment is still there, so nothing of it is missing.
      state.gaps = gaps
      throw error
    }
    return true
  }

  /// Some topics of the segment, for its gap record; empty when its start can't be read.
  private func topicsAtStart(of segment: Segment) -> [[UInt8]] {
    let reader = SegmentReader(disk: disk, contexts: contexts)
    defer { reader.reset() }
    guard
      case .some(.events(let batch)) = try? reader.read(
        segment.first,
        in: segment,
        directory: directory
      )
    else { return [] }
    var topics: [[UInt8]] = []
    for index in batch.events.rows.indices where topics.count < GapRecord.topicCountMax {
      let topic = Array(batch.events.topic(index))
      if !topics.contains(topic) { topics.append(topic) }
    }
    return topics
  }

  /// Saves that the first segment is gone, then frees its file.
  ///
  /// - Parameters:
  ///   - isKept: whether a file of a newer format is kept for whoever can read it.
  ///   - now: both clocks.
  /// - Throws: when that can't be saved; the segment is still there then.
  private mutating func dropFirstSegment(
    isKept: Bool,
    now: ClockReading
  ) throws(RingLogError) {
    let dropped = segments.removeFirst()
    if sealer?.source.name == dropped.name { abandonSeal() }
    let floor = state.floor
    state.floor = max(floor, dropped.end)
    do throws(RingLogError) {
      try saveState(reserving: 0, now: now)
    } catch {
      state.floor = floor
      segments.prepend(dropped)
      throw error
    }
    for reader in allReaders { reader.forget(dropped.name) }
    if isKept { free(dropped) } else { release(dropped) }
  }

  /// Keeps a hot file for its next life, sets one of a newer format aside, or removes the file.
  mutating func free(_ segment: Segment) {
    if segment.isSealed && isNewer(segment.name) {
      keepNewer(segment.name, byteCount: segment.byteCount)
    } else {
      release(segment)
    }
  }

  private mutating func release(_ segment: Segment) {
    if !segment.isSealed && spares.count < Self.spareCountMax
      && segment.byteCount == configuration.segmentByteCount
    {
      spares.append(SpareFile(name: segment.name, byteCount: segment.byteCount))
    } else {
      discard(segment.name)
    }
  }

  /// Whether a newer version wrote the file; false where that can't be read.
  private func isNewer(_ name: String) -> Bool {
    guard let file = try? disk.open(directory + "/" + name, isWritable: false) else { return false }
    defer { disk.close(file) }
    var bytes: [UInt8] = []
    guard (try? disk.read(file, at: 0, count: Format.headerByteCount, into: &bytes)) != nil else {
      return false
    }
    return BlockHeader.read(bytes[...]) == .newer
  }

  /// Leaves a file alone that only a newer version can read, and counts it.
  mutating func keepNewer(_ name: String, byteCount: Int) {
    newerFiles.append(SpareFile(name: name, byteCount: byteCount))
    otherByteCount += byteCount
    note(.warning, "ring log: \(name) has a newer format; kept while there is room")
  }

  /// Removes the oldest file of a newer format for want of room; false if there is none.
  mutating func dropNewerFile() -> Bool {
    guard !newerFiles.isEmpty else { return false }
    let file = newerFiles.removeFirst()
    otherByteCount -= file.byteCount
    note(.warning, "ring log: full; \(file.name), which a newer version wrote, makes room")
    discard(file.name)
    return true
  }

  /// Removes a file whose contents nobody needs; a failure leaves it for the next start.
  ///
  /// - Returns: whether it is gone.
  @discardableResult
  mutating func discard(_ name: String) -> Bool {
    do throws(DiskError) {
      try disk.remove(directory + "/" + name)
      return true
    } catch {
      note(.warning, "ring log: \(error); the file stays until the next start")
      return false
    }
  }
}
