import Foundation
import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

/// One forwarder, a growing and evicting log, and a peer with every bad habit, by seed.
///
/// The peer takes messages in order and answers in order; it delays and loses answers, refuses,
/// closes on messages it can't stand, and goes away. The agent may be killed: then a new
/// forwarder starts from a ledger saved at any earlier moment.
struct World {
  enum Fate: Equatable { case event(topic: String), filtered, gap, unused }

  var random: SplitMix64
  var log = FakeLog()
  var configuration: UpstreamConfiguration
  var forwarder: Forwarder
  var saved: UpstreamLedger
  var now: Int64 = 0
  var isBenign = false

  // What the forwarder was last told of each number.
  var fates: [SequenceNumber: Fate] = [:]
  // The peer's side.
  var isLinked = false
  var isConnecting = false
  var inbox: [Message] = []
  var answers: [(Acknowledgement, numbers: [SequenceNumber])] = []
  /// First receptions, and last acceptances, of each number: position in the peer's history.
  var received: [SequenceNumber: Int] = [:]
  var accepted: [SequenceNumber: Int] = [:]
  var history = 0
  /// Gap records the peer took, by number and reason.
  var marks: Set<String> = []
  /// Numbers whose acknowledgement reached the forwarder, or that were handed over as letters.
  var answered: Set<SequenceNumber> = []
  var setAside: Set<SequenceNumber> = []
  var letterCountMax: Int
  /// Gap records among the dead letters.
  var letterCount = 0
  /// Numbers before this have been checked, and how many of them were unused.
  var checked: SequenceNumber = 1
  var unusedCount: UInt64 = 0
  var problem: String?
  /// Numbers that came marked as historical when they came first.
  var historical: Set<SequenceNumber> = []

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
    configuration.refusalTryCountMax = 3
    configuration.gapTopicTemplate = Bool.random(using: &random) ? "gaps" : ""
    letterCountMax = Bool.random(using: &random) ? 2 : .max
    log.chunkCountMax = Int.random(in: 1...20, using: &random)
    configuration.order = seed % 4 == 1 ? .liveFirst : .oldestFirst
    configuration.liveLagMax = 5
    saved = UpstreamLedger(name: "central", cursor: 1)
    forwarder = Forwarder(
      configuration: configuration,
      agentID: "e",
      ledger: saved,
      seed: random.next()
    )
    forwarder.start(now: now)
  }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  // A number's nature is its own, so that a second try finds the same peer.
  func isPoison(_ number: SequenceNumber) -> Bool { !isBenign && number % 47 == 13 }
  func refusal(of number: SequenceNumber, _ roll: UInt64) -> UInt8? {
    if isBenign { return nil }
    if number % 41 == 7 { return 0x90 }
    if number % 43 == 11 { return 0x87 }
    return number % 17 == 5 && roll % 3 == 0 ? 0x97 : nil
  }

  mutating func grow() {
    for _ in 0..<Int.random(in: 0...6, using: &random) {
      switch Int.random(in: 0..<40, using: &random) {
      case 0: log.appendGap(UInt64.random(in: 1...4, using: &random), .corrupt)
      case 1: log.appendGap(UInt64.random(in: 1...4, using: &random), .unused)
      case 2: log.appendMark(.sourceSessionLost)
      case 3...8: log.append("other/x", boot: now)
      default: log.append("t/\(Int.random(in: 0..<4, using: &random))", "p", boot: now)
      }
    }
    if chance(2), log.end > 20 { log.evict(before: log.end - 15) }
  }

  mutating func step() {
    var actions: [Forwarder.Action] = []
    // Moved out and back, so that the closures change them in place.
    var fates: [SequenceNumber: Fate] = [:]
    var setAside: Set<SequenceNumber> = []
    swap(&fates, &self.fates)
    swap(&setAside, &self.setAside)
    var letterCount = letterCount
    let (log, filters, letterCountMax) = (log, configuration.topics, letterCountMax)
    forwarder.readableEnd = log.end
    let unread = forwarder.unread
    forwarder.step(
      now: now,
      read: { from, passed in
        let result = log.read(from, passed)
        switch result {
        case .end: break
        case .gap(let record):
          // What a lane does not read keeps what is known of it: it may be settled already.
          let end = unread.first { $0.contains(from) }?.upperBound ?? record.end
          for number in from..<max(from, min(end, record.end)) {
            fates[number] = record.reason == .unused ? .unused : .gap
          }
        case .events(let batch, let row):
          for index in row..<batch.events.count {
            let topic = batch.events.topic(index)
            fates[batch.first + SequenceNumber(index)] =
              filters.contains { $0.matches(topic) }
              ? .event(topic: String(decoding: topic, as: UTF8.self)) : .filtered
          }
        }
        return result
      },
      keep: { letter in
        if letter.count == 0 { letterCount += 1 }
        for number in letter.first..<letter.end { setAside.insert(number) }
        return setAside.count <= letterCountMax
      },
      into: &actions
    )
    swap(&fates, &self.fates)
    swap(&setAside, &self.setAside)
    self.letterCount = letterCount
    if forwarder.takeDivision() { saved = forwarder.ledger }
    for action in actions { perform(action) }
    check()
  }

  mutating func perform(_ action: Forwarder.Action) {
    switch action {
    case .connect:
      if isLinked || isConnecting { problem = "connect on top of a connection" }
      isConnecting = true
    case .disconnect: unlink(.requested)
    case .publish(let batch):
      if !isLinked { problem = "published while the link was down" }
      inbox += batch.rows.map { Message($0, in: batch.bytes) }
      let limit = max(1, configuration.inFlightMax)
      if forwarder.inFlightCount > limit { problem = "more in flight than the window" }
    case .ask, .log: break
    }
  }

  mutating func unlink(_ kind: LinkFailure.Kind) {
    // What was still in the socket may have been taken all the same.
    if kind != .requested, !inbox.isEmpty, chance(50) { takeMessages(upTo: inbox.count) }
    isLinked = false
    isConnecting = false
    inbox = []
    answers = []
    forwarder.closed(LinkFailure(kind), now: now)
  }

  /// The sequence numbers of a message; none for a gap record.
  func numbers(of message: Message) -> [SequenceNumber] {
    if message["gap"] != nil { return [] }
    if let number = message["seq"].flatMap({ SequenceNumber($0) }) { return [number] }
    return message.text.split(separator: "\"seq\":").dropFirst().compactMap {
      SequenceNumber($0.prefix { $0.isNumber })
    }
  }

  mutating func takeMessages(upTo count: Int) {
    for _ in 0..<count where !inbox.isEmpty {
      let message = inbox.removeFirst()
      let numbers = numbers(of: message)
      if Set(numbers).count != numbers.count { problem = "a number twice in one batch" }
      if message["gap"] == nil && numbers.isEmpty { problem = "a message without a number" }
      history += 1
      let isHistorical =
        message["historical"] != nil || message.text.contains("\"historical\":true")
      for number in numbers where received[number] == nil {
        received[number] = history
        if isHistorical { historical.insert(number) }
      }
      let roll = random.next()
      if numbers.contains(where: { isPoison($0) }) {
        inbox = []
        isLinked = false
        answers = []
        forwarder.closed(LinkFailure(.closed), now: now)
        return
      }
      if let code = numbers.compactMap({ refusal(of: $0, roll) }).first {
        answers.append((Acknowledgement(tag: message.tag, reasonCode: code), []))
      } else {
        for number in numbers { accepted[number] = history }
        if let reason = message["gap"] { marks.insert("\(message["first"] ?? "") \(reason)") }
        answers.append((Acknowledgement(tag: message.tag), numbers))
      }
    }
  }

  mutating func answer(_ count: Int) {
    let sent = answers.prefix(count)
    answers.removeFirst(sent.count)
    for numbers in sent.map(\.numbers) { answered.formUnion(numbers) }
    forwarder.acknowledged(sent.map(\.0), now: now)
  }

  mutating func act() {
    now += chance(30) ? Int64.random(in: 0...2 * second, using: &random) : 1000
    if chance(40), let wake = forwarder.wakeAt { now = max(now, min(wake, now + 60 * second)) }
    if isConnecting, chance(50) {
      isConnecting = false
      if isBenign || chance(70) {
        isLinked = true
        let maximum = chance(20) ? 3 : 65_535
        forwarder.connected(
          SessionGrant(
            protocolVersion: .v5,
            isSessionPresent: false,
            receiveMaximum: maximum
          ),
          now: now
        )
      } else {
        forwarder.closed(LinkFailure(.unreachable), now: now)
      }
    }
    if isLinked, chance(60) { takeMessages(upTo: Int.random(in: 1...5, using: &random)) }
    if isLinked, chance(60) { answer(Int.random(in: 1...5, using: &random)) }
    if !isBenign {
      if isLinked, chance(3) { unlink(chance(50) ? .closed : .keepAliveTimeout) }
      if chance(10) { saved = forwarder.ledger }
      if chance(1) { restart() }
      grow()
    }
    step()
  }

  mutating func restart() {
    isLinked = false
    isConnecting = false
    inbox = []
    answers = []
    checked = 1
    unusedCount = 0
    // Somebody may have edited the configuration.
    if configuration.order == .liveFirst || saved.ahead.count > 0 {
      configuration.order = chance(50) ? .liveFirst : .oldestFirst
    }
    forwarder = Forwarder(
      configuration: configuration,
      agentID: "e",
      ledger: saved,
      seed: random.next()
    )
    forwarder.start(now: now)
  }

  mutating func check() {
    let ledger = forwarder.ledger
    for number in checked..<max(checked, ledger.cursor) {
      switch fates[number] {
      case .event:
        if !answered.contains(number) && !setAside.contains(number) {
          problem = problem ?? "the cursor passed \(number) without an acknowledgement"
        }
      case .unused: unusedCount += 1
      case .filtered, .gap: break
      case nil: problem = problem ?? "the cursor passed \(number) unread"
      }
    }
    checked = ledger.cursor
    var aheadCount: UInt64 = 0
    for number in ledger.ahead.joined() where fates[number] != .unused {
      aheadCount += 1
      if case .event = fates[number], !answered.contains(number), !setAside.contains(number) {
        problem = problem ?? "\(number) is settled ahead without an acknowledgement"
      }
    }
    if ledger.settled + unusedCount != ledger.cursor - 1 + aheadCount {
      problem = problem ?? "the ledger is off: \(ledger), unused \(unusedCount)"
    }
  }

  /// Each topic's events reached the peer in order, and stand in order in the end: those that came
  /// as historical by themselves.
  func checkOrder() -> String? {
    for (name, positions) in [("received", received), ("accepted", accepted)] {
      var newest: [String: Int] = [:]
      for number in positions.keys.sorted() {
        guard case .event(let topic) = fates[number], let position = positions[number],
          name == "received" || !setAside.contains(number)
        else { continue }
        let lane = historical.contains(number) ? topic + " historical" : topic
        // What is accepted last may have come once as live and once more as historical.
        if historical.count > 0 && name == "accepted" { continue }
        if position < newest[lane, default: 0] {
          return "\(number) on \(topic) was \(name) out of order"
        }
        newest[lane] = position
      }
    }
    return nil
  }

  mutating func run(actionCount: Int) -> String? {
    for _ in 0..<actionCount where problem == nil { act() }
    isBenign = true
    for _ in 0..<5000 where problem == nil && forwarder.ledger.cursor < log.end { act() }
    if let problem { return problem }
    if forwarder.ledger.cursor != log.end {
      return "stuck at \(forwarder.ledger.cursor) of \(log.end), wake \(forwarder.wakeAt ?? -1)"
    }
    for number in 1..<log.end {
      guard case .event = fates[number] else { continue }
      if accepted[number] == nil && !setAside.contains(number) { return "\(number) is missing" }
    }
    if !configuration.gapTopicTemplate.isEmpty && letterCount == 0 {
      for mark in log.marks.values.joined() where mark.first < log.end {
        if !marks.contains("\(mark.first) \(mark.reason)") { return "no word of \(mark)" }
      }
    }
    return checkOrder()
  }
}

@Suite struct ModelTests {
  /// Seeds per slice; `HOLDFAST_SEEDS=1000` makes a longer run.
  static let seedCount =
    ProcessInfo.processInfo.environment["HOLDFAST_SEEDS"].flatMap { UInt64($0) } ?? 15

  @Test(arguments: 0..<20 as Range<UInt64>)
  func whateverThePeerDoesEveryNumberIsDeliveredOrAccountedFor(_ slice: UInt64) {
    for seed in slice * Self.seedCount..<(slice + 1) * Self.seedCount {
      var world = World(seed: seed)
      let problem = world.run(actionCount: 300)
      #expect(problem == nil, "seed \(seed)")
      if problem != nil { return }
    }
  }

  @Test func aSeedGivesTheSameRunTwice() {
    var first = World(seed: 99)
    var second = World(seed: 99)
    _ = first.run(actionCount: 300)
    _ = second.run(actionCount: 300)
    #expect(first.forwarder.ledger == second.forwarder.ledger)
    #expect(first.accepted == second.accepted)
    #expect(first.now == second.now)
  }
}
