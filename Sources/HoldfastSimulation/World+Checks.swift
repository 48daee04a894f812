internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastUpstream

// What must hold at every instant.

extension World {
  /// Whether events may be given up to make room.
  var mayEvict: Bool { configuration.ring.whenFull == .dropOldest }

  /// What is cheap enough to be checked after each step.
  func checkStep() {
    guard let process else { return }
    checkByteCount()
    checkCount += 1
    if checkCount % 8 == 0 {
      let status = process.agent.status(now: reading)
      if configuration.ring.keepDelivered != nil { checkKept(status) }
      checkAccounts(status)
    }
  }

  /// A process that could not read its disk when it started may have just done so.
  func noteReopening() {
    guard failingAtStart, let status = process?.agent.status(now: reading) else { return }
    if status.log != numbering.log { checkStart(status) }
  }

  /// All files together within `ring.size`; after it was lowered, no more than there was already.
  private func checkByteCount() {
    guard disk.writtenByteCount != checkedByteCount else { return }
    checkedByteCount = disk.writtenByteCount
    let byteCount = disk.byteCount
    if byteCount > byteCountAllowed {
      fail("\(byteCount) bytes on disk, \(byteCountAllowed) allowed")
    }
    byteCountAllowed = max(configuration.ring.byteCountMax, min(byteCountAllowed, byteCount))
  }

  /// Nothing makes room while the files leave some: room that is counted and not there costs events.
  ///
  /// What may be missing from the bound: a second state file, the segment that made room and what it
  /// made room for, room for sealing, and two that are being written or left.
  func checkOverrun() {
    let ring = configuration.ring
    guard ring.ageMax == nil, byteCountAllowed == ring.byteCountMax else { return }
    let taken = disk.byteCount + Self.stateByteCount + 6 * ring.segmentByteCount
    if taken < ring.byteCountMax {
      fail("events make room in \(disk.byteCount) bytes, \(ring.byteCountMax) allowed")
    }
  }

  /// Of the file `state`: two slots.
  private static var stateByteCount: Int { 1 << 20 }

  /// What is kept goes before anything that an upstream waits for: where events were given up for
  /// want of room, and no upstream has gone on meanwhile, nothing is kept.
  private func checkKept(_ status: AgentStatus) {
    let picture = KeptPicture(status, life: life)
    defer { keptPicture = picture }
    if picture.byteCount > 0 { report.coverage.note(.keptDelivered) }
    guard status.log == mainLog, let before = keptPicture, before.life == life,
      picture.evictedCount > before.evictedCount
    else { return }
    if picture.byteCount > 0 && picture.needed == before.needed {
      fail("events were given up while \(picture.byteCount) bytes of delivered data were kept")
    }
  }

  // MARK: starts and stops

  /// A process has started, or can read its disk now: what was certain must still be there.
  func checkStart(_ status: AgentStatus) {
    numbering.begin(status.log, next: status.durable + 1)
    process?.stamper = RowStamper(ticksPerSecond: configuration.ring.ticksPerSecond)
    byteCountAllowed = max(configuration.ring.byteCountMax, disk.byteCount)
    let ledgers = status.sources.map(\.ledger)
    defer { latestLedgers = ledgers }
    if life == 1 { mainLog = status.log }
    if plan.hasStages {
      renewSourceStages()
      beginStages(status)
    }
    if life == 1 {
      certainLedgers = ledgers
      mostLedgers = ledgers
      return
    }
    failingAtStart = status.log != mainLog
    if failingAtStart { return }
    if status.durable < certain { fail("\(certain) was durable, now \(status.durable)") }
    if wasSaved && status.durable != certain {
      fail("stopped at \(certain), started at \(status.durable)")
    }
    defer { mostLedgers = ledgers }
    if hasRotted { return }
    for index in ledgers.indices where latestLedgers.indices.contains(index) {
      let (least, most) = (certainLedgers[index], mostLedgers[index])
      if wasSaved ? ledgers[index] != most : !ledgers[index].isBetween(least, most) {
        fail(
          "source \(index) at the start: \(ledgers[index]), was at least \(least), at most \(most)"
        )
      }
    }
  }

  /// An orderly stop has ended.
  func noteStop(_ status: AgentStatus) {
    wasSaved = !hasStopFailed && status.health != .failing && status.log == mainLog
    hasStopFailed = false
    guard wasSaved else { return }
    numbering.makeCertain(through: status.durable)
    certain = status.durable
    certainLedgers = status.sources.map(\.ledger)
    mostLedgers = certainLedgers
  }

