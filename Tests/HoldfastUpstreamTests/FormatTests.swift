import Foundation
import HoldfastCodec
import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

@Suite struct EventFormatTests {
  @Test func anEventCarriesItsIdentityAndArrivalTime() throws {
    var bench = Bench()
    bench.log.append("sensors/1", "23.5")
    bench.connect()
    let message = try #require(bench.take().first)
    #expect(message.topic == "sensors/1")
    #expect(message.text == "23.5")
    #expect(message.contentType == nil)
    #expect(!message.isRetained)
    #expect(
      message.properties.pairs.map { String(decoding: $0.name + [61] + $0.value, as: UTF8.self) }
        == [
          "agent=edge-1", "log=0123456789abcdef0000000000000001", "seq=1",
          "time=2026-01-01T00:00:00.123Z",
        ]
    )
  }

  @Test func anEventsOwnPropertiesFollowItsIdentity() throws {
    let own = EventProperties(
      contentType: Array("text/csv".utf8),
      pairs: [.init(name: Array("unit".utf8), value: Array("K".utf8))]
    )
    let noType = EventProperties(pairs: [.init(name: [], value: [1]), .init(name: [2], value: [])])
    var bench = Bench()
    for properties in [own, noType] {
      bench.log.append(
        FakeLog.Event(
          topic: [97],
          payload: [0, 255],
          properties: properties.encoded,
          flags: [.qos1, .possiblyRedelivered]
        )
      )
    }
    bench.connect()
    let messages = bench.take()
    #expect(messages[0].contentType == "text/csv")
    #expect(
      messages[0].properties.pairs.map { String(decoding: $0.name, as: UTF8.self) }
        == ["agent", "log", "seq", "time", "redelivered", "unit"]
    )
    #expect(messages[0]["redelivered"] == "possible")
    #expect(messages[0]["unit"] == "K")
    #expect(messages[0].payload == [0, 255])
    #expect(messages[1].contentType == nil)
    #expect(messages[1].properties.pairs.suffix(2).map(\.value) == [[1], []])
  }

  @Test func damagedPropertiesOfAnEventDoNotTrap() {
    let whole = EventProperties(contentType: [1, 2, 3], pairs: [.init(name: [4], value: [5])])
    var bench = Bench()
    for count in 0...whole.encoded.count {
      bench.log.append(
        FakeLog.Event(topic: [97], payload: [], properties: Array(whole.encoded.prefix(count)))
      )
    }
    bench.log.append(FakeLog.Event(topic: [97], payload: [], properties: [0, 0, 255, 255, 1]))
    bench.connect(packetByteCountMax: 200)
    #expect(bench.published.count == whole.encoded.count + 2)
  }

  @Test(arguments: [(RetainPolicy.keep, [true, false]), (.never, [false, false])])
  func retainIsKeptOrNot(_ policy: RetainPolicy, _ expected: [Bool]) {
    var bench = Bench { $0.retain = policy }
    bench.log.append(FakeLog.Event(topic: [97], payload: [1], flags: [.qos1, .retained]))
    bench.log.append("a")
    bench.connect()
    #expect(bench.unseen.map(\.isRetained) == expected)
  }

  @Test(arguments: [
    ("{topic}", "a/b"), ("site/{agent}/{topic}", "site/edge-1/a/b"),
    ("{upstream}/{topic}/{topic}", "central/a/b/a/b"), ("all", "all"), ("{x}{topic", "{x}{topic"),
  ])
  func aTopicTemplateIsFilledIn(_ template: String, _ expected: String) {
    var bench = Bench { $0.topicTemplate = template }
    bench.log.append("a/b")
    bench.connect()
    #expect(bench.unseen.map(\.topic) == [expected])
  }

  @Test func everyEventHasItsOwnTimeWhateverCameBefore() {
    let walls: [Int64] = [
      0, 999_999, 1_000_000, 1_999, -1, -1_000_000, 1_767_225_600_000_000, .max, .min, 5_999_000,
      253_402_300_800_000_000,
    ]
    var bench = Bench()
    for wall in walls { bench.log.append(FakeLog.Event(topic: [97], payload: [], wall: wall)) }
    bench.connect()
    #expect(bench.unseen.map { $0["time"] } == walls.map { rfc3339(wallMicroseconds: $0) })
  }

  @Test func largeNumbersAreWrittenInFull() {
    var forwarder = Forwarder(
      configuration: UpstreamConfiguration(
        name: "u",
        link: .init(host: "h", port: 1),
        topics: [TopicFilter("#")].compactMap(\.self)
      ),
      agentID: "a",
      ledger: UpstreamLedger(name: "u", cursor: .max - 1),
      seed: 1
    )
    var events = EventBatch()
    events.append(topic: [97], payload: [], clock: .init(boot: 0, wall: 0))
    let batch = StoredBatch(log: FakeLog.id, first: .max - 1, events: events)
    var actions: [Forwarder.Action] = []
    forwarder.start(now: 0)
    let read: Forwarder.Read = { from, _ in from == .max ? .end : .events(batch, row: 0) }
    forwarder.step(now: 0, read: read, keep: { _ in true }, into: &actions)
    forwarder.connected(.init(protocolVersion: .v5, isSessionPresent: false), now: 0)
    forwarder.step(now: 0, read: read, keep: { _ in true }, into: &actions)
    for case .publish(let messages) in actions {
      #expect(Message(messages.rows[0], in: messages.bytes)["seq"] == "18446744073709551614")
    }
  }
}

