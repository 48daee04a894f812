internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage

/// A second shell for the agent: sensors' brokers, upstreams, a disk and clocks that all fail.
///
/// ```swift
/// let world = World(seed: 7)
/// world.faults.removeAll { $0.kind == .bitRot }
/// world.run(hours: 24)
/// let report = world.check()
/// ```
///
/// Time jumps from one instant at which something is due to the next. The agent's side of each
/// link behaves as the real shell's: a source reads no more before it is answered, PUBACKs leave
/// only at a release, each connect is followed by one close, publishing on a dead link is dropped.
/// What must hold is checked as the run goes (`World+Checks`) and at its end (`World+Law`).
public final class World {
  let settings: WorldSettings
  let plan: WorldPlan
  /// What is going to strike, in no order; may be changed before the run.
  public var faults: [Fault]
  /// As the agent gets it at its next start: an orderly stop may change the ring's size.
  var configuration: AgentConfiguration
  var disk: SimulatedDisk
  var random: SplitMix64
  /// For what was added later: the other draws of a seed stay the same.
  var laneRandom: SplitMix64
  var stageLaneRandom: SplitMix64
  var schedule = Schedule()

  /// True time, microseconds since the run began.
  public internal(set) var now: Int64 = 0
  /// When the machine was switched on, and what the wall clock is ahead of true time.
  var bootedAt: Int64 = 0
  var wallOffset: Int64 = 1_700_000_000_000_000
  var bootID: UInt64 = 1
  /// The machine sleeps until then: nothing reaches the agent.
  var asleepUntil: Int64 = 0
  /// What came while it slept, and for which life of the agent.
  var postponed: [(life: Int, action: (World) -> Void)] = []
  var lastReading = ClockReading(boot: 0, wall: 0)

  var process: Process?
  /// Counts processes; what was scheduled by an earlier one is void.
  var life = 0
  var timerFloor: Int64 = 0
  var quietTimerCount = 0
  var isPowerCutNext = false
  var isStopping = false
  /// The last end was an orderly stop that could save everything.
  var wasSaved = false

  var sources: [SimulatedSource] = []
  var upstreams: [SimulatedUpstream] = []
  var messages: [Message] = []
  var diskFaults = DiskFaults()
  /// Whether the active time is over: nothing fails any more.
  var isCalm = false
  /// Events still to come of a flood that lasts until the ring runs over.
  var floodCount = 0

  // What the world knows by itself, to compare the agent's accounts with.
  var numbering = Numbering()
  /// The log on the disk, whose numbers must be accounted for.
  var mainLog = LogID(high: 0, low: 0)
  /// Everything up to this number was durable, and may never be missing without a record.
  var certain: SequenceNumber = 0
  /// The sources' accounts after the last batch, and when all of it was durable.
  var latestLedgers: [SourceLedger] = []
  var certainLedgers: [SourceLedger] = []
  var mostLedgers: [SourceLedger] = []
  var hasRotted = false
  /// Since when the disk has been failing for the agent, or the ring has been full.
  var troubledSince: Int64?
  var byteCountAllowed = Int.max
  /// The process could not read its disk when it started, and has not since.
  var failingAtStart = false
  /// What each source's own stages know, as the world works it out.
  var sourceStages: [Pipeline] = []
  /// The disk has failed for some process: numbers passed through memory.
  var hasFailed = false
  /// The process that starts could not read the state of some stages.
  var isStartDoubtful = false
  var hasStopFailed = false
  var bornAt: Int64 = 0

  var drainedAt: Int64?
  var checkCount = 0
  var checkedByteCount = 0
  var keptPicture: KeptPicture?
  var timerCount = 0
  var timerWindowEnd: Int64 = 0
  var report = WorldReport()

  /// The agent, which can't be copied, on the heap.
  final class Process {
    var agent: Agent
    var effects: [Effect] = []
    /// The agent's, when they were looked at last.
    var ticks: (written: UInt64, refused: UInt64) = (0, 0)

    /// Gives events the times that the log gives them.
    var stamper: RowStamper

    init(_ agent: consuming Agent, ticksPerSecond: Int64) {
      self.agent = agent
      stamper = RowStamper(ticksPerSecond: ticksPerSecond)
    }
  }

  /// What the seed decided, for people.
  public var summary: String { plan.summary }

  /// A world that has not begun.
  public convenience init(seed: UInt64) { self.init(WorldSettings(seed: seed)) }

  /// The same with other settings than the seed's own.
  public init(_ settings: WorldSettings) {
    self.settings = settings
    random = SplitMix64(seed: settings.seed)
    plan = WorldPlan(
      seed: random.next(),
      hours: settings.hours,
      hasLanes: settings.hasLanes,
      hasKafka: settings.seed % 10 == 1
    )
    laneRandom = SplitMix64(seed: settings.seed ^ 0x0bde_2000)
    stageLaneRandom = SplitMix64(seed: settings.seed ^ 0x57a6_1a9e)
    configuration = plan.configuration
    faults = Fault.plan(
      seed: random.next(),
      activeTime: plan.activeTime,
      hasOnlyPowerCuts: settings.hasOnlyPowerCuts,
      hasReadFaults: plan.hasReadFaults,
      canRot: plan.canRot,
      hasStages: plan.hasStages
    )
    disk = SimulatedDisk(seed: random.next())
    disk.isLying = settings.isSyncLying
    for index in configuration.sources.indices {
      sources.append(SimulatedSource(index: index, plan: plan))
    }
    for index in configuration.upstreams.indices {
      upstreams.append(SimulatedUpstream(index: index, plan: plan))
    }
    report.seed = settings.seed
    report.summary = plan.summary
    watch(disk)
  }