  /// The agent lets PUBACKs leave: unless the disk fails, everything is durable.
  func noteRelease() {
    guard let process else { return }
    let status = process.agent.status(now: reading)
    guard status.log == mainLog else { return }
    if status.log != numbering.log { checkStart(status) }
    trace("  durable to \(status.durable), health \(status.health)")
    if status.health != .failing {
      note(numbering.settle(through: status.durable))
      for upstream in upstreams { upstream.judge?.drainWaiting(world: self) }
      if let next = numbering.next, next != status.durable + 1 {
        fail("released with \(next - 1) numbers given and \(status.durable) durable")
      }
    }
    numbering.makeCertain(through: status.durable)
    certain = max(certain, status.durable)
    if status.health == .failing { return }
    certainLedgers = status.sources.map(\.ledger)
  }

  private func note(_ places: [Int]) {
    for place in places {
      if let learned = numbering.places[place].learned {
        messages[learned].places.removeAll { $0 == place }
      }
      messages[numbering.places[place].message].places.append(place)
    }
    guard let first = places.first, let last = places.last else { return }
    let (start, end) = (numbering.places[first], numbering.places[last])
    trace("  numbers \(start.identity.number) to \(end.identity.number)")
  }

  /// The agent may have written that time has passed, under a number of its own.
  func noteTicks() {
    guard let process else { return }
    let ticks = process.agent.ticks
    if ticks.refused > process.ticks.refused { numbering.lose(storingPart: false) }
    if ticks.written > process.ticks.written {
      var tick = Message(source: 0, topicIndex: 0, textOf: messages.count, isQoS1: false)
      tick.isTick = true
      messages.append(tick)
      report.tickCount += 1
      note(numbering.give([messages.count - 1], now: now, clock: stampedNow()))
    }
    process.ticks = ticks
  }

  // MARK: the law of the sources

  /// A batch was handed over: each event in it is stored, or dropped for a reason, or refused.
  func noteBatch(_ ids: [Int], source: Int) {
    guard let process else { return }
    let filtered = filteredAtSource(ids, source: source)
    let status = process.agent.status(now: reading)
    guard status.log == numbering.log, let before = latestLedgers.at(source),
      let after = status.sources.at(source)?.ledger
    else { return numbering.lose(storingPart: true) }
    for (index, source) in status.sources.enumerated() { latestLedgers[index] = source.ledger }
    if status.log == mainLog { mostLedgers = latestLedgers }
    var expected = before
    expected.connects = after.connects
    expected.isPaused = after.isPaused
    expected.possiblyRedelivered = after.possiblyRedelivered
    let passed = ids.indices.filter { !filtered.contains($0) }.map { ids[$0] }
    let stored = passed.filter { messages[$0].kind.isStored }
    expected.received += UInt64(ids.count)
    expected.stored += UInt64(stored.count)
    expected.dropped[SourceDropReason.filtered.rawValue] += UInt64(filtered.count)
    for id in passed where messages[id].kind == .loop {
      expected.dropped[SourceDropReason.loop.rawValue] += 1
    }
    for id in passed where messages[id].kind == .oversize {
      expected.dropped[SourceDropReason.oversize.rawValue] += 1
    }
    for id in passed where messages[id].kind == .badTopic {
      expected.dropped[SourceDropReason.invalid.rawValue] += 1
    }
    if after.possiblyRedelivered > before.possiblyRedelivered {
      report.coverage.note(.redelivered)
    }
    let clock = stored.isEmpty ? reading : stampedNow()
    if after == expected {
      note(numbering.give(stored, now: now, clock: clock))
      return
    }
    // Refused: the broker sends all of it again, but for what was sent at QoS 0. What was stored
    // of it are the first ones.
    let storedCount = Int(clamping: after.stored &- before.stored)
    if numbering.next != nil {
      note(numbering.give(Array(stored.prefix(storedCount)), now: now, clock: clock))
      numbering.lose(storingPart: false)
    } else {
      numbering.lose(storingPart: storedCount > 0)
    }
    renewSourceStages(source)
    checkRefusal(passed, filtered.count, before, after, source: source)
  }

