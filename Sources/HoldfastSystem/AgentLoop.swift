// The agent's thread: the one place where the core is stepped and its effects are carried out.

import Glibc
import HoldfastAgent
import HoldfastEvent
import HoldfastRingLog
import HoldfastStatus
import HoldfastUpstream
import Logging
import Synchronization

/// What the agent's thread and the main thread share.
final class AgentThread: Sendable {
  /// What the main thread is told.
  enum Report: Sendable {
    /// The data directory is ours, or there is no disk to be had.
    case opened
    /// All there is to wait for at a start is there.
    case ready
    /// Another process holds the data directory.
    case locked(holder: Int32?)
    case stopped
    case signal(Int32)
  }

  let inbox = Mailbox<Input>()
  let reports: Mailbox<Report>
  /// Where the status page's server asks for reports; nil where there is none.
  let board: StatusBoard?
  /// Whom the next agent of this process takes it from, once this one has reported `stopped`.
  let held: HeldDisk
  let readyGate: ReadyGate
  /// The main thread asks for a sign of life by raising the first; the agent's makes them equal.
  let pingCount = Atomic<UInt64>(0)
  let answeredPingCount = Atomic<UInt64>(0)

  private let configuration: AgentConfiguration
  private let version: String
  private let logger: Logger
  private let service: ServiceManager
  private let sources: [SourceThread]
  private let upstreams: [UpstreamThread]
  /// Reached when all link threads have ended.
  private let linksFinished: Latch

  /// - Parameters:
  ///   - configuration: checked settings.
  ///   - version: of the program.
  ///   - logger: takes lines for the operator.
  ///   - service: hears the status line.
  ///   - held: the data directory of an agent that has stopped; nil: it is to be opened and locked.
  ///   - reports: where to report to.
  init(
    configuration: AgentConfiguration,
    version: String,
    logger: Logger,
    service: ServiceManager,
    held: HeldDisk? = nil,
    reports: Mailbox<Report> = Mailbox()
  ) {
    self.configuration = configuration
    self.version = version
    self.held = held ?? HeldDisk(path: configuration.dataDirectory)
    self.reports = reports
    let event = inbox.event
    board = configuration.status.isOff ? nil : StatusBoard(wake: { event.signal() })
    readyGate = ReadyGate(sourceCount: configuration.sources.count) { reports.post(.ready) }
    self.logger = logger
    self.service = service
    sources = configuration.sources.map { _ in SourceThread() }
    upstreams = configuration.upstreams.map { _ in UpstreamThread() }
    linksFinished = Latch(count: sources.count + upstreams.count)
  }

  func start() -> Bool {
    PosixThread.start("agent") { self.run() }
  }

  /// Asks for a sign of life.
  func ping() {
    pingCount.add(1, ordering: .relaxed)
    inbox.event.signal()
  }

  var hasAnsweredPing: Bool {
    answeredPingCount.load(ordering: .relaxed) == pingCount.load(ordering: .relaxed)
  }

  /// Closes all links cleanly and ends their threads.
  ///
  /// - Parameter deadline: microseconds by boot clock.
  /// - Returns: whether all ended in time.
  func finishLinks(until deadline: Int64) -> Bool {
    for source in sources { source.post(.finish) }
    for upstream in upstreams { upstream.post(.finish) }
    return linksFinished.wait(until: deadline)
  }

  private func run() {
    let disk = held.disk
    do throws(DiskError) {
      try disk.lock()
    } catch {
      if error.operation == .lock && error.errno == EWOULDBLOCK {
        reports.post(.locked(holder: disk.lockHolder()))
        return
      }
      logger.error(
        """
        can't use \(disk.path): \(error.operation.rawValue) \(error.name): \
        \(errorText(error.errno)); going on without a disk until it can be used
        """
      )
    }
    reports.post(.opened)
    startLinks()
    turn(disk)
    // The core is gone: what it left open nobody else closes.
    disk.closeFiles()
    reports.post(.stopped)
  }

  /// Steps the core until it has stopped.
  private func turn(_ disk: PosixDisk) {
    let loop = AgentLoop(
      configuration: configuration,
      disk: disk,
      sources: sources,
      upstreams: upstreams,
      watch: board.map { StatusWatch(board: $0, configuration: configuration, version: version) },
      logger: logger,
      service: service
    )
    readyGate.settleRing()
    while !loop.isStopped {
      loop.runOnce(inbox)
      answeredPingCount.store(pingCount.load(ordering: .relaxed), ordering: .relaxed)
    }
  }

  private func startLinks() {
    let logger = self.logger
    let inbox = self.inbox
    let readyGate = self.readyGate
    for (index, source) in sources.enumerated() {
      source.start(
        index: index,
        configuration: configuration.sources[index],
        payloadByteCountMax: configuration.ring.payloadByteCountMax,
        post: { inbox.post($0) },
        log: { logger.log($0) },
        finished: linksFinished,
        settled: { readyGate.settle(source: index) }
      )
    }
    for (index, upstream) in upstreams.enumerated() {
      upstream.start(
        index: index,
        configuration: configuration.upstreams[index],
        budgetByteCount: configuration.budgetByteCount(ofUpstream: index),
        post: { inbox.post($0) },
        log: { logger.log($0) },
        finished: linksFinished
      )
    }
  }
}

