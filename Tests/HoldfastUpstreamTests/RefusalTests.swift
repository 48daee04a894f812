import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

@Suite struct RefusalTests {
  static func filled(_ count: Int, window: Int = 5) -> Bench {
    var bench = Bench {
      $0.inFlightMax = window
      $0.refusalTryCountMax = 3
    }
    for index in 1...count { bench.log.append("t/\(index)", "\(index)") }
    bench.connect()
    return bench
  }

  @Test(arguments: [0x80, 0x83, 0x91, 0x9A] as [UInt8])
  func aRetryableRefusalDrainsThenResumesAtTheRefusedNumber(_ code: UInt8) throws {
    var bench = Self.filled(10)
    let messages = bench.take()
    bench.acknowledge([messages[0]])
    #expect(bench.take().map(\.text) == ["6"])
    bench.acknowledge([messages[1]], code)
    #expect(bench.take().isEmpty, "the window drains")
    bench.acknowledge(Array(messages[2...]))
    #expect(bench.take().isEmpty)
    #expect(bench.ledger.cursor == 2)
    bench.acknowledge(bench.published.suffix(1))
    #expect(bench.take().isEmpty, "not before the backoff")
    try bench.wake()
    #expect(bench.take().map(\.text) == ["2"], "the refused one alone")
    bench.acknowledge(bench.published.suffix(1))
    #expect(bench.take().map(\.text) == ["3", "4", "5", "6", "7"], "and all after it again")
    bench.acknowledge(bench.published.suffix(5))
    bench.drain()
    #expect(bench.ledger.delivered == 10)
    #expect(bench.letters.isEmpty)
  }

  @Test func aRetryableRefusalIsRetriedForEver() throws {
    var bench = Self.filled(3)
    for message in bench.take().prefix(3) { bench.acknowledge([message], 0x97) }
    for _ in 0..<50 {
      try bench.wake()
      let messages = bench.take()
      #expect(messages.map(\.text) == ["1"])
      bench.acknowledge(messages, 0x97)
    }
    #expect(bench.letters.isEmpty)
    try bench.wake()
    bench.drain()
    #expect(bench.ledger.delivered == 3)
  }

  @Test func aRefusalSurvivesTheEndOfTheLink() throws {
    var bench = Self.filled(4)
    let messages = bench.take()
    bench.acknowledge([messages[1]], 0x97)
    bench.acknowledge([messages[2]])
    bench.close()
    bench.connect()
    while bench.unseen.isEmpty { try bench.wake() }
    #expect(bench.take().map(\.text) == ["1"])
    bench.acknowledge(bench.published.suffix(1))
    #expect(bench.take().map(\.text) == ["2"])
    bench.acknowledge(bench.published.suffix(1))
    #expect(bench.take().map(\.text) == ["3", "4"])
    bench.acknowledge(bench.published.suffix(2))
    #expect(bench.ledger.delivered == 4)
  }

  @Test(arguments: [0x90, 0x95, 0x99] as [UInt8])
  func aPermanentRefusalIsSetAsideAtOnce(_ code: UInt8) {
    var bench = Self.filled(3)
    let messages = bench.take()
    bench.acknowledge([messages[0]], code)
    #expect(bench.letters.count == 1)
    let letter = bench.letters[0]
    #expect(letter.first == 1 && letter.end == 2 && letter.count == 1)
    #expect(letter.topic == Array("t/1".utf8))
    #expect(letter.payload == Array("1".utf8))
    #expect(letter.upstream == "central")
    #expect(letter.log == FakeLog.id)
    #expect(letter.reason.contains("0x\(String(code, radix: 16, uppercase: true))"))
    #expect(EventProperties(encoded: letter.properties[...]).pairs.count == 4)
    bench.acknowledge(Array(messages[1...]))
    #expect(bench.ledger.deadLettered == 1)
    #expect(bench.ledger.delivered == 2)
    #expect(bench.ledger.cursor == 4)
    #expect(bench.lines.last?.message.contains("set aside as a dead letter") == true)
  }

  @Test func aDeadLetterThatCannotBeKeptIsDropped() {
    var bench = Self.filled(2)
    bench.letterCountMax = 0
    bench.acknowledge(bench.take(), 0x90)
    #expect(bench.ledger.dropped == [2])
    #expect(bench.ledger.deadLettered == 0)
    #expect(bench.ledger.cursor == 3)
    #expect(bench.lines.filter { $0.message.contains("no room for dead letters") }.count == 1)
  }

  @Test func aDeniedTopicIsTriedAFewTimesThenSetAsideWithoutHoldingUpTheOthers() throws {
    var bench = Bench {
      $0.inFlightMax = 4
      $0.refusalTryCountMax = 3
    }
    for index in 1...20 { bench.log.append(index % 2 == 0 ? "denied" : "good", "\(index)") }
    bench.connect()
    var stepCount = 0
    while bench.ledger.cursor < 21, stepCount < 100 {
      let messages = bench.take()
      for message in messages { bench.acknowledge([message], message.topic == "denied" ? 0x87 : 0) }
      if messages.isEmpty { try bench.wake() }
      stepCount += 1
    }
    #expect(bench.ledger.delivered == 10)
    #expect(bench.ledger.deadLettered == 10)
    let tries = bench.published.filter { $0.text == "2" }.count
    #expect(tries == 3)
    let refusals = bench.lines.filter { $0.message.contains("not authorized (0x87), try") }
    #expect(refusals.count == 2)
    #expect(refusals[0].message.contains("number 2 on topic \"denied\""))
    #expect(bench.now < 1010 * second)
  }

