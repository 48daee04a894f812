import Glibc
import HoldfastAgent
public import HoldfastEvent
public import HoldfastReplay
public import HoldfastRingLog
public import HoldfastUpstream

/// How a replay ended.
public struct ReplayOutcome: Sendable {
  /// Why it ended.
  public enum End: Equatable, Sendable {
    /// All of the range is settled.
    case complete
    /// By SIGINT, SIGTERM or SIGHUP.
    case interrupted
    /// There was no link for ``ReplayOutcome/patience``.
    case unreachable
    /// See ``Replay/Failure``.
    case failed(Replay.Failure)
    /// The operating system refused a thread.
    case noThread
  }

  /// Without a link for so long it gives up, microseconds.
  public static let patience: Int64 = 120_000_000

  /// Why it ended.
  public var end: End
  /// What became of the range.
  public var account: ReplayAccount
  /// What was refused for good, the first of it.
  public var refusals: [DeadLetter]
}

/// Sends a range of a log once more, until all of it is answered; see ``Replay``.
///
/// A second signal ends the process at once.
///
/// - Parameters:
///   - configuration: what to send, and where to.
///   - ring: the log, opened for looking at it.
///   - progress: told now and then how many numbers are settled, of how many.
///   - log: takes lines for the operator.
/// - Returns: how it ended.
public func runReplay(
  _ configuration: ReplayConfiguration,
  ring: RingInspection,
  progress: (UInt64, UInt64) -> Void,
  log: (LogEntry) -> Void
) -> ReplayOutcome {
  let reports = Mailbox<AgentThread.Report>()
  blockStopSignals()
  _ = signal(SIGPIPE, SIG_IGN)
  let canStop = startSignalThread(reports)
  let loop = ReplayLoop(configuration, ring: ring, reports: reports)
  return loop.run(canStop: canStop, progress: progress, log: log)
}

/// The core and its one link.
private final class ReplayLoop {
  private static let finishTimeout: Int64 = 3_000_000
  private static let progressInterval: Int64 = 200_000
  private static let timerIntervalMin: Int64 = 1000

  private let inbox = Mailbox<Input>()
  private let reports: Mailbox<AgentThread.Report>
  private let thread = UpstreamThread()
  private let finished = Latch(count: 1)
  private var replay: Replay
  private var effects: [Effect] = []
  private var isInterrupted = false
  private var timerFloor: Int64 = 0

  init(
    _ configuration: ReplayConfiguration,
    ring: RingInspection,
    reports: Mailbox<AgentThread.Report>
  ) {
    self.reports = reports
    replay = Replay(
      configuration,
      ring: ring,
      seed: SystemIdentity.seed(),
      now: SystemClock.boot(),
      effects: &effects
    )
    let inbox = self.inbox
    thread.start(
      index: 0,
      configuration: configuration.upstream,
      budgetByteCount: configuration.upstream.budgetByteCount,
      post: { inbox.post($0) },
      log: { _ in },
      finished: finished
    )
  }

  func run(
    canStop: Bool,
    progress: (UInt64, UInt64) -> Void,
    log: (LogEntry) -> Void
  ) -> ReplayOutcome {
    carryOut(log)
    var end: ReplayOutcome.End? = canStop ? nil : .noThread
    while end == nil {
      end = state()
      if end != nil { break }
      runOnce(log)
      let account = replay.account
      progress(
        account.position - account.numbers.lowerBound,
        account.numbers.upperBound - account.numbers.lowerBound
      )
    }
    let now = SystemClock.boot()
    // What is acknowledged by now counts; the rest is sent again by whoever goes on.
    for input in inbox.takeAll() { replay.step(input, now: now, effects: &effects) }
    effects.removeAll()
    replay.step(.stop, now: now, effects: &effects)
    carryOut(log)
    thread.post(.finish)
    _ = finished.wait(until: SystemClock.boot() + Self.finishTimeout)
    return ReplayOutcome(
      end: end ?? .complete,
      account: replay.account,
      refusals: replay.refusals
    )
  }

  private func state() -> ReplayOutcome.End? {
    if let failure = replay.failure { return .failed(failure) }
    if replay.isFinished { return .complete }
    if isInterrupted { return .interrupted }
    guard let since = replay.disconnectedSince else { return nil }
    return SystemClock.boot() - since >= ReplayOutcome.patience ? .unreachable : nil
  }

  private func runOnce(_ log: (LogEntry) -> Void) {
    let now = SystemClock.boot()
    let due = min(max(replay.wakeAt, timerFloor), now + Self.progressInterval)
    _ = waitForEvents(
      [PollRequest(inbox.event.descriptor, POLLIN), PollRequest(reports.event.descriptor, POLLIN)],
      microseconds: due - now
    )
    for case .signal(let number) in reports.takeAll() {
      if isInterrupted { _exit(128 + number) }
      isInterrupted = true
    }
    for input in inbox.takeAll() {
      replay.step(input, now: SystemClock.boot(), effects: &effects)
      carryOut(log)
    }
    let after = SystemClock.boot()
    if after >= max(replay.wakeAt, timerFloor) {
      timerFloor = after + Self.timerIntervalMin
      replay.step(.timer, now: after, effects: &effects)
      carryOut(log)
    }
  }

  private func carryOut(_ log: (LogEntry) -> Void) {
    for effect in effects {
      switch effect {
      case .connectUpstream(_, let version, let place):
        thread.post(.connect(version, place: place))
      case .askPrimary(_, let version): thread.post(.ask(version))
      case .disconnectUpstream: thread.post(.disconnect)
      case .publish(_, let batch): thread.post(.publish(batch))
      case .log(let entry): log(entry)
      default: break
      }
    }
    effects.removeAll(keepingCapacity: true)
  }
}
