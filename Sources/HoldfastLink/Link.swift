public import HoldfastEvent

/// One MQTT connection as seen by the core: when to connect, where, with which version, when to wait.
///
/// With `fallback_urls` it goes through a list of brokers, the primary first: `Link+Brokers.swift`.
///
/// Sources and upstreams use it alike. It performs nothing: ``tick(now:log:)`` says when the
/// shell must connect, and the shell answers each connect with ``connected(_:now:log:)`` or
/// ``closed(_:now:log:)``. Every instant is microseconds by boot clock.
public struct Link: Sendable {
  /// Where the link stands.
  public enum State: Equatable, Sendable {
    /// Not wanted: neither connected nor trying. Left by `start`.
    case idle
    /// The next try is due at `until`. Left by `tick`.
    case waiting(until: Int64)
    /// The shell was told to connect. Left by `connected` or `closed`.
    case connecting(ProtocolVersion, since: Int64)
    /// CONNACK came. Left by `closed` or `requestClose`.
    case up(ProtocolVersion, since: Int64)
    /// We want the link dropped and the shell has not confirmed it; nil: then `idle`.
    case closing(retryAt: Int64?)
  }

  /// A link that held this long starts its backoff anew, microseconds.
  public static let stableTime: Int64 = 10 * microsecondsPerSecond
  /// A link that held this long has a peer that is busy no more, microseconds: it may take a message
  /// before it says so again.
  public static let calmTime: Int64 = 60 * microsecondsPerSecond
  /// Least wait after another client took our session, microseconds: two that share a client id
  /// would otherwise throw each other out for ever.
  public static let takenOverDelay: Int64 = 30 * microsecondsPerSecond
  /// A close this soon after CONNACK is early, microseconds.
  public static let earlyCloseTime: Int64 = 5 * microsecondsPerSecond
  /// Early closes without a known cause, in a row, that are taken for another client's doing: not
  /// every broker says that it gave our session away (Mosquitto 2.0.11 just closes).
  public static let earlyCloseCountMax = 3
  /// While a failure repeats itself, this much time between two lines above debug level.
  public static let repeatTime: Int64 = 300 * microsecondsPerSecond
  /// Failures of one kind in a row that are each shown.
  static let shownCountMax = 3

  /// `source floor`, `upstream central`: who speaks in the log.
  public let name: String
  let configuration: LinkConfiguration
  /// Where the link stands.
  public internal(set) var state: State = .idle
  private var backoff: Backoff
  /// For a peer that said that it has too much to do.
  private var busyBackoff: Backoff
  /// Whether the peer did something useful since CONNACK.
  private(set) var hasProgressed = false
  /// What is known of each broker of the list, the primary first.
  var brokers: [BrokerMemory]
  /// Which broker of the list is used, or tried next; 0: the primary.
  public internal(set) var place = 0
  /// Whether one that was tried since the primary said that it is busy.
  private var isRoundBusy = false
  /// How the way back to the primary stands.
  var comeback = Comeback.none
  /// Jitter of what has to do with the list.
  var hopRandom: SplitMix64

  /// - Parameters:
  ///   - name: who speaks in the log.
  ///   - configuration: where and how to connect.
  ///   - seed: all randomness comes from it.
  public init(name: String, configuration: LinkConfiguration, seed: UInt64) {
    self.name = name
    self.configuration = configuration
    backoff = Backoff(cap: configuration.backoffMax, seed: seed)
    busyBackoff = Backoff.busy(cap: configuration.backoffMax, seed: ~seed)
    hopRandom = SplitMix64(seed: seed ^ Self.hopSeed)
    brokers = Array(
      repeating: BrokerMemory(choice: ProtocolChoice(configuration.protocolPolicy)),
      count: configuration.brokerCount
    )
  }

  /// Whether CONNACK came and the link has not ended since.
  public var isUp: Bool {
    if case .up = state { true } else { false }
  }

  /// When `tick` is wanted; nil while only the shell can move things.
  public var wakeAt: Int64? {
    switch state {
    case .waiting(let until): until
    case .up: comeback.wakeAt
    default: nil
    }
  }

  /// Wants the link; due at once unless it is there or on its way.
  public mutating func start(now: Int64) {
    switch state {
    case .idle: state = .waiting(until: now)
    case .closing(nil): state = .closing(retryAt: now)
    case .waiting, .connecting, .up, .closing: break
    }
  }

  /// Returns the version to connect with when a try is due.
  public mutating func tick(now: Int64, log: inout [LogEntry]) -> ProtocolVersion? {
    guard case .waiting(let until) = state, now >= until else { return nil }
    let (version, note) = brokers[place].choice.next(now: now)
    if let note { log.append(LogEntry(.notice, "\(name): \(url): \(note)")) }
    state = .connecting(version, since: now)
    hasProgressed = false
    return version
  }

  /// CONNACK with success; false, and nothing done, unless we were connecting.
  @discardableResult
  public mutating func connected(
    _ grant: SessionGrant,
    now: Int64,
    log: inout [LogEntry]
  ) -> Bool {
    guard case .connecting = state else { return false }
    state = .up(grant.protocolVersion, since: now)
    brokers[place].choice.connected(grant.protocolVersion)
    if !isContested { brokers[place].repeated = nil }
    isRoundBusy = false
    comeback = place > 0 ? .asking(at: now.addingSaturated(comebackDelay())) : .none
    var words = "\(name): connected to \(url)"
    if configuration.kafkaBrokers == nil {
      words += " with MQTT \(grant.protocolVersion.rawValue)"
      words += grant.isSessionPresent ? ", session present" : ", new session"
    }
    if place > 0 {
      words += ", in place of \(configuration.url), which is asked every"
      words += " \(durationText(configuration.primaryRetry)) whether it is there again"
    }
    log.append(LogEntry(isContested ? .debug : .info, words))
    return true
  }

