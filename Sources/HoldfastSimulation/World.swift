internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastUpstream

/// A second shell for the agent: sensors' brokers, upstreams, a disk and clocks that all fail.
///
/// Time jumps from one instant at which something is due to the next. The agent's side of each
/// link behaves as the real shell's: a source reads no more before it is answered, PUBACKs leave
/// only at a release, each connect is followed by one close, publishing on a dead link is dropped.
/// What must hold is checked as the run goes and at its end; see `World+Checks.swift`.
public final class World {
  let settings: WorldSettings
  let plan: WorldPlan
  let disk: SimulatedDisk
  var random: SplitMix64
  var schedule = Schedule()
  /// True time, microseconds since the run began.
  var now: Int64 = 0
  /// When the machine was switched on, and what the wall clock is ahead of true time.
  var bootedAt: Int64 = 0
  var wallOffset: Int64 = 1_700_000_000_000_000
  var bootID: UInt64 = 1

  var process: Process?
  /// Counts processes; what was scheduled by an earlier one is void.
  var life = 0
  var timerFloor: Int64 = 0
  var isPowerCutNext = false

  var sources: [SimulatedSource] = []
  var upstreams: [SimulatedUpstream] = []
  var messages: [Message] = []
  /// Which message each number of each log names.
  var identities: [Identity: Int] = [:]
  var faults = DiskFaults()
  /// Whether the active time is over: nothing fails any more.
  var isCalm = false
  var timerCount = 0
  /// Per source: what the agent was handed last.
  var lastHanded: [Int: [Int]] = [:]
  /// Since when the disk has been failing for the agent.
  var failingSince: Int64?
  var drainedAt: Int64?
  /// Events may have passed through memory before older ones on a disk that could not be read.
  var hasPassedUnread = false
  var checkCount = 0
  var checkedByteCount = 0
  var timerWindowEnd: Int64 = 0
  var report = WorldReport()

  /// The agent, which can't be copied, on the heap.
  final class Process {
    var agent: Agent
    var effects: [Effect] = []

    init(_ agent: consuming Agent) { self.agent = agent }
  }

  /// A world that has not begun.
  public init(_ settings: WorldSettings) {
    self.settings = settings
    random = SplitMix64(seed: settings.seed)
    plan = WorldPlan(seed: random.next(), activeTime: settings.activeTime)
    disk = SimulatedDisk(seed: random.next())
    disk.isLying = settings.isSyncLying
    for index in plan.configuration.sources.indices {
      sources.append(SimulatedSource(index: index, plan: plan))
    }
    for index in plan.configuration.upstreams.indices {
      upstreams.append(SimulatedUpstream(index: index, plan: plan))
    }
    report.summary = plan.summary
    disk.fault = { [unowned self] in self.faults.errno($0, $1, world: self) }
  }

  /// Runs to the end, or to the first violation.
  public func run() -> WorldReport {
    timerWindowEnd = 10 * microsecondsPerSecond
    startProcess()
    scheduleTraffic()
    scheduleFaults()
    let end = settings.activeTime
    while report.failure == nil, now < end { advance(limit: end) }
    if report.failure == nil { calmDown() }
    let deadline = now + 2 * 3600 * microsecondsPerSecond
    while report.failure == nil, !isDrained, now < deadline { advance(limit: deadline) }
    if report.failure == nil && !isDrained { fail("not drained: \(drainText)") }
    if report.failure == nil { checkEnd() }
    report.time = now
    return report
  }

