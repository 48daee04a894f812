import CProgramPages
import Glibc
import HoldfastAgent
import Logging

/// What the main thread does: signals and the service manager, and one core after another.
final class Supervisor {
  /// How long saving, and then closing the links, may take at the end, microseconds.
  static let stopTimeout: Int64 = 10_000_000
  static let finishTimeout: Int64 = 3_000_000
  /// How long after it is ready the agent counts as started, microseconds.
  static let settlingTime: Int64 = 5_000_000

  /// Why the core that runs is to stop.
  private enum Ending {
    /// The process ends; saving may take until the deadline, by boot clock.
    case stop(deadline: Int64)
    /// This configuration follows; `deadline` is when the wait is told.
    case swap(AgentConfiguration, deadline: Int64)
  }

  private let logger: Logger
  private let service: ServiceManager
  private let version: String
  private let reload: () -> ReloadAnswer
  private let reports: Mailbox<AgentThread.Report>
  private var agent: AgentThread
  private var configuration: AgentConfiguration
  /// The status page's; nil before the data directory, and a socket in it, are known to be ours.
  private var server: StatusServer?
  private var ending: Ending?
  /// SIGHUP came while a swap was under way.
  private var isReloadAsked = false
  private var isReady = false
  /// When the sources count as settled whatever they do, by boot clock.
  private var readyAt: Int64
  private var watchdogAt: Int64?
  /// When the start is over and what only it needed can go, by boot clock; nil: nothing to do.
  private var settledAt: Int64?

  /// - Parameters:
  ///   - agent: has been started.
  ///   - configuration: its settings.
  ///   - logger: takes lines for the operator.
  ///   - service: the service manager.
  ///   - version: of the program.
  ///   - reload: reads the configuration again.
  init(
    _ agent: AgentThread,
    configuration: AgentConfiguration,
    logger: Logger,
    service: ServiceManager,
    version: String,
    reload: @escaping () -> ReloadAnswer
  ) {
    self.agent = agent
    self.configuration = configuration
    self.logger = logger
    self.service = service
    self.version = version
    self.reload = reload
    reports = agent.reports
    let now = SystemClock.boot()
    readyAt = now + ReadyGate.patience
    watchdogAt = service.watchdogInterval.map { now + $0 / 2 }
  }

  /// Waits for the agent's thread and for signals; returns the exit code.
  func run() -> Int32 {
    defer { server?.stop() }
    while true {
      let now = SystemClock.boot()
      let due = min(
        watchdogAt ?? .max,
        deadline ?? .max,
        settledAt ?? .max,
        isReady ? .max : readyAt
      )
      _ = waitForEvents(
        [PollRequest(reports.event.descriptor, POLLIN)],
        microseconds: due == .max ? .max : due - now
      )
      for report in reports.takeAll() {
        if let code = take(report) { return code }
      }
      if let code = takeTime(SystemClock.boot()) { return code }
    }
  }

  private var deadline: Int64? {
    switch ending {
    case .stop(let deadline), .swap(_, let deadline): deadline
    case nil: nil
    }
  }

  /// The exit code, where the report is the end.
  private func take(_ report: AgentThread.Report) -> Int32? {
    switch report {
    case .opened:
      server = agent.board.map(serve)
    case .ready:
      isReady = true
      settledAt = SystemClock.boot() + Self.settlingTime
      service.notify("READY=1")
    case .locked(let holder):
      let who = holder.map { "process \($0)" } ?? "another process"
      logger.critical(
        """
        \(configuration.dataDirectory) is in use by \(who): \
        stop that one, or give this one a data_dir of its own
        """
      )
      return AgentExit.locked
    case .signal(SIGHUP):
      hangUp()
    case .signal(let number):
      if case .stop = ending { _exit(128 + number) }
      service.notify("STOPPING=1")
      logger.notice("stopping")
      if ending == nil { agent.inbox.post(.stop) }
      ending = .stop(deadline: SystemClock.boot() + Self.stopTimeout)
    case .stopped:
      return takeStopped()
    }
    return nil
  }

