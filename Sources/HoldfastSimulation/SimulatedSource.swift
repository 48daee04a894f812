internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink
internal import HoldfastRingLog

/// A sensors' broker with a persistent session, and the agent's client of it.
///
/// The broker's half keeps what a session is made of: a queue, and what is in flight; it sends
/// again, with DUP, what was not acknowledged on an earlier link. The client's half is the real
/// shell's (`SourceRunner`) in small: it hands over what it has read, and reads on when told.
final class SimulatedSource {
  let index: Int
  private let configuration: SourceConfiguration
  let speaksFive: Bool
  private let brokerWindow: Int
  /// Most messages that the broker keeps for us; those beyond are gone, as with any broker.
  private static let queueCountMax = 20_000

  // The broker.
  var isUp = true
  private var hasSession = false
  /// What has not been sent, in order; QoS 0 among it only while connected.
  private var queue: [Int] = []
  private var queueHead = 0
  /// Sent at QoS 1 and not acknowledged, in order.
  private var inFlight: [Int] = []
  /// By topic: the message that the broker replays to every new subscription.
  private var retained: [Int: Int] = [:]

  // The link and the client.
  private var link = 0
  private(set) var isConnected = false
  private var isConnecting = false
  private var version = ProtocolVersion.v311
  private var wire: [Int] = []
  /// Batches handed over, those of them that the agent has taken, and that it has answered: the
  /// shell ties each answer to the batches that the agent knew of when it gave it.
  private var handedCount = 0
  private var takenCount = 0
  private var answeredCount = 0
  private var isReadDue = false
  /// Messages whose PUBACKs wait for a release, and the batch that they came with.
  private var held: [(id: Int, batch: Int)] = []
  /// PUBACKs on their way to the broker, in order.
  private var transit: [Int] = []

  init(index: Int, plan: WorldPlan) {
    self.index = index
    configuration = plan.configuration.sources[index]
    speaksFive = plan.sourceSpeaksFive[index]
    brokerWindow = plan.brokerWindows[index]
  }

  private var window: Int {
    version == .v5 ? min(configuration.receiveMaximum, brokerWindow) : brokerWindow
  }

  /// A batch is with the agent.
  private var isAwaiting: Bool { answeredCount < handedCount }

  /// Whether everything has been sent and acknowledged.
  var isDrained: Bool {
    isConnected && queueHead == queue.count && inFlight.isEmpty && wire.isEmpty
  }

  var text: String {
    "source \(index): connected \(isConnected), queue \(queue.count - queueHead), "
      + "in flight \(inFlight.count), wire \(wire.count), awaiting \(isAwaiting), "
      + "held \(held.count)"
  }

  // MARK: the broker

  func publish(_ id: Int, world: World) {
    let message = world.messages[id]
    if message.isRetained { retained[message.topicIndex] = id }
    guard isUp, hasSession, queue.count - queueHead < Self.queueCountMax else { return }
    if !message.isQoS1 && !isConnected { return }
    queue.append(id)
    send(world: world)
  }

  private func send(world: World) {
    guard isConnected else { return }
    while queueHead < queue.count {
      let id = queue[queueHead]
      if world.messages[id].isQoS1 {
        guard inFlight.count < window else { break }
        inFlight.append(id)
      }
      queueHead += 1
      world.messages[id].sendCount += 1
      wire.append(id)
    }
    if queueHead > 1000 {
      queue.removeFirst(queueHead)
      queueHead = 0
    }
    readSoon(world: world)
  }

  /// PUBACKs came to the broker: those of the oldest messages in flight, in order.
  private func acknowledged(_ ids: some Collection<Int>, world: World) {
    if !inFlight.starts(with: ids) && !world.settings.acknowledgesEarly {
      world.fail("source \(index): PUBACKs out of order: \(ids.prefix(3)), \(inFlight.prefix(3))")
    }
    for id in ids {
      guard let place = inFlight.firstIndex(of: id) else { continue }
      inFlight.remove(at: place)
      if world.messages[id].isAcknowledged { continue }
      world.messages[id].isAcknowledged = true
      world.report.acknowledgedCount += 1
      world.checkAcknowledged(id)
    }
    send(world: world)
  }

  /// The link breaks; on the broker's side all that is unanswered is sent again later.
  private func breakLink(world: World) {
    isConnected = false
    isConnecting = false
    link += 1
    wire.removeAll()
    held.removeAll()
    transit.removeAll()
    answeredCount = handedCount
    isReadDue = false
    queue = queue[queueHead...].filter { world.messages[$0].isQoS1 }
    queueHead = 0
  }

  /// Ends the link from outside; a part of the PUBACKs on their way may still arrive.
  func cut(_ kind: LinkFailure.Kind, arriving: Int = 0, world: World) {
    guard isConnected || isConnecting else { return }
    let arrived = Array(transit.prefix(arriving))
    transit.removeAll()
    if !arrived.isEmpty { acknowledged(arrived, world: world) }
    breakLink(world: world)
    tellClosed(kind, world: world)
  }

  /// How many PUBACKs are on their way.
  var transitCount: Int { transit.count }

  private func tellClosed(_ kind: LinkFailure.Kind, world: World) {
    let index = index
    // The real client says so before it takes the next command.
    world.afterAlive(world.draw(0...(kind == .requested ? 400 : 3000))) {
      $0.step(.sourceClosed(source: index, LinkFailure(kind)))
    }
  }

  /// The broker stops; with `losingSession` it comes back without ours.
  func goDown(losingSession: Bool, world: World) {
    isUp = false
    cut(.closed, world: world)
    if losingSession { loseSession() }
  }

