internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

// Pictures of each upstream's stages, in a file beside the log: the log is kept from the newest one
// on, and after a crash the stages are computed again from there.

extension Agent {
  /// Between two tries to save a picture, microseconds.
  private static let snapshotRetryDelay: Int64 = 30 * microsecondsPerSecond
  /// What a file has besides the state of stages, at most: names and places of two lanes.
  private static let snapshotOverhead = 4 << 10
  /// The pictures of all upstreams together may take this part of the ring.
  private static let snapshotRingPart = 8
  /// How long a file with a picture that can't be read is tried again, microseconds: as the log is.
  private static let snapshotUnreadableTime: Int64 = 60 * microsecondsPerSecond

  /// How each source's payloads are read, by its slot in the log's accounts.
  var decodeRules: [DecodeRules] {
    var rules: [DecodeRules] = []
    for (index, source) in configuration.sources.enumerated() {
      let slot = owner.ring.slot(ofSource: index)
      while rules.count <= slot { rules.append(DecodeRules()) }
      rules[slot] = source.decode
    }
    return rules
  }

  /// The sources' names by their slots in the ring.
  var sourceNames: [String] {
    var names: [String] = []
    for (index, source) in configuration.sources.enumerated() {
      let slot = owner.ring.slot(ofSource: index)
      while names.count <= slot { names.append("") }
      names[slot] = source.name
    }
    return names
  }

  /// Each source's own stages, as new: what they knew ends with the process.
  static func sourceStages(_ configuration: AgentConfiguration) -> [Pipeline] {
    let rules = configuration.sources.map(\.decode)
    return configuration.sources.map {
      Pipeline(stages: $0.stages, rules: rules, setsAside: false)
    }
  }

  /// Makes a source's own stages as new.
  mutating func renewStages(ofSource index: Int) {
    if sourceStages[index].isEmpty { return }
    sourceStages[index] = Self.sourceStages(configuration)[index]
  }

  /// Takes out of a batch what the source's own stages keep back, before it gets numbers.
  ///
  /// Only stages that let an event through as it is, or not at all, stand there.
  mutating func applyStages(to events: inout EventBatch, source index: Int) {
    if sourceStages[index].isEmpty { return }
    sourceStages[index].beginBatch()
    let bytes = events.bytes
    let countBefore = events.count
    var place: SequenceNumber = 0
    events.rows.removeAll { row in
      place += 1
      sourceStages[index].step(row, of: bytes, number: place)
      return sourceStages[index].output.isEmpty
    }
    let filteredCount = countBefore - events.count
    if filteredCount > 0 { owner.ring.noteFiltered(UInt64(filteredCount), from: index) }
  }

  /// Least time between two ticks, microseconds.
  private static let tickIntervalMin: Int64 = microsecondsPerSecond

  /// Writes into the log that time has passed, where a stage of an upstream that is up to date waits
  /// for nothing else.
  ///
  /// An upstream that is away needs none: when it is back it has events to read first.
  mutating func tickIfDue(now: ClockReading, effects: inout [Effect]) {
    guard now.boot >= tickFloor, !owner.ring.isFailing, owner.ring.isRecovered,
      owner.ring.pendingCount == 0
    else { return }
    // A full ring has room for one that makes room.
    let isDue = !owner.ring.isFull && isTickWanted(now: now)
    guard isDue || isShortOfRoom && isTickWantedForRoom(now: now) else { return }
    tickFloor = now.boot &+ Self.tickIntervalMin
    do throws(RingLogError) {
      try owner.ring.appendTick(now: now)
      ticks.written &+= 1
    } catch {
      // No room, or no disk: results wait for the next event.
      ticks.refused &+= 1
      return
    }
    commit(now: now, effects: &effects)
  }

  /// Asked in each step: a closure would copy the forwarders.
  private func isTickWanted(now: ClockReading) -> Bool {
    let end = owner.ring.readableEnd
    for index in forwarders.indices where forwarders[index].isConnected {
      if forwarders[index].tickDueAt(end: end) <= now.wall { return true }
    }
    return false
  }

  private func isTickWantedForRoom(now: ClockReading) -> Bool {
    let end = owner.ring.readableEnd
    for index in forwarders.indices {
      if let due = forwarders[index].tickForRoomDueAt(end: end, boot: now.boot), due <= now.boot {
        return true
      }
    }
    return false
  }

  /// Whether events are refused, or sources were closed, for want of room.
  var isShortOfRoom: Bool {
    owner.ring.isFull || intakes.indices.contains { owner.ring.source($0).isPaused }
  }

