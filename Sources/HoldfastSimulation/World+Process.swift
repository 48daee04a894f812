internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastUpstream

// The agent's process: how it starts, takes steps, and ends in one way or another.

extension World {
  func startProcess() {
    life += 1
    isStopping = false
    if life > 1 && !wasSaved && !diskFaults.mayStrike(at: now) && random.next() % 4 == 0 {
      checkRecoveryTwice()
    }
    if disk.fileNames.contains(where: { $0.hasPrefix("ring/sealed-") }) {
      report.coverage.note(.sealed)
    }
    renewSourceStages()
    lookAtStagesFiles()
    bornAt = now
    changeOrders()
    var effects: [Effect] = []
    let process = Process(
      boot(disk, seed: random.next(), effects: &effects),
      ticksPerSecond: configuration.ring.ticksPerSecond
    )
    self.process = process
    timerFloor = now
    bornAt = now
    quietTimerCount = 0
    trace("process \(life) starts")
    if life > 1 { report.coverage.note(wasSaved ? Branch.cleanStart : .crashedStart) }
    if disk.isDead { return crash(isPowerCut: isPowerCutNext) }
    checkStart(process.agent.status(now: reading))
    finishStep(effects)
    wasSaved = false
  }

  /// Now and then somebody edits the configuration while the agent is down.
  private func changeOrders() {
    guard settings.hasLanes, life > 1 else { return }
    for index in configuration.upstreams.indices
    where configuration.upstreams[index].stages.isEmpty && laneRandom.next() % 8 == 0 {
      let isLiveFirst = configuration.upstreams[index].order == .liveFirst
      configuration.upstreams[index].order = isLiveFirst ? .oldestFirst : .liveFirst
      report.orderChangeCount += 1
      trace("upstream \(index) is \(configuration.upstreams[index].order.rawValue) now")
    }
    for index in configuration.upstreams.indices {
      let upstream = configuration.upstreams[index]
      guard !upstream.stages.isEmpty, upstream.canBeDivided, stageLaneRandom.next() % 8 == 0 else {
        continue
      }
      configuration.upstreams[index].order =
        upstream.order == .liveFirst ? .oldestFirst : .liveFirst
      report.orderChangeCount += 1
      trace("upstream \(index) is \(configuration.upstreams[index].order.rawValue) now")
    }
  }

  func boot(_ disk: SimulatedDisk, seed: UInt64, effects: inout [Effect]) -> Agent {
    Agent(
      configuration: configuration,
      disk: disk,
      machine: 7,
      bootID: bootID,
      seed: seed,
      now: reading,
      effects: &effects
    )
  }

  /// The agent takes an input; `ids` names the events that are handed over with it.
  func step(_ input: Input, handing ids: [Int] = []) {
    guard let process, report.failure == nil else { return }
    for id in ids {
      if messages[id].handedCount == 0 { report.eventCount += 1 }
      messages[id].handedCount += 1
      messages[messages[id].textOf].isTextHanded = true
    }
    report.stepCount += 1
    hash(UInt64(truncatingIfNeeded: now))
    if settings.tell != nil { trace("step \(Self.text(input)) \(ids)") }
    let reading = reading
    if reading.boot < lastReading.boot { fail("the boot clock went back") }
    lastReading = reading
    process.agent.step(input, now: reading, effects: &process.effects)
    let effects = process.effects
    process.effects.removeAll(keepingCapacity: true)
    switch input {
    case .timer, .sourceClosed, .upstreamClosed, .primaryAsked: break
    default: quietTimerCount = 0
    }
    if case .received(let source, _) = input { noteBatch(ids, source: source) }
    noteTicks()
    finishStep(effects)
  }

  func finishStep(_ effects: [Effect]) {
    if disk.isDead {
      // The process died within the step: nothing that it wanted was done.
      crash(isPowerCut: isPowerCutNext)
      return
    }
    noteReopening()
    if effects.contains(where: { !$0.isIdle }) { quietTimerCount = 0 }
    if effects.contains(where: \.isReleasing) { noteRelease() }
    for effect in effects { carryOut(effect) }
    checkStep()
  }

