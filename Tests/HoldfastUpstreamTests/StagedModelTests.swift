import Foundation
import HoldfastEvent
import HoldfastLink
import HoldfastPayload
import HoldfastRingLog
import HoldfastStage
import HoldfastUpstream
import Testing

/// A forwarder with stages, crashes and a peer that loses answers, against its stages alone, by
/// seed.
///
/// What must come is what the same stages make of the same log when they run through it once. The
/// ring gives up whatever is no longer held: reading it again is a fault.
struct StagedWorld {
  /// Something that left the stages: its identity, topic and payload.
  struct Sent: Hashable {
    var identity: String
    var topic: String
    var payload: String
  }

  var random: SplitMix64
  var log = FakeLog()
  var configuration: UpstreamConfiguration
  var forwarder: Forwarder
  var now: Int64 = 1000 * second
  /// What is durable: the ledger, and behind it the stages' state.
  var saved: UpstreamLedger
  var snapshot: [[UInt8]]?
  /// Numbers below it are gone from the log.
  var released: SequenceNumber = 1
  var segmentCountMax: UInt64
  var isLinked = false
  var inbox: [Message] = []
  var answers: [Acknowledgement] = []
  var letters: [DeadLetter] = []
  /// First receptions, in order, and how often each came.
  var arrivals: [Sent] = []
  var counts: [Sent: Int] = [:]
  var problem: String?
  var crashCount = 0
  var replayCount = 0
  /// Where the log was divided.
  var splits: [SequenceNumber] = []
  var historicalCount = 0

