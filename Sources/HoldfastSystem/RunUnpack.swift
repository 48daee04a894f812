import Glibc
import HoldfastAgent
import HoldfastEvent
import HoldfastRingLog
public import HoldfastUnpack
public import Logging

/// How `holdfast unpack` ends besides ``AgentExit``; sysexits(3) where it has a fitting number.
public enum UnpackExit {
  /// Standard output, or the data directory, takes no more.
  public static let inputOutput: Int32 = 74
}

/// Takes batches apart until SIGTERM, SIGINT or SIGHUP; a second signal ends the process at once.
///
/// - Parameters:
///   - configuration: checked settings.
///   - dataDirectory: where it remembers what was passed on.
///   - logger: takes lines for the operator.
/// - Returns: the exit code, of ``AgentExit`` or ``UnpackExit``.
public func runUnpack(
  configuration: UnpackConfiguration,
  dataDirectory: String,
  logger: Logger
) -> Int32 {
  let reports = Mailbox<AgentThread.Report>()
  blockStopSignals()
  // A closed pipe must be an error of write(2), not a signal.
  _ = signal(SIGPIPE, SIG_IGN)
  guard startSignalThread(reports) else {
    logger.critical("no thread left")
    return AgentExit.noThread
  }
  let disk = PosixDisk(path: dataDirectory, access: .exclusive)
  var code = UnpackExit.inputOutput
  do throws(DiskError) {
    try disk.lock()
    let loop = try UnpackLoop(configuration, disk: disk, reports: reports, logger: logger)
    code = loop.run()
  } catch {
    if error.operation == .lock && error.errno == EWOULDBLOCK {
      let who = disk.lockHolder().map { "process \($0)" } ?? "another process"
      logger.critical("\(dataDirectory) is in use by \(who): give this one a data_dir of its own")
      code = AgentExit.locked
    } else {
      logger.critical("can't use \(dataDirectory): \(error): \(errorText(error.errno))")
    }
  }
  LogSink.standardError.flush()
  return code
}

/// The core and what surrounds it, all on the main thread but the links.
private final class UnpackLoop {
  private static let statusInterval: Int64 = 60_000_000
  private static let finishTimeout: Int64 = 3_000_000
  private static let timerIntervalMin: Int64 = 1000

  private let inbox = Mailbox<Input>()
  private let reports: Mailbox<AgentThread.Report>
  private let logger: Logger
  private let source = SourceThread()
  private let upstream: UpstreamThread?
  private let linksFinished: Latch
  private var unpacker: Unpacker
  private var effects: [Effect] = []
  private var takenCount: UInt64 = 0
  private var timerFloor: Int64 = 0
  private var statusAt: Int64
  private var toldCounts = UnpackCounts()
  private var isStopping = false
  private var isStopped = false
  private var hasOutputFailed = false
  private let output = LineOutput()

  init(
    _ configuration: UnpackConfiguration,
    disk: PosixDisk,
    reports: Mailbox<AgentThread.Report>,
    logger: Logger
  ) throws(DiskError) {
    self.reports = reports
    self.logger = logger
    upstream = configuration.upstream == nil ? nil : UpstreamThread()
    linksFinished = Latch(count: configuration.upstream == nil ? 1 : 2)
    let now = SystemClock.boot()
    statusAt = now + Self.statusInterval
    unpacker = try Unpacker(
      configuration: configuration,
      disk: disk,
      seed: SystemIdentity.seed(),
      now: now,
      effects: &effects
    )
    let inbox = self.inbox
    source.start(
      index: 0,
      configuration: configuration.source,
      payloadByteCountMax: BatchDecoder.byteCountMax,
      post: { inbox.post($0) },
      log: { logger.log($0) },
      finished: linksFinished
    )
    if let settings = configuration.upstream {
      upstream?.start(
        index: 0,
        configuration: settings,
        post: { inbox.post($0) },
        log: { logger.log($0) },
        finished: linksFinished
      )
    }
  }

