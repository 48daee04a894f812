public import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink
public import HoldfastRingLog
internal import HoldfastUpstream

/// The centre's side: takes batches, leaves out what was passed on before, passes on the rest.
///
/// A synchronous state machine with one owner, as the agent is; its one source and its one upstream
/// have index 0 in `Input` and `Effect`. The promise is the agent's:
///
/// - A batch is acknowledged when each of its events was acknowledged by the upstream (or set
///   aside), and that they were is durable. What a crash leaves unacknowledged comes again, and is
///   left out as far as it is known to be passed on: only what was passed on and not yet saved is
///   repeated, with equal identity.
/// - Nothing is taken for passed on that was not: what is known is bounded and falls out oldest
///   first.
///
/// The source reads a round, everything that one hand-over brings, and then waits: libmosquitto has
/// one outgoing queue, so PUBACKs leave all or none. The broker's window, and within it what is on
/// its way here, bounds the round.
public struct Unpacker {
  /// Longest time between passing on and saving, microseconds.
  public static let saveInterval: Int64 = 100_000
  /// How long after a failed save the next is tried, microseconds.
  static let saveRetryInterval: Int64 = 1_000_000
  /// A round that lasts longer than this part of keep_alive ends the source's link, as nothing can
  /// be written to it meanwhile; the broker keeps the session.
  private static let keepAlivePart: Int64 = 500_000
  /// Where dead letters are kept, in the data directory.
  public static let deadLetterName = "unpack/dead-letters"

  private let configuration: UnpackConfiguration
  private var queue: UnpackQueue
  private var file: SeenFile
  private var letters: RecordFile
  private var forwarder: Forwarder?
  private var link: Link
  /// Since when a round is under way; nil: the source reads, or is not connected.
  private var roundSince: Int64?
  /// Whether the source was let go until its round is over.
  private var isParked = false
  private var isStopping = false
  private var saveAt: Int64?
  private var hasSaveFailed = false
  /// When `step` is wanted although nothing happened, microseconds by boot clock.
  public private(set) var wakeAt: Int64 = .max
  /// Lines written so far count as passed on up to here.
  private var linesEnd: SequenceNumber = 1

  /// Opens its files and wants its links.
  ///
  /// - Parameters:
  ///   - configuration: checked settings.
  ///   - disk: the data directory.
  ///   - seed: all jitter comes from it.
  ///   - now: boot clock.
  ///   - effects: what the shell must do is appended.
  /// - Throws: the disk's failure; without its memory it must not begin.
  public init(
    configuration: UnpackConfiguration,
    disk: any Disk,
    seed: UInt64,
    now: Int64,
    effects: inout [Effect]
  ) throws(DiskError) {
    self.configuration = configuration
    queue = UnpackQueue(configuration)
    file = SeenFile(disk: disk, memoryByteCountMax: configuration.seenByteCountMax)
    letters = RecordFile(
      disk: disk,
      name: Self.deadLetterName,
      byteCountMax: configuration.upstream?.deadLetterByteCountMax ?? 4 << 20
    )
    var seeds = SplitMix64(seed: seed)
    link = Link(
      name: "source \(configuration.source.name)",
      configuration: configuration.source.link,
      seed: seeds.next()
    )
    if var upstream = configuration.upstream {
      // Topics are filled in, and identities stand in the properties, before it sees an event.
      upstream.topicTemplate = "{topic}"
      upstream.topics = [TopicFilter("#")].compactMap { $0 }
      upstream.addsIdentity = false
      upstream.stages = []
      forwarder = Forwarder(
        configuration: upstream,
        agentID: "",
        ledger: UpstreamLedger(name: upstream.name, cursor: 1),
        log: UnpackQueue.logID,
        seed: seeds.next()
      )
    }
    try file.open()
    if !file.remark.isEmpty { effects.append(.log(LogEntry(.warning, file.remark))) }
    forwarder?.start(now: now)
    link.start(now: now)
    work(now: now, into: &effects)
  }

  /// What became of what came in.
  public var counts: UnpackCounts { queue.counts }
  /// Logs of agents that are known, and ranges and results that fell out for want of room.
  public var seen: (logCount: Int, forgottenCount: UInt64) {
    (file.seen.logCount, file.seen.forgottenCount)
  }

  /// Deals with what happened.
  ///
  /// - Parameters:
  ///   - input: what happened.
  ///   - now: boot clock.
  ///   - effects: what the shell must do, in order, is appended.
  public mutating func step(_ input: Input, now: Int64, effects: inout [Effect]) {
    var lines: [LogEntry] = []
    switch input {
    case .sourceConnected(_, let grant):
      link.connected(grant, now: now, log: &lines)
    case .sourceClosed(_, let failure):
      link.closed(failure, now: now, log: &lines)
      // The held PUBACKs are gone with the link: what was not yet decoded comes again.
      queue.forgetReceived()
      roundSince = nil
    case .received(_, let batch):
      roundSince = now
      queue.receive(batch)
    case .upstreamConnected(_, let grant): forwarder?.connected(grant, now: now)
    case .upstreamClosed(_, let failure): forwarder?.closed(failure, now: now)
    case .primaryAsked(_, let failure): forwarder?.asked(failure, now: now)
    case .acknowledged(_, let answers): forwarder?.acknowledged(answers, now: now)
    case .handedOver(_, let byteCount): forwarder?.handedOver(byteCount)
    case .timer: break
    case .stop:
      isStopping = true
      stopLinks(now: now, log: &lines, into: &effects)
    }
    for line in lines { effects.append(.log(line)) }
    work(now: now, into: &effects)
    if isStopping { finish(now: now, into: &effects) }
  }