  /// Of a refused batch each event is stored, dropped for one reason, or will be sent again.
  private func checkRefusal(
    _ ids: [Int],
    _ filteredCount: Int,
    _ before: SourceLedger,
    _ after: SourceLedger,
    source: Int
  ) {
    let oversize = SourceDropReason.oversize.rawValue
    let invalid = SourceDropReason.invalid.rawValue
    var storedCount = Int(after.stored) - Int(before.stored)
    var oversizeCount = Int(after.dropped[oversize]) - Int(before.dropped[oversize])
    var invalidCount = Int(after.dropped[invalid]) - Int(before.dropped[invalid])
    var received = before.received + UInt64(filteredCount)
    for id in ids {
      let message = messages[id]
      switch message.kind {
      case .loop: received += 1
      case .oversize where oversizeCount > 0:
        oversizeCount -= 1
        received += 1
      case .badTopic where invalidCount > 0:
        invalidCount -= 1
        received += 1
      case _ where message.kind.isStored && storedCount > 0:
        storedCount -= 1
        received += 1
      default: received += message.isQoS1 ? 0 : 1
      }
    }
    if after.received != received {
      fail("source \(source): of \(ids.count) events refused, \(before) became \(after)")
    }
  }

  // MARK: accounts

  private func checkAccounts(_ status: AgentStatus) {
    for (index, source) in status.sources.enumerated() where !source.ledger.isBalanced {
      fail("source \(index) is not balanced: \(source.ledger)")
    }
    if status.memoryByteCount > memoryByteCountMax {
      fail("\(status.memoryByteCount) bytes in memory, \(memoryByteCountMax) allowed")
    }
    if status.health != .good { troubledSince = now }
    if status.health == .failing { hasFailed = true }
    if status.health == .failing || status.log != mainLog { return }
    checkSpeed(status)
    for (index, upstream) in status.upstreams.enumerated() {
      let ledger = upstream.ledger
      if ledger.offered != ledger.settled &+ upstream.lagEventCount {
        fail("upstream \(index): lag \(upstream.lagEventCount) and \(ledger)")
      }
      if upstream.inFlightCount > configuration.upstreams[index].inFlightMax {
        fail("upstream \(index): \(upstream.inFlightCount) messages in flight")
      }
      checkCursor(ledger, of: index)
      if checkCount % 512 == 0 { checkAhead(ledger, of: index) }
    }
  }

  /// What the agent may hold in memory by its limits: pending, tail, and in flight per upstream.
  private var memoryByteCountMax: Int {
    let batchByteCountMax = 8 << 20
    return Agent.memoryByteCountMax(configuration) + batchByteCountMax
  }

  /// What was handed over is durable soon, also what nobody can send again.
  private func checkSpeed(_ status: AgentStatus) {
    let limit = now - configuration.ring.commitInterval - 3 * microsecondsPerSecond
    guard max(troubledSince ?? 0, bornAt) < limit else { return }
    let places = numbering.places
    var index = places.count - 1
    while index >= 0, places[index].handedAt ?? .max > limit { index -= 1 }
    guard index >= 0, places[index].identity.log == mainLog else { return }
    if places[index].identity.number > status.durable {
      fail("number \(places[index].identity.number) was handed over long ago and is not durable")
    }
  }

  /// The cursor is never ahead of what the upstream has answered.
  private func checkCursor(_ ledger: UpstreamLedger, of index: Int) {
    let (upstream, cursor) = (upstreams[index], ledger.cursor)
    if let judge = upstream.judge { return judge.check(ledger, world: self) }
    var place = upstream.evidence.checkedPlace
    while place < numbering.places.count {
      let identity = numbering.places[place].identity
      if identity.log == mainLog {
        if identity.number >= cursor { break }
        if terms(of: place, at: index).isEmpty && !upstream.evidence.isTold(identity, as: .unused) {
          fail(
            "upstream \(index): the cursor is at \(cursor), nothing is known of \(identity.number)"
          )
        }
      }
      place += 1
    }
    upstream.evidence.checkedPlace = place
  }

  /// What is settled ahead of a backlog is known to the upstream, number by number.
  private func checkAhead(_ ledger: UpstreamLedger, of index: Int) {
    guard let last = ledger.ahead.last else { return }
    for (place, entry) in numbering.places.enumerated()
    where entry.identity.log == mainLog && entry.identity.number < last.upperBound
      && ledger.ahead.contains(where: { $0.contains(entry.identity.number) })
    {
      if terms(of: place, at: index).isEmpty
        && !upstreams[index].evidence.isTold(entry.identity, as: .unused)
      {
        fail("upstream \(index): \(entry.identity.number) is settled ahead, nothing is known of it")
      }
    }
  }

