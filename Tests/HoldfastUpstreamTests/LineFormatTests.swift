import Foundation
import HoldfastCodec
import HoldfastEvent
import HoldfastRingLog
import HoldfastUpstream
import Testing

@Suite struct LineFormatTests {
  private func bench(
    _ compression: BatchCompression = .none,
    _ change: (inout UpstreamConfiguration) -> Void = { _ in }
  ) -> Bench {
    Bench {
      $0.format = .lines
      $0.topicTemplate = "batches/{agent}"
      $0.compression = compression
      change(&$0)
    }
  }

  private func lines(_ message: Message?) throws -> [NaiveLine] {
    let message = try #require(message)
    return try #require(NaiveLine.lines(message.payload))
  }

  private func line(_ topic: [UInt8], _ payload: [UInt8]) throws -> NaiveLine {
    var bench = bench()
    bench.log.append(FakeLog.Event(topic: topic, payload: payload))
    bench.connect()
    let lines = try self.lines(bench.take().first)
    #expect(lines.count == 1)
    return try #require(lines.first)
  }

  @Test func aLineHoldsTheWholeIdentityAndTheArrivalTime() throws {
    var bench = bench()
    bench.log.append("hall 3/a,b=c", "23.5")
    bench.connect()
    let message = try #require(bench.take().first)
    #expect(message.topic == "batches/edge-1")
    #expect(message.contentType == "text/x-influx-line")
    #expect(message["agent"] == "edge-1" && message["log"] == FakeLog.id.description)
    #expect(message["first"] == "1" && message["last"] == "1" && message["count"] == "1")
    #expect(
      message.text == #"""
        holdfast,agent=edge-1,event_topic=hall\ 3/a\,b\=c log="0123456789abcdef0000000000000001",\#
        seq=1i,payload="23.5",value=23.5 1767225600123456001

        """#
    )
  }

  @Test func anyPayloadComesBackFromALine() throws {
    let payloads = BatchFormatTests.payloads + BatchFormatTests.binaries
    var bench = bench()
    for payload in payloads { bench.log.append(FakeLog.Event(topic: [97], payload: payload)) }
    bench.connect()
    let lines = try self.lines(bench.take().first)
    #expect(lines.count == payloads.count)
    for (index, (line, payload)) in zip(lines, payloads).enumerated() {
      #expect(line.fields["seq"] == .number("\(index + 1)i"))
      if case .text(let text)? = line.fields["payload"] {
        #expect(text == payload && line.fields["payload_base64"] == nil)
      } else if case .text(let text)? = line.fields["payload_base64"] {
        let data = Data(base64Encoded: String(decoding: text, as: UTF8.self))
        #expect(data.map { Array($0) } == payload && line.fields["payload"] == nil)
      } else {
        Issue.record("no payload of number \(index + 1)")
      }
    }
  }

  @Test(arguments: [
    "a b", "a,b", "a=b", "ü/℃", "\"", "$x/y", "a//b", " ", "#", "a=\"b\",c=d e",
  ])
  func anyTopicComesBackAsATag(_ topic: String) throws {
    let line = try line(Array(topic.utf8), [])
    #expect(line.measurement == "holdfast")
    #expect(line.tags == ["agent": "edge-1", "event_topic": topic])
  }

  @Test(arguments: [Array("a\\b".utf8), Array("a\\".utf8), [97, 10], [0xFF, 98], [127]])
  func aTopicThatNoTagCanHoldStandsInBase64(_ topic: [UInt8]) throws {
    let line = try line(topic, [])
    let text = try #require(line.tags["event_topic_base64"])
    #expect(Data(base64Encoded: text).map { Array($0) } == topic)
    #expect(line.tags["event_topic"] == nil)
  }

  @Test(arguments: [
    ("0", "0"), ("-0.5", "-0.5"), ("1e5", "1e5"), ("1.50", "1.50"), ("-12E-3", "-12E-3"),
    ("9007199254740993", "9007199254740993"), ("1e400", nil), ("01", nil), ("1.", nil), ("+1", nil),
    ("1 ", nil), ("", nil), ("-", nil), ("NaN", nil), ("0x10", nil), ("12 C", nil), ("1i", nil),
    (String(repeating: "1", count: 41), nil),
  ])
  func aPayloadThatIsOneNumberIsAValueToo(_ payload: String, _ expected: String?) throws {
    let line = try line([97], Array(payload.utf8))
    #expect(line.fields["value"] == expected.map { .number($0) })
    #expect(line.fields["payload"] == .text(Array(payload.utf8)))
    #expect(line.fields["value_bool"] == nil)
  }

  @Test(arguments: [("true", true), ("false", false), ("True", nil), ("true ", nil)])
  func aTruthIsAFieldOfItsOwnType(_ payload: String, _ expected: Bool?) throws {
    let line = try line([97], Array(payload.utf8))
    #expect(line.fields["value_bool"] == expected.map { .boolean($0) })
    #expect(line.fields["value"] == nil)
  }

  @Test func marksAreFields() throws {
    var bench = bench()
    bench.log.append(
      FakeLog.Event(topic: [97], payload: [], flags: [.retained, .possiblyRedelivered])
    )
    bench.log.append("b")
    bench.connect()
    let lines = try self.lines(bench.take().first)
    #expect(lines[0].fields["retained"] == .boolean(true))
    #expect(lines[0].fields["redelivered"] == .text(Array("possible".utf8)))
    #expect(lines[1].fields.keys.sorted() == ["log", "payload", "seq"])
  }

  /// InfluxDB keeps one point per series and time stamp.
  @Test func eventsOfOneInstantAreDifferentPointsAndRepetitionsTheSame() throws {
    func timestamps() throws -> [Int64] {
      var bench = bench()
      for _ in 0..<500 { bench.log.append("a") }
      bench.connect()
      return try lines(bench.take().first).map(\.timestamp)
    }
    let first = try timestamps()
    #expect(Set(first).count == 500)
    #expect(try timestamps() == first)
    #expect(first.allSatisfy { $0 / 1000 == 1_767_225_600_123_456 })
  }

  @Test(arguments: [Int64.min, -1_000_001, -1, 0, 1, .max])
  func aTimeBeyondWhatALineCanHoldIsTheNearestOne(_ wall: Int64) throws {
    var bench = bench()
    bench.log.append(FakeLog.Event(topic: [97], payload: [], wall: wall))
    bench.connect()
    let lines = try self.lines(bench.take().first)
    let limit: Int64 = 9_223_372_036_854_774
    #expect(lines[0].timestamp == max(-limit, min(wall, limit)) * 1000 + 1)
  }

  @Test(arguments: [MessageFormat.lines, .ndjson, .json], [BatchCompression.gzip, .zstd])
  func aCompressedBatchIsThePlainOne(
    _ format: MessageFormat,
    _ compression: BatchCompression
  ) throws {
    var plain = bench { $0.format = format }
    var packed = bench(compression) { $0.format = format }
    for index in 0..<200 {
      plain.log.append("a", "\(index)")
      packed.log.append("a", "\(index)")
    }
    plain.connect()
    packed.connect()
    let message = try #require(packed.take().first)
    let expected = try #require(plain.take().first)
    #expect(message.contentType == expected.contentType.map { "\($0)+\(compression)" })
    let payload = message.payload[...]
    let unpacked =
      compression == .gzip
      ? gzipDecompressed(payload, byteCountMax: 1 << 20)
      : zstdDecompressed(payload, byteCountMax: 1 << 20)
    #expect(unpacked == expected.payload)
    #expect(payload.count * 5 < expected.payload.count)
    for name in ["agent", "log", "first", "last", "count"] {
      #expect(message[name] == expected[name])
    }
  }

  @Test(arguments: [200, 1000, 5000])
  func aBatchOfLinesIsCutByCountBytesAndAge(_ limit: Int) throws {
    var bench = bench {
      $0.batchByteCountMax = limit
      $0.batchEventCountMax = 20
      $0.inFlightMax = 3
      $0.batchAgeMax = 2 * second
    }
    var random = SplitMix64(seed: 3)
    for _ in 0..<100 {
      bench.log.append(
        "a",
        String(repeating: "x", count: Int.random(in: 0...900, using: &random)),
        boot: bench.now
      )
    }
    bench.connect()
    var seen: [NaiveLine.Value?] = []
    for _ in 0..<1000 where bench.ledger.cursor < 101 {
      let messages = bench.take()
      for message in messages {
        let lines = try #require(NaiveLine.lines(message.payload))
        #expect(message.payload.count <= limit || lines.count == 1)
        #expect(lines.count <= 20)
        #expect(message["count"] == "\(lines.count)")
        seen += lines.map { $0.fields["seq"] }
      }
      if messages.isEmpty { try bench.wake() } else { bench.acknowledge(messages) }
    }
    #expect(seen == (1...100).map { .number("\($0)i") })
    #expect(bench.ledger.delivered == 100)
  }
}