  /// The peer did something useful: the next backoff is a first one.
  public mutating func noteProgress() { hasProgressed = true }

  /// The link ended or could not be made; nothing happens when there was none.
  public mutating func closed(_ failure: LinkFailure, now: Int64, log: inout [LogEntry]) {
    switch state {
    case .idle, .waiting:
      return
    case .closing(let retryAt):
      state = retryAt.map { .waiting(until: max($0, now)) } ?? .idle
    case .connecting(let version, _):
      // The echo of an earlier request to close is not an answer to this connect.
      if failure.kind == .requested { return }
      let note = brokers[place].choice.failed(failure.kind, now: now)
      // Another version is tried where the first one was refused.
      let step: Step = isWorthAnotherVersion(note, at: place) ? .stay : .next
      wait(after: failure, version: version, note: note, step, now: now, log: &log)
    case .up(let version, let since):
      if failure.kind == .sessionTakenOver, isComingBack {
        return comeBackAtOnce(now: now, log: &log)
      }
      let duration = now.subtractingSaturated(since)
      if hasProgressed || duration >= Self.stableTime { backoff.reset() }
      if duration >= Self.calmTime { busyBackoff.reset() }
      noteClose(failure, after: duration)
      wait(after: failure, version: version, note: nil, stepAfterUp(now), now: now, log: &log)
    }
  }

  /// Whether closes come as if another client used our client id.
  private var isContested: Bool { brokers[place].earlyCloseCount >= Self.earlyCloseCountMax }

  private mutating func noteClose(_ failure: LinkFailure, after duration: Int64) {
    let isEarly = failure.kind == .closed && !failure.isExplained && duration < Self.earlyCloseTime
    let count = brokers[place].earlyCloseCount
    brokers[place].earlyCloseCount = isEarly ? min(count + 1, Self.earlyCloseCountMax) : 0
  }

  /// Drops the link.
  ///
  /// - Parameters:
  ///   - reason: why, for the operator.
  ///   - isRetrying: whether to connect again after a backoff; otherwise `start` does.
  ///   - now: boot clock.
  ///   - log: one line is appended if there was a link.
  /// - Returns: whether the shell must be told to drop it.
  public mutating func requestClose(
    _ reason: String,
    isRetrying: Bool,
    now: Int64,
    log: inout [LogEntry]
  ) -> Bool {
    switch state {
    case .idle: return false
    case .waiting:
      if !isRetrying { state = .idle }
      return false
    case .closing:
      if !isRetrying { state = .closing(retryAt: nil) }
      return false
    case .connecting, .up:
      if hasProgressed { backoff.reset() }
      let from = url
      // One that was up, and acknowledged nothing for all its time, is no better than one out of reach.
      let step: Step = isUp && !hasProgressed ? .next : .first
      let isHop = take(isRetrying ? step : .first)
      let delay = !isRetrying ? 0 : isHop ? hopDelay() : backoff.next()
      state = .closing(retryAt: isRetrying ? now.addingSaturated(delay) : nil)
      log.append(
        LogEntry(
          isRetrying ? .warning : .info,
          "\(name): \(from): \(reason)"
            + (isRetrying ? "; \(isHop ? "trying \(url)" : "connecting anew")" : "")
            + (isRetrying ? " in \(durationText(delay))" : "")
        )
      )
      return true
    }
  }

  private mutating func wait(
    after failure: LinkFailure,
    version: ProtocolVersion,
    note: String?,
    _ step: Step,
    now: Int64,
    log: inout [LogEntry]
  ) {
    var kind = failure.kind
    if kind == .closed && isContested { kind = .sessionContested }
    if kind == .busy { isRoundBusy = true }
    let from = url
    let level = level(of: kind, isNew: note != nil, now: now)
    let isHop = take(step)
    var delay: Int64
    if isHop {
      delay = hopDelay()
    } else {
      delay = isRoundBusy ? busyBackoff.next() : backoff.next()
      isRoundBusy = false
      if kind == .sessionTakenOver || kind == .sessionContested {
        delay = delay.addingSaturated(Self.takenOverDelay)
      }
    }
    state = .waiting(until: now.addingSaturated(delay))
    let detail = failure.detail.isEmpty ? "" : " (\(failure.detail))"
    log.append(
      LogEntry(
        level,
        "\(name): \(from): \(words(for: kind, version))\(detail)"
          + (note.map { "; \($0)" } ?? "")
          + "; \(isHop ? "trying \(url)" : "next try") in \(durationText(delay))"
      )
    )
  }

  /// Repeats of one failure sink to debug level, but for one line now and then.
  private mutating func level(
    of kind: LinkFailure.Kind,
    isNew: Bool,
    now: Int64
  ) -> LogEntry.Level {
    var count = 1
    var shownAt = now
    var isShown = true
    if let repeated = brokers[place].repeated, repeated.kind == kind {
      count = min(repeated.count, Int.max - 1) + 1
      isShown =
        isNew || count <= Self.shownCountMax
        || now.subtractingSaturated(repeated.shownAt) >= Self.repeatTime
      shownAt = isShown ? now : repeated.shownAt
    }
    brokers[place].repeated = (kind, count, shownAt)
    guard isShown else { return .debug }
    switch kind {
    case .refused, .tls, .sessionTakenOver, .sessionContested, .clientFailed: return .error
    default: return .warning
    }
  }
}
