import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

@Suite struct WindowTests {
  @Test func nothingIsReadOrPublishedBeforeConnack() {
    var bench = Bench()
    for _ in 0..<10 { bench.log.append("a") }
    bench.forwarder.start(now: bench.now)
    bench.step()
    bench.step()
    #expect(bench.connects == [.v5])
    #expect(bench.published.isEmpty)
    bench.connect()
    #expect(bench.published.isEmpty)
  }

  @Test func theDrainStartsAtConnackAndKeepsOrder() {
    var bench = Bench { $0.inFlightMax = 7 }
    for index in 1...100 { bench.log.append("t/\(index % 3)", "\(index)") }
    bench.connect()
    #expect(bench.unseen.map(\.text) == (1...7).map(String.init))
    #expect(bench.forwarder.inFlightCount == 7)
    bench.drain()
    #expect(bench.published.map(\.text) == (1...100).map(String.init))
    #expect(bench.ledger.cursor == 101)
    #expect(bench.ledger.delivered == 100)
    #expect(bench.forwarder.inFlightCount == 0)
  }

  @Test(arguments: [
    (100, 65_535, 100), (100, 20, 20), (5000, 65_535, 1000), (0, 65_535, 1), (100, 0, 1),
  ])
  func theWindowIsTheLeastOfOursAndTheServers(_ own: Int, _ server: Int, _ expected: Int) {
    var bench = Bench { $0.inFlightMax = own }
    for _ in 0..<2000 { bench.log.append("a") }
    bench.connect(receiveMaximum: server)
    #expect(bench.published.count == expected)
  }

  @Test func onlyTheAcknowledgedPrefixMovesTheCursor() {
    var bench = Bench { $0.inFlightMax = 4 }
    for _ in 0..<10 { bench.log.append("a") }
    bench.connect()
    let messages = bench.take()
    bench.acknowledge([messages[1], messages[2]])
    #expect(bench.ledger.cursor == 1)
    #expect(bench.ledger.delivered == 0)
    #expect(bench.take().count == 2, "acknowledged ones leave room whatever their order")
    bench.acknowledge([messages[0]])
    #expect(bench.ledger.cursor == 4)
    #expect(bench.ledger.delivered == 3)
  }

  @Test func whatIsInFlightWhenTheLinkEndsIsSentAgainInOrderAndCountedOnce() {
    var bench = Bench { $0.inFlightMax = 4 }
    for index in 1...6 { bench.log.append("a", "\(index)") }
    bench.connect()
    let messages = bench.take()
    bench.acknowledge([messages[0], messages[2]])
    _ = bench.take()
    bench.close()
    bench.connect()
    #expect(bench.unseen.map(\.text) == ["2", "4", "5", "6"])
    #expect(bench.unseen.map { $0["seq"] } == ["2", "4", "5", "6"])
    bench.drain()
    #expect(bench.ledger.delivered == 6)
    #expect(bench.ledger.cursor == 7)
  }

  @Test func anAcknowledgementOfAnEarlierLinkIsPassedOver() {
    var bench = Bench()
    bench.log.append("a")
    bench.connect()
    let old = bench.take()
    bench.close()
    bench.connect()
    bench.acknowledge(old)
    #expect(bench.ledger.delivered == 0)
    bench.acknowledge(bench.take())
    #expect(bench.ledger.delivered == 1)
  }

  @Test func acknowledgementsOfNothingAreHarmless() {
    var bench = Bench()
    bench.log.append("a")
    bench.connect()
    let messages = bench.take()
    for tag in [0, 1, UInt64.max, messages[0].tag &+ 1, messages[0].tag ^ (1 << 48)] {
      bench.forwarder.acknowledged([Acknowledgement(tag: tag)], now: bench.now)
      #expect(bench.ledger.delivered == 0 || tag == messages[0].tag)
    }
    bench.acknowledge(messages + messages)
    #expect(bench.ledger.delivered == 1)
  }

