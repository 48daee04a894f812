public import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink
public import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

/// The agent's core: one synchronous state machine over an injected disk.
///
/// `step` is the only way in; effects and the disk are the only ways out. The whole way of an
/// event can be read from it:
///
/// 1. `received`: events are marked, numbered and encoded (`Intake`, `RingLog.append`);
/// 2. a commit makes them durable, then the source's PUBACKs are released (`GroupCommit`);
/// 3. each upstream reads from its cursor on and publishes within its window (`Forwarder`);
/// 4. `acknowledged` moves the cursor, and what every upstream has passed is freed.
///
/// Rules that hold at every return: no `.release` before everything handed over is durable or
/// delivered to every upstream; no event is published before it is durable, unless the disk
/// fails; nothing is taken while what an earlier run stored can't be read; cursors and counters are
/// saved before anything they free is reused.
public struct Agent: ~Copyable {
  /// Longest time a moved cursor or counter stays unsaved, microseconds.
  static let saveDelay: Int64 = microsecondsPerSecond
  /// Numbers settled that are worth a save of their own.
  static let saveCount: UInt64 = 10_000
  /// Between two tries of a disk that fails, microseconds.
  static let diskRetryDelay: Int64 = 5 * microsecondsPerSecond

  /// Tries to open a ring with unreadable files before those are given up: a minute's worth.
  private static let reopenCountMax = 12

  /// When `step(.timer)` is wanted, microseconds by boot clock.
  public internal(set) var wakeAt: Int64 = 0

  let configuration: AgentConfiguration
  let owner: RingOwner
  var intakes: [Intake] = []
  var forwarders: [Forwarder] = []
  var groupCommit: GroupCommit
  var actions: [Forwarder.Action] = []
  var lines: [LogEntry] = []
  /// When unsaved state must be saved; nil while nothing is unsaved.
  var saveAt: Int64?
  var settledAtSave: UInt64 = 0
  var diskRetryAt: Int64 = 0
  var hasMoreWork = false
  /// Each source's own stages, which act before its events are stored.
  var sourceStages: [Pipeline]
  var snapshotRetryAt: Int64 = 0
  /// Since when a picture could not be read, and when it is tried next; microseconds by boot clock.
  var snapshotsUnreadableSince: Int64?
  var snapshotRereadAt: Int64 = 0
  /// Ticks written into the log, and those that found no room, since the process began.
  public internal(set) var ticks: (written: UInt64, refused: UInt64) = (0, 0)
  /// No tick before it, microseconds by boot clock.
  var tickFloor: Int64 = 0
  /// Bytes of each upstream's file with the state of its stages.
  var snapshotByteCounts: [Int] = []
  private var reopenCount = 0
  let disk: any Disk
  private let machine: UInt64
  private let bootID: UInt64
  private var seeds: SplitMix64
  var isStopping = false
  /// Upstreams by priority, the highest first; of one priority as configured.
  var sendingOrder: [Int] = []
  /// Whose budget each upstream uses: itself, or the one it shares with.
  var budgetOwners: [Int] = []
  /// The budget that each upstream owns.
  var budgets: [ByteBudget?] = []
  var protocols = ProtocolMemory()

  /// Opens the ring log, recovering what an unclean stop left; never fails.
  ///
  /// - Parameters:
  ///   - configuration: checked settings.
  ///   - disk: the data directory.
  ///   - machine: a hash of the machine's id; another machine begins a new log id.
  ///   - bootID: a hash of the kernel's boot id.
  ///   - seed: all randomness (log id, jitter) comes from it.
  ///   - now: both clocks.
  ///   - effects: what the shell must do first.
  public init(
    configuration: AgentConfiguration,
    disk: any Disk,
    machine: UInt64,
    bootID: UInt64,
    seed: UInt64,
    now: ClockReading,
    effects: inout [Effect]
  ) {
    var seeds = SplitMix64(seed: seed)
    self.configuration = configuration
    groupCommit = GroupCommit(interval: configuration.ring.commitInterval)
    self.machine = machine
    self.bootID = bootID
    self.disk = disk
    owner = RingOwner(
      Self.openRing(
        configuration,
        disk,
        machine,
        bootID,
        seeds: &seeds,
        givesUp: false,
        now: now
      )
    )
    self.seeds = seeds
    sourceStages = Self.sourceStages(configuration)
    for source in configuration.sources {
      intakes.append(Intake(configuration: source, seed: self.seeds.next()))
      primeRedelivery(intakes.count - 1)
      startSource(intakes.count - 1, now: now)
    }
    makeForwarders(startAt: now.boot)
    openOwnFiles(now: now)
    takeFirstSnapshots(now: now)
    noteUnsetClock(now: now)
    owner.ring.recovered = []
    advance(now: now, isStart: true, effects: &effects)
  }

