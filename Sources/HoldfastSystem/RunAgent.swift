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

/// What reading the configuration again, at SIGHUP, came to.
public enum ReloadAnswer: Sendable {
  case usable(AgentConfiguration)
  /// Why it can't be used, a line each; they have been told already where there are none.
  case refused([String])
}

/// Runs the agent until SIGTERM or SIGINT; a second one ends the process at once.
///
/// At SIGHUP the configuration is read again. A usable one takes the old one's place: the core stops
/// in order and another begins over the same data directory, whose lock is kept. A refused one
/// changes nothing.
///
/// - Parameters:
///   - configuration: checked settings.
///   - version: of the program.
///   - logger: takes lines for the operator.
///   - reload: reads the configuration again; called on this thread.
/// - Returns: the exit code, one of ``AgentExit``.
public func runAgent(
  configuration: AgentConfiguration,
  version: String,
  logger: Logger,
  reload: @escaping () -> ReloadAnswer = { .refused(["there is no file to read again"]) }
) -> Int32 {
  let service = ServiceManager()
  let agent = AgentThread(
    configuration: configuration,
    version: version,
    logger: logger,
    service: service
  )
  // Before any thread exists, so that all of them have the signals blocked.
  blockStopSignals()
  guard startSignalThread(agent.reports), agent.start() else {
    logger.critical("no thread left")
    return AgentExit.noThread
  }
  let supervisor = Supervisor(
    agent,
    configuration: configuration,
    logger: logger,
    service: service,
    version: version,
    reload: reload
  )
  let code = supervisor.run()
  LogSink.standardError.flush()
  return code
}

private func stopSignals() -> sigset_t {
  var signals = sigset_t()
  _ = unsafe sigemptyset(&signals)
  for number in [SIGTERM, SIGINT, SIGHUP] { _ = unsafe sigaddset(&signals, number) }
  return signals
}

func blockStopSignals() {
  var signals = stopSignals()
  _ = unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
}

/// Turns blocked signals into reports; its thread lives as long as the process.
func startSignalThread(_ reports: Mailbox<AgentThread.Report>) -> Bool {
  PosixThread.start("signals") {
    var signals = stopSignals()
    while true {
      var number: Int32 = 0
      if unsafe sigwait(&signals, &number) == 0 { reports.post(.signal(number)) }
    }
  }
}