  func run() -> Int32 {
    if upstream == nil {
      switch output.trim() {
      case 0: break
      case nil: logger.warning("can't tell whether standard output ends with a whole line")
      case let byteCount?: logger.notice("cut off \(byteCount) bytes of a line that was not whole")
      }
    }
    carryOut()
    while !isStopped && !hasOutputFailed { runOnce() }
    source.post(.finish)
    upstream?.post(.finish)
    if !linksFinished.wait(until: SystemClock.boot() + Self.finishTimeout) {
      logger.warning("a connection could not be closed cleanly")
    }
    tellStatus()
    logger.notice("stopped")
    return hasOutputFailed ? UnpackExit.inputOutput : AgentExit.success
  }

  private func runOnce() {
    let due = min(max(unpacker.wakeAt, timerFloor), statusAt)
    _ = waitForEvents(
      [PollRequest(inbox.event.descriptor, POLLIN), PollRequest(reports.event.descriptor, POLLIN)],
      microseconds: due - SystemClock.boot()
    )
    takeSignals()
    for input in inbox.takeAll() {
      if case .received = input { takenCount += 1 }
      step(input)
    }
    if isStopping && !isStopped { step(.stop) }
    let now = SystemClock.boot()
    if now >= max(unpacker.wakeAt, timerFloor) {
      timerFloor = now + Self.timerIntervalMin
      step(.timer)
    }
    if now >= statusAt { tellStatus() }
  }

  private func takeSignals() {
    for case .signal(let number) in reports.takeAll() {
      if isStopping { _exit(128 + number) }
      isStopping = true
      logger.notice("stopping")
    }
  }

  private func step(_ input: Input) {
    if isStopped || hasOutputFailed { return }
    unpacker.step(input, now: SystemClock.boot(), effects: &effects)
    carryOut()
    while !isStopped, !hasOutputFailed {
      let lines = unpacker.takeLines()
      guard !lines.isEmpty else { return }
      guard write(lines) else { return }
      unpacker.linesWritten(now: SystemClock.boot(), effects: &effects)
      carryOut()
    }
  }

  private func carryOut() {
    for effect in effects { carryOut(effect) }
    effects.removeAll(keepingCapacity: true)
  }

  private func carryOut(_ effect: Effect) {
    switch effect {
    case .connectSource(_, let version): source.post(.connect(version))
    case .readMore: source.post(.readMore(through: takenCount))
    case .release: source.post(.release(through: takenCount))
    case .disconnectSource(_, let isReleasing):
      source.post(.disconnect(releasing: isReleasing, through: takenCount))
    case .connectUpstream(_, let version, let place):
      upstream?.post(.connect(version, place: place))
    case .askPrimary(_, let version): upstream?.post(.ask(version))
    case .disconnectUpstream: upstream?.post(.disconnect)
    case .publish(_, let batch): upstream?.post(.publish(batch))
    case .log(let entry): logger.log(entry)
    case .stopped: isStopped = true
    }
  }

  /// Writes all of it to standard output; false: it could not, and then it comes again.
  private func write(_ bytes: [UInt8]) -> Bool {
    let outcome = output.write(bytes, wake: reports.event.descriptor) {
      takeSignals()
      return isStopping
    }
    if case .failed(let number) = outcome {
      logger.error("can't write to standard output: \(errorText(number))")
      hasOutputFailed = true
    }
    return outcome == .written
  }

  private func tellStatus() {
    statusAt = SystemClock.boot() + Self.statusInterval
    LogSink.standardError.expire()
    let counts = unpacker.counts
    guard counts != toldCounts else { return }
    toldCounts = counts
    let seen = unpacker.seen
    logger.notice(
      """
      \(counts.events) events of \(counts.messages) messages, \(counts.repeated) of them repeated \
      and left out, \(counts.replayed) of replays passed on again, \(counts.filtered) filtered, \(counts.gaps) gap records, \
      \(counts.unreadable) unreadable, \(counts.looping) looping, \
      \(counts.deadLetters) dead letters, \(counts.dropped) dropped, \
      \(counts.others) messages of other shares, \(seen.logCount) logs known, \
      \(seen.forgottenCount) forgotten
      """
    )
  }
}