  private static func openRing(
    _ configuration: AgentConfiguration,
    _ disk: any Disk,
    _ machine: UInt64,
    _ bootID: UInt64,
    seeds: inout SplitMix64,
    givesUp: Bool,
    now: ClockReading
  ) -> RingLog {
    RingLog(
      disk: disk,
      configuration: configuration.ring,
      sources: configuration.sources.map(\.name),
      upstreams: configuration.upstreams.map(\.id),
      starts: configuration.upstreams.map(\.start),
      machine: machine,
      bootID: bootID,
      newLog: LogID(high: seeds.next(), low: seeds.next()),
      givesUpUnreadable: givesUp,
      now: now
    )
  }

  /// Wants a source's link, unless it must wait.
  private mutating func startSource(_ index: Int, now: ClockReading) {
    // What it sends would overtake what the log holds: its broker keeps it until the log is read.
    if owner.ring.isUnread { return }
    // One that was closed for want of room begins when there is room.
    if !owner.ring.source(index).isPaused { intakes[index].link.start(now: now.boot) }
  }

  /// Makes each upstream's forwarder anew, from the cursor that the log has for it.
  private mutating func makeForwarders(startAt: Int64) {
    forwarders.removeAll()
    arrangeBudgets()
    snapshotByteCounts = configuration.upstreams.map { snapshotByteCount($0) }
    for (index, upstream) in configuration.upstreams.enumerated() {
      forwarders.append(
        Forwarder(
          configuration: upstream,
          agentID: configuration.agentID,
          ledger: owner.ring.upstream(index),
          rules: decodeRules,
          sources: sourceNames,
          log: owner.ring.id,
          saved: savedSnapshot(upstream),
          seed: seeds.next()
        )
      )
      if !owner.ring.isUnread { forwarders[index].start(now: startAt) }
    }
  }

  /// Opens the log again that could not be read at the start.
  ///
  /// What memory holds meanwhile, where no log had been begun, has numbers of another log, and none
  /// of it was acknowledged: the sources' brokers send it again, so it is let go together with all
  /// links.
  mutating func reopen(now: ClockReading, effects: inout [Effect]) {
    reopenCount += 1
    let ring = Self.openRing(
      configuration,
      disk,
      machine,
      bootID,
      seeds: &seeds,
      givesUp: reopenCount >= Self.reopenCountMax,
      now: now
    )
    guard ring.isRecovered else {
      // Each try says why it failed, so that a log shows that it goes on.
      lines += ring.log.filter { $0.level == .error }
      return
    }
    let paused = intakes.indices.filter { owner.ring.source($0).isPaused }
    owner.ring = ring
    owner.hasUnrecordedLoss = false
    for index in paused { owner.ring.setPaused(true, source: index) }
    lines.append(LogEntry(.notice, "ring log: the disk can be read; all links begin anew"))
    for index in intakes.indices {
      primeRedelivery(index)
      let mustTell = intakes[index].link.requestClose(
        "connecting anew, as the disk can be read",
        isRetrying: true,
        now: now.boot,
        log: &lines
      )
      intakes[index].readOn()
      if mustTell { effects.append(.disconnectSource(source: index, releasing: false)) }
      startSource(index, now: now)
    }
    owner.ring.recovered = []
    for index in forwarders.indices {
      forwarders[index].stop(now: now.boot, into: &actions)
      for action in actions {
        if case .disconnect = action { effects.append(.disconnectUpstream(upstream: index)) }
      }
      actions.removeAll()
    }
    // A close of the old link may be on its way; it must not be taken for one of the new link.
    makeForwarders(startAt: now.boot + microsecondsPerSecond)
    openOwnFiles(now: now)
    takeFirstSnapshots(now: now)
    // What went with the old links was told to nobody, and comes again.
    sourceStages = Self.sourceStages(configuration)
  }