  func watch(_ disk: SimulatedDisk) {
    disk.fault = { [unowned self] in
      let errno = self.diskFaults.errno($0, $1, world: self)
      self.noteStagesFile($0, $1, isFailing: errno != nil)
      return errno
    }
  }

  /// Runs as long as the seed or the settings say, then ends and checks everything.
  public func run() -> WorldReport {
    run(until: min(settings.endsAt ?? .max, plan.activeTime))
    if settings.endsAt == nil && !settings.hasOnlyPowerCuts { makeUp() }
    return check()
  }

  /// Runs on for so many simulated hours.
  public func run(hours: Int) { run(until: now + Int64(hours) * 3600 * microsecondsPerSecond) }

  private func run(until end: Int64) {
    if life == 0 { begin() }
    while report.failure == nil, now < end { advance(limit: end) }
  }

  private func begin() {
    timerWindowEnd = 10 * microsecondsPerSecond
    startProcess()
    scheduleTraffic()
    for (index, fault) in faults.enumerated()
    where settings.onlyFaults?.contains(index) ?? true {
      schedule.add(at: fault.at) { world in
        if !world.isCalm { world.strike(fault) }
      }
    }
  }

  /// What a run of the proof must have and chance has not brought is made up for at its end.
  private func makeUp() {
    for _ in 0..<36 where report.failure == nil && settings.onlyFaults == nil {
      report.time = now
      if report.shortfalls.isEmpty { return }
      if report.crashCount < 3 { strike(Fault(kind: .kill, at: now, seed: random.next())) }
      if report.overrunCount == 0 {
        strike(Fault(kind: .overrun, at: now, seed: random.next()))
      }
      if report.coverage.faultCount < 20 {
        let kinds: [FaultKind] = [.sourceCut, .upstreamCut, .upstreamAway, .writeError, .stop]
        let kind = kinds[Int(draw(0...Int64(kinds.count - 1)))]
        strike(Fault(kind: kind, at: now, seed: random.next()))
      }
      if report.eventCount < 5000 { publish(5200 - report.eventCount) }
      run(until: now + 3600 * microsecondsPerSecond)
    }
  }

  /// Ends all faults and all traffic, lets everything drain, and checks what must hold.
  public func check() -> WorldReport {
    if report.failure == nil && !isCalm { calmDown() }
    drain()
    if report.failure == nil {
      // The agent must be of use after all that.
      publish(50)
      drain()
    }
    if report.failure == nil { checkLaw() }
    report.time = now
    return report
  }

  private func drain() {
    drainedAt = nil
    let deadline = now + 3 * 3600 * microsecondsPerSecond
    while report.failure == nil, !isDrained, now < deadline { advance(limit: deadline) }
    if report.failure == nil && !isDrained { fail("not drained: \(drainText)") }
  }

  /// Jumps to the next instant at which something is due.
  private func advance(limit: Int64) {
    let timerAt = nextTimer()
    let next = schedule.nextAt ?? .max
    guard min(next, timerAt) < limit else {
      now = limit
      return
    }
    if next <= timerAt {
      now = max(now, next)
      schedule.popFirst()?(self)
    } else {
      now = timerAt
      timerFloor = now + 1000
      countTimer()
      quietTimerCount += 1
      step(.timer)
    }
  }

  /// When the agent's timer fires: a little late while it has nothing to do, as on a busy machine.
  private func nextTimer() -> Int64 {
    guard let process else { return .max }
    let wanted = process.agent.wakeAt + bootedAt
    let isIdle = quietTimerCount > 1 && wanted >= now + microsecondsPerSecond
    let late = isIdle ? wanted + 29 * microsecondsPerSecond : wanted
    return max(late, timerFloor, now, asleepUntil)
  }

  private func countTimer() {
    if now >= timerWindowEnd {
      timerWindowEnd = now + 10 * microsecondsPerSecond
      timerCount = 0
    }
    timerCount += 1
    if timerCount > 5000 { fail("busy: 5000 timer steps within 10 s") }
  }
}

// MARK: what everything in it uses

extension World {
  func after(_ delay: Int64, _ action: @escaping (World) -> Void) {
    schedule.add(at: now + delay, action)
  }

  /// The same, unless the process has died by then; what comes while the machine sleeps waits.
  func afterAlive(_ delay: Int64, _ action: @escaping (World) -> Void) {
    let life = life
    after(delay) { world in
      guard world.life == life else { return }
      if world.now < world.asleepUntil {
        world.postponed.append((life, action))
      } else {
        action(world)
      }
    }
  }

  /// The machine wakes: what came while it slept reaches the agent now, in order.
  func wake() {
    asleepUntil = now
    let due = postponed
    postponed.removeAll()
    for (life, action) in due {
      after(0) { world in if world.life == life { action(world) } }
    }
  }

  func draw(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }

  func chance(_ one: UInt64, in count: UInt64) -> Bool { random.next() % count < one }

  /// Both clocks of the machine, as they stand.
  var reading: ClockReading { ClockReading(boot: now - bootedAt, wall: now + wallOffset) }

  func fail(_ what: String) {
    if report.failure != nil { return }
    trace("FAILED: \(what)")
    report.time = now
    report.failure = "seed \(settings.seed) at \(now) µs: \(what) [\(plan.summary)]"
  }

  func trace(_ text: @autoclosure () -> String) {
    if report.failure == nil { settings.tell?("\(now) \(text())") }
  }

  /// Mixes a number into the trace.
  func hash(_ value: UInt64) {
    report.trace = (report.trace ^ value) &* 0x0000_0100_0000_01b3
    report.trace ^= report.trace >> 29
  }
}
