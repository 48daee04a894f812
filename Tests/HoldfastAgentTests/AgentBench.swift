import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import HoldfastUpstream

/// An agent over a simulated disk; the test plays the network and the clock.
final class AgentBench {
  let disk: SimulatedDisk
  let configuration: AgentConfiguration
  var now = ClockReading(boot: 1_000_000_000, wall: 1_700_000_000_000_000)
  private(set) var agent: Agent
  private var effects: [Effect] = []
  private(set) var lines: [LogEntry] = []
  /// What was published and not acknowledged, per upstream.
  private(set) var published: [[Outgoing]]
  private(set) var delivered: [[Outgoing]]
  /// What the shell was told, but for publishing and logging.
  private(set) var orders: [Order] = []
  /// Which broker of its list an upstream was told to connect to, each time.
  private(set) var places: [Int] = []
  private(set) var primaryQuestionCount = 0
  private var random = SplitMix64(seed: 5)

  enum Order: Equatable {
    case connectSource(ProtocolVersion)
    case connectUpstream(Int, ProtocolVersion)
    case readMore, release, stopped
    case disconnectSource(releasing: Bool)
    case disconnectUpstream(Int)
  }

  struct Outgoing: Equatable {
    var tag: UInt64
    var topic: String
    var payload: [UInt8]
    var text: String { String(decoding: payload, as: UTF8.self) }
  }

  /// A source "floor" and upstreams "central", "second" and so on.
  init(
    disk: SimulatedDisk = SimulatedDisk(seed: 3),
    upstreamCount: Int = 1,
    at now: ClockReading? = nil,
    change: (inout AgentConfiguration) -> Void = { _ in }
  ) {
    self.disk = disk
    if let now { self.now = now }
    var configuration = AgentConfiguration(
      agentID: "edge",
      sources: [
        SourceConfiguration(
          name: "floor",
          link: LinkConfiguration(host: "sensors", port: 1883),
          topics: ["#"].compactMap { TopicFilter($0) }
        )
      ],
      upstreams: ["central", "second"].prefix(upstreamCount).map { name in
        UpstreamConfiguration(
          name: name,
          link: LinkConfiguration(host: name, port: 1883),
          topics: ["#"].compactMap { TopicFilter($0) }
        )
      }
    )
    configuration.ring.byteCountMax = 32 << 20
    configuration.ring.segmentByteCountMin = 64 << 10
    // What a link may send at first has tests of its own.
    for index in configuration.upstreams.indices { configuration.upstreams[index].rampStart = 1000 }
    change(&configuration)
    self.configuration = configuration
    published = configuration.upstreams.map { _ in [] }
    delivered = configuration.upstreams.map { _ in [] }
    agent = Agent(
      configuration: configuration,
      disk: disk,
      machine: 7,
      bootID: 1,
      seed: 11,
      now: self.now,
      effects: &effects
    )
    take()
  }

  /// The process dies and another one starts on what the disk holds.
  func restarted() -> AgentBench {
    disk.kill()
    var later = now
    later.boot += 1_000_000
    later.wall += 1_000_000
    let configuration = configuration
    return AgentBench(disk: disk, at: later) { $0 = configuration }
  }

  var status: AgentStatus { agent.status(now: now) }
  var wakeAt: Int64 { agent.wakeAt }
  var detail: AgentStatus { agent.detailedStatus(now: now) }
  var ledger: SourceLedger { status.sources[0].ledger }

  func step(_ input: Input) {
    agent.step(input, now: now, effects: &effects)
    take()
  }

  /// Lets time pass, stepping whenever the agent wants it.
  func pass(seconds: Double) {
    let end = now.boot + Int64(seconds * 1e6)
    while now.boot < end {
      let wake = min(max(agent.wakeAt, now.boot + 1000), end)
      now.wall += wake - now.boot
      now.boot = wake
      step(.timer)
    }
  }