  /// A PUBACK has come to the broker: the event is safe, whatever happens from now on.
  func checkAcknowledged(_ id: Int) {
    let message = messages[id]
    guard message.kind.isStored, !message.places.isEmpty, !settings.acknowledgesEarly else {
      return
    }
    if message.isFilteredAtSource { return }
    if plan.hasStages, let status = process?.agent.status(now: reading) {
      for (upstream, row) in zip(upstreams, status.upstreams) where status.log == numbering.log {
        upstream.judge?.advance(through: row.ledger, world: self)
      }
    }
    let isSafe = message.places.contains { place in
      if numbering.places[place].isCertain { return true }
      return upstreams.indices.allSatisfy { !terms(of: place, at: $0).isEmpty }
    }
    if isSafe { return }
    let numbers = message.places.map { place in
      let lacking = upstreams.indices.filter { terms(of: place, at: $0).isEmpty }
      return "\(numbering.places[place].identity.number), lacking at upstreams \(lacking)"
    }
    fail("message \(id) is acknowledged, and neither durable nor delivered: number \(numbers)")
  }

  // MARK: the end

  /// Nothing is left to do, and has not been for a while.
  var isDrained: Bool {
    guard let process, sources.allSatisfy(\.isDrained) else {
      drainedAt = nil
      return false
    }
    let status = process.agent.status(now: reading)
    let isIdle =
      status.health == .good
      && status.upstreams.allSatisfy { $0.lagEventCount == 0 && $0.inFlightCount == 0 }
    if !isIdle { drainedAt = nil } else if drainedAt == nil { drainedAt = now }
    return drainedAt.map { now - $0 > 20 * microsecondsPerSecond } ?? false
  }

  var drainText: String {
    var text = sources.map(\.text).joined(separator: "; ")
    if let process { text += "; \(process.agent.status(now: reading))" }
    return text
  }

  /// Recovery on a copy of the disk, killed and started once more, must find the same.
  func checkRecoveryTwice() {
    let copy = SimulatedDisk(seed: 1)
    for name in disk.fileNames {
      if let bytes = disk.contents(name) { copy.setContents(name, bytes) }
    }
    var pictures: [AgentStatus] = []
    for _ in 0..<2 {
      var effects: [Effect] = []
      let agent = boot(copy, seed: 3, effects: &effects)
      pictures.append(agent.status(now: reading))
      copy.kill()
    }
    report.coverage.note(.repeatedStart)
    let (first, second) = (pictures[0], pictures[1])
    let isSame =
      first.sources == second.sources && first.log == second.log
      && first.durable <= second.durable
      && zip(first.upstreams, second.upstreams).allSatisfy { $0.ledger == $1.ledger }
    if !isSame { fail("recovery found \(first), and then \(second)") }
  }
}

extension SourceLedger {
  /// Whether every count lies between those of two other accounts.
  ///
  /// What a source's own stages kept back is counted at the next save: after a crash the last ones
  /// may be missing, from `received` as well.
  func isBetween(_ least: SourceLedger, _ most: SourceLedger) -> Bool {
    var least = least
    let filtered = SourceDropReason.filtered.rawValue
    least.received -= least.dropped[filtered]
    least.dropped[filtered] = 0
    guard least.received <= received, received <= most.received, least.stored <= stored,
      stored <= most.stored
    else { return false }
    return zip(dropped, zip(least.dropped, most.dropped)).allSatisfy { $1.0 <= $0 && $0 <= $1.1 }
  }
}

extension Array {
  /// The element, if there is one.
  func at(_ index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}

/// What there was of kept data, and of loss, at a moment.
struct KeptPicture {
  var life: Int
  var byteCount: Int
  /// Events given up for want of room, over all upstreams.
  var evictedCount: UInt64
  /// The lowest number that some upstream needs.
  var needed: SequenceNumber

  init(_ status: AgentStatus, life: Int) {
    self.life = life
    byteCount = status.ringKeptByteCount
    evictedCount = status.upstreams.reduce(0) { $0 + $1.ledger.lost[LossReason.evicted.rawValue] }
    needed = status.upstreams.map(\.ledger.needed).min() ?? 0
  }
}
