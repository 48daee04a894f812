internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink

/// What a sensor said, and what became of it.
struct Message {
  var source: Int
  var topicIndex: Int
  /// Counts the messages of one topic.
  var counter: Int
  var isQoS1: Bool
  /// The sensors' broker got a PUBACK.
  var isAcknowledged = false
  /// QoS 0: it was handed to the agent, and must not be lost without a crash.
  var handedAt: Int64?
  var isExcused = false
  /// Times the broker sent it.
  var sendCount = 0
  /// Bits of the upstreams that have it, that refused it, and that it was set aside for.
  var delivered: UInt8 = 0
  var refused: UInt8 = 0
  var setAside: UInt8 = 0
}

/// A sensors' broker with a persistent session, and the agent's client of it.
final class SimulatedSource {
  let index: Int
  private let configuration: SourceConfiguration
  private let speaksFive: Bool

  // The broker.
  var isUp = true
  private var hasSession = false
  /// At QoS 1 what has not been sent, in order; QoS 0 in between while connected.
  private var queue: [Int] = []
  private var queueHead = 0
  /// Sent and not acknowledged, in order.
  private var inFlight: [Int] = []

  // The link and the client.
  private var link = 0
  private var isConnected = false
  private var isConnecting = false
  private var wire: [Int] = []
  private var isAwaiting = false
  private var isReadDue = false
  private var held: [Int] = []

  init(index: Int, plan: WorldPlan) {
    self.index = index
    configuration = plan.configuration.sources[index]
    speaksFive = plan.sourceSpeaksFive[index]
  }

  private var window: Int {
    speaksFive ? configuration.receiveMaximum : configuration.inflightWindow
  }

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
    guard isUp, hasSession else { return }
    if !world.messages[id].isQoS1 && !isConnected { return }
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

  private func acknowledged(_ ids: [Int], world: World) {
    for id in ids {
      guard let place = inFlight.firstIndex(of: id) else { continue }
      inFlight.remove(at: place)
      world.messages[id].isAcknowledged = true
      world.report.acknowledgedCount += 1
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
    isAwaiting = false
    isReadDue = false
    let rest = queue[queueHead...].filter { world.messages[$0].isQoS1 }
    queue = Array(rest)
    queueHead = 0
  }

  /// Ends the link from outside.
  func cut(_ kind: LinkFailure.Kind, world: World) {
    guard isConnected || isConnecting else { return }
    breakLink(world: world)
    tellClosed(kind, world: world)
  }

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
      isConnecting = false
      isConnected = true
      let isPresent = hasSession
      hasSession = true
      queue = inFlight + queue[queueHead...]
      queueHead = 0
      inFlight.removeAll()
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
    let count = min(wire.count, Int(world.draw(1...1000)))
    let ids = Array(wire.prefix(count))
    wire.removeFirst(count)
    var batch = EventBatch()
    for id in ids {
      let message = world.messages[id]
      if message.isQoS1 { held.append(id) }
      batch.append(
        topic: world.topic(of: message),
        payload: world.payload(of: id),
        clock: world.reading,
        source: UInt8(index),
        flags: message.isQoS1 ? .qos1 : []
      )
    }
    isAwaiting = true
    // The agent's thread takes it a little later; the link may have ended by then.
    world.afterAlive(world.draw(0...500)) { [self] world in
      world.noteHanded(ids, source: index)
      world.step(.received(source: index, batch))
      if world.settings.acknowledgesEarly { sendAcknowledgements(world: world) }
    }
  }

  func readMore(world: World) {
    isAwaiting = false
    readSoon(world: world)
  }

  func release(world: World) {
    isAwaiting = false
    sendAcknowledgements(world: world)
    readSoon(world: world)
  }

  private func sendAcknowledgements(world: World) {
    let ids = held
    held.removeAll()
    if ids.isEmpty { return }
    let link = link
    world.after(world.draw(100...20_000)) { [self] world in
      guard self.link == link else { return }
      acknowledged(ids, world: world)
    }
  }

  func disconnect(releasing: Bool, world: World) {
    guard isConnected || isConnecting else { return }
    if releasing {
      acknowledged(held, world: world)
    } else {
      world.noteRefused(source: index)
    }
    breakLink(world: world)
    tellClosed(.requested, world: world)
  }
}
