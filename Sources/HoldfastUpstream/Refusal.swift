internal import HoldfastEvent
internal import HoldfastLink

/// Why a Kafka cluster, or the client library, did not take a record; codes that MQTT leaves free.
public enum RecordRefusal: UInt8, Sendable, CaseIterable {
  /// Larger than `message.max.bytes`: the library does not even send it.
  case recordTooLarge = 0xC0
  /// The batch it was in is too large for the topic; alone it may not be.
  case batchTooLarge = 0xC1
  case unknownTopic = 0xC2
  case topicNotAuthorized = 0xC3
  /// No name of a topic.
  case invalidTopic = 0xC4
  /// The topic's rules forbid something in its batch.
  case invalidRecord = 0xC5
  case invalidTimestamp = 0xC6
  /// The library's queue is full.
  case queueFull = 0xC7
  /// Not delivered within `message.timeout.ms`, where that was set.
  case timedOut = 0xC8
  /// Anything else; it may pass.
  case failed = 0xC9

  /// For a person.
  var text: String {
    switch self {
    case .recordTooLarge: "record larger than message.max.bytes"
    case .batchTooLarge: "batch larger than the topic's max.message.bytes: lower batch.size"
    case .unknownTopic: "the cluster has no such topic and makes none"
    case .topicNotAuthorized: "not authorized to write to the topic"
    case .invalidTopic: "topic name invalid"
    case .invalidRecord: "record or batch invalid by the topic's rules"
    case .invalidTimestamp: "timestamp outside the topic's bounds"
    case .queueFull: "the client's queue is full"
    case .timedOut: "not delivered within message.timeout.ms"
    case .failed: "not delivered"
    }
  }
}

/// What an answer of 0x80 or above asks for.
enum RefusalKind: Equatable, Sendable {
  /// It may pass: sent again for ever.
  case retryable
  /// The peer has too much to do: the same, after longer waits.
  case busy
  /// A matter of the topic. Tried a few times, as rights may be being mended right now; then set
  /// aside, and what follows on that topic at once.
  case topicRefused
  /// A matter of this message, or of those it went with. Tried a few times, alone; then set aside.
  case messageRefused
  /// It will be the same next time: set aside at once.
  case permanent

  init(reasonCode: UInt8) {
    switch reasonCode {
    case 0x87: self = .topicRefused
    case 0x90, 0x95, 0x99: self = .permanent
    case 0x89, 0x96, 0x97: self = .busy
    default:
      switch RecordRefusal(rawValue: reasonCode) {
      case .unknownTopic, .topicNotAuthorized: self = .topicRefused
      case .batchTooLarge, .invalidRecord, .invalidTimestamp: self = .messageRefused
      case .recordTooLarge, .invalidTopic: self = .permanent
      case .queueFull, .timedOut, .failed, nil: self = .retryable
      }
    }
  }
}

/// `not authorized (0x87)`: a PUBACK's reason for a person (section 3.4.2.1), or a cluster's.
func reasonText(_ code: UInt8) -> String {
  if let refusal = RecordRefusal(rawValue: code) { return refusal.text }
  let words =
    switch code {
    case 0x80: "unspecified error"
    case 0x89: "server busy"
    case 0x96: "message rate too high"
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
  /// For a peer that has too much to do; outlives links.
  var busyBackoff: Backoff
  /// The window drains; nothing is sent.
  var isDraining = false
  /// Nothing is sent before, microseconds by boot clock.
  var resumeAt: Int64 = .min
  /// The refused slot, sent alone until it has an answer: so what follows it is repeated once,
  /// not once per try.
  var probe: UInt64?
  /// Whether this link's peer took any event: then a refused topic is a matter of that topic.
  var hasAccepted = false
  /// The last answer of 0x80 or above.
  var lastReason: UInt8 = 0
  /// Topics whose refusals have used up their tries on this link.
  private var deniedTopics: [[UInt8]] = []

  /// Whether there are such topics.
  var hasDenied: Bool { !deniedTopics.isEmpty }

  init(backoff: Backoff, busyBackoff: Backoff) {
    self.backoff = backoff
    self.busyBackoff = busyBackoff
  }

  /// How long nothing is sent after a refusal, microseconds.
  mutating func delay(after kind: RefusalKind, now: Int64) -> Int64 {
    guard kind == .busy else { return backoff.next() }
    // It took what it was given for a while since it said so last.
    if now.subtractingSaturated(resumeAt) >= Link.calmTime { busyBackoff.reset() }
    return busyBackoff.next()
  }

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