  @Test func whenAllIsDeniedTheLogIsNotEmptiedIntoTheDeadLettersAtFullSpeed() throws {
    for isBatch in [false, true] {
      var bench = Bench {
        $0.refusalTryCountMax = 3
        $0.format = isBatch ? .ndjson : .event
        $0.topicTemplate = isBatch ? "batch" : "{topic}"
        $0.batchEventCountMax = 10
      }
      for _ in 0..<1000 { bench.log.append("t") }
      bench.connect()
      let start = bench.now
      while bench.now < start + 600 * second {
        let messages = bench.take()
        if messages.isEmpty { try bench.wake() } else { bench.acknowledge(messages, 0x87) }
      }
      #expect(!bench.letters.isEmpty)
      #expect(bench.letters.count < 60)
    }
  }

  @Test func aRefusalThatTurnsPermanentGivesTheWindowBack() throws {
    var bench = Self.filled(20)
    var messages = bench.take()
    bench.acknowledge([messages[0]], 0x97)
    bench.acknowledge(Array(messages[1...]))
    try bench.wake()
    messages = bench.take()
    #expect(messages.map(\.text) == ["1"])
    bench.acknowledge(messages, 0x90)
    #expect(bench.take().map(\.text) == ["2", "3", "4", "5", "6"])
    #expect(bench.letters.map(\.first) == [1])
  }

  @Test func rightsThatWereMendedInTimeLoseNothing() throws {
    var bench = Self.filled(2)
    bench.acknowledge(bench.take(), 0x87)
    try bench.wake()
    bench.acknowledge(bench.take(), 0x87)
    try bench.wake()
    bench.drain()
    #expect(bench.ledger.delivered == 2)
    #expect(bench.letters.isEmpty)
  }

  @Test func aMessageLargerThanThePeerTakesIsNeverSent() {
    var bench = Bench()
    bench.log.append("a", String(repeating: "x", count: 300))
    bench.log.append("a", "small")
    bench.connect(packetByteCountMax: 256)
    #expect(bench.take().map(\.text) == ["small"])
    #expect(bench.letters.map(\.count) == [1])
    #expect(bench.letters.first?.reason == "larger than the peer takes (256 bytes)")
    bench.acknowledge(bench.published)
    #expect(bench.ledger.deadLettered == 1)
    #expect(bench.ledger.delivered == 1)
  }

  @Test func theSizeOfAPacketIsKnownToTheByte() {
    // PUBLISH: 1 + 2 (remaining length) + 2 + 1 topic + 2 id + 1 properties' length + properties:
    // agent 5+5+6, log 5+3+32, seq 5+3+1, time 5+4+24 + payload.
    let overhead = 1 + 2 + 3 + 2 + 1 + 16 + 40 + 9 + 33
    for (limit, isSent) in [(overhead + 100, true), (overhead + 99, false)] {
      var bench = Bench()
      bench.log.append("a", String(repeating: "x", count: 100))
      bench.connect(packetByteCountMax: limit)
      #expect(bench.published.isEmpty == !isSent)
      #expect(bench.letters.isEmpty == isSent)
    }
  }

  @Test func aMessageInFlightThatANewPeerCannotTakeIsSetAside() {
    var bench = Bench()
    bench.log.append("a", String(repeating: "x", count: 300))
    bench.log.append("a", "small")
    bench.connect()
    #expect(bench.take().count == 2)
    bench.close()
    bench.connect(packetByteCountMax: 256)
    #expect(bench.take().map(\.text) == ["small"])
    #expect(bench.letters.count == 1)
  }

  @Test func topicsThatNoPeerMayAcceptAreSetAside() {
    var bench = Bench { $0.topicTemplate = "out/{topic}" }
    let topics: [[UInt8]] = [
      Array("a+b".utf8), Array("a/#".utf8), [97, 0, 98], [0xFF], [97, 0xC3],
      [UInt8](repeating: 97, count: 65_533), Array("fine".utf8), [],
    ]
    for topic in topics { bench.log.append(FakeLog.Event(topic: topic, payload: [1])) }
    bench.connect()
    #expect(bench.take().map(\.topic) == ["out/fine", "out/"])
    #expect(bench.letters.map(\.topic) == Array(topics[0..<6]))
    bench.acknowledge(bench.published)
    #expect(bench.ledger.deadLettered == 6)
    #expect(bench.ledger.cursor == 9)
    var plain = Bench()
    plain.log.append(FakeLog.Event(topic: [], payload: [1]))
    plain.connect()
    #expect(plain.letters.count == 1)
  }