  @Test func messagesInFlightSurviveTheirEviction() {
    var bench = Bench { $0.inFlightMax = 3 }
    for index in 1...10 { bench.log.append("a", "\(index)") }
    bench.connect()
    #expect(bench.take().count == 3)
    bench.close()
    bench.log.evict(before: 6)
    bench.connect()
    #expect(bench.unseen.map(\.text) == ["1", "2", "3"])
    bench.drain()
    #expect(bench.ledger.delivered == 8)
    #expect(bench.ledger.lost[LossReason.evicted.rawValue] == 2)
    #expect(bench.ledger.cursor == 11)
  }

  @Test func filteredNumbersPassWithoutAMessage() {
    var bench = Bench(topics: ["a/+", "c"])
    for topic in ["a/1", "b", "b", "c", "$SYS/x", "b"] { bench.log.append(topic) }
    bench.connect()
    #expect(bench.unseen.map(\.topic) == ["a/1", "c"])
    #expect(bench.ledger.filtered == 0, "the number before them is not settled")
    bench.drain()
    #expect(bench.ledger.filtered == 4)
    #expect(bench.ledger.delivered == 2)
    #expect(bench.ledger.cursor == 7)
  }

  @Test func aLongFilteredStretchIsScannedInTurns() throws {
    var bench = Bench(topics: ["wanted"])
    bench.log.chunkCountMax = 1000
    for _ in 0..<50_000 { bench.log.append("other") }
    bench.log.append("wanted")
    bench.connect()
    var turnCount = 0
    while bench.unseen.isEmpty, turnCount < 10 {
      #expect(bench.forwarder.wakeAt == bench.now)
      bench.step()
      turnCount += 1
    }
    #expect(turnCount == 50_000 / Forwarder.scanCountMax)
    #expect(bench.ledger.filtered == 50_000)
  }

  @Test func aTopicFilterOfManyTopicsIsDecidedForEachOfThem() {
    var bench = Bench(topics: ["t/+/x"])
    for index in 0..<3000 { bench.log.append("t/\(index % 700)/\(index % 2 == 0 ? "x" : "y")") }
    bench.connect()
    bench.drain()
    #expect(bench.ledger.delivered == 1500)
    #expect(bench.ledger.filtered == 1500)
  }

  @Test func largeMessagesAreHeldInBoundedMemory() {
    var bench = Bench { $0.inFlightMax = 1000 }
    let payload = String(repeating: "x", count: 1 << 20)
    for _ in 0..<20 { bench.log.append("a", payload) }
    bench.connect()
    let limit = Forwarder.inFlightByteCountMax / payload.utf8.count + 1
    #expect(bench.unseen.count <= limit)
    bench.drain()
    #expect(bench.ledger.delivered == 20)
  }

  @Test func aSilentPeerIsLeftAndMetAgain() throws {
    var bench = Bench { $0.acknowledgementTimeout = 30 * second }
    for _ in 0..<3 { bench.log.append("a") }
    bench.connect()
    let messages = bench.take()
    bench.now += 20 * second
    bench.acknowledge([messages[0]])
    try bench.wake()
    #expect(bench.disconnectCount == 1)
    #expect(bench.now == 1050 * second)
    #expect(bench.lines.last?.message.contains("no acknowledgement for 30 s") == true)
    bench.close(.requested)
    bench.connect()
    #expect(bench.take().count == 2)
    bench.acknowledge(bench.published.suffix(2))
    #expect(bench.ledger.delivered == 3)
    #expect(bench.forwarder.wakeAt == nil, "with nothing in flight silence is no fault")
  }

  @Test func stoppingAsksForTheLinkToBeDropped() {
    var bench = Bench()
    bench.log.append("a")
    bench.connect()
    var actions: [Forwarder.Action] = []
    bench.forwarder.stop(now: bench.now, into: &actions)
    #expect(actions.contains { if case .disconnect = $0 { true } else { false } })
    bench.close(.requested)
    #expect(bench.forwarder.wakeAt == nil)
    #expect(bench.connects.count == 1)
  }
}

