internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink
internal import HoldfastUpstream

/// A central broker, or two of them with one collector behind both, and the agent's client of it.
///
/// It takes messages in order, answers late, and misbehaves as its switches say; what it took is
/// kept as ``evidence``.
final class SimulatedUpstream {
  /// How it answers messages for a while.
  struct Manner {
    /// Refuses with that reason; 0: takes them.
    var refusal: UInt8 = 0
    var losesAnswers = false
    var repeatsAnswers = false
    var disordersAnswers = false
    /// Added to the way of each answer, microseconds.
    var answerDelay: Int64 = 0
    /// Refuses connections.
    var failure: LinkFailure.Kind?
    var until: Int64 = 0
  }

  let index: Int
  let configuration: UpstreamConfiguration
  let speaksFive: Bool
  private let packetByteCountMax: Int?
  private let latency: Int64

  /// Which brokers of the list are there, the primary first.
  private var areUp: [Bool]
  /// Which of them the link is made to.
  private var place = 0
  var manner = Manner()
  /// Microseconds it takes for each message at least.
  var messageTime: Int64 = 20
  /// Closes the link after so many more messages; negative: does not.
  var cutCountdown = -1
  /// Whether the next event that comes for the first time becomes poison.
  var wantsPoison = false
  /// Closes whenever this message comes.
  var poison: Int?

  private var link = 0
  private(set) var isConnected = false
  private var isConnecting = false
  private var arrivesAt: Int64 = 0
  private var receiveMaximum = 65_535
  /// Published on this link and not answered, as the agent sees it.
  private var outstandingCount = 0
  var evidence = Evidence()
  /// Knows what must come, where there are stages.
  let judge: StageJudge?

  init(index: Int, plan: WorldPlan) {
    self.index = index
    configuration = plan.configuration.upstreams[index]
    speaksFive = plan.upstreamSpeaksFive[index]
    packetByteCountMax = plan.packetByteCountMax[index]
    latency = plan.upstreamLatency
    areUp = Array(repeating: true, count: configuration.link.brokerCount)
    judge =
      configuration.stages.isEmpty
      ? nil
      : StageJudge(
        index: index,
        configuration: configuration,
        rules: plan.configuration.sources.map(\.decode)
      )
  }

  func manner(at now: Int64) -> Manner {
    var manner = now < manner.until ? manner : Manner()
    if isKafka {
      // Partitions report at their own pace.
      manner.disordersAnswers = true
      manner.refusal = Self.recordRefusal(of: manner.refusal)
    }
    return manner
  }

  private var isKafka: Bool { configuration.kafka != nil }

  // MARK: the link

  func processDied(world: World) { breakLink() }

  private func breakLink() {
    link += 1
    isConnected = false
    isConnecting = false
    outstandingCount = 0
  }

  func cut(_ kind: LinkFailure.Kind, world: World) {
    guard isConnected || isConnecting else { return }
    breakLink()
    // A cluster does not close on a record: brokers are away, or the client fails.
    tellClosed(isKafka && kind == .closed ? .unreachable : kind, world: world)
  }

  private func tellClosed(_ kind: LinkFailure.Kind, world: World) {
    let index = index
    // The real client says so before it takes the next command.
    world.afterAlive(world.draw(0...(kind == .requested ? 400 : 3000))) {
      $0.step(.upstreamClosed(upstream: index, LinkFailure(kind)))
    }
  }

  /// Takes brokers away; of a list all, or one of them.
  func goDown(world: World) {
    let which = areUp.count > 1 ? Int(world.draw(0...3)) : 0
    for place in areUp.indices where which == 0 || place == (which == 1 ? 1 : 0) {
      areUp[place] = false
    }
    if !areUp[place] { cut(.closed, world: world) }
  }

  func comeBack() {
    for place in areUp.indices { areUp[place] = true }
  }

