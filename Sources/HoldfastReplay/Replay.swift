public import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastLink
public import HoldfastRingLog
public import HoldfastUpstream

/// Sends a range of a log to an upstream once more, marked as replay, beside the agent.
///
/// A synchronous state machine with one owner, as the agent is; its one upstream has index 0 in
/// `Input` and `Effect`. It reads the log and changes nothing in it: no cursor, no counter. The
/// range looks like a log to the forwarder, so links, windows, budgets and refusals are the agent's.
///
/// Identities are those of the first time: agent, log, number.
public struct Replay {
  /// Most refused messages that are remembered one by one.
  public static let refusalCountMax = 100

  /// Why it ended before the range did.
  public enum Failure: Equatable, Sendable {
    /// Format `event` over MQTT 3.1.1: nothing says that these are no new events.
    case unmarkable
  }

  private let configuration: ReplayConfiguration
  private let log: ReplayLog
  private var forwarder: Forwarder
  /// What was refused, the first ``refusalCountMax``.
  public private(set) var refusals: [DeadLetter] = []
  /// Why it ended; nil: it goes on, or has sent all.
  public private(set) var failure: Failure?
  /// When `step` is wanted although nothing happened, microseconds by boot clock.
  public private(set) var wakeAt: Int64 = .max
  /// Since when there has been no link, microseconds by boot clock; nil while there is one.
  public private(set) var disconnectedSince: Int64?

  /// Wants its link.
  ///
  /// - Parameters:
  ///   - configuration: what to send, and where to.
  ///   - ring: the log, opened for looking at it.
  ///   - seed: all jitter comes from it.
  ///   - now: boot clock.
  ///   - effects: what the shell must do is appended.
  public init(
    _ configuration: ReplayConfiguration,
    ring: RingInspection,
    seed: UInt64,
    now: Int64,
    effects: inout [Effect]
  ) {
    self.configuration = configuration
    log = ReplayLog(ring, configuration.numbers, wall: configuration.wall)
    forwarder = Forwarder(
      configuration: configuration.upstream,
      agentID: configuration.agentID,
      ledger: UpstreamLedger(
        name: configuration.upstream.name,
        cursor: configuration.numbers.lowerBound
      ),
      sources: configuration.sources,
      log: ring.account?.log ?? LogID(high: 0, low: 0),
      seed: seed
    )
    disconnectedSince = now
    forwarder.start(now: now)
    work(now: now, into: &effects)
  }

  /// What became of the range so far.
  public var account: ReplayAccount { ReplayAccount(forwarder.ledger, log) }

  /// Whether nothing is left to be done.
  public var isFinished: Bool {
    failure != nil
      || forwarder.ledger.cursor >= configuration.numbers.upperBound && forwarder.inFlightCount == 0
  }

  /// Deals with what happened.
  ///
  /// - Parameters:
  ///   - input: what happened; of sources nothing does.
  ///   - now: boot clock.
  ///   - effects: what the shell must do, in order, is appended.
  public mutating func step(_ input: Input, now: Int64, effects: inout [Effect]) {
    switch input {
    case .upstreamConnected(_, let grant):
      disconnectedSince = nil
      let canMark = grant.protocolVersion == .v5 || configuration.upstream.format != .event
      guard canMark || configuration.mayGoUnmarked else {
        failure = .unmarkable
        return
      }
      forwarder.connected(grant, now: now)
    case .upstreamClosed(_, let failure):
      if disconnectedSince == nil { disconnectedSince = now }
      forwarder.closed(failure, now: now)
    case .acknowledged(_, let answers): forwarder.acknowledged(answers, now: now)
    case .handedOver(_, let byteCount): forwarder.handedOver(byteCount)
    case .primaryAsked(_, let failure): forwarder.asked(failure, now: now)
    case .stop:
      var actions: [Forwarder.Action] = []
      forwarder.stop(now: now, into: &actions)
      perform(actions, into: &effects)
      effects.append(.stopped)
      return
    case .timer, .sourceConnected, .sourceClosed, .received: break
    }
    work(now: now, into: &effects)
  }

  private mutating func work(now: Int64, into effects: inout [Effect]) {
    if isFinished { return }
    var actions: [Forwarder.Action] = []
    var kept: [DeadLetter] = []
    let room = Self.refusalCountMax - refusals.count
    forwarder.step(
      now: now,
      read: { log.read($0, passedGaps: $1) },
      keep: { letter in
        if kept.count < room { kept.append(letter) }
        return true
      },
      into: &actions
    )
    refusals += kept
    perform(actions, into: &effects)
    wakeAt = forwarder.wakeAt ?? .max
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
}