  private func carryOut(_ effect: Effect) {
    if settings.tell != nil { trace("  \(Self.text(effect))") }
    if failingAtStart && effect.isTraffic { fail("\(Self.text(effect)) before the log was read") }
    switch effect {
    case .connectSource(let source, let version):
      hash(1)
      sources[source].connect(version, world: self)
    case .readMore(let source):
      hash(2)
      sources[source].readMore(world: self)
    case .release(let source):
      hash(3)
      sources[source].release(world: self)
    case .disconnectSource(let source, let isReleasing):
      hash(4)
      noteOverrunIfFull()
      sources[source].disconnect(releasing: isReleasing, world: self)
    case .connectUpstream(let upstream, let version, let place):
      hash(5 + 1000 * UInt64(place))
      if place > 0 { report.failOverCount += 1 }
      upstreams[upstream].connect(version, place: place, world: self)
    case .askPrimary(let upstream, let version):
      hash(7)
      upstreams[upstream].ask(version, world: self)
    case .disconnectUpstream(let upstream):
      hash(6)
      upstreams[upstream].disconnect(world: self)
    case .publish(let upstream, let batch):
      hash(UInt64(batch.bytes.count))
      upstreams[upstream].publish(batch, world: self)
    case .log(let line):
      report.coverage.note(line)
      if line.message.contains(": going back from ") { report.comebackCount += 1 }
      if line.message.contains("sending live data from number") { report.divisionCount += 1 }
      if plan.hasStages { noteStages(line) }
      if line.message.utf8.starts(with: "ring log: full;".utf8) {
        report.overrunCount += 1
        checkOverrun()
      }
      if line.message.utf8.starts(with: "stopping without".utf8) { hasStopFailed = true }
    case .stopped: hash(7)
    }
  }

  private func noteOverrunIfFull() {
    guard let process, !isStopping, process.agent.status(now: reading).health == .full else {
      return
    }
    report.overrunCount += 1
  }

  /// The process dies, or the whole machine; both come back after a while.
  func crash(isPowerCut: Bool) {
    trace(isPowerCut ? "POWER CUT" : "KILL")
    if process == nil {
      // The machine may go while the process is down; what comes next finds what is left.
      if isPowerCut { loseDisk() }
      return
    }
    report.crashCount += 1
    wasSaved = false
    endProcess()
    if isPowerCut {
      report.powerCutCount += 1
      loseDisk()
    } else {
      disk.kill()
    }
    isPowerCutNext = false
    startLater(draw(10_000...30_000_000), isBooting: isPowerCut)
  }

  private func loseDisk() {
    disk.crash()
    bootID &+= 1
  }

  private func endProcess() {
    process = nil
    life += 1
    isStopping = false
    for source in sources { source.processDied(world: self) }
    for upstream in upstreams { upstream.processDied(world: self) }
  }

  private func startLater(_ delay: Int64, isBooting: Bool) {
    after(delay) { world in
      if isBooting { world.setClocksAtBoot() }
      if world.process == nil { world.startProcess() }
    }
  }

  private func setClocksAtBoot() {
    bootedAt = now
    lastReading.boot = 0
    // A machine without a clock of its own begins in 1970 until it is told better.
    guard chance(1, in: 2) else { return }
    wallOffset = -now
    report.coverage.note(.clockUnset)
    after(20_000_000) { world in
      if world.wallOffset < 1_000_000_000_000_000 { world.report.coverage.note(.clockStep) }
      world.wallOffset = 1_700_000_000_000_000
    }
  }

  /// Ends the process as a service manager does; true if there was one.
  func stopProcess(thenRingByteCount byteCount: Int?) -> Bool {
    guard process != nil, !isStopping else { return false }
    trace("STOP")
    isStopping = true
    step(.stop)
    guard let process, report.failure == nil else { return true }
    let status = process.agent.status(now: reading)
    noteStop(status)
    endProcess()
    disk.kill()
    if let byteCount { configuration.ring.byteCountMax = byteCount }
    startLater(draw(10_000...30_000_000), isBooting: false)
    return true
  }

  static func text(_ input: Input) -> String {
    switch input {
    case .received(let source, let batch): "received(\(source), \(batch.count) events)"
    case .acknowledged(let upstream, let list): "acknowledged(\(upstream), \(list.count))"
    default: "\(input)"
    }
  }

  static func text(_ effect: Effect) -> String {
    if case .publish(let upstream, let batch) = effect {
      return "publish(\(upstream), \(batch.rows.count) messages)"
    }
    return "\(effect)"
  }
}

extension Effect {
  /// Whether an agent that has nothing to do may still do that now and then.
  fileprivate var isIdle: Bool {
    switch self {
    case .log, .connectSource, .connectUpstream, .askPrimary: true
    default: false
    }
  }

  /// Whether it connects, or moves events on.
  fileprivate var isTraffic: Bool {
    switch self {
    case .log, .stopped: false
    default: true
    }
  }

  /// Whether PUBACKs leave.
  fileprivate var isReleasing: Bool {
    switch self {
    case .release, .disconnectSource(_, releasing: true): true
    default: false
    }
  }
}