  /// The answer to a connection that only asks.
  func ask(_ version: ProtocolVersion, world: World) {
    // The end of the link may be on its way to the agent.
    guard place > 0 else { return world.fail("upstream \(index) asks for nothing") }
    let index = index
    world.afterAlive(world.draw(500...50_000)) { [self] world in
      var failure: LinkFailure.Kind?
      if !areUp[0] {
        failure = .unreachable
      } else if let kind = manner(at: world.now).failure {
        failure = kind
      } else if version == .v5 && !speaksFive {
        failure = .unsupportedProtocolVersion
      }
      world.step(.primaryAsked(upstream: index, failure.map { LinkFailure($0) }))
    }
  }

  func connect(_ version: ProtocolVersion, place: Int, world: World) {
    if isConnected || isConnecting { return world.fail("upstream \(index) connects twice") }
    guard areUp.indices.contains(place) else {
      return world.fail("upstream \(index) has no broker \(place)")
    }
    self.place = place
    isConnecting = true
    let link = link
    world.afterAlive(world.draw(500...50_000)) { [self] world in
      guard self.link == link, isConnecting else { return }
      isConnecting = false
      guard areUp[place] else { return tellClosed(.unreachable, world: world) }
      if place == 0, let failure = manner(at: world.now).failure {
        return tellClosed(failure, world: world)
      }
      if version == .v5 && !speaksFive {
        return tellClosed(.unsupportedProtocolVersion, world: world)
      }
      isConnected = true
      arrivesAt = world.now
      receiveMaximum = speaksFive && !isKafka ? 20 + index * 40 : 65_535
      world.step(
        .upstreamConnected(
          upstream: index,
          SessionGrant(
            protocolVersion: version,
            isSessionPresent: false,
            receiveMaximum: receiveMaximum,
            packetByteCountMax: packetByteCountMax
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

  // MARK: messages

  func publish(_ batch: MessageBatch, world: World) {
    // The real client drops what is published on a link that has ended.
    guard isConnected else { return }
    outstandingCount += batch.rows.count
    if outstandingCount > min(receiveMaximum, configuration.inFlightMax) {
      world.fail("upstream \(index): \(outstandingCount) messages without an answer")
    }
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
    let manner = manner(at: world.now)
    let refusal = speaksFive ? manner.refusal : 0
    for row in batch.rows[rows] {
      if cutCountdown == 0 {
        // Before the answers left: what was taken comes again.
        cutCountdown = -1
        return cut(.closed, world: world)
      }
      cutCountdown = max(-1, cutCountdown - 1)
      guard let topic = eventTopic(of: row, in: batch) else {
        world.fail("upstream \(index) got a record with a wrong place or time")
        return
      }
      if let limit = packetByteCountMax, Int(row.payloadByteCount) > limit {
        world.fail("upstream \(index) got \(row.payloadByteCount) bytes, takes \(limit)")
      }
      guard
        take(
          topic,
          batch.bytes[row.payloadRange],
          batch.bytes[row.propertiesRange],
          refusal: refusal,
          slot: row.tag & 0xffff_ffff_ffff,
          world: world
        )
      else { return cut(.closed, world: world) }
      answers.append(Acknowledgement(tag: row.tag, reasonCode: refusal))
    }
    answer(answers, manner, world: world)
  }

  private func answer(_ answers: [Acknowledgement], _ manner: Manner, world: World) {
    if manner.losesAnswers { return }
    var answers = answers
    if manner.disordersAnswers { answers.shuffle(using: &world.random) }
    let (link, count) = (link, answers.count)
    var delay = world.draw(50...latency) + manner.answerDelay
    // Later answers overtake these.
    if manner.disordersAnswers { delay += world.draw(0...latency) }
    for turn in 0..<(manner.repeatsAnswers ? 2 : 1) {
      let answers = answers
      world.afterAlive(delay + Int64(turn) * 1000) { [self] world in
        // An acknowledgement that a breaking link swallows.
        guard self.link == link else { return }
        if turn == 0 { outstandingCount -= count }
        world.step(.acknowledged(upstream: index, answers))
      }
    }
  }

  /// Takes a message, or refuses it; false: the link closes instead.
  private func take(
    _ topic: ArraySlice<UInt8>,
    _ payload: ArraySlice<UInt8>,
    _ properties: ArraySlice<UInt8>,
    refusal: UInt8,
    slot: UInt64,
    world: World
  ) -> Bool {
    if topic.elementsEqual("holdfast/edge/gaps".utf8) {
      guard let gap = world.gap(in: payload, isRefused: refusal != 0) else {
        world.fail("upstream \(index) got a gap record that can't be read")
        return true
      }
      judge?.take(gap, slot: slot, world: world)
      if !Self.isRetryable(refusal) { take(gap, world: world) }
      return true
    }
    let isBatch = configuration.format != .event
    if let judge {
      guard let parts = world.departures(topic, payload, properties, isBatch: isBatch) else {
        world.fail("upstream \(index) got what no stage makes")
        return true
      }
      return take(parts, judge, refusal: refusal, world: world)
    }
    guard let events = world.events(topic, payload, properties, isBatch: isBatch) else {
      world.fail("upstream \(index) got foreign bytes")
      return true
    }
    var places: [Int] = []
    for event in events {
      guard let place = world.place(of: event, at: index) else { return true }
      places.append(place)
      if event.isHistorical { world.report.historicalCount += 1 }
    }
    if isPoisoned(places, world: world) {
      for place in places { evidence.add([.rejected, .deferred], to: place) }
      return false
    }
    for (place, event) in zip(places, events) {
      if refusal != 0 {
        evidence.add(
          Self.isRetryable(refusal) ? .deferred : [.rejected, .deferred],
          to: place
        )
      } else {
        deliver(place, isHistorical: event.isHistorical, world: world)
      }
    }
    return true
  }

  static func isRetryable(_ reasonCode: UInt8) -> Bool {
    switch reasonCode {
    case 0x87, 0x90, 0x95, 0x99: false
    case RecordRefusal.unknownTopic.rawValue, RecordRefusal.batchTooLarge.rawValue,
      RecordRefusal.recordTooLarge.rawValue:
      false
    default: reasonCode >= 0x80
    }
  }

  /// A cluster's answer in place of a broker's.
  private static func recordRefusal(of reasonCode: UInt8) -> UInt8 {
    switch reasonCode {
    case 0: 0
    case 0x80: RecordRefusal.failed.rawValue
    case 0x83, 0x97: RecordRefusal.queueFull.rawValue
    case 0x87: RecordRefusal.unknownTopic.rawValue
    case 0x90: RecordRefusal.batchTooLarge.rawValue
    default: RecordRefusal.recordTooLarge.rawValue
    }
  }

  /// The topic of the event in a message; nil for a record that is not where it belongs.
  private func eventTopic(
    of row: MessageBatch.Row,
    in batch: MessageBatch
  ) -> ArraySlice<UInt8>? {
    let topic = batch.bytes[row.topicRange]
    guard isKafka else { return row.keyByteCount == 0 ? topic : nil }
    let key = batch.bytes[row.keyRange]
    if topic.elementsEqual("holdfast.edge.gaps".utf8) {
      return key.elementsEqual("edge".utf8) ? Array("holdfast/edge/gaps".utf8)[...] : nil
    }
    let headers = batch.bytes[row.propertiesRange]
    guard let eventTopic = headers.value(of: Array("topic".utf8)), key == eventTopic,
      topic.elementsEqual("events.".utf8 + eventTopic.map(Self.topicByte)),
      let time = headers.value(of: Array("time".utf8)),
      rfc3339(wallMicroseconds: row.wall).utf8.elementsEqual(time)
    else { return nil }
    return eventTopic
  }

  private static func topicByte(_ byte: UInt8) -> UInt8 {
    let isLegal = (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
    if isLegal || byte == 0x2D || byte == 0x2E || byte == 0x5F { return byte }
    return byte == 0x2F ? 0x2E : 0x5F
  }

  func isPoisoned(_ places: [Int], world: World) -> Bool {
    if isKafka { return false }
    if wantsPoison, let place = places.first(where: { evidence.marks($0).isEmpty }) {
      wantsPoison = false
      poison = world.numbering.places[place].message
    }
    guard let poison else { return false }
    return places.contains { world.numbering.places[$0].message == poison }
  }

  private func deliver(_ place: Int, isHistorical: Bool, world: World) {
    let isNew = !evidence.marks(place).contains(.delivered)
    let wasDeferred = evidence.marks(place).contains(.deferred)
    evidence.add(.delivered, to: place)
    if !isNew { return }
    world.report.deliveredCount += 1
    let (identity, id) = (
      world.numbering.places[place].identity, world.numbering.places[place].message
    )
    let message = world.messages[id]
    if wasDeferred || evidence.isTold(identity) || !message.kind.hasSharedTopic { return }
    // What the sensors' broker has sent again has more numbers than one; the first one counts.
    if message.places.contains(where: { $0 != place && !evidence.marks($0).isEmpty }) { return }
    // What is marked as historical has an order of its own.
    let topic = message.source << 16 | message.topicIndex
    checkOrder(identity, id, topic: isHistorical ? ~topic : topic, world: world)
  }

  /// Each topic's events come in order of their numbers, and those in the order of the sensors,
  /// whatever log they have their numbers from: live ones and historical ones each by themselves.
  private func checkOrder(_ identity: Identity, _ id: Int, topic: Int, world: World) {
    if let last = evidence.newest[topic], last.log == identity.log,
      last.number > identity.number
    {
      world.fail("upstream \(index): number \(identity.number) comes after \(last.number)")
    }
    evidence.newest[topic] = identity
    let message = world.messages[id]
    // A retained message comes once more with each subscription.
    if message.kind == .retained || message.isRetained { return }
    if let last = evidence.newestMessage[topic], last > id {
      // What was lost and came again from the sensors' broker comes late.
      let isLate =
        message.sendCount > 1
        && (world.mayEvict || world.hasRotted || world.plan.hasReadFaults
          // Kept back within a batch that was refused, and let through when it came again.
          || message.isFilteredAtSource)
      if !isLate {
        world.fail("upstream \(index): message \(id) of topic \(topic) comes after \(last)")
      }
      return
    }
    evidence.newestMessage[topic] = id
  }

  private func take(_ gap: Evidence.Gap, world: World) {
    world.trace("upstream \(index) is told \(gap.numbers) \(gap.reason)")
    evidence.add(gap)
    if gap.isRefused { return }
    world.report.coverage.note(gap.reason)
  }

  // MARK: dead letters

  /// Notes what a dead letter holds.
  func take(_ letter: DeadLetter, world: World) {
    if letter.count == 0 {
      if let gap = world.gap(in: letter.payload[...], isRefused: true) { evidence.add(gap) }
      return
    }
    var letter = letter
    if isKafka, let topic = letter.properties[...].value(of: Array("topic".utf8)) {
      letter.topic = Array(topic)
    }
    if let judge { return world.take(letter, judge: judge) }
    // An event that was never rendered stands there as it came, with its own topic.
    let (topic, payload) = (letter.topic[...], letter.payload[...])
    if letter.count == 1, letter.properties[...].value(of: Array("log".utf8)) == nil,
      let id = world.message(topic, payload), payload.elementsEqual(world.payload(of: id))
    {
      let identity = Identity(log: letter.log, number: letter.first)
      setAside(Arrival(text: id, identity: identity), world: world)
      return
    }
    let isBatch = configuration.format != .event
    guard let events = world.events(topic, payload, letter.properties[...], isBatch: isBatch),
      UInt64(events.count) == letter.count
    else { return world.fail("upstream \(index): a dead letter holds foreign bytes") }
    for event in events { setAside(event, world: world) }
  }

  private func setAside(_ event: Arrival, world: World) {
    guard let place = world.place(of: event, at: index) else { return }
    evidence.add(.setAside, to: place)
  }
}

extension World {
  /// One number of one log names one event, whoever gets it and whenever.
  func place(of event: Arrival, at index: Int) -> Int? {
    if let place = numbering.place(of: event.identity) {
      let known = numbering.places[place].message
      if messages[known].textOf != messages[event.text].textOf {
        fail("\(event.identity) names message \(known) and \(event.text)")
        return nil
      }
      return place
    }
    if !isSelected(event.text, by: index) { fail("upstream \(index) got message \(event.text)") }
    if !messages[event.text].kind.isStored || !messages[event.text].isTextHanded {
      fail("upstream \(index) got message \(event.text), which nobody stored")
    }
    let place = numbering.learn(event.identity, event.text)
    messages[event.text].places.append(place)
    return place
  }
}