  func takeOrders() -> [Order] {
    defer { orders.removeAll() }
    return orders
  }

  /// Whether a line above debug level says so.
  func says(_ text: String) -> Bool {
    lines.contains { $0.level != .debug && $0.message.contains(text) }
  }

  func connectSource(isSessionPresent: Bool = true) {
    step(.sourceConnected(source: 0, grant(isSessionPresent: isSessionPresent)))
  }

  func connectUpstream(_ index: Int = 0, _ version: ProtocolVersion = .v5) {
    step(.upstreamConnected(upstream: index, grant(version)))
  }

  private func grant(
    _ version: ProtocolVersion = .v5,
    isSessionPresent: Bool = true
  ) -> SessionGrant {
    SessionGrant(protocolVersion: version, isSessionPresent: isSessionPresent)
  }

  /// Answers everything that was published, until nothing more comes.
  func deliverAll(_ index: Int = 0, reasonCode: UInt8 = 0) {
    while !published[index].isEmpty {
      let messages = published[index]
      published[index] = []
      delivered[index] += messages
      step(
        .acknowledged(
          upstream: index,
          messages.map { Acknowledgement(tag: $0.tag, reasonCode: reasonCode) }
        )
      )
    }
  }

  /// Answers the first messages that were published.
  func deliver(_ count: Int, _ index: Int = 0) {
    let messages = published[index].prefix(count)
    if messages.isEmpty { return }
    published[index].removeFirst(messages.count)
    delivered[index] += messages
    step(
      .acknowledged(
        upstream: index,
        messages.map { Acknowledgement(tag: $0.tag, reasonCode: 0) }
      )
    )
  }

  /// The upstream's link breaks: nothing that was published is answered any more.
  func breakUpstream(_ index: Int = 0) {
    published[index] = []
    step(.upstreamClosed(upstream: index, LinkFailure(.keepAliveTimeout)))
  }

  func receive(_ events: EventBatch) { step(.received(source: 0, events)) }

  func events(
    _ count: Int,
    byteCount: Int = 40,
    flags: EventFlags = .qos1,
    topic: String = "t"
  ) -> EventBatch {
    var events = EventBatch()
    append(count, byteCount: byteCount, flags: flags, topic: topic, to: &events)
    return events
  }

  /// Payloads of random bytes, so that they take the room they seem to.
  func append(
    _ count: Int,
    byteCount: Int,
    flags: EventFlags = .qos1,
    topic: String = "t",
    to events: inout EventBatch
  ) {
    for _ in 0..<count {
      var payload: [UInt8] = []
      while payload.count < byteCount {
        let word = random.next()
        for place in 0..<8 { payload.append(UInt8(truncatingIfNeeded: word >> (8 * place))) }
      }
      events.append(
        topic: Array(topic.utf8),
        payload: Array(payload.prefix(byteCount)),
        clock: now,
        flags: flags
      )
    }
  }

  private func take() {
    for effect in effects {
      switch effect {
      case .connectSource(_, let version): orders.append(.connectSource(version))
      case .connectUpstream(let index, let version, let place):
        orders.append(.connectUpstream(index, version))
        places.append(place)
      case .askPrimary: primaryQuestionCount += 1
      case .readMore: orders.append(.readMore)
      case .release: orders.append(.release)
      case .disconnectSource(_, let releasing):
        orders.append(.disconnectSource(releasing: releasing))
      case .disconnectUpstream(let index): orders.append(.disconnectUpstream(index))
      case .publish(let index, let batch):
        published[index] += batch.rows.map { row in
          Outgoing(
            tag: row.tag,
            topic: String(decoding: batch.bytes[row.topicRange], as: UTF8.self),
            payload: Array(batch.bytes[row.payloadRange])
          )
        }
      case .log(let entry): lines.append(entry)
      case .stopped: orders.append(.stopped)
      }
    }
    effects.removeAll()
  }
}