  static let rules = [DecodeRules(format: .json)]

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    configuration = UpstreamConfiguration(
      name: "central",
      link: LinkConfiguration(host: "h", port: 1),
      topics: [TopicFilter(seed % 3 == 0 ? "t/+" : "#")].compactMap(\.self)
    )
    configuration.format = [.event, .ndjson, .json][Int(seed % 7) % 3]
    if configuration.format != .event { configuration.topicTemplate = "batch" }
    configuration.inFlightMax = Int.random(in: 1...12, using: &random)
    configuration.batchEventCountMax = Int.random(in: 1...9, using: &random)
    configuration.batchByteCountMax = Int.random(in: 100...900, using: &random)
    configuration.gapTopicTemplate = Bool.random(using: &random) ? "gaps" : ""
    configuration.undecodable = Bool.random(using: &random) ? .pass : .deadLetter
    configuration.stages = stageLists[Int(seed % UInt64(stageLists.count))]
    if configuration.canBeDivided && seed % 5 < 3 {
      configuration.order = .liveFirst
      configuration.liveLagMax = 5
    }
    log.chunkCountMax = Int.random(in: 1...20, using: &random)
    segmentCountMax = UInt64.random(in: 5...60, using: &random)
    saved = UpstreamLedger(name: "central", cursor: 1)
    forwarder = Forwarder(
      configuration: configuration,
      agentID: "e",
      ledger: saved,
      rules: Self.rules,
      log: FakeLog.id,
      seed: random.next()
    )
    forwarder.start(now: now)
    // As the agent does before anything is sent.
    forwarder.considerSnapshot { $0 }
    save(isWhole: true)
  }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  mutating func grow() {
    for _ in 0..<Int.random(in: 0...6, using: &random) {
      switch Int.random(in: 0..<60, using: &random) {
      case 0: log.appendGap(UInt64.random(in: 1...4, using: &random), .corrupt)
      case 1: log.appendGap(UInt64.random(in: 1...4, using: &random), .unused)
      case 2: log.appendMark(.sourceSessionLost)
      case 3: append("t/1", "{broken")
      case 4...8: append("other/x", #"{"v":1}"#)
      default:
        let value = Int.random(in: 0...40, using: &random)
        append("t/\(Int.random(in: 0..<4, using: &random))", #"{"v":\#(Double(value) / 4)}"#)
      }
    }
  }

  private mutating func append(_ topic: String, _ payload: String) {
    now += Int64.random(in: 0...2000, using: &random) * 1000
    log.append(
      FakeLog.Event(
        topic: Array(topic.utf8),
        payload: Array(payload.utf8),
        boot: now,
        wall: 1_767_225_600_000_000 + now
      )
    )
  }

  mutating func step() {
    var actions: [Forwarder.Action] = []
    var kept = letters
    var lowest = SequenceNumber.max
    let log = log
    forwarder.readableEnd = log.end
    forwarder.step(
      now: now,
      read: { from, passed in
        lowest = min(lowest, from)
        return log.read(from, passed)
      },
      keep: {
        kept.append($0)
        return true
      },
      into: &actions
    )
    letters = kept
    if forwarder.takeDivision() {
      saved = forwarder.ledger
      if let split = saved.ahead.last?.lowerBound, splits.last != split { splits.append(split) }
      forwarder.divisionSaved()
    }
    if lowest < released { problem = "number \(lowest) is read, which was released" }
    for action in actions {
      switch action {
      case .connect:
        forwarder.connected(
          SessionGrant(protocolVersion: .v5, isSessionPresent: false, receiveMaximum: 100),
          now: now
        )
        isLinked = true
      case .disconnect: close()
      case .publish(let batch):
        for row in batch.rows { inbox.append(Message(row, in: batch.bytes)) }
      case .ask, .log: break
      }
    }
    forwarder.considerSnapshot { $0 == 0 ? nil : ($0 - 1) / segmentCountMax * segmentCountMax + 1 }
    released = max(released, forwarder.ledger.needed)
  }

  mutating func close() {
    isLinked = false
    inbox = []
    answers = []
    forwarder.closed(LinkFailure(.unreachable, "test"), now: now)
  }

  /// The peer takes some messages and answers some.
  mutating func serve(isBenign: Bool) {
    let count = isBenign ? inbox.count : Int.random(in: 0...inbox.count, using: &random)
    for message in inbox.prefix(count) {
      take(message)
      answers.append(Acknowledgement(tag: message.tag))
    }
    inbox.removeFirst(count)
    let answered = isBenign ? answers.count : Int.random(in: 0...answers.count, using: &random)
    if answered > 0 { forwarder.acknowledged(Array(answers.prefix(answered)), now: now) }
    answers.removeFirst(answered)
  }

  private mutating func take(_ message: Message) {
    if message.topic == "gaps" { return }
    for sent in parts(of: message) {
      if message["historical"] != nil { historicalCount += 1 }
      if counts[sent, default: 0] == 0 { arrivals.append(sent) }
      counts[sent, default: 0] += 1
    }
  }

  private func parts(of message: Message) -> [Sent] {
    guard configuration.format != .event else {
      let identity = message["seq"] ?? message["result"] ?? "none"
      return [Sent(identity: identity, topic: message.topic, payload: message.text)]
    }
    let payloads =
      configuration.format == .json
      ? [message.payload[...]] : message.payload.split(separator: UInt8(ascii: "\n"))
    return payloads.flatMap { payload -> [Sent] in
      let value = try? JSONSerialization.jsonObject(with: Data(payload))
      let objects = value as? [[String: Any]] ?? [value as? [String: Any] ?? [:]]
      return objects.map { object in
        let number = (object["seq"] as? Int).map(String.init)
        return Sent(
          identity: number ?? object["result"] as? String ?? "none",
          topic: object["topic"] as? String ?? "none",
          payload: object["payload"] as? String ?? "none"
        )
      }
    }
  }

  /// The ledger is saved, and perhaps, behind it, the stages' state.
  mutating func save(isWhole: Bool) {
    saved = forwarder.ledger
    guard isWhole,
      let records = forwarder.snapshotsToSave(saved: saved, byteCountMax: 1 << 20)
    else { return }
    snapshot = records
    forwarder.snapshotEnded(isSaved: true)
  }

  mutating func crash() {
    crashCount += 1
    isLinked = false
    inbox = []
    answers = []
    // Letters of numbers that were not settled are written once more.
    letters.removeAll { letter in saved.pending.contains { $0.contains(letter.first) } }
    forwarder = Forwarder(
      configuration: configuration,
      agentID: "e",
      ledger: saved,
      rules: Self.rules,
      log: FakeLog.id,
      saved: .pictures((snapshot ?? []).map { $0[...] }),
      seed: random.next()
    )
    forwarder.start(now: now)
  }
}