/// The core and what surrounds it on its thread.
private final class AgentLoop {
  /// Least time between two timer steps, microseconds: an `Agent.wakeAt` that lies in the past
  /// must not become a busy loop.
  static let timerIntervalMin: Int64 = 1000

  private(set) var isStopped = false
  /// The core was told to stop: links that it closes from here on are closed for good.
  private var isStopping = false
  private let sources: [SourceThread]
  private let upstreams: [UpstreamThread]
  private let logger: Logger
  private let service: ServiceManager
  private var agent: Agent
  private let disk: PosixDisk
  private var watch: StatusWatch?
  private var effects: [Effect] = []
  /// Batches of each source that the core has taken since the start.
  private var takenBatchCounts: [UInt64]
  /// Microseconds by boot clock.
  private var timerFloor: Int64 = 0
  private var statusAt: Int64
  private var statusLine = StatusLine()
  /// Nil where no schedule asks for the hour.
  private var localTime: LocalTime?

  init(
    configuration: AgentConfiguration,
    disk: PosixDisk,
    sources: [SourceThread],
    upstreams: [UpstreamThread],
    watch: StatusWatch?,
    logger: Logger,
    service: ServiceManager
  ) {
    self.disk = disk
    self.sources = sources
    self.upstreams = upstreams
    self.watch = watch
    self.logger = logger
    self.service = service
    takenBatchCounts = [UInt64](repeating: 0, count: sources.count)
    let hasSchedule = configuration.upstreams.contains { !$0.schedule.isEmpty }
    var localTime = hasSchedule ? LocalTime() : nil
    var now = SystemClock.reading()
    now = localTime?.localized(now) ?? now
    self.localTime = localTime
    statusAt = now.boot + StatusLine.interval
    agent = Agent(
      configuration: configuration,
      disk: disk,
      machine: SystemIdentity.machine(),
      bootID: SystemIdentity.bootID(),
      seed: SystemIdentity.seed(),
      now: now,
      effects: &effects
    )
    carryOut()
  }

  /// Waits for something to happen and steps the core through all of it.
  func runOnce(_ inbox: Mailbox<Input>) {
    let due = min(max(agent.wakeAt, timerFloor), statusAt, watch?.tickAt ?? .max)
    _ = waitForEvents(
      [PollRequest(inbox.event.descriptor, POLLIN)],
      microseconds: due - SystemClock.boot()
    )
    for input in inbox.takeAll() {
      if case .received(let source, _) = input, takenBatchCounts.indices.contains(source) {
        takenBatchCounts[source] += 1
      }
      if case .stop = input { isStopping = true }
      step(input)
      if isStopped { return }
    }
    let now = SystemClock.boot()
    if now >= max(agent.wakeAt, timerFloor) {
      timerFloor = now + Self.timerIntervalMin
      step(.timer)
    }
    if now >= statusAt { tellStatus() }
    watch?.look(at: agent, disk: disk, now: now)
  }

  private func step(_ input: Input) {
    let now = SystemClock.reading()
    watch?.observer.note(input, now: now)
    agent.step(input, now: localTime?.localized(now) ?? now, effects: &effects)
    carryOut()
  }

  private func carryOut() {
    for effect in effects { carryOut(effect) }
    effects.removeAll(keepingCapacity: true)
  }

  private func carryOut(_ effect: Effect) {
    switch effect {
    case .connectSource(let source, let version): post(.connect(version), to: source)
    case .readMore(let source): post(.readMore(through: taken(source)), to: source)
    case .release(let source): post(.release(through: taken(source)), to: source)
    case .disconnectSource(let source, let isReleasing):
      post(
        .disconnect(releasing: isReleasing, through: taken(source), isFinal: isStopping),
        to: source
      )
    case .connectUpstream(let upstream, let version, let place):
      post(.connect(version, place: place), toUpstream: upstream)
    case .askPrimary(let upstream, let version): post(.ask(version), toUpstream: upstream)
    case .disconnectUpstream(let upstream):
      post(isStopping ? .finish : .disconnect, toUpstream: upstream)
    case .publish(let upstream, let batch): post(.publish(batch), toUpstream: upstream)
    case .log(let entry):
      watch?.observer.note(entry, now: SystemClock.reading())
      logger.log(entry)
    case .stopped: isStopped = true
    }
  }

  private func taken(_ source: Int) -> UInt64 {
    takenBatchCounts.indices.contains(source) ? takenBatchCounts[source] : 0
  }

  private func post(_ command: SourceCommand, to source: Int) {
    if sources.indices.contains(source) { sources[source].post(command) }
  }

  private func post(_ command: UpstreamCommand, toUpstream upstream: Int) {
    if upstreams.indices.contains(upstream) { upstreams[upstream].post(command) }
  }

  private func tellStatus() {
    let now = SystemClock.reading()
    statusAt = now.boot + StatusLine.interval
    LogSink.standardError.expire()
    guard let line = statusLine.next(agent.status(now: now), now: now.boot) else { return }
    logger.notice("\(line)")
    service.notify("STATUS=\(line)")
  }
}

extension Logger {
  /// Passes on a line of the core's.
  func log(_ entry: LogEntry) {
    let level: Logger.Level =
      switch entry.level {
      case .debug: .debug
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      }
    log(level: level, "\(entry.message)")
  }
}
