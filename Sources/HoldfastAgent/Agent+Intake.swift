internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink
internal import HoldfastRingLog
internal import HoldfastUpstream

extension Agent {
  mutating func sourceConnected(_ index: Int, _ grant: SessionGrant, now: ClockReading) {
    guard intakes.indices.contains(index),
      intakes[index].link.connected(grant, now: now.boot, log: &lines)
    else { return }
    let name = configuration.sources[index].name
    if owner.ring.source(index).isPaused {
      owner.ring.mark(.sourcePaused, count: nil, now: now)
      owner.ring.setPaused(false, source: index)
    }
    if !grant.isSessionPresent && owner.ring.source(index).connects > 0 {
      owner.ring.mark(.sourceSessionLost, count: nil, now: now)
      lines.append(
        LogEntry(
          .warning,
          "source \(name): the broker had lost our session; what it held for us is gone (recorded "
            + "as a gap of unknown size)"
        )
      )
    }
    intakes[index].connected(grant)
    owner.ring.noteConnect(of: index)
  }

  /// Stores a batch; the source reads on, or is released, or waits.
  mutating func received(
    _ index: Int,
    _ batch: EventBatch,
    now: ClockReading,
    effects: inout [Effect]
  ) {
    guard intakes.indices.contains(index) else { return }
    var events = batch
    applyStages(to: &events, source: index)
    let droppedBefore = owner.ring.source(index).droppedCount
    dropLoops(&events, source: index)
    let receivedBefore = owner.ring.source(index).received
    let isStored = store(&events, source: index, now: now)
    let acknowledgedCount = batch.rows.reduce(0) { $0 + ($1.flags.contains(.qos1) ? 1 : 0) }
    intakes[index].received(
      acknowledgedCount,
      byteCount: events.memoryByteCount,
      heldUntil: owner.ring.next,
      needsRecord: owner.ring.source(index).droppedCount > droppedBefore,
      now: now.boot
    )
    guard isStored else {
      // The log took a prefix, which is in its accounts already.
      let takenCount = owner.ring.source(index).received &- receivedBefore
      let rest = events.rows.dropFirst(Int(clamping: takenCount))
      // They know of events that were not stored and come again: those must not be kept back.
      renewStages(ofSource: index)
      refuse(
        index,
        lostCount: rest.reduce(0) { $0 + ($1.flags.contains(.qos1) ? 0 : 1) },
        now: now,
        effects: &effects
      )
      return
    }
    if owner.ring.isFailing { return }
    let isDue = groupCommit.appended(
      now: now.boot,
      pendingByteCount: owner.ring.pendingByteCountEstimate,
      isWindowHalfUsed: intakes[index].isWindowHalfUsed,
      hasQoS0: acknowledgedCount < batch.count
    )
    if isDue || owner.ring.isFull {
      commit(now: now, effects: &effects)
    } else {
      intakes[index].readOn()
      effects.append(.readMore(source: index))
    }
  }

  /// Marks, numbers and encodes what a source handed over; false: its broker must send it again.
  ///
  /// A batch of which something comes again is stored as a whole or not at all: what was stored of
  /// a refused one would be stored once more with each return of the source. Where every upstream
  /// has all that is durable, no room comes by waiting, and as much is stored as fits.
  private mutating func store(
    _ events: inout EventBatch,
    source index: Int,
    now: ClockReading
  ) -> Bool {
    let comesAgain = events.rows.contains { $0.flags.contains(.qos1) }
    if comesAgain && !owner.ring.hasRoom(for: events) && !isAllDelivered { return false }
    intakes[index].redelivery.examine(&events)
    do throws(RingLogError) {
      try owner.ring.append(events, source: index, now: now)
      return true
    } catch {
      return false
    }
  }

  /// Whether waiting makes no more room on the disk.
  private var isAllDelivered: Bool {
    !owner.ring.isFailing && owner.ring.lowestCursor > owner.ring.durable
  }

  /// Drops events that bear our own identity: an upstream's messages came back.
  private mutating func dropLoops(_ events: inout EventBatch, source index: Int) {
    guard events.rows.contains(where: { $0.propertiesByteCount > 0 }) else { return }
    let agent = Array(configuration.agentID.utf8)
    let before = events.count
    let bytes = events.bytes
    events.rows.removeAll { row in
      row.propertiesByteCount > 0
        && Self.isOwn(EventProperties(encoded: bytes[row.propertiesRange]), agent)
    }
    let droppedCount = before - events.count
    if droppedCount > 0 { owner.ring.drop(UInt64(droppedCount), from: index, .loop) }
  }

  private static func isOwn(_ properties: EventProperties, _ agent: [UInt8]) -> Bool {
    var names: Set<[UInt8]> = []
    for pair in properties.pairs { names.insert(pair.name) }
    return names.isSuperset(of: [Array("log".utf8), Array("seq".utf8)])
      && properties.pairs.contains { $0.name == Array("agent".utf8) && $0.value == agent }
  }

  /// Closes a source whose batch could not be stored: its broker sends everything again.
  ///
  /// It comes back after a backoff, and once what it had handed over fits.
  ///
  /// Events at QoS 0 among them, which nobody can send again, are counted and recorded.
  private mutating func refuse(
    _ index: Int,
    lostCount: Int,
    now: ClockReading,
    effects: inout [Effect]
  ) {
    if lostCount > 0 {
      owner.ring.drop(UInt64(lostCount), from: index, .diskFailed)
      owner.ring.mark(.diskFailed, count: UInt64(lostCount), now: now)
    }
    intakes[index].refused(now: now.boot)
    pause(index, releasing: false, "no room for what was read", now: now, effects: &effects)
  }

