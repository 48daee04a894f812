internal import HoldfastEvent

extension RingLog {
  /// The segment to write into; begins one with event number `first` when there is none.
  mutating func activeSegment(
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
      let opened = ActiveSegment(file: file, epoch: state.epoch, offset: 0)
      active = opened
      writer.beginSegment()
      if !segments.isEmpty {
        segments[segments.count - 1].end = min(segments[segments.count - 1].end, first)
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
          wall: now.wall
        )
      )
      return opened
    } catch {
      throw .disk(error)
    }
  }

  /// Bytes that sealing may need on top of everything else.
  private var sealReserveByteCount: Int { configuration.segmentByteCount }

  /// The bound, less what a second state file takes while it replaces a failed one.
  var byteCountLimit: Int { configuration.byteCountMax - State.fileByteCount }

  /// Whether `byteCount` more bytes fit under the bound.
  func fits(_ byteCount: Int) -> Bool {
    self.byteCount + byteCount + sealReserveByteCount <= byteCountLimit
  }

  /// Whether events are refused under `refuse-newest`, with two segments kept for what was read.
  public var isFull: Bool {
    configuration.whenFull == .refuseNewest && !fits(2 * configuration.segmentByteCount)
      && !(segments.first.map { isReleasable($0) } ?? false)
  }

  /// Whether there is room again after ``isFull``: 5 % of the ring more than it takes.
  public var hasRoomAgain: Bool {
    fits(2 * configuration.segmentByteCount + configuration.byteCountMax / 20)
  }

  /// Whether the next segment costs undelivered events, or is refused.
  public var isOutOfRoom: Bool {
    spares.isEmpty && !fits(configuration.segmentByteCount)
      && !(segments.first.map { isReleasable($0) } ?? false)
  }

  private mutating func makeRoomForSegment(now: ClockReading) throws(RingLogError) {
    var hasReleased = false
    while spares.isEmpty && !fits(configuration.segmentByteCount) {
      if try releaseOldest(now: now) {
        hasReleased = true
        continue
      }
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

  private func isReleasable(_ segment: Segment) -> Bool {
    segment.end <= lowestCursor && !(active != nil && segment == segments.last)
  }

  /// Frees the oldest segment if no upstream needs it; false if one does.
  mutating func releaseOldest(now: ClockReading) throws(RingLogError) -> Bool {
    guard let oldest = segments.first, isReleasable(oldest) else { return false }
    try dropFirstSegment(now: now)
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
      try dropFirstSegment(now: now)
    } catch {
      // The segment is still there, so nothing of it is missing.
      state.gaps = gaps
      throw error
    }
    return true
  }

  /// Some topics of the segment, for its gap record; empty when its start can't be read.
  private func topicsAtStart(of segment: Segment) -> [[UInt8]] {
    let reader = SegmentReader(disk: disk)
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
  private mutating func dropFirstSegment(now: ClockReading) throws(RingLogError) {
    let dropped = segments.removeFirst()
    if sealer?.source.name == dropped.name { abandonSeal() }
    let floor = state.floor
    state.floor = max(floor, dropped.end)
    do throws(RingLogError) {
      try saveState(reserving: 0, now: now)
    } catch {
      state.floor = floor
      segments.insert(dropped, at: 0)
      throw error
    }
    free(dropped)
  }

  /// Keeps a hot file for its next life, or removes the file.
  mutating func free(_ segment: Segment) {
    if !segment.isSealed && spares.count < Self.spareCountMax
      && segment.byteCount == configuration.segmentByteCount
    {
      spares.append(SpareFile(name: segment.name, byteCount: segment.byteCount))
    } else {
      discard(segment.name)
    }
  }

  /// Removes a file whose contents nobody needs; a failure leaves it for the next start.
  mutating func discard(_ name: String) {
    do throws(DiskError) {
      try disk.remove(directory + "/" + name)
    } catch {
      note(.warning, "ring log: \(error); the file stays until the next start")
    }
  }
}