  /// Jumps to the next instant at which something is due.
  private func advance(limit: Int64) {
    var timerAt = Int64.max
    if let process { timerAt = max(process.agent.wakeAt + bootedAt, timerFloor, now) }
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
      step(.timer)
    }
  }

  private func countTimer() {
    if now >= timerWindowEnd {
      timerWindowEnd = now + 10 * microsecondsPerSecond
      timerCount = 0
    }
    timerCount += 1
    if timerCount > 5000 { fail("busy: 5000 timer steps within 10 s") }
  }

  func after(_ delay: Int64, _ action: @escaping (World) -> Void) {
    schedule.add(at: now + delay, action)
  }

  /// The same, unless the process has died by then.
  func afterAlive(_ delay: Int64, _ action: @escaping (World) -> Void) {
    let life = life
    after(delay) { world in if world.life == life { action(world) } }
  }

  func draw(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }

  func chance(_ one: UInt64, in count: UInt64) -> Bool { random.next() % count < one }

  var reading: ClockReading { ClockReading(boot: now - bootedAt, wall: now + wallOffset) }

  func fail(_ what: String) {
    if report.failure != nil { return }
    report.failure =
      "seed \(settings.seed) at \(now) µs: \(what) [\(plan.summary)]; replay with HOLDFAST_SEED="
      + "\(settings.seed)"
  }

  func trace(_ text: @autoclosure () -> String) {
    settings.tell?("\(now) \(text())")
  }

  /// Mixes a number into the trace.
  func hash(_ value: UInt64) {
    report.trace = (report.trace ^ value) &* 0x0000_0100_0000_01b3
    report.trace ^= report.trace >> 29
  }
}

// MARK: the process

extension World {
  func startProcess() {
    life += 1
    var effects: [Effect] = []
    let agent = Agent(
      configuration: plan.configuration,
      disk: disk,
      machine: 7,
      bootID: bootID,
      seed: random.next(),
      now: reading,
      effects: &effects
    )
    process = Process(agent)
    timerFloor = now
    trace("process \(life) starts")
    finishStep(effects)
    if let process, process.agent.status(now: reading).health == .failing {
      hasPassedUnread = true
    }
  }

  func step(_ input: Input) {
    guard let process, report.failure == nil else { return }
    report.stepCount += 1
    hash(UInt64(truncatingIfNeeded: now))
    if settings.tell != nil { trace("step \(Self.text(input))") }
    process.agent.step(input, now: reading, effects: &process.effects)
    let effects = process.effects
    process.effects.removeAll(keepingCapacity: true)
    finishStep(effects)
  }

  private func finishStep(_ effects: [Effect]) {
    if disk.isDead {
      // The process died within the step: nothing that it wanted was done.
      crash(isPowerCut: isPowerCutNext)
      return
    }
    for effect in effects { carryOut(effect) }
    checkStep()
  }

  private func carryOut(_ effect: Effect) {
    if settings.tell != nil { trace("  \(Self.text(effect))") }
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
      sources[source].disconnect(releasing: isReleasing, world: self)
    case .connectUpstream(let upstream, let version):
      hash(5)
      upstreams[upstream].connect(version, world: self)
    case .disconnectUpstream(let upstream):
      hash(6)
      upstreams[upstream].disconnect(world: self)
    case .publish(let upstream, let batch):
      hash(UInt64(batch.bytes.count))
      upstreams[upstream].publish(batch, world: self)
    case .log, .stopped: break
    }
  }

  /// The process dies, or the whole machine; both come back after a while.
  func crash(isPowerCut: Bool) {
    trace(isPowerCut ? "POWER CUT" : "KILL")
    guard process != nil else {
      // The machine may go while the process is down; what comes next finds what is left.
      if isPowerCut { disk.crash() }
      return
    }
    process = nil
    life += 1
    report.crashCount += 1
    excuseAtCrash()
    for source in sources { source.processDied(world: self) }
    for upstream in upstreams { upstream.processDied(world: self) }
    if isPowerCut {
      report.powerCutCount += 1
      disk.crash()
      bootID &+= 1
    } else {
      disk.kill()
    }
    isPowerCutNext = false
    let delay = draw(10_000...30_000_000)
    after(delay) { world in
      if isPowerCut {
        world.bootedAt = world.now
        // A machine without a clock of its own begins in 1970 until it is told better.
        if world.chance(1, in: 2) { world.wallOffset = -world.now }
        world.after(20_000_000) { $0.wallOffset = 1_700_000_000_000_000 }
      }
      if world.process == nil { world.startProcess() }
    }
  }

  private static func text(_ input: Input) -> String {
    switch input {
    case .received(let source, let batch): "received(\(source), \(batch.count) events)"
    case .acknowledged(let upstream, let list): "acknowledged(\(upstream), \(list.count))"
    default: "\(input)"
    }
  }

  private static func text(_ effect: Effect) -> String {
    if case .publish(let upstream, let batch) = effect {
      return "publish(\(upstream), \(batch.rows.count) messages)"
    }
    return "\(effect)"
  }
}
