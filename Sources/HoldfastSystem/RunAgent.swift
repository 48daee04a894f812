import Glibc
public import HoldfastAgent
public import Logging

/// How `holdfast run` ends; sysexits(3) where it has a fitting number.
public enum AgentExit {
  /// Stopped on request, everything saved.
  public static let success: Int32 = 0
  /// Stopped on request, but saving did not end in time.
  public static let unsaved: Int32 = 1
  /// The operating system gave no thread.
  public static let noThread: Int32 = 71
  /// A live agent holds the data directory.
  public static let locked: Int32 = 75
}

/// How long saving, and then closing the links, may take at the end, microseconds.
private let stopTimeout: Int64 = 10_000_000
private let finishTimeout: Int64 = 3_000_000

/// Runs the agent until SIGTERM, SIGINT or SIGHUP; a second signal ends the process at once.
///
/// - Parameters:
///   - configuration: checked settings.
///   - logger: takes lines for the operator.
/// - Returns: the exit code, one of ``AgentExit``.
public func runAgent(configuration: AgentConfiguration, logger: Logger) -> Int32 {
  let service = ServiceManager()
  let agent = AgentThread(configuration: configuration, logger: logger, service: service)
  // Before any thread exists, so that all of them have the signals blocked.
  blockStopSignals()
  guard startSignalThread(agent.reports), agent.start() else {
    logger.critical("no thread left")
    return AgentExit.noThread
  }
  let code = supervise(
    agent,
    logger: logger,
    service: service,
    dataDirectory: configuration.dataDirectory
  )
  LogSink.standardError.flush()
  return code
}

/// Waits for the agent's thread and for signals; returns the exit code.
func supervise(
  _ agent: AgentThread,
  logger: Logger,
  service: ServiceManager,
  dataDirectory: String
) -> Int32 {
  let watchdogLimit = service.watchdogInterval
  var watchdogAt = watchdogLimit.map { SystemClock.boot() + $0 / 2 }
  var stopDeadline: Int64?
  while true {
    let now = SystemClock.boot()
    let due = min(watchdogAt ?? .max, stopDeadline ?? .max)
    _ = waitForEvents(
      [PollRequest(agent.reports.event.descriptor, POLLIN)],
      microseconds: due == .max ? .max : due - now
    )
    for report in agent.reports.takeAll() {
      switch report {
      case .ready:
        service.notify("READY=1")
      case .locked(let holder):
        let who = holder.map { "process \($0)" } ?? "another process"
        logger.critical(
          """
          \(dataDirectory) is in use by \(who): \
          stop that one, or give this one a data_dir of its own
          """
        )
        return AgentExit.locked
      case .signal(let number):
        if stopDeadline != nil { _exit(128 + number) }
        stopDeadline = SystemClock.boot() + stopTimeout
        service.notify("STOPPING=1")
        logger.notice("stopping")
        agent.inbox.post(.stop)
      case .stopped:
        if !agent.finishLinks(until: SystemClock.boot() + finishTimeout) {
          logger.warning("a connection could not be closed cleanly")
        }
        logger.notice("stopped")
        return AgentExit.success
      }
    }
    let later = SystemClock.boot()
    if let deadline = stopDeadline, later >= deadline {
      logger.error(
        """
        saving did not end within \(stopTimeout / 1_000_000) s; \
        the ring log recovers at the next start
        """
      )
      return AgentExit.unsaved
    }
    if let due = watchdogAt, let limit = watchdogLimit, later >= due {
      // Only a core that still takes inputs is alive; this thread alone proves nothing.
      // One that answers late, after a slow commit, is told as soon as it is known.
      let isAlive = agent.hasAnsweredPing
      if isAlive {
        service.notify("WATCHDOG=1")
        agent.ping()
      }
      watchdogAt = later + max(limit / (isAlive ? 2 : 16), 1000)
    }
  }
}

private func stopSignals() -> sigset_t {
  var signals = sigset_t()
  _ = unsafe sigemptyset(&signals)
  for number in [SIGTERM, SIGINT, SIGHUP] { _ = unsafe sigaddset(&signals, number) }
  return signals
}

private func blockStopSignals() {
  var signals = stopSignals()
  _ = unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
}

/// Turns blocked signals into reports; its thread lives as long as the process.
private func startSignalThread(_ reports: Mailbox<AgentThread.Report>) -> Bool {
  PosixThread.start("signals") {
    var signals = stopSignals()
    while true {
      var number: Int32 = 0
      if unsafe sigwait(&signals, &number) == 0 { reports.post(.signal(number)) }
    }
  }
}
