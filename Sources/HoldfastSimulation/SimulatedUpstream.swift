internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastLink
internal import HoldfastUpstream

/// A central broker, and the agent's client of it.
final class SimulatedUpstream {
  let index: Int
  private let configuration: UpstreamConfiguration
  private let speaksFive: Bool
  private let latency: Int64

  var isUp = true
  /// Refuses what arrives before, with that reason.
  var refusesUntil: Int64 = 0
  var refusal: UInt8 = 0x97
  /// Takes no longer than this for each message, microseconds.
  var messageTime: Int64 = 20

  private var link = 0
  private var isConnected = false
  private var isConnecting = false
  private var arrivesAt: Int64 = 0
  /// Per source and topic: the counter delivered last for the first time.
  private var newest: [Int: Int] = [:]
  /// Numbers of our logs that were delivered here.
  var identities: Set<Identity> = []
  /// How many numbers gap records have named as lost.
  var gaps: [Gap] = []

  struct Gap {
    var log: String
    var first: UInt64
    var last: UInt64
    var reason: String
  }

  init(index: Int, plan: WorldPlan) {
    self.index = index
    configuration = plan.configuration.upstreams[index]
    speaksFive = plan.upstreamSpeaksFive[index]
    latency = plan.upstreamLatency
  }

  func processDied(world: World) { breakLink() }

  private func breakLink() {
    link += 1
    isConnected = false
    isConnecting = false
  }

  func cut(_ kind: LinkFailure.Kind, world: World) {
    guard isConnected || isConnecting else { return }
    breakLink()
    tellClosed(kind, world: world)
  }

  private func tellClosed(_ kind: LinkFailure.Kind, world: World) {
    let index = index
    // The real client says so before it takes the next command.
    world.afterAlive(world.draw(0...(kind == .requested ? 400 : 3000))) {
      $0.step(.upstreamClosed(upstream: index, LinkFailure(kind)))
    }
  }

  func goDown(world: World) {
    isUp = false
    cut(.closed, world: world)
  }

  func connect(_ version: ProtocolVersion, world: World) {
    if isConnected || isConnecting { return world.fail("upstream \(index) connects twice") }
    isConnecting = true
    let link = link
    world.afterAlive(world.draw(500...50_000)) { [self] world in
      guard self.link == link, isConnecting else { return }
      isConnecting = false
      guard isUp else { return tellClosed(.unreachable, world: world) }
      if version == .v5 && !speaksFive {
        return tellClosed(.unsupportedProtocolVersion, world: world)
      }
      isConnected = true
      arrivesAt = world.now
      world.step(
        .upstreamConnected(
          upstream: index,
          SessionGrant(
            protocolVersion: version,
            isSessionPresent: false,
            receiveMaximum: speaksFive ? 20 + index * 40 : 65_535
          )
        )
      )
    }
  }

  func disconnect(world: World) {
    guard isConnected || isConnecting else { return }
    breakLink()
    tellClosed(.requested, world: world)
  }

  func publish(_ batch: MessageBatch, world: World) {
    // The real client drops what is published on a link that has ended.
    guard isConnected else { return }
    let link = link
    var next = 0
    while next < batch.rows.count {
      let end = min(batch.rows.count, next + Int(world.draw(1...50)))
      let rows = next..<end
      next = end
      arrivesAt =
        max(arrivesAt, world.now + world.draw(50...latency)) + messageTime * Int64(rows.count)
      world.after(arrivesAt - world.now) { [self] world in
        guard self.link == link else { return }
        arrived(rows, of: batch, world: world)
      }
    }
  }

  private func arrived(_ rows: Range<Int>, of batch: MessageBatch, world: World) {
    var answers: [Acknowledgement] = []
    for row in batch.rows[rows] {
      let isRefused = world.now < refusesUntil && speaksFive
      let topic = Array(batch.bytes[row.topicRange])
      let payload = batch.bytes[row.payloadRange]
      if isRefused {
        take(topic, payload, batch.bytes[row.propertiesRange], isRefused: true, world: world)
      } else {
        take(topic, payload, batch.bytes[row.propertiesRange], isRefused: false, world: world)
      }
      answers.append(Acknowledgement(tag: row.tag, reasonCode: isRefused ? refusal : 0))
    }
    let link = link
    world.afterAlive(world.draw(50...latency)) { [self] world in
      // An acknowledgement that a breaking link swallows.
      guard self.link == link else { return }
      world.step(.acknowledged(upstream: index, answers))
    }
  }

  private func take(
    _ topic: [UInt8],
    _ payload: ArraySlice<UInt8>,
    _ properties: ArraySlice<UInt8>,
    isRefused: Bool,
    world: World
  ) {
    if topic == Array("holdfast/edge/gaps".utf8) {
      if !isRefused { takeGap(payload) }
      return
    }
    let events = world.events(
      topic,
      payload,
      properties,
      isBatch: configuration.format != .event
    )
    if events.isEmpty { world.fail("upstream \(index) got foreign bytes") }
    for event in events { take(event, isRefused: isRefused, world: world) }
  }

  private func take(_ event: World.Arrival, isRefused: Bool, world: World) {
    guard world.checkIdentity(event) else { return }
    let id = event.id
    let bit = UInt8(1) << UInt8(index)
    if isRefused {
      world.messages[id].refused |= bit
      return
    }
    identities.insert(event.identity)
    let message = world.messages[id]
    guard message.delivered & bit == 0 else { return }
    world.messages[id].delivered |= bit
    world.report.deliveredCount += 1
    let key = message.source << 16 | message.topicIndex
    if message.refused & bit != 0 { return }
    // What was lost by eviction and came again from the sensors' broker comes late.
    if let last = newest[key], last > message.counter {
      if (message.sendCount > 1 && world.mayEvict) || world.hasPassedUnread { return }
      world.fail("upstream \(index): \(id) of topic \(key) comes after counter \(last)")
    }
    newest[key] = message.counter
  }

  private func takeGap(_ payload: ArraySlice<UInt8>) {
    let text = String(decoding: payload, as: UTF8.self)
    gaps.append(
      Gap(
        log: text.value(of: "log") ?? "",
        first: text.value(of: "first").flatMap { UInt64($0) } ?? 0,
        last: text.value(of: "last").flatMap { UInt64($0) } ?? 0,
        reason: text.value(of: "reason") ?? ""
      )
    )
  }
}

extension String {
  /// The value of a key in one flat JSON object whose strings hold nothing escaped.
  func value(of key: String) -> String? {
    let bytes = Array(utf8)
    let name = Array("\"\(key)\":".utf8)
    guard bytes.count > name.count else { return nil }
    for start in 0..<(bytes.count - name.count)
    where bytes[start] == name[0] && bytes[start..<start + name.count].elementsEqual(name) {
      var rest = bytes[(start + name.count)...]
      if rest.first == UInt8(ascii: "\"") {
        rest = rest.dropFirst()
        return String(decoding: rest.prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
      }
      let stop: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: "}")]
      return String(decoding: rest.prefix { !stop.contains($0) }, as: UTF8.self)
    }
    return nil
  }
}