  /// What was stored last may come again: its PUBACK may not have left before the stop.
  private mutating func primeRedelivery(_ index: Int) {
    let slot = owner.ring.slot(ofSource: index)
    for event in owner.ring.recovered where Int(event.source) == slot {
      intakes[index].redelivery.remember(event.hash)
    }
    intakes[index].redelivery.linkLost()
  }

  /// Takes one input and appends what must be done, in order.
  public mutating func step(_ input: Input, now: ClockReading, effects: inout [Effect]) {
    switch input {
    case .sourceConnected(let source, let grant):
      sourceConnected(source, grant, now: now)
    case .sourceClosed(let source, let failure):
      guard intakes.indices.contains(source) else { return }
      intakes[source].closed()
      intakes[source].link.closed(failure, now: now.boot, log: &lines)
    case .received(let source, let events):
      received(source, events, now: now, effects: &effects)
    case .upstreamConnected(let upstream, let grant):
      guard forwarders.indices.contains(upstream) else { return }
      forwarders[upstream].connected(grant, now: now.boot)
    case .upstreamClosed(let upstream, let failure):
      guard forwarders.indices.contains(upstream) else { return }
      forwarders[upstream].closed(failure, now: now.boot)
    case .primaryAsked(let upstream, let failure):
      guard forwarders.indices.contains(upstream) else { return }
      forwarders[upstream].asked(failure, now: now.boot)
    case .handedOver(let upstream, let byteCount):
      guard forwarders.indices.contains(upstream) else { return }
      lendBudget(to: upstream)
      forwarders[upstream].handedOver(byteCount)
      takeBudget(from: upstream)
    case .acknowledged(let upstream, let acknowledgements):
      guard forwarders.indices.contains(upstream) else { return }
      forwarders[upstream].acknowledged(acknowledgements, now: now.boot)
    case .timer:
      break
    case .stop:
      stop(now: now, effects: &effects)
      return
    }
    advance(now: now, effects: &effects)
  }

  /// Does whatever is due, whichever input it was.
  ///
  /// - Parameters:
  ///   - now: both clocks.
  ///   - isStart: whether this is the start. It finds the stages where the newest picture has them,
  ///     however often it is repeated; the next picture is left to the first step.
  ///   - effects: what must be done is appended.
  private mutating func advance(
    now: ClockReading,
    isStart: Bool = false,
    effects: inout [Effect]
  ) {
    if isStopping { return }
    connectSources(now: now, effects: &effects)
    retryDisk(now: now, effects: &effects)
    commitIfDue(now: now, effects: &effects)
    retrySnapshots(now: now)
    tickIfDue(now: now, effects: &effects)
    forward(now: now, effects: &effects)
    releaseDelivered(effects: &effects)
    endWaits(now: now, effects: &effects)
    saveIfDue(now: now)
    if !isStart { saveSnapshots(now: now) }
    saveProtocols(now: now)
    hasMoreWork = owner.ring.work(now: now)
    flushLines(into: &effects)
    wakeAt = nextWake(now: now)
  }