  @Test func aRefusedGapRecordKeepsItsNumbersLost() {
    var bench = Bench()
    bench.log.appendGap(4, .evicted)
    bench.connect()
    bench.acknowledge(bench.take(), 0x90)
    #expect(bench.letters.map(\.count) == [0])
    #expect(bench.ledger.lost[LossReason.evicted.rawValue] == 4)
    #expect(bench.ledger.deadLettered == 0)
  }

  @Test func nobodyListeningIsSaidOncePerLink() {
    var bench = Self.filled(4)
    bench.acknowledge(bench.take(), 0x10)
    #expect(bench.ledger.delivered == 4)
    #expect(bench.lines.filter { $0.message.contains("no subscriber") }.count == 1)
  }

  @Test func aWarningAboutTheOlderVersionIsSaidOnce() {
    var bench = Bench()
    for _ in 0..<3 {
      bench.connect(.v311)
      bench.close()
    }
    #expect(bench.lines.filter { $0.message.contains("carries no user properties") }.count == 1)
  }
}

@Suite struct SuspicionTests {
  /// Connects again and again to a peer that closes when it is sent `poison`.
  static func run(_ bench: inout Bench, poison: String, closeCountMax: Int) {
    var closeCount = 0
    while closeCount < closeCountMax {
      if !bench.forwarder.isConnected { bench.connect() }
      let messages = bench.take()
      if messages.isEmpty { return }
      for message in messages {
        if message.text == poison {
          closeCount += 1
          bench.close()
          break
        }
        bench.acknowledge([message])
      }
    }
  }

  @Test(arguments: [1, 2, 50, 100])
  func theMessageThatMakesThePeerCloseIsFoundAndSetAside(_ poison: Int) {
    var bench = Bench { $0.inFlightMax = 40 }
    for index in 1...100 { bench.log.append("t", "\(index)") }
    Self.run(&bench, poison: "\(poison)", closeCountMax: 100)
    #expect(bench.letters.map { String(decoding: $0.payload, as: UTF8.self) } == ["\(poison)"])
    #expect(bench.letters.first?.reason.contains("closed the connection") == true)
    #expect(bench.ledger.delivered == 99)
    #expect(bench.ledger.deadLettered == 1)
    #expect(bench.connects.count == 7, "three closes, three alone, and the way on")
    #expect(!bench.lines.contains { $0.message.contains("another client") })
  }

  @Test func aPeerThatClosesWithoutAnsweringWhatWasGoodLosesOnlyThePoison() {
    var bench = Bench { $0.inFlightMax = 40 }
    for index in 1...100 { bench.log.append("t", "\(index)") }
    var connectCount = 0
    while bench.ledger.cursor < 101, connectCount < 60 {
      if !bench.forwarder.isConnected {
        bench.connect()
        connectCount += 1
      }
      let messages = bench.take()
      if messages.contains(where: { $0.text == "30" }) {
        bench.close()
      } else {
        bench.acknowledge(messages)
      }
    }
    #expect(bench.letters.map { String(decoding: $0.payload, as: UTF8.self) } == ["30"])
    #expect(bench.ledger.delivered == 99)
  }

  @Test(arguments: [
    LinkFailure.Kind.unreachable, .connectTimeout, .keepAliveTimeout, .sessionTakenOver, .tls,
    .requested,
  ])
  func anOutageIsNeverHeldAgainstAMessage(_ kind: LinkFailure.Kind) {
    var bench = Bench()
    bench.log.append("a")
    for _ in 0..<30 {
      bench.connect()
      bench.close(kind)
    }
    #expect(bench.letters.isEmpty)
    bench.connect()
    bench.drain()
    #expect(bench.ledger.delivered == 1)
  }

  @Test func closesWithNothingInFlightAreTakenForAnotherClients() {
    var bench = Bench()
    for _ in 0..<3 {
      bench.connect()
      bench.close()
    }
    #expect(bench.lines.last?.message.contains("another client uses client id") == true)
    let wake = bench.forwarder.wakeAt ?? 0
    #expect(wake - bench.now >= 30 * second)
  }

  @Test func aCloseLongAfterTheSendingIsNotHeldAgainstTheMessage() {
    var bench = Bench { $0.acknowledgementTimeout = 60 * second }
    bench.log.append("a")
    for _ in 0..<30 {
      bench.connect()
      bench.now += 10 * second
      bench.close()
    }
    #expect(bench.letters.isEmpty)
  }

  @Test func closesBeforeConnackAreNotHeldAgainstAMessage() {
    var bench = Bench()
    bench.log.append("a")
    bench.connect()
    bench.close()
    for _ in 0..<30 {
      if let wake = bench.forwarder.wakeAt { bench.now = max(bench.now, wake) }
      bench.step()
      bench.close(.closedBeforeConnected)
    }
    #expect(bench.letters.isEmpty)
  }

  @Test func anAnswerInBetweenClearsTheSuspicion() {
    var bench = Bench { $0.inFlightMax = 10 }
    for index in 1...200 { bench.log.append("t", "\(index)") }
    for _ in 0..<60 {
      bench.connect()
      if let message = bench.take().first { bench.acknowledge([message]) }
      bench.close()
    }
    #expect(bench.letters.isEmpty)
    #expect(bench.ledger.delivered == 60)
  }
}
