import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

/// What an event becomes for a Kafka cluster, and what is made of the cluster's answers.
@Suite struct RecordTests {
  static func bench(
    topics: [String] = ["#"],
    topic: String = "events",
    key: String = "{topic}",
    _ change: (inout UpstreamConfiguration) -> Void = { _ in }
  ) -> Bench {
    Bench(topics: topics) {
      $0.link.kafkaBrokers = "k1:9092,k2:9092"
      $0.link.protocolPolicy = .v5
      $0.topicTemplate = topic
      $0.gapTopicTemplate = "gaps.{agent}"
      var kafka = KafkaConfiguration()
      kafka.keyTemplate = key
      $0.kafka = kafka
      change(&$0)
    }
  }

  private func refusal(_ refusal: RecordRefusal) -> UInt8 { refusal.rawValue }

  // MARK: records

  @Test func aRecordCarriesWhatIsKnownOfTheEvent() throws {
    let own = EventProperties(
      contentType: Array("text/csv".utf8),
      pairs: [.init(name: Array("unit".utf8), value: Array("K".utf8))]
    )
    var bench = Self.bench()
    bench.log.append(
      FakeLog.Event(
        topic: Array("plant/a".utf8),
        payload: [0, 255],
        properties: own.encoded,
        flags: [.qos1, .possiblyRedelivered, .retained]
      )
    )
    bench.connect()
    let record = try #require(bench.take().first)
    #expect(record.topic == "events" && record.key == "plant/a" && record.payload == [0, 255])
    #expect(record.wall == 1_767_225_600_123_456)
    #expect(record.contentType == "text/csv")
    #expect(
      record.properties.pairs.map { String(decoding: $0.name + [61] + $0.value, as: UTF8.self) }
        == [
          "agent=edge-1", "log=0123456789abcdef0000000000000001", "seq=1",
          "time=2026-01-01T00:00:00.123Z", "redelivered=possible", "topic=plant/a",
          "source=floor", "retained=true", "unit=K",
        ]
    )
    let line = "upstream central: connected to kafka://k1:9092,k2:9092"
    #expect(bench.lines.map(\.message) == [line])
  }

  @Test(arguments: [
    ("ev", "{topic}", "ev", "plant/a b/ü/c"), ("{topic}", "", "plant.a_b.__.c", ""),
    ("p-{1}.{2}", "{2}/{1}", "p-a_b.__.c", "ü/c/a b"),
    ("{agent}_{upstream}", "x", "edge-1_central", "x"),
    ("{3}e", "{1}", "e", "a b"),
  ])
  func topicAndKeyAreMadeByTemplates(
    _ topic: String,
    _ key: String,
    _ expected: String,
    _ expectedKey: String
  ) {
    var bench = Self.bench(topics: ["other/+", "plant/+/#"], topic: topic, key: key)
    bench.log.append("plant/a b/ü/c")
    bench.connect()
    #expect(bench.unseen.map(\.topic) == [expected])
    #expect(bench.unseen.map(\.key) == [expectedKey])
  }

  @Test(arguments: ["", ".", "..", String(repeating: "x", count: 250)])
  func anEventOfWhichNoTopicCanBeMadeIsSetAside(_ topic: String) {
    var bench = Self.bench(topic: "{topic}")
    bench.log.append(topic)
    bench.log.append(String(repeating: "y", count: 249))
    bench.connect()
    #expect(bench.take().map(\.topic) == [String(repeating: "y", count: 249)])
    #expect(bench.letters.map(\.reason) == ["no valid topic can be made of it"])
    #expect(bench.letters.map(\.topic) == [Array(topic.utf8)])
    bench.acknowledge(bench.published)
    #expect(bench.ledger.delivered == 1 && bench.ledger.deadLettered == 1)
  }

  @Test func gapRecordsAreRecordsKeyedByTheAgent() throws {
    var bench = Self.bench()
    bench.log.append("a")
    bench.log.appendGap(3, .corrupt)
    bench.log.append("b")
    bench.connect()
    let records = bench.take()
    #expect(records.map(\.topic) == ["events", "gaps.edge-1", "events"])
    #expect(records.map(\.key) == ["a", "edge-1", "b"])
    #expect(records[1]["gap"] == "corrupt" && records[1]["first"] == "2")
    #expect(records[1].contentType == "application/json")
    #expect(records[1].text.contains(#""count":3,"reason":"corrupt""#))
  }

  @Test func aLetterIsSentAgainByTheTemplatesOfToday() throws {
    var bench = Self.bench(topic: "wrong")
    bench.log.append("plant/a", "42")
    bench.log.appendGap(1, .corrupt)
    bench.connect()
    bench.acknowledge(bench.take(), refusal(.invalidTopic))
    try #require(bench.letters.count == 2)
    // One that never became a record: its topic is the event's.
    var letters = bench.letters
    letters.append(
      DeadLetter(
        upstream: "central",
        log: FakeLog.id,
        first: 9,
        end: 10,
        count: 1,
        topic: Array("plant/b".utf8),
        payload: [1],
        properties: [],
        isRetained: false,
        reason: ""
      )
    )
    let mended = Self.bench(topic: "right", key: "k/{topic}").forwarder.configuration
    var format = LetterFormat(mended, agentID: "edge-1")
    var batch = MessageBatch()
    for (index, letter) in letters.enumerated() {
      format.append(letter, tag: UInt64(index), to: &batch)
    }
    let records = batch.rows.map { Message($0, in: batch.bytes) }
    #expect(records.map(\.topic) == ["right", "gaps.edge-1", "right"])
    #expect(records.map(\.key) == ["k/plant/a", "edge-1", "k/plant/b"])
    // The header has milliseconds.
    #expect(records.map(\.wall) == [1_767_225_600_123_000, 0, 0])
    #expect(records[0].text == "42" && records[0]["seq"] == "1")
    #expect(batch.rows.map(\.tag) == [0, 1, 2])
  }

  @Test func aLetterOfMQTTIsSentAsItWas() throws {
    var bench = Bench { $0.retain = .keep }
    bench.log.append(FakeLog.Event(topic: [97], payload: [1], flags: [.qos1, .retained]))
    bench.connect()
    bench.acknowledge(bench.take(), 0x90)
    var format = LetterFormat(bench.forwarder.configuration, agentID: "edge-1")
    var batch = MessageBatch()
    format.append(try #require(bench.letters.first), tag: 7, to: &batch)
    let message = Message(batch.rows[0], in: batch.bytes)
    #expect(message.topic == "a" && message.payload == [1] && message.isRetained)
    #expect(message.key == "" && message.tag == 7 && message["seq"] == "1")
  }

  // MARK: answers

  @Test func reportsOutOfOrderMoveTheCursorInOrder() {
    var bench = Self.bench { $0.inFlightMax = 10 }
    for index in 1...10 { bench.log.append("t/\(index)") }
    bench.connect()
    let records = bench.take()
    bench.acknowledge(Array(records[1...8].reversed()))
    #expect(bench.ledger.cursor == 1 && bench.ledger.delivered == 0)
    bench.acknowledge([records[0]])
    #expect(bench.ledger.cursor == 10 && bench.ledger.delivered == 9)
    bench.acknowledge([records[9]])
    #expect(bench.ledger.cursor == 11 && bench.ledger.delivered == 10)
  }

  @Test func whatWasNotReportedWhenTheClientEndedIsSentAgainWithTheSameIdentity() {
    var bench = Self.bench { $0.inFlightMax = 10 }
    for index in 1...10 { bench.log.append("t/\(index)") }
    bench.connect()
    let records = bench.take()
    bench.acknowledge([records[3], records[0]])
    bench.close(.clientFailed)
    bench.connect()
    let again = bench.take()
    let left = records.enumerated().filter { ![0, 3].contains($0.offset) }.map(\.element)
    #expect(again.map { $0["seq"] } == left.map { $0["seq"] })
    #expect(again.map(\.key) == left.map(\.key) && again.map(\.wall) == left.map(\.wall))
    // A report of the client that ended counts no more.
    bench.acknowledge(left)
    #expect(bench.ledger.cursor == 2)
    bench.acknowledge(again)
    #expect(bench.ledger.cursor == 11 && bench.ledger.delivered == 10)
  }

  @Test func aTopicThatTheClusterDoesNotHaveHoldsUpNoOther() throws {
    var bench = Self.bench(topic: "{topic}") {
      $0.inFlightMax = 4
      $0.refusalTryCountMax = 3
    }
    for index in 1...20 { bench.log.append(index % 2 == 0 ? "missing" : "there", "\(index)") }
    bench.connect()
    var stepCount = 0
    while bench.ledger.cursor < 21, stepCount < 100 {
      let records = bench.take()
      for record in records {
        bench.acknowledge([record], record.topic == "missing" ? refusal(.unknownTopic) : 0)
      }
      if records.isEmpty { try bench.wake() }
      stepCount += 1
    }
    #expect(bench.ledger.delivered == 10 && bench.ledger.deadLettered == 10)
    #expect(bench.published.filter { $0.text == "2" }.count == 3)
    let lines = bench.lines.filter { $0.message.contains("the cluster has no such topic") }
    #expect(lines.first?.message.contains("number 2 on topic \"missing\" refused") == true)
    #expect(lines.first?.message.contains("try 1 of 3") == true)
  }

  /// Of a batch that is too large, only what is too large alone is set aside.
  @Test(arguments: [RecordRefusal.batchTooLarge, .invalidRecord, .invalidTimestamp])
  func whatIsRefusedTogetherIsTriedAlone(_ reason: RecordRefusal) throws {
    var bench = Self.bench {
      $0.inFlightMax = 5
      $0.refusalTryCountMax = 3
    }
    for index in 1...5 { bench.log.append("t", "\(index)") }
    bench.connect()
    var stepCount = 0
    while bench.ledger.cursor < 6, stepCount < 100 {
      let records = bench.take()
      // The cluster takes a batch without number 3, and of one with it nothing.
      let isRefused = records.contains { $0.text == "3" }
      bench.acknowledge(records, isRefused ? refusal(reason) : 0)
      if bench.unseen.isEmpty && bench.ledger.cursor < 6 { try bench.wake() }
      stepCount += 1
    }
    #expect(bench.letters.map(\.payload) == [Array("3".utf8)])
    #expect(bench.ledger.delivered == 4 && bench.ledger.deadLettered == 1)
  }

  @Test(arguments: [RecordRefusal.recordTooLarge, .invalidTopic])
  func whatCanNeverBeTakenIsSetAsideAtOnce(_ reason: RecordRefusal) {
    var bench = Self.bench()
    bench.log.append("t", "1")
    bench.log.append("t", "2")
    bench.connect()
    let records = bench.take()
    bench.acknowledge([records[0]], refusal(reason))
    bench.acknowledge([records[1]])
    #expect(bench.published.count == 2)
    #expect(bench.letters.map(\.payload) == [Array("1".utf8)])
    #expect(bench.ledger.cursor == 3)
  }

  @Test(arguments: [RecordRefusal.queueFull, .timedOut, .failed])
  func whatMayPassIsTriedForEver(_ reason: RecordRefusal) throws {
    var bench = Self.bench { $0.refusalTryCountMax = 2 }
    bench.log.append("t", "1")
    bench.connect()
    for _ in 0..<20 {
      bench.acknowledge(bench.take(), refusal(reason))
      try bench.wake()
    }
    #expect(bench.letters.isEmpty)
    bench.drain()
    #expect(bench.ledger.delivered == 1)
  }

  @Test func codesOfRecordsAreNoneOfMQTT() {
    for refusal in RecordRefusal.allCases { #expect(refusal.rawValue > 0xA2) }
  }
}