  /// Most bytes of a picture: each upstream with stages has an equal share.
  public static func snapshotShare(_ configuration: AgentConfiguration) -> Int {
    let count = configuration.upstreams.count { !$0.stages.isEmpty }
    let all = configuration.ring.byteCountMax / snapshotRingPart
    return min(Forwarder.snapshotByteCountMax, all / max(1, count))
  }

  private func snapshotFile(_ upstream: UpstreamConfiguration) -> RecordFile {
    RecordFile(
      disk: disk,
      name: "\(owner.ring.directory)/\(RecordFile.stagesPrefix)\(Self.safeName(upstream.id))",
      byteCountMax: Forwarder.snapshotByteCountMax + Self.snapshotOverhead
    )
  }

  /// What the start has counted of an upstream's file towards the ring's bound.
  func snapshotByteCount(_ upstream: UpstreamConfiguration) -> Int {
    guard !upstream.stages.isEmpty, owner.ring.isRecovered else { return 0 }
    return snapshotFile(upstream).storedByteCount()
  }

  /// What was saved last of an upstream's stages.
  func savedSnapshot(_ upstream: UpstreamConfiguration) -> Forwarder.SavedStages {
    guard !upstream.stages.isEmpty, owner.ring.isRecovered else { return .none }
    do throws(DiskError) {
      return .pictures(try snapshotFile(upstream).records())
    } catch {
      return .unreadable
    }
  }

  /// Tries pictures again that could not be read at the start: it may be the bus's fault.
  ///
  /// After a minute the stages begin anew.
  mutating func retrySnapshots(now: ClockReading) {
    guard forwarders.contains(where: \.isWaitingForStages) else {
      snapshotsUnreadableSince = nil
      return
    }
    let since = snapshotsUnreadableSince ?? now.boot
    if snapshotsUnreadableSince != nil && now.boot < snapshotRereadAt { return }
    snapshotsUnreadableSince = since
    snapshotRereadAt = now.boot &+ Self.diskRetryDelay
    let givesUp = now.boot &- since >= Self.snapshotUnreadableTime
    for (index, upstream) in configuration.upstreams.enumerated() {
      guard forwarders[index].isWaitingForStages else { continue }
      var saved = savedSnapshot(upstream)
      if saved == .unreadable {
        if !givesUp {
          lines.append(
            LogEntry(
              .warning,
              "upstream \(upstream.name): the state of its stages can't be read; it is tried again"
            )
          )
          continue
        }
        saved = .none
      }
      forwarders[index].takeUp(saved)
      snapshotByteCounts[index] = snapshotByteCount(upstream)
    }
    takeFirstSnapshots(now: now)
  }

  /// Saves where stages begin that begin anew, before anything goes through them: a crash would
  /// leave nobody who knows.
  mutating func takeFirstSnapshots(now: ClockReading) {
    for index in forwarders.indices {
      forwarders[index].considerSnapshot { owner.ring.segmentStart(at: $0) }
    }
    saveSnapshots(now: now)
  }

  /// Saves each picture whose place the saved cursor has reached.
  mutating func saveSnapshots(now: ClockReading) {
    guard owner.ring.isRecovered, !owner.ring.isFailing, !owner.ring.hasUnsavedState,
      now.boot >= snapshotRetryAt
    else { return }
    for (index, upstream) in configuration.upstreams.enumerated() {
      let saved = owner.ring.upstream(index)
      guard
        let records = forwarders[index].snapshotsToSave(
          saved: saved,
          byteCountMax: Self.snapshotShare(configuration)
        )
      else { continue }
      var file = snapshotFile(upstream)
      do throws(DiskError) {
        try file.replace(with: records.map { $0[...] })
        forwarders[index].snapshotEnded(isSaved: true)
        let byteCount = records.reduce(0) { $0 + $1.count + RecordFile.headerByteCount }
        owner.ring.noteOwnFile(grownBy: byteCount - snapshotByteCounts[index])
        snapshotByteCounts[index] = byteCount
        owner.ring.settle(index, forwarders[index].ledger)
      } catch {
        forwarders[index].snapshotEnded(isSaved: false)
        snapshotRetryAt = now.boot &+ Self.snapshotRetryDelay
        lines.append(
          LogEntry(
            .warning,
            "upstream \(upstream.name): the state of its stages can't be saved: \(error)"
          )
        )
      }
    }
  }
}
