internal import HoldfastLink

/// What an answer of 0x80 or above asks for.
enum RefusalKind: Equatable, Sendable {
  /// It may pass: sent again for ever.
  case retryable
  /// Tried a few times, as rights may be being mended right now; then set aside.
  case notAuthorized
  /// It will be the same next time: set aside at once.
  case permanent

  init(reasonCode: UInt8) {
    switch reasonCode {
    case 0x87: self = .notAuthorized
    case 0x90, 0x95, 0x99: self = .permanent
    default: self = .retryable
    }
  }
}

/// `not authorized (0x87)`: a PUBACK's reason for a person (section 3.4.2.1).
func reasonText(_ code: UInt8) -> String {
  let words =
    switch code {
    case 0x80: "unspecified error"
    case 0x83: "implementation specific error"
    case 0x87: "not authorized"
    case 0x90: "topic name invalid"
    case 0x91: "packet identifier in use"
    case 0x95: "packet too large"
    case 0x97: "quota exceeded"
    case 0x99: "payload format invalid"
    default: "reason"
    }
  let digits = String(code, radix: 16, uppercase: true)
  return "\(words) (0x\(digits))"
}

/// Where an upstream stands after a refusal: draining, waiting, or probing.
struct RefusalState: Sendable {
  /// Most topics remembered as not authorised.
  static let deniedTopicCountMax = 64

  var backoff: Backoff
  /// The window drains; nothing is sent.
  var isDraining = false
  /// Nothing is sent before, microseconds by boot clock.
  var resumeAt: Int64 = .min
  /// The refused slot, sent alone until it has an answer: so what follows it is repeated once,
  /// not once per try.
  var probe: UInt64?
  /// Whether this link's peer took any event: then a refused topic is a matter of that topic.
  var hasAccepted = false
  /// Topics whose refusals have used up their tries on this link.
  private var deniedTopics: [[UInt8]] = []

  init(backoff: Backoff) { self.backoff = backoff }

  /// Whether an event of that topic is set aside at its first refusal.
  ///
  /// One denied topic must not hold up all others, try after try. Where nothing is accepted, the
  /// fault is not the topic's, and the log is not emptied into the dead letters at full speed.
  func isDenied(_ topic: [UInt8]) -> Bool { hasAccepted && deniedTopics.contains(topic) }

  /// Remembers a topic, and forgets the oldest when there are too many.
  mutating func deny(_ topic: [UInt8]) {
    if deniedTopics.contains(topic) { return }
    if deniedTopics.count >= Self.deniedTopicCountMax { deniedTopics.removeFirst() }
    deniedTopics.append(topic)
  }

  /// Another link, another try: rights may have changed.
  mutating func beginLink() {
    deniedTopics.removeAll()
    hasAccepted = false
    backoff.reset()
  }
}