  private func takeStopped() -> Int32? {
    if !agent.finishLinks(until: SystemClock.boot() + Self.finishTimeout) {
      logger.warning("a connection could not be closed cleanly")
    }
    guard case .swap(let next, _) = ending else {
      logger.notice("stopped")
      return AgentExit.success
    }
    ending = nil
    configuration = next
    // It may be told to listen elsewhere, and asks an agent that is gone.
    server?.stop()
    server = nil
    agent = AgentThread(
      configuration: next,
      version: version,
      logger: logger,
      service: service,
      held: agent.held,
      reports: reports
    )
    guard agent.start() else {
      logger.critical("no thread left")
      return AgentExit.noThread
    }
    let now = SystemClock.boot()
    isReady = false
    readyAt = now + ReadyGate.patience
    watchdogAt = service.watchdogInterval.map { now + $0 / 2 }
    logger.notice(
      "running with the new configuration: \(next.sources.count) sources, \(next.upstreams.count) upstreams"
    )
    if isReloadAsked {
      isReloadAsked = false
      hangUp()
    }
    return nil
  }

  private func serve(_ board: StatusBoard) -> StatusServer {
    StatusServer(
      configuration: configuration.status,
      dataDirectory: configuration.dataDirectory,
      answers: StatusAnswers(
        configuration: configuration.status,
        dataDirectory: configuration.dataDirectory,
        report: { board.report() }
      ),
      logger: logger
    )
  }

  /// SIGHUP: another configuration, or the same files and certificates anew.
  private func hangUp() {
    switch ending {
    case .stop: return
    case .swap:
      isReloadAsked = true
      return
    case nil: break
    }
    service.notify("RELOADING=1\nMONOTONIC_USEC=\(SystemClock.monotonic())")
    var refusals: [String] = []
    switch reload() {
    case .refused(let lines):
      refusals = lines.isEmpty ? ["the new configuration can't be used"] : lines
    case .usable(let next):
      if next.dataDirectory != configuration.dataDirectory {
        refusals = [
          "agent.data_dir can't change while the agent runs: restart it, or keep \(configuration.dataDirectory)"
        ]
      } else {
        logger.notice("reading the configuration again: saving, then going on with the new one")
        ending = .swap(next, deadline: SystemClock.boot() + Self.stopTimeout)
        agent.inbox.post(.stop)
        return
      }
    }
    for line in refusals { logger.error("\(line)") }
    logger.error("the configuration stays as it was")
    // A reload has ended, whatever came of it.
    if isReady { service.notify("READY=1") }
  }

  /// The exit code, where time is up.
  private func takeTime(_ now: Int64) -> Int32? {
    if !isReady && now >= readyAt {
      readyAt = .max
      agent.readyGate.settleSources()
    }
    if let due = settledAt, now >= due {
      settledAt = nil
      holdfast_let_go_of_program_pages()
    }
    if let deadline, now >= deadline {
      switch ending {
      case .stop:
        logger.error(
          """
          saving did not end within \(Self.stopTimeout / 1_000_000) s; \
          the ring log recovers at the next start
          """
        )
        return AgentExit.unsaved
      case .swap(let next, _):
        logger.error("saving takes long; the new configuration waits for it")
        ending = .swap(next, deadline: .max)
      case nil: break
      }
    }
    if let due = watchdogAt, let limit = service.watchdogInterval, now >= due {
      // Only a core that still takes inputs is alive; this thread alone proves nothing.
      // One that answers late, after a slow commit, is told as soon as it is known.
      let isAlive = agent.hasAnsweredPing
      if isAlive {
        service.notify("WATCHDOG=1")
        agent.ping()
      }
      watchdogAt = now + max(limit / (isAlive ? 2 : 16), 1000)
    }
    return nil
  }
}