  /// The lines that are to be written now, then told by ``linesWritten(now:effects:)``.
  public mutating func takeLines() -> [UInt8] {
    linesEnd = queue.end
    return queue.takeLines()
  }

  /// All lines taken were written.
  public mutating func linesWritten(now: Int64, effects: inout [Effect]) {
    queue.passedOn(before: linesEnd, into: &file)
    work(now: now, into: &effects)
  }

  private mutating func stopLinks(now: Int64, log: inout [LogEntry], into effects: inout [Effect]) {
    if link.requestClose("closing", isRetrying: false, now: now, log: &log) {
      effects.append(.disconnectSource(source: 0, releasing: false))
    }
    var actions: [Forwarder.Action] = []
    forwarder?.stop(now: now, into: &actions)
    perform(actions, into: &effects)
  }

  /// Saves what is known, whether or not the disk takes it, and ends.
  private mutating func finish(now: Int64, into effects: inout [Effect]) {
    if file.needsSave { save(now: now, into: &effects) }
    effects.append(.stopped)
  }

  private mutating func work(now: Int64, into effects: inout [Effect]) {
    if !isStopping { passOn(now: now, into: &effects) }
    if file.needsSave {
      let due = saveAt ?? now + (queue.isEmpty ? 0 : Self.saveInterval)
      saveAt = due
      if now >= due || (queue.isEmpty && !hasSaveFailed) { save(now: now, into: &effects) }
    }
    let isSettled = queue.isEmpty && !file.needsSave
    if isSettled, roundSince != nil {
      roundSince = nil
      link.noteProgress()
      effects.append(.release(source: 0))
    }
    if isSettled, isParked {
      isParked = false
      link.start(now: now)
    }
    var lines: [LogEntry] = []
    parkIfLate(now: now, log: &lines, into: &effects)
    if !isStopping, let version = link.tick(now: now, log: &lines) {
      effects.append(.connectSource(source: 0, version))
    }
    for line in lines { effects.append(.log(line)) }
    wakeAt = min(
      file.needsSave ? saveAt ?? .max : .max,
      min(forwarder?.wakeAt ?? .max, link.wakeAt ?? .max),
      roundSince.map { $0.addingSaturated(roundTimeMax) } ?? .max
    )
  }

  private var roundTimeMax: Int64 {
    Int64(configuration.source.link.keepAliveSeconds) * Self.keepAlivePart
  }

  /// Lets the source go until what it brought is passed on.
  private mutating func parkIfLate(
    now: Int64,
    log: inout [LogEntry],
    into effects: inout [Effect]
  ) {
    guard let roundSince, now.subtractingSaturated(roundSince) >= roundTimeMax else { return }
    self.roundSince = nil
    isParked = true
    let reason = "what came can't be passed on yet; its session waits at the broker meanwhile"
    if link.requestClose(reason, isRetrying: false, now: now, log: &log) {
      effects.append(.disconnectSource(source: 0, releasing: false))
    }
  }

  /// Decodes and publishes until there is no more room, or nothing more.
  private mutating func passOn(now: Int64, into effects: inout [Effect]) {
    var letters = letters
    let keep: (DeadLetter) -> Bool = { letters.append($0.record) }
    var endBefore: SequenceNumber
    repeat {
      endBefore = queue.end
      queue.decode(seen: file.seen, keep: keep)
      if forwarder != nil { forward(now: now, keep: keep, into: &effects) }
    } while queue.end > endBefore && forwarder != nil
    self.letters = letters
  }

  private mutating func forward(
    now: Int64,
    keep: (DeadLetter) -> Bool,
    into effects: inout [Effect]
  ) {
    var actions: [Forwarder.Action] = []
    let log = queue.log
    forwarder?.step(now: now, read: { from, _ in log.read(from) }, keep: keep, into: &actions)
    perform(actions, into: &effects)
    queue.passedOn(before: forwarder?.ledger.cursor ?? 1, into: &file)
  }

  private func perform(_ actions: [Forwarder.Action], into effects: inout [Effect]) {
    for action in actions {
      switch action {
      case .connect(let version, let place):
        effects.append(.connectUpstream(upstream: 0, version, place: place))
      case .ask(let version): effects.append(.askPrimary(upstream: 0, version))
      case .disconnect: effects.append(.disconnectUpstream(upstream: 0))
      case .publish(let batch): effects.append(.publish(upstream: 0, batch))
      case .log(let entry): effects.append(.log(entry))
      }
    }
  }

  private mutating func save(now: Int64, into effects: inout [Effect]) {
    do throws(DiskError) {
      try file.save()
      saveAt = nil
      hasSaveFailed = false
    } catch {
      saveAt = now.addingSaturated(Self.saveRetryInterval)
      if !hasSaveFailed {
        effects.append(
          .log(
            LogEntry(.error, "nothing is acknowledged until \(SeenFile.name) is saved: \(error)")
          )
        )
      }
      hasSaveFailed = true
    }
  }
}
