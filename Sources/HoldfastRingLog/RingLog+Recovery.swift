internal import HoldfastEvent

extension RingLog {
  /// Most directories tried beside rings of newer formats.
  private static var directoryCountMax: Int { 16 }
  /// Numbers passed by when the state, and with it the bound above all numbers, is gone.
  static var unknownReserve: UInt64 { 16 * reservedCount }

  /// Reads what is there and makes a log of it that can be appended to.
  mutating func recover(machine: UInt64, newLog: LogID, now: ClockReading) {
    do throws(DiskError) {
      let reading = try chooseDirectory()
      // A process that was killed may have left names that a power cut would still undo.
      try disk.syncDirectory(directory)
      let found = try survey()
      switch reading {
      case .state(let saved):
        state = saved
        if saved.isClean { recoverySteps.insert(.cleanStop) }
        if stateFile.hasSpoiledSlot { recoverySteps.insert(.spoiledSlot) }
        next = saved.durable + 1
        durable = saved.durable
      case .missing where found.isEmpty:
        recoverySteps.insert(.newLog)
        note(.notice, "ring log: new log \(newLog)")
      case .missing, .damaged, .newer:
        recoverySteps.insert(.unreadableState)
        note(
          .error,
          "ring log: the state file can't be read; counters begin at 0, what is stored is sent "
            + "again"
        )
        state.floor = found.map(\.first).min() ?? 1
        state.epoch = found.compactMap(\.epoch).max() ?? 0
        state.reserved = 0
      }
      let isStateKnown = state.generation > 0
      // No number at or above the bound was ever given out, whatever a file's name says.
      let bound = isStateKnown ? state.reserved : State.numberMax
      let credible = found.filter { $0.first < bound && $0.end <= bound }
      // Moved aside: left here, they would pass for ours once the bound has risen above them.
      for file in found where !credible.contains(file) {
        recoverySteps.insert(.incredibleFile)
        let entry = DiskEntry(
          name: file.name,
          kind: .file,
          byteCount: file.byteCount,
          isOwn: true
        )
        quarantine(entry, "claims numbers that were never given out")
      }
      try restore(credible, isStateKnown: isStateKnown, newLog: newLog, now: now)
      if state.machine != machine {
        note(.warning, "ring log: written on another machine; new events get log id \(newLog)")
        state.machine = machine
        state.log = newLog
      }
      // What it held beyond the last save, or at all, nobody can tell any more.
      if hasGivenUpSegment && !state.isClean { mark(.diskFailed, count: nil, now: now) }
      isRecovered = true
    } catch {
      isUnread = !isVacant
      note(
        .error,
        "ring log: \(error); what is stored can't be reached: "
          + (isUnread
            ? "nothing is taken until it can, as newer events would overtake it"
            : "events are acknowledged only when every upstream has them")
      )
      stateFile.close()
      spares.removeAll()
      isFailing = true
      state.reserved = Self.reservedCount
    }
  }

  /// Finds a ring of our format, or a place for one beside newer ones, which stay untouched.
  private mutating func chooseDirectory() throws(DiskError) -> StateFile.Reading {
    for index in 0..<Self.directoryCountMax {
      directory = index == 0 ? "ring" : "ring.\(index)"
      try disk.makeDirectory(directory)
      stateFile = StateFile(disk: disk, directory: directory)
      let reading = try readState()
      guard reading == .newer else { return reading }
      note(
        .warning,
        "ring log: \(directory) was written by a newer version and stays untouched; "
          + "a new log begins beside it"
      )
    }
    throw DiskError(.open, directory, errno: Self.exists)
  }

  /// The state; after enough tries one that can't be read is moved aside.
  private mutating func readState() throws(DiskError) -> StateFile.Reading {
    do throws(DiskError) {
      return try stateFile.read(isForgiving: givesUpUnreadable)
    } catch {
      guard givesUpUnreadable else { throw error }
      let entry = DiskEntry(name: "state", kind: .file, byteCount: 0, isOwn: true)
      quarantine(entry, "\(error)")
      return .damaged
    }
  }

  /// EEXIST.
  private static var exists: Int32 { 17 }

  /// Whether it is certain that no log was ever begun here: there is no directory of that name.
  private var isVacant: Bool {
    do throws(DiskError) {
      _ = try disk.list("ring")
      return false
    } catch {
      // Where the data directory itself is missing, the disk with the log may come later.
      return error.operation == .list && [Self.noEntry, Self.noDirectory].contains(error.errno)
    }
  }

  /// ENOTDIR.
  private static var noDirectory: Int32 { 20 }