@Suite struct GapTests {
  @Test func aGapIsSentInOrderAndItsNumbersAreLostWhenItIsAcknowledged() {
    var bench = Bench()
    bench.log.append("a", "1")
    bench.log.appendGap(5, .evicted, topics: [Array("a".utf8), Array("b\"".utf8)])
    bench.log.append("a", "7")
    bench.connect()
    let messages = bench.take()
    #expect(messages.map(\.topic) == ["a", "holdfast/edge-1/gaps", "a"])
    #expect(messages[1].contentType == "application/json")
    #expect(
      messages[1].text == #"{"agent":"edge-1","log":"0123456789abcdef0000000000000001","first":2,"#
        + #""last":6,"count":5,"reason":"evicted","topics":["a","b\""],"#
        + #""time":"1970-01-01T00:00:00.000Z"}"#
    )
    #expect(messages[1]["agent"] == "edge-1")
    #expect(messages[1]["log"] == FakeLog.id.description)
    #expect(messages[1]["first"] == "2")
    #expect(messages[1]["gap"] == "evicted")
    bench.acknowledge([messages[0], messages[2]])
    #expect(bench.ledger.cursor == 2)
    #expect(bench.ledger.lost == [0, 0])
    bench.acknowledge([messages[1]])
    #expect(bench.ledger.cursor == 8)
    #expect(bench.ledger.lost[LossReason.evicted.rawValue] == 5)
    #expect(bench.ledger.delivered == 2)
  }

  @Test func unusedNumbersAreToldAndCountInNoTerm() {
    var bench = Bench()
    bench.log.appendGap(3, .unused)
    bench.log.appendGap(2, .corrupt)
    bench.connect()
    #expect(bench.unseen.map { $0["gap"] } == ["unused", "corrupt"])
    bench.drain()
    #expect(bench.ledger.cursor == 6)
    #expect(bench.ledger.settled == 2)
    #expect(bench.ledger.lost[LossReason.corrupt.rawValue] == 2)
  }

  @Test func marksArePassedOnceEachRightBeforeTheirNumber() {
    var bench = Bench()
    bench.log.append("a", "1")
    bench.log.appendMark(.sourceSessionLost)
    bench.log.appendMark(.oversize)
    bench.log.append("a", "2")
    bench.log.appendMark(.diskFailed)
    bench.connect()
    #expect(
      bench.unseen.map { $0["gap"] ?? $0.text }
        == ["1", "source-session-lost", "oversize", "2", "disk-failed"]
    )
    #expect(bench.unseen[1].text.contains(#""first":2,"last":1,"count":null"#))
    bench.drain()
    bench.step()
    #expect(bench.published.count == 5)
    #expect(bench.ledger.cursor == 3)
    #expect(bench.ledger.settled == 2)
    bench.log.append("a", "3")
    bench.step()
    #expect(bench.unseen.map(\.text) == ["3"])
  }

  @Test func withoutAGapTopicGapsPassUnsent() {
    var bench = Bench { $0.gapTopicTemplate = "" }
    bench.log.appendGap(4, .evicted)
    bench.log.appendMark(.oversize)
    bench.log.append("a")
    bench.connect()
    #expect(bench.unseen.map(\.topic) == ["a"])
    bench.drain()
    #expect(bench.ledger.lost[LossReason.evicted.rawValue] == 4)
    #expect(bench.ledger.cursor == 6)
  }

  @Test func aRestartInsideAGapCountsOnlyWhatIsAhead() {
    var bench = Bench(cursor: 4)
    bench.log.appendGap(5, .evicted)
    bench.connect()
    #expect(bench.unseen.first?.text.contains(#""first":4,"last":5,"count":2"#) == true)
    bench.drain()
    #expect(bench.ledger.lost[LossReason.evicted.rawValue] == 2)
  }
}
