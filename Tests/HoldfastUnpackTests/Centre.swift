import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import HoldfastUpstream
import Testing

@testable import HoldfastUnpack

/// A broker with batches on one side, a broker that takes messages on the other, an unpacker
/// between them on a disk that fails: one turn after another, as a seed will have it.
struct Centre {
  let disk: SimulatedDisk
  var configuration: UnpackConfiguration
  var random: SplitMix64
  var now: Int64 = 1000 * second
  private var unpacker: Unpacker?
  private var effects: [Effect] = []

  /// What the source's broker has for us and no PUBACK came for, and how much of it it has handed
  /// over on this link.
  private(set) var session: [Shipped]
  private var handedCount = 0
  private var isSourceUp = false
  private var isReading = false
  var window = 20

  private var isUpstreamUp = false
  private var outstanding: [(Shipped, UInt64)] = []
  /// What the upstream has acknowledged, in order; what it was sent besides, it may have or not.
  private(set) var arrived: [Shipped] = []
  private(set) var lines: [UInt8] = []
  /// Every message the upstream got, acknowledged or not.
  private(set) var published: [Shipped] = []
  private(set) var killCount = 0
  var refusal: (Shipped) -> UInt8 = { _ in 0 }
  private(set) var log: [LogEntry] = []

  init(_ messages: [Shipped], seed: UInt64, toLines: Bool = false) throws {
    session = messages
    random = SplitMix64(seed: seed)
    disk = SimulatedDisk(seed: seed)
    let source = SourceConfiguration(
      name: "batches",
      link: LinkConfiguration(host: "central", port: 1883),
      topics: [TopicFilter("holdfast/#")].compactMap { $0 }
    )
    let upstream = UpstreamConfiguration(
      name: "plant",
      link: LinkConfiguration(host: "plant", port: 1883),
      topics: [TopicFilter("#")].compactMap { $0 }
    )
    configuration = UnpackConfiguration(source: source, upstream: toLines ? nil : upstream)
  }

  var counts: UnpackCounts { unpacker?.counts ?? UnpackCounts() }
  var isRunning: Bool { unpacker != nil }

  /// More batches come to the source's broker.
  mutating func ship(_ messages: [Shipped]) { session += messages }

  mutating func start() throws {
    now += second
    unpacker = try Unpacker(
      configuration: configuration,
      disk: disk,
      seed: random.next(),
      now: now,
      effects: &effects
    )
    carryOut()
  }

  /// The process dies, or the machine does.
  mutating func kill(isPowerCut: Bool = false) {
    unpacker = nil
    effects = []
    if isPowerCut { disk.crash() } else { disk.kill() }
    loseSource()
    loseUpstream()
    killCount += 1
  }

  /// One thing happens.
  mutating func turn() {
    now += Int64(random.next() % 50_000)
    switch random.next() % 8 {
    case 0...2: handOver()
    case 3...5: acknowledge(Int(random.next() % 60))
    case 6: step(.timer)
    default:
      // Not to the far end of a round, which only patience would reach.
      if let wake = unpacker?.wakeAt, wake < now + second { now = max(now, wake) }
      step(.timer)
    }
  }

  /// Until all is passed on and acknowledged.
  mutating func finish(turns: Int = 20_000) -> Bool {
    for _ in 0..<turns where !session.isEmpty {
      acknowledge(.max)
      handOver()
      turn()
    }
    return session.isEmpty
  }

  /// The same, and it must come to that.
  mutating func expectFinished(sourceLocation: SourceLocation = #_sourceLocation) {
    let isFinished = finish()
    #expect(isFinished, "\(session.count) are left", sourceLocation: sourceLocation)
  }

  mutating func loseSource(telling: Bool = false) {
    isSourceUp = false
    isReading = false
    handedCount = 0
    if telling { step(.sourceClosed(source: 0, LinkFailure(.closed, "test"))) }
  }

  mutating func loseUpstream(telling: Bool = false) {
    isUpstreamUp = false
    outstanding = []
    if telling { step(.upstreamClosed(upstream: 0, LinkFailure(.closed, "test"))) }
  }

  private mutating func handOver() {
    guard isSourceUp, isReading, handedCount < min(window, session.count) else { return }
    let room = min(window, session.count) - handedCount
    let count = 1 + Int(random.next() % UInt64(room))
    var batch = EventBatch()
    for message in session[handedCount..<handedCount + count] {
      batch.append(
        topic: message.topic,
        payload: message.payload,
        properties: message.properties,
        clock: ClockReading(boot: now, wall: 0)
      )
    }
    handedCount += count
    isReading = false
    step(.received(source: 0, batch))
  }

  private mutating func acknowledge(_ count: Int) {
    guard isUpstreamUp, !outstanding.isEmpty else { return }
    let answered = outstanding.prefix(count)
    outstanding.removeFirst(answered.count)
    var answers: [Acknowledgement] = []
    for (message, tag) in answered {
      let code = refusal(message)
      if code < 0x80 { arrived.append(message) }
      answers.append(Acknowledgement(tag: tag, reasonCode: code))
    }
    step(.acknowledged(upstream: 0, answers))
  }

  mutating func step(_ input: Input) {
    unpacker?.step(input, now: now, effects: &effects)
    carryOut()
  }

  private mutating func carryOut() {
    while !effects.isEmpty {
      let all = effects
      effects = []
      for effect in all { carryOut(effect) }
      writeLines()
    }
    writeLines()
  }

  private mutating func writeLines() {
    guard configuration.upstream == nil, let text = unpacker?.takeLines(), !text.isEmpty else {
      return
    }
    lines += text
    unpacker?.linesWritten(now: now, effects: &effects)
    if !effects.isEmpty { carryOut() }
  }

  private mutating func carryOut(_ effect: Effect) {
    let grant = SessionGrant(protocolVersion: .v5, isSessionPresent: true)
    switch effect {
    case .connectSource:
      isSourceUp = true
      isReading = true
      handedCount = 0
      unpacker?.step(.sourceConnected(source: 0, grant), now: now, effects: &effects)
    case .connectUpstream:
      isUpstreamUp = true
      unpacker?.step(.upstreamConnected(upstream: 0, grant), now: now, effects: &effects)
    case .release:
      // PUBACKs for all that was handed over on this link.
      session.removeFirst(handedCount)
      handedCount = 0
      isReading = true
    case .readMore: isReading = true
    case .disconnectSource:
      loseSource()
      let failure = LinkFailure(.requested, "closed")
      unpacker?.step(.sourceClosed(source: 0, failure), now: now, effects: &effects)
    case .disconnectUpstream:
      loseUpstream()
      let failure = LinkFailure(.requested, "closed")
      unpacker?.step(.upstreamClosed(upstream: 0, failure), now: now, effects: &effects)
    case .publish(_, let batch):
      guard isUpstreamUp else { return }
      for row in batch.rows {
        let message = Shipped(
          topic: Array(batch.bytes[row.topicRange]),
          payload: Array(batch.bytes[row.payloadRange]),
          properties: Array(batch.bytes[row.propertiesRange]),
          isRetained: row.isRetained
        )
        published.append(message)
        outstanding.append((message, row.tag))
      }
    case .askPrimary: break
    case .log(let entry): log.append(entry)
    case .stopped: unpacker = nil
    }
  }
}