  /// Sends what is due, and takes over where each upstream stands.
  private mutating func forward(now: ClockReading, effects: inout [Effect]) {
    let owner = owner
    let isShortOfRoom = isShortOfRoom
    for index in sendingOrder {
      let before = owner.ring.upstream(index).settled
      forwarders[index].permission = configuration.upstreams[index].schedule.permission(at: now)
      forwarders[index].readableEnd = owner.ring.isFailing ? 0 : owner.ring.readableEnd
      lendBudget(to: index)
      defer { takeBudget(from: index) }
      forwarders[index].step(
        now: now.boot,
        read: { number, passedGaps in
          passedGaps == Forwarder.recalling
            ? owner.ring.recall(number, now: now)
            : owner.ring.read(index, from: number, passedGaps: passedGaps, now: now)
        },
        keep: { owner.keep($0, index) },
        into: &actions
      )
      if isShortOfRoom { forwarders[index].wantSnapshotForRoom(end: owner.ring.readableEnd) }
      forwarders[index].considerSnapshot { owner.ring.segmentStart(at: $0) }
      owner.ring.settle(index, forwarders[index].ledger)
      noteUnread(index)
      // Before what was published reaches the link.
      if forwarders[index].takeDivision() && !owner.ring.isFailing {
        try? owner.ring.saveState(now: now)
      }
      if !owner.ring.hasUnsavedState { forwarders[index].divisionSaved() }
      settledAtSave &+= forwarders[index].ledger.settled &- before
      for action in actions {
        switch action {
        case .connect(let version, let place):
          effects.append(.connectUpstream(upstream: index, version, place: place))
        case .ask(let version): effects.append(.askPrimary(upstream: index, version))
        case .disconnect: effects.append(.disconnectUpstream(upstream: index))
        case .publish(let batch): effects.append(.publish(upstream: index, batch))
        case .log(let entry): effects.append(.log(entry))
        }
      }
      actions.removeAll(keepingCapacity: true)
    }
  }

  /// Saves cursors and counters in time, and at once after many.
  private mutating func saveIfDue(now: ClockReading) {
    guard owner.ring.hasUnsavedState, !owner.ring.isFailing else {
      saveAt = nil
      return
    }
    let due = saveAt ?? now.boot &+ Self.saveDelay
    saveAt = due
    guard now.boot >= due || settledAtSave >= Self.saveCount else { return }
    do throws(RingLogError) {
      try owner.ring.saveState(now: now)
      for index in forwarders.indices { forwarders[index].divisionSaved() }
    } catch {
      // `isFailing` is raised, and said.
    }
    saveAt = nil
    settledAtSave = 0
  }

  mutating func flushLines(into effects: inout [Effect]) {
    for line in lines { effects.append(.log(line)) }
    lines.removeAll(keepingCapacity: true)
    for line in owner.ring.log { effects.append(.log(line)) }
    owner.ring.log.removeAll(keepingCapacity: true)
  }

  private func nextWake(now: ClockReading) -> Int64 {
    if hasMoreWork { return now.boot }
    // Looking again now and then costs nothing and forgives what was not foreseen.
    var wake = now.boot &+ microsecondsPerSecond
    for index in intakes.indices {
      wake = min(wake, intakes[index].link.wakeAt ?? wake, intakes[index].waitEndsAt ?? wake)
    }
    for index in forwarders.indices { wake = min(wake, forwarders[index].wakeAt ?? wake) }
    // While the disk fails no commit is due, whatever waits for one.
    if owner.ring.isFailing { return min(wake, diskRetryAt) }
    return min(wake, groupCommit.wakeAt ?? wake, saveAt ?? wake)
  }
}

/// The ring log on the heap, so that upstreams can read it while they are being stepped.
final class RingOwner {
  var ring: RingLog
  /// One file per upstream; none while it is not known which directory is ours.
  var deadLetters: [RecordFile] = []

  /// An event that memory alone held was given up while the disk fails: its source must not be
  /// released before the account of it is durable.
  var hasUnrecordedLoss = false

  /// Keeps a dead letter durably, within the ring's bound; false when it can't be kept.
  func keep(_ letter: DeadLetter, _ index: Int) -> Bool {
    let record = letter.record
    guard deadLetters.indices.contains(index), deadLetters[index].append(record) else {
      if ring.isFailing && letter.end > ring.durable + 1 { hasUnrecordedLoss = true }
      return false
    }
    ring.noteOwnFile(grownBy: record.count + RecordFile.headerByteCount)
    return true
  }

  init(_ ring: consuming RingLog) { self.ring = ring }
}
