import Glibc
import HoldfastEvent
import HoldfastKafka
import HoldfastLink
import HoldfastSystem
import HoldfastUpstream
import Testing

/// The thread of a Kafka upstream, with brokers that the library plays to itself, or none.
@Suite(.enabled(if: KafkaLibrary.isBuiltIn)) struct KafkaThreadTests {
  private func harness(
    port: UInt16 = 1,
    _ properties: [(String, String)] = [],
    connectTimeout: Int64 = 3_000_000
  ) -> UpstreamHarness {
    UpstreamHarness(port: port) {
      $0.link.kafkaBrokers = "127.0.0.1:\(port)"
      $0.link.connectTimeout = connectTimeout
      var kafka = KafkaConfiguration()
      kafka.properties = properties.map { .init($0.0, $0.1) }
      $0.kafka = kafka
    }
  }

  private let mock = [("test.mock.num.brokers", "2")]

  private func records(_ tags: Range<UInt64>, payload: String = "42") -> MessageBatch {
    let headers = EventProperties(
      contentType: Array("text/plain".utf8),
      pairs: [.init(name: Array("seq".utf8), value: Array("1".utf8))]
    )
    var batch = MessageBatch()
    for tag in tags {
      var one = messageBatch([Outgoing(tag, "events", payload, properties: headers)])
      one.bytes += Array("key".utf8)
      var row = one.rows[0]
      let offset = UInt32(batch.bytes.count)
      row.topicOffset += offset
      row.payloadOffset += offset
      row.propertiesOffset += offset
      row.keyByteCount = 3
      row.wall = 1_767_225_600_000_000
      batch.bytes += one.bytes
      batch.rows.append(row)
    }
    return batch
  }

  private func answers(_ count: Int, _ upstream: UpstreamHarness) throws -> [Acknowledgement] {
    var answers: [Acknowledgement] = []
    while answers.count < count {
      answers += try upstream.inbox.nextAcknowledgements(seconds: 20)
    }
    return answers
  }

  @Test func recordsAreReportedByTheirTags() throws {
    let upstream = harness(mock)
    upstream.thread.post(.connect(.v5))
    let grant = try upstream.inbox.nextGrant(seconds: 20)
    #expect(grant == SessionGrant(protocolVersion: .v5, isSessionPresent: false))
    upstream.thread.post(.publish(records(1 << 48..<1 << 48 + 1000)))
    let answers = try answers(1000, upstream)
    #expect(Set(answers.map(\.tag)) == Set(1 << 48..<1 << 48 + 1000))
    #expect(answers.allSatisfy { $0.reasonCode == 0 })
    upstream.thread.post(.disconnect)
    #expect(try upstream.inbox.nextFailure().kind == .requested)
    // And once more, by a client of its own.
    upstream.thread.post(.connect(.v5))
    _ = try upstream.inbox.nextGrant(seconds: 20)
    upstream.thread.post(.publish(records(0..<1)))
    #expect(try self.answers(1, upstream) == [Acknowledgement(tag: 0)])
  }

  @Test func whatIsTooLargeIsRefusedAndTheRestGoesOn() throws {
    let upstream = harness(mock + [("message.max.bytes", "2000")])
    upstream.thread.post(.connect(.v5))
    _ = try upstream.inbox.nextGrant(seconds: 20)
    upstream.thread.post(.publish(records(1..<2, payload: String(repeating: "x", count: 3000))))
    upstream.thread.post(.publish(records(2..<3)))
    let answers = try answers(2, upstream)
    #expect(answers.first == Acknowledgement(tag: 1, reasonCode: 0xC0))
    #expect(answers.last == Acknowledgement(tag: 2))
  }

  @Test func aClosedPortIsToldAtOnce() throws {
    let upstream = harness(port: 21199)
    for _ in 0..<2 {
      upstream.thread.post(.connect(.v5))
      let failure = try upstream.inbox.nextFailure(seconds: 3)
      #expect(failure.kind == .unreachable)
      #expect(failure.detail.contains("Connection refused"), "\(failure.detail)")
    }
  }

  @Test func aPeerThatSaysNothingIsToldAfterTheConnectTimeout() throws {
    let peer = try ScriptedPeer(port: 21198)
    let upstream = harness(port: 21198, connectTimeout: 1_000_000)
    upstream.thread.post(.connect(.v5))
    #expect(try upstream.inbox.nextFailure(seconds: 10).kind == .connectTimeout)
    withExtendedLifetime(peer) {}
  }

  @Test func aPropertyThatCannotBeUsedIsToldWithItsName() throws {
    let upstream = harness([("linger.ms", "soon")])
    upstream.thread.post(.connect(.v5))
    let failure = try upstream.inbox.nextFailure(seconds: 10)
    #expect(failure.kind == .clientFailed)
    #expect(failure.detail.contains("linger.ms"))
  }

  @Test func recordsThatComeTooLateAreDropped() throws {
    let upstream = harness(mock)
    upstream.thread.post(.publish(records(1..<5)))
    try upstream.inbox.expectNothing(seconds: 0.2)
  }

  @Test func soManyLinesAMinuteAndTheRestIsCounted() {
    var limit = LineLimit()
    let line = LogEntry(.warning, "x")
    let shown = (0..<20).compactMap { _ in limit.pass(line, now: 0) }
    #expect(shown.count == LineLimit.countMax)
    #expect(limit.pass(LogEntry(.debug, "x"), now: 0) != nil, "nobody sees those by default")
    let next = limit.pass(line, now: LineLimit.interval)
    #expect(next?.message == "x; 15 more of the library's lines were left out before")
  }
}
