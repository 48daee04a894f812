internal import HoldfastEvent

/// Which version of MQTT the next connect speaks.
///
/// Under `auto` MQTT 5 comes first. 3.1.1 takes over when 5 is refused by name, or when the peer
/// closed three times in a row before CONNACK (RabbitMQ 3.10 says no to 5 in that way alone).
/// What worked is remembered, by the agent across restarts too; once a day 5 is tried again at the
/// next reconnect.
struct ProtocolChoice: Equatable, Sendable {
  /// Closes before CONNACK, in a row, that make 3.1.1 worth a try.
  static let earlyCloseCountMax = 3
  /// How long 3.1.1 stays chosen before 5 is tried again, microseconds.
  static let memoryTime: Int64 = 86_400 * microsecondsPerSecond

  private let policy: ProtocolPolicy
  private var version: ProtocolVersion
  private var earlyCloseCount = 0
  /// Under `auto`, while 3.1.1 is chosen: when 5 gets its next try.
  private var retryFiveAt: Int64?
  /// The try of 5 that a day of 3.1.1 has earned.
  private var isProbing = false
  /// 3.1.1 was chosen because of closes alone and has not yet connected.
  private var isUnproven = false
  /// Said at the next try.
  private var recallNote: String?

  init(_ policy: ProtocolPolicy) {
    self.policy = policy
    version = policy == .v311 ? .v311 : .v5
  }

  /// While 3.1.1 is chosen for a reason: when 5 gets its next try.
  var fallbackUntil: Int64? { version == .v311 && !isUnproven ? retryFiveAt : nil }

  /// Whether 3.1.1 is chosen, for whatever reason.
  var isFallenBack: Bool { version == .v311 }

  /// Takes over what an earlier run had found out.
  mutating func recallFallback(until: Int64, now: Int64) {
    guard policy == .auto, version == .v5, until > now else { return }
    version = .v311
    retryFiveAt = min(until, now.addingSaturated(Self.memoryTime))
    recallNote = "MQTT 3.1.1, as found out earlier; MQTT 5 is tried again within a day"
  }

  /// The version to connect with now, and what to tell the operator if it is a new one.
  mutating func next(now: Int64) -> (version: ProtocolVersion, note: String?) {
    if let retryFiveAt, now >= retryFiveAt, !isProbing {
      isProbing = true
      return (.v5, "trying MQTT 5 again after a day of 3.1.1")
    }
    defer { recallNote = nil }
    return (isProbing ? .v5 : version, isProbing ? nil : recallNote)
  }

  /// CONNACK with success: what was tried is proven.
  mutating func connected(_ connected: ProtocolVersion) {
    earlyCloseCount = 0
    isProbing = false
    isUnproven = false
    if policy == .auto {
      version = connected
      if connected == .v5 { retryFiveAt = nil }
    }
  }

  /// No CONNACK; returns what changes, for the operator.
  mutating func failed(_ kind: LinkFailure.Kind, now: Int64) -> String? {
    guard policy == .auto else {
      return kind == .unsupportedProtocolVersion
        ? "set protocol = \"auto\" to let the versions be tried in turn" : nil
    }
    let isEarlyClose = kind == .closedBeforeConnected || kind == .closed
    if isProbing {
      // A peer out of reach, or too busy, has not answered the question; any other answer is a no.
      if kind == .unreachable || kind == .busy { return nil }
      return fallBack(now: now, isUnproven: false)
    }
    if version == .v311 {
      guard kind == .unsupportedProtocolVersion || (isUnproven && isEarlyClose) else { return nil }
      // It says no to 3.1.1 as well, so the version was not the reason.
      version = .v5
      retryFiveAt = nil
      isUnproven = false
      earlyCloseCount = 0
      return "3.1.1 fares no better: going back to MQTT 5"
    }
    if kind == .unsupportedProtocolVersion { return fallBack(now: now, isUnproven: false) }
    if isEarlyClose {
      earlyCloseCount += 1
      if earlyCloseCount >= Self.earlyCloseCountMax { return fallBack(now: now, isUnproven: true) }
    } else if kind == .refused || kind == .busy {
      earlyCloseCount = 0
    }
    return nil
  }

  private mutating func fallBack(now: Int64, isUnproven: Bool) -> String {
    version = .v311
    isProbing = false
    self.isUnproven = isUnproven
    earlyCloseCount = 0
    retryFiveAt = now.addingSaturated(Self.memoryTime)
    return "falling back to MQTT 3.1.1; MQTT 5 is tried again in a day"
  }
}