  /// Lists the directory: segments with their first numbers; free files become spares.
  private mutating func survey() throws(DiskError) -> [Segment] {
    var found: [Segment] = []
    // Sorted, so that nothing depends on the order in which a directory lists its entries.
    for entry in try disk.list(directory).sorted(by: { $0.name < $1.name }) {
      if entry.name == "state" || entry.name == "." || entry.name == ".." { continue }
      if entry.name == "quarantine" && entry.kind == .directory {
        for file in try disk.list(directory + "/quarantine") { otherByteCount += file.byteCount }
        continue
      }
      guard entry.kind == .file, entry.isOwn else {
        note(.warning, "ring log: \(directory)/\(entry.name) is not a file of ours; left alone")
        continue
      }
      if entry.name == Sealer.temporaryName || entry.name == "state.new" {
        recoverySteps.insert(.removedTemporary)
        discard(entry.name)
      } else if let index = Segment.hotIndex(entry.name) {
        lastHotIndex = max(lastHotIndex, index)
        if let segment = try hotSegment(entry) { found.append(segment) }
      } else if let range = Segment.sealedRange(entry.name) {
        if let segment = sealedSegment(entry, range) { found.append(segment) }
      } else if RecordFile.isOwners(entry.name) {
        otherByteCount += entry.byteCount
      } else {
        note(.warning, "ring log: unknown file \(directory)/\(entry.name); left alone")
      }
    }
    return found
  }

  private mutating func sealedSegment(
    _ entry: DiskEntry,
    _ range: Range<SequenceNumber>
  ) -> Segment? {
    guard entry.byteCount >= Format.alignment else {
      quarantine(entry, "is empty")
      return nil
    }
    return Segment(
      name: entry.name,
      isSealed: true,
      epoch: nil,
      first: range.lowerBound,
      end: range.upperBound,
      byteCount: entry.byteCount,
      dataByteCount: entry.byteCount,
      payloadByteCount: nil,
      wall: nil
    )
  }

  /// What a hot file holds: a segment, nothing (it becomes a spare), or something newer.
  private mutating func hotSegment(_ entry: DiskEntry) throws(DiskError) -> Segment? {
    guard entry.byteCount >= Format.alignment else {
      recoverySteps.insert(.removedEmpty)
      note(.warning, "ring log: \(entry.name) is empty; removed")
      discard(entry.name)
      return nil
    }
    var first: BlockHeader?
    var isNewer = false
    var isHeadless = false
    do throws(DiskError) {
      let file = try disk.open(directory + "/" + entry.name, isWritable: false)
      defer { disk.close(file) }
      (first, isNewer, isHeadless) = try Segment.firstHeader(
        of: file,
        on: disk,
        byteCount: entry.byteCount
      )
    } catch {
      // It may be the bus and not the file: worth some more tries before it is given up.
      if !givesUpUnreadable { throw error }
      quarantine(entry, "\(error)")
      hasGivenUpSegment = true
      return nil
    }
    if isNewer {
      keepNewer(entry.name, byteCount: entry.byteCount)
      return nil
    }
    guard let first else {
      if entry.byteCount == configuration.segmentByteCount && spares.count < Self.spareCountMax {
        recoverySteps.insert(.foundSpare)
        spares.append(SpareFile(name: entry.name, byteCount: entry.byteCount))
      } else {
        recoverySteps.insert(.removedSpare)
        discard(entry.name)
      }
      return nil
    }
    return Segment(
      name: entry.name,
      isSealed: false,
      epoch: first.epoch,
      first: first.first,
      end: first.end,
      byteCount: entry.byteCount,
      dataByteCount: entry.byteCount,
      payloadByteCount: nil,
      wall: first.wall,
      ticksPerSecond: Int64(first.ticksPerSecond),
      isHeadless: isHeadless
    )
  }

  /// Moves an unreadable file aside, within the ring's bounds.
  mutating func quarantine(_ entry: DiskEntry, _ reason: String) {
    recoverySteps.insert(.quarantined)
    let limit = configuration.byteCountMax / 16
    do throws(DiskError) {
      let folder = directory + "/quarantine"
      try disk.makeDirectory(folder)
      let kept = try disk.list(folder)
      let used = kept.reduce(0) { $0 + $1.byteCount }
      guard kept.count < Self.quarantineCountMax, used + entry.byteCount <= limit else {
        note(.error, "ring log: \(entry.name) \(reason); quarantine is full, removed")
        discard(entry.name)
        return
      }
      try disk.rename(directory + "/" + entry.name, to: folder + "/" + entry.name)
      otherByteCount += entry.byteCount
      note(.error, "ring log: \(entry.name) \(reason); moved to quarantine")
    } catch {
      note(.error, "ring log: \(entry.name) \(reason) and can't be moved aside: \(error)")
    }
  }

  /// Most files kept in quarantine.
  private static var quarantineCountMax: Int { 16 }
}