  /// Disconnects a source, keeping its session, until there is room.
  private mutating func pause(
    _ index: Int,
    releasing: Bool,
    _ reason: String,
    now: ClockReading,
    effects: inout [Effect]
  ) {
    owner.ring.setPaused(true, source: index)
    let mustTell = intakes[index].link.requestClose(
      reason + "; closing the source until there is room, its broker keeps the session",
      isRetrying: false,
      now: now.boot,
      log: &lines
    )
    if mustTell { effects.append(.disconnectSource(source: index, releasing: releasing)) }
    intakes[index].readOn()
  }

  /// Connects what is due; a paused source only once there is room again.
  mutating func connectSources(now: ClockReading, effects: inout [Effect]) {
    // While the disk fails there is room once every upstream has all that memory holds, and none
    // without numbers: connecting would only end in being closed again, at once and for ever.
    let hasRoom =
      owner.ring.isFailing
      ? owner.ring.lowestNeeded >= owner.ring.next && owner.ring.hasNumbers
      : !owner.ring.isFull || owner.ring.hasRoomAgain(for: 0)
    for index in intakes.indices {
      if owner.ring.source(index).isPaused && intakes[index].link.state == .idle {
        let isFree =
          owner.ring.isFailing || configuration.ring.whenFull == .dropOldest
          || owner.ring.hasRoomAgain(for: intakes[index].refusedByteCount)
          || owner.ring.hasRoomAgain(for: 0) && isAllDelivered
        if hasRoom && isFree && now.boot >= intakes[index].returnAt {
          intakes[index].link.start(now: now.boot)
        }
      }
      if let version = intakes[index].link.tick(now: now.boot, log: &lines) {
        effects.append(.connectSource(source: index, version))
      }
    }
  }

  /// Makes everything pending durable, then lets every waiting source release its PUBACKs.
  mutating func commit(now: ClockReading, effects: inout [Effect]) {
    do throws(RingLogError) {
      try owner.ring.commit(now: now)
    } catch {
      diskRetryAt = now.boot &+ Self.diskRetryDelay
      return
    }
    groupCommit.committed(now: now.boot)
    if owner.ring.isFull {
      for index in intakes.indices { intakes[index].hold(now: now.boot) }
      return
    }
    release(effects: &effects)
  }

  private mutating func release(effects: inout [Effect]) {
    for index in intakes.indices
    where intakes[index].waitingSince != nil || intakes[index].heldCount > 0 {
      intakes[index].released()
      effects.append(.release(source: index))
    }
  }

  mutating func commitIfDue(now: ClockReading, effects: inout [Effect]) {
    if owner.ring.isFailing { return }
    if groupCommit.isDue(now: now.boot) || owner.ring.needsCommit && groupCommit.commitAt == nil {
      commit(now: now, effects: &effects)
    } else if groupCommit.isWriteDue(now: now.boot) {
      try? owner.ring.writeThrough(now: now)
      groupCommit.written()
    }
  }

  /// While the disk fails: releases a source when every upstream has what it handed over.
  ///
  /// What stages hold, or have taken into a result that is not sent yet, no upstream has: then the
  /// source waits for the disk, where their state can be saved.
  mutating func releaseDelivered(effects: inout [Effect]) {
    if owner.ring.isFailing {
      owner.ring.forgetDelivered()
      if owner.hasUnrecordedLoss { return }
      for index in intakes.indices
      where (intakes[index].waitingSince != nil || intakes[index].heldCount > 0)
        && owner.ring.lowestNeeded >= intakes[index].heldUntil && !intakes[index].needsRecord
      {
        intakes[index].released()
        effects.append(.release(source: index))
      }
    } else if !owner.ring.isFull && !owner.ring.needsCommit {
      // Also where the source reads on: its broker sends no more than a window without PUBACKs.
      release(effects: &effects)
    }
  }

  /// Ends waits that have lasted half a keep-alive.
  mutating func endWaits(now: ClockReading, effects: inout [Effect]) {
    for index in intakes.indices {
      guard let end = intakes[index].waitEndsAt, now.boot >= end else { continue }
      let reason = owner.ring.isFailing ? "the disk fails" : "the ring is full"
      // What is durable may be acknowledged; what only memory holds may not.
      pause(
        index,
        releasing: !owner.ring.isFailing && !owner.ring.needsCommit,
        reason,
        now: now,
        effects: &effects
      )
    }
  }

  /// Tries a failed disk again; what was held is released once it is durable.
  mutating func retryDisk(now: ClockReading, effects: inout [Effect]) {
    guard owner.ring.isFailing, now.boot >= diskRetryAt else { return }
    diskRetryAt = now.boot &+ Self.diskRetryDelay
    if !owner.ring.isRecovered {
      reopen(now: now, effects: &effects)
      return
    }
    guard owner.ring.retryDisk(now: now) else { return }
    owner.hasUnrecordedLoss = false
    // What passed through memory alone can't be read again.
    for index in forwarders.indices { forwarders[index].wantSnapshot() }
    groupCommit.committed(now: now.boot)
    release(effects: &effects)
  }
}