  func loseSession() {
    hasSession = false
    queue.removeAll()
    queueHead = 0
    inFlight.removeAll()
  }

  /// Another client takes our session and reads the first messages of it.
  func takeOver(reading count: Int, world: World) {
    cut(.sessionTakenOver, world: world)
    queue = inFlight + queue[queueHead...]
    inFlight.removeAll()
    queueHead = min(count, queue.count)
  }

  // MARK: the client

  func processDied(world: World) { breakLink(world: world) }

  func connect(_ version: ProtocolVersion, world: World) {
    if isConnected || isConnecting { return world.fail("source \(index) connects twice") }
    isConnecting = true
    let link = link
    world.afterAlive(world.draw(500...50_000)) { [self] world in
      guard self.link == link, isConnecting else { return }
      guard isUp else { return refuse(.unreachable, world: world) }
      if version == .v5 && !speaksFive {
        return refuse(
          world.chance(1, in: 2) ? .unsupportedProtocolVersion : .closedBeforeConnected,
          world: world
        )
      }
      begin(version, world: world)
    }
  }

  private func begin(_ version: ProtocolVersion, world: World) {
    isConnecting = false
    isConnected = true
    self.version = version
    let isPresent = hasSession
    hasSession = true
    queue = inFlight + queue[queueHead...]
    queueHead = 0
    inFlight.removeAll()
    replay(world: world)
    let link = link
    world.step(
      .sourceConnected(
        source: index,
        SessionGrant(
          protocolVersion: version,
          isSessionPresent: isPresent,
          receiveMaximum: 100
        )
      )
    )
    if self.link == link { send(world: world) }
  }

  /// Each new subscription gets the retained messages once more.
  private func replay(world: World) {
    for topic in retained.keys.sorted() {
      guard let original = retained[topic], queue.count < Self.queueCountMax else { continue }
      var message = world.messages[original]
      message.kind = .retained
      message.isAcknowledged = false
      message.sendCount = 0
      message.handedCount = 0
      message.places = []
      queue.append(world.messages.count)
      world.messages.append(message)
      world.report.coverage.note(MessageKind.retained)
    }
  }

  private func refuse(_ kind: LinkFailure.Kind, world: World) {
    isConnecting = false
    tellClosed(kind, world: world)
  }

  private func readSoon(world: World) {
    guard isConnected, !isAwaiting, !isReadDue, !wire.isEmpty else { return }
    isReadDue = true
    let link = link
    world.afterAlive(world.draw(100...3000)) { [self] world in
      guard self.link == link, isConnected else { return }
      isReadDue = false
      if !isAwaiting { read(world: world) }
    }
  }

  private func read(world: World) {
    var count = min(wire.count, Int(world.draw(1...1000)))
    // The shell ends a batch at 4 MiB, an eighth of the least ring: so does this one, in small.
    var byteCount = 0
    for (place, id) in wire.prefix(count).enumerated() {
      byteCount += world.messages[id].fillerByteCount + 40
      if byteCount >= world.configuration.ring.byteCountMax / 8 {
        count = place + 1
        break
      }
    }
    let ids = Array(wire.prefix(count))
    wire.removeFirst(count)
    handedCount += 1
    let number = handedCount
    for id in ids where world.messages[id].isQoS1 { held.append((id, number)) }
    let clock = world.reading
    // The agent's thread takes it a little later; the link may have ended by then.
    world.afterAlive(world.draw(0...500)) { [self] world in
      takenCount = number
      var batch = EventBatch()
      // Where times count, the world must know which the log keeps: those of two sources never
      // cross each other then.
      let stamp = world.plan.hasStages ? world.reading : clock
      for id in ids { append(id, at: stamp, to: &batch, world: world) }
      world.step(.received(source: index, batch), handing: ids)
      if world.settings.acknowledgesEarly { sendAcknowledgements(world: world) }
    }
  }

  private func append(
    _ id: Int,
    at clock: ClockReading,
    to batch: inout EventBatch,
    world: World
  ) {
    let message = world.messages[id]
    var flags: EventFlags = message.isQoS1 ? .qos1 : []
    if message.kind == .retained { flags.insert(.retained) }
    batch.append(
      topic: world.topic(of: id),
      payload: world.payload(of: id),
      properties: speaksFive ? world.properties(of: id) : [],
      clock: clock,
      source: UInt8(index),
      flags: flags
    )
  }

  func readMore(world: World) {
    answeredCount = max(answeredCount, takenCount)
    readSoon(world: world)
  }

  func release(world: World) {
    answeredCount = max(answeredCount, takenCount)
    // One queue leads to the socket: while a newer batch is held, none of it moves.
    if held.allSatisfy({ $0.batch <= takenCount }) { sendAcknowledgements(world: world) }
    readSoon(world: world)
  }

  private func sendAcknowledgements(world: World) {
    let count = held.count
    if count == 0 { return }
    transit += held.map(\.id)
    held.removeAll()
    let link = link
    world.after(world.draw(100...20_000)) { [self] world in
      guard self.link == link else { return }
      let ids = transit.prefix(count)
      transit.removeFirst(ids.count)
      acknowledged(ids, world: world)
    }
  }

  func disconnect(releasing: Bool, world: World) {
    guard isConnected || isConnecting else { return }
    if releasing && held.allSatisfy({ $0.batch <= takenCount }) {
      let ids = transit + held.map(\.id)
      transit.removeAll()
      held.removeAll()
      acknowledged(ids, world: world)
    }
    breakLink(world: world)
    tellClosed(.requested, world: world)
  }
}
