import HoldfastEvent
import HoldfastUpstream
import Testing

@testable import HoldfastUnpack

@Suite struct BatchDecoderTests {
  static let formats: [MessageFormat] = [.ndjson, .json, .lines]

  @Test(arguments: formats, BatchCompression.allCases)
  func everyBatchComesBackAsItWas(_ format: MessageFormat, _ compression: BatchCompression) throws {
    let readings = readings(400, seed: 5)
    var decoder = BatchDecoder()
    var events: [ReceivedEvent] = []
    for message in shipped(readings, format: format, compression: compression, count: 90) {
      guard case .events(let more) = try decoder.decode(message.payload[...]) else {
        throw BatchFault(what: "a gap")
      }
      events += more
    }
    #expect(events.count == 400)
    for (index, (event, reading)) in zip(events, readings).enumerated() {
      #expect(event.identity.name == .number(SequenceNumber(index + 1)))
      #expect(
        event.identity.origin == Origin(agent: Array("edge-1".utf8), log: .init(high: 7, low: 9))
      )
      #expect(event.topic == reading.topic && event.payload == reading.payload)
      #expect(String(decoding: event.time, as: UTF8.self) == "2026-01-01T00:00:00.123Z")
      #expect(event.isRetained == reading.flags.contains(.retained))
    }
  }

  @Test(arguments: [
    "", "x", "[", "[{}]", "{}", "{\"agent\":\"a\"}", "[]x", "holdfast,x", "\u{28}\u{b5}", "null",
    #"{"agent":"a","log":"00","seq":1,"time":"t","topic":"t","payload":"p"}"#,
    #"{"agent":"a","log":"00000000000000070000000000000009","seq":0,"time":"t","topic":"t","payload":"p"}"#,
    #"{"agent":"a","log":"00000000000000070000000000000009","seq":18446744073709551615,"time":"t","topic":"t","payload":"p"}"#,
    #"{"agent":"a","log":"00000000000000070000000000000009","seq":1.5,"time":"t","topic":"t","payload":"p"}"#,
    #"{"agent":"a","log":"00000000000000070000000000000009","seq":1,"time":"t","topic":"t"}"#,
    #"{"agent":"a","log":"00000000000000070000000000000009","seq":1,"time":"t","topic":"t","payload_base64":"A=="}"#,
  ])
  func whatIsNoBatchIsRefused(_ text: String) {
    var decoder = BatchDecoder()
    #expect(throws: BatchFault.self) { try decoder.decode(Array(text.utf8)[...]) }
  }

  /// A batch that was cut anywhere, or of which a byte changed, never traps.
  @Test(arguments: formats, BatchCompression.allCases)
  func aDamagedBatchIsReadOrRefused(
    _ format: MessageFormat,
    _ compression: BatchCompression
  ) throws {
    let batch = try #require(
      shipped(readings(12, seed: 2), format: format, compression: compression).first
    ).payload
    var decoder = BatchDecoder()
    var refusedCount = 0
    for count in batch.indices {
      do { _ = try decoder.decode(batch[..<count]) } catch { refusedCount += 1 }
      var damaged = batch
      damaged[count] ^= 0x15
      do { _ = try decoder.decode(damaged[...]) } catch { refusedCount += 1 }
    }
    #expect(refusedCount > batch.count / 2)
  }

  @Test func base64IsReadAsRFC4648WritesIt() {
    #expect(bytes(base64: Array("Zm9vYg==".utf8)[...]) == Array("foob".utf8))
    #expect(bytes(base64: Array("Zm9v".utf8)[...]) == Array("foo".utf8))
    #expect(bytes(base64: []) == [])
    for text in ["Zm9vYg", "Zm9vYh==", "Zm9v=", "====", "Zm9=", "Z===", "Zm-v"] {
      #expect(bytes(base64: Array(text.utf8)[...]) == nil, "\(text)")
    }
  }

  @Test func aGapRecordIsKnownAsOne() throws {
    let text =
      #"{"agent":"e","log":"00000000000000070000000000000009","first":3,"last":4,"#
      + #""count":2,"reason":"evicted","topics":[],"time":"2026-01-01T00:00:00.000Z"}"#
    var decoder = BatchDecoder()
    let content = try decoder.decode(Array(text.utf8)[...])
    #expect(content == .gap(Origin(agent: [101], log: LogID(high: 7, low: 9))))
  }
}