@Suite struct BatchFormatTests {
  typealias Object = [String: Any]

  static func objects(_ message: Message, _ format: MessageFormat) throws -> [Object] {
    if format == .json {
      return try #require(
        try JSONSerialization.jsonObject(with: Data(message.payload)) as? [Object]
      )
    }
    #expect(message.payload.last == UInt8(ascii: "\n"))
    return try message.payload.split(separator: UInt8(ascii: "\n")).map {
      try #require(try JSONSerialization.jsonObject(with: Data($0)) as? Object)
    }
  }

  static let payloads: [[UInt8]] = [
    Array("23.5".utf8), Array(#"{"a":"b\\"}"#.utf8), Array(0...127), [], Array("ü℃𝄞\u{2028}".utf8),
    Array(repeating: 10, count: 3),
  ]
  // Not UTF-8: stray bytes, overlong forms, surrogates, beyond U+10FFFF, cut short.
  static let binaries: [[UInt8]] = [
    [0xFF], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
    [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80],
    [0xC3], [0xE2, 0x84], [0xF0, 0x9D, 0x84], [65, 0xC3, 65], Array(128...255),
  ]

  @Test(arguments: [MessageFormat.ndjson, .json])
  func anyPayloadComesBackFromABatch(_ format: MessageFormat) throws {
    var bench = Bench {
      $0.format = format
      $0.topicTemplate = "batches/{agent}"
    }
    for payload in Self.payloads + Self.binaries {
      bench.log.append(FakeLog.Event(topic: Array("a/\"ü\"".utf8), payload: payload))
    }
    bench.connect()
    let message = try #require(bench.take().first)
    #expect(message.topic == "batches/edge-1")
    let objects = try Self.objects(message, format)
    for (index, payload) in (Self.payloads + Self.binaries).enumerated() {
      let object = objects[index]
      #expect(object["agent"] as? String == "edge-1")
      #expect(object["log"] as? String == FakeLog.id.description)
      #expect(object["seq"] as? Int == index + 1)
      #expect(object["time"] as? String == "2026-01-01T00:00:00.123Z")
      #expect(object["topic"] as? String == "a/\"ü\"")
      if index < Self.payloads.count {
        #expect((object["payload"] as? String).map { Array($0.utf8) } == payload)
        #expect(object["payload_base64"] == nil)
      } else {
        let text = try #require(object["payload_base64"] as? String)
        #expect(Data(base64Encoded: text).map { Array($0) } == payload)
        #expect(object["payload"] == nil)
      }
    }
  }

  @Test func marksAndOddTopicsAreCarried() throws {
    var bench = Bench {
      $0.format = .ndjson
      $0.topicTemplate = "b"
    }
    bench.log.append(
      FakeLog.Event(topic: [0xFF], payload: [], flags: [.retained, .possiblyRedelivered])
    )
    bench.log.append("t")
    bench.connect()
    let objects = try Self.objects(try #require(bench.take().first), .ndjson)
    #expect(objects[0]["topic_base64"] as? String == "/w==")
    #expect(objects[0]["retained"] as? Bool == true)
    #expect(objects[0]["redelivered"] as? String == "possible")
    #expect(objects[1]["retained"] == nil && objects[1]["redelivered"] == nil)
  }

  @Test func whatABatchHoldsIsSaidInItsProperties() throws {
    var bench = Bench(topics: ["a"]) {
      $0.format = .json
      $0.topicTemplate = "b"
    }
    for topic in ["no", "a", "no", "a", "no"] { bench.log.append(topic) }
    bench.connect()
    let message = try #require(bench.take().first)
    #expect(message.contentType == "application/json")
    #expect(message["agent"] == "edge-1")
    #expect(message["log"] == FakeLog.id.description)
    #expect(message["first"] == "2" && message["last"] == "5" && message["count"] == "2")
    #expect(bench.ledger.filtered == 1)
    bench.acknowledge([message])
    #expect(bench.ledger.delivered == 2)
    #expect(bench.ledger.filtered == 3)
    #expect(bench.ledger.cursor == 6)
  }

  @Test(arguments: [MessageFormat.ndjson, .json])
  func aCompressedBatchSaysSoAndIsWhatItWas(_ format: MessageFormat) throws {
    var plain = Bench {
      $0.format = format
      $0.topicTemplate = "b"
    }
    var packed = Bench {
      $0.format = format
      $0.topicTemplate = "b"
      $0.compression = .zstd
    }
    for index in 0..<200 {
      plain.log.append("a", "\(index)")
      packed.log.append("a", "\(index)")
    }
    plain.connect()
    packed.connect()
    let message = try #require(packed.take().first)
    let type = format == .json ? "application/json" : "application/x-ndjson"
    #expect(message.contentType == type + "+zstd")
    #expect(plain.unseen.first?.contentType == type)
    #expect(
      zstdDecompressed(message.payload[...], byteCountMax: 1 << 20) == plain.unseen.first?.payload
    )
    #expect(message.payload.count * 5 < plain.unseen.first?.payload.count ?? 0)
  }

  @Test func batchesAreFullWhileCatchingUpAndTheRestWaitsForItsAge() throws {
    var bench = Bench {
      $0.format = .ndjson
      $0.topicTemplate = "b"
      $0.batchEventCountMax = 40
      $0.batchAgeMax = 2 * second
    }
    bench.log.chunkCountMax = 7
    for _ in 0..<100 { bench.log.append("a", boot: bench.now - second / 2) }
    bench.connect()
    #expect(bench.take().map { $0["count"] } == ["40", "40"])
    let start = bench.now
    try bench.wake()
    #expect(bench.take().map { $0["count"] } == ["20"])
    #expect(bench.now == start + second * 3 / 2)
    bench.acknowledge(bench.published)
    #expect(bench.ledger.delivered == 100)
  }

  @Test func aFullBatchGoesAtOnce() {
    var bench = Bench {
      $0.format = .ndjson
      $0.topicTemplate = "b"
      $0.batchEventCountMax = 3
    }
    bench.connect()
    for _ in 0..<2 { bench.log.append("a", boot: bench.now) }
    bench.step()
    #expect(bench.take().isEmpty)
    bench.log.append("a", boot: bench.now)
    bench.step()
    #expect(bench.take().map { $0["count"] } == ["3"])
    #expect(bench.forwarder.wakeAt == bench.now + 30 * second)
  }

  @Test func anEventOfAnotherBootHasWaitedLongEnough() {
    var bench = Bench {
      $0.format = .ndjson
      $0.topicTemplate = "b"
    }
    bench.log.append("a", boot: .max)
    bench.connect()
    #expect(bench.take().count == 1)
  }

  @Test(arguments: [MessageFormat.ndjson, .json], [200, 1000, 5000])
  func noBatchIsLargerThanItsBoundUnlessOneEventIs(_ format: MessageFormat, _ limit: Int) throws {
    var bench = Bench {
      $0.format = format
      $0.topicTemplate = "b"
      $0.batchByteCountMax = limit
      $0.batchEventCountMax = 50
      $0.inFlightMax = 3
    }
    var random = SplitMix64(seed: 3)
    for _ in 0..<200 {
      bench.log.append("a", String(repeating: "x", count: Int.random(in: 0...900, using: &random)))
    }
    bench.connect()
    var seen: [Int] = []
    for _ in 0..<1000 where bench.ledger.cursor < 201 {
      let messages = bench.take()
      for message in messages {
        let numbers = try Self.objects(message, format).compactMap { $0["seq"] as? Int }
        #expect(message.payload.count <= limit || numbers.count == 1)
        #expect(message["first"] == numbers.first.map(String.init))
        #expect(message["last"] == numbers.last.map(String.init))
        #expect(message["count"] == "\(numbers.count)")
        seen += numbers
      }
      if messages.isEmpty { try bench.wake() } else { bench.acknowledge(messages) }
    }
    #expect(seen == Array(1...200))
    #expect(bench.ledger.delivered == 200)
  }

  @Test func aServersPacketLimitMakesBatchesSmallerAndSparesTheirEvents() throws {
    var bench = Bench {
      $0.format = .ndjson
      $0.topicTemplate = "b"
    }
    for _ in 0..<100 { bench.log.append("a", String(repeating: "x", count: 50)) }
    bench.log.append("a", String(repeating: "x", count: 5000))
    bench.log.append("a")
    bench.connect(packetByteCountMax: 2000)
    for _ in 0..<100 where bench.ledger.cursor < 103 {
      let messages = bench.take()
      #expect(messages.allSatisfy { $0.payload.count < 2000 })
      if messages.isEmpty { try bench.wake() } else { bench.acknowledge(messages) }
    }
    #expect(bench.ledger.delivered == 101)
    #expect(bench.letters.map(\.first) == [101])
    #expect(bench.ledger.deadLettered == 1)
  }

  @Test func aGapCutsABatch() {
    var bench = Bench {
      $0.format = .ndjson
      $0.topicTemplate = "b"
    }
    for _ in 0..<3 { bench.log.append("a", boot: bench.now) }
    bench.log.appendGap(2, .corrupt)
    bench.log.append("a", boot: bench.now)
    bench.log.appendMark(.oversize)
    bench.log.append("a", boot: 0)
    bench.connect()
    #expect(
      bench.unseen.map { $0["gap"] ?? $0["count"] } == ["3", "corrupt", "1", "oversize", "1"]
    )
    bench.drain()
    #expect(bench.ledger.cursor == 8)
  }

  @Test func aBatchHoldsEventsOfOneLogOnly() {
    var configuration = UpstreamConfiguration(
      name: "u",
      link: .init(host: "h", port: 1),
      topics: [TopicFilter("#")].compactMap(\.self)
    )
    configuration.format = .ndjson
    configuration.topicTemplate = "b"
    var forwarder = Forwarder(
      configuration: configuration,
      agentID: "a",
      ledger: UpstreamLedger(name: "u", cursor: 1),
      seed: 1
    )
    var events = EventBatch()
    events.append(topic: [97], payload: [], clock: .init(boot: 0, wall: 0))
    let read: Forwarder.Read = { from, _ in
      from > 3
        ? .end
        : .events(
          StoredBatch(log: LogID(high: from / 2, low: 0), first: from, events: events),
          row: 0
        )
    }
    var actions: [Forwarder.Action] = []
    forwarder.start(now: 0)
    forwarder.step(now: 0, read: read, keep: { _ in true }, into: &actions)
    forwarder.connected(.init(protocolVersion: .v5, isSessionPresent: false), now: 0)
    forwarder.step(now: 5 * second, read: read, keep: { _ in true }, into: &actions)
    var counts: [String?] = []
    for case .publish(let batch) in actions {
      counts += batch.rows.map { Message($0, in: batch.bytes)["count"] }
    }
    #expect(counts == ["1", "2"])
  }
}
