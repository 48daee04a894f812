import Testing

@testable import traffic

/// The collector reads batches with a stock JSON decoder, as a consumer would.
struct BatchReaderTests {
  private let reader = BatchReader()
  private let first =
    #"{"agent":"e","log":"1f","seq":18446744073709551615,"time":"2026-01-02T03:04:05.678Z","#
    + #""topic":"sensors/a","payload":"1 \"21\"\u0000"}"#
  private let second =
    #"{"agent":"e","log":"1f","seq":7,"time":"2026-01-02T03:04:05.678Z","topic":"sensors/b","#
    + #""payload_base64":"MSD/","retained":true,"redelivered":"possible"}"#

  private func read(_ text: String) -> (shape: PayloadShape, events: [BatchedEvent]?) {
    Array(text.utf8).withUnsafeBytes { bytes in
      let shape = PayloadShape(bytes)
      return (shape, shape == .lines ? reader.events(lines: bytes) : reader.events(array: bytes))
    }
  }

  private func expectBoth(_ events: [BatchedEvent]?) throws {
    let events = try #require(events)
    try #require(events.count == 2)
    #expect(events[0].seq == .max)
    #expect(events[0].payloadBytes == Array("1 \"21\"\u{0}".utf8))
    #expect(events[1].payloadBytes == [0x31, 0x20, 0xFF])
    #expect(events[1].redelivered == "possible")
  }

  @Test(arguments: ["", "\n"]) func `lines are read, with or without a last break`(
    end: String
  ) throws {
    let (shape, events) = read(first + "\n" + second + end)
    #expect(shape == .lines)
    try expectBoth(events)
  }

  @Test func `an array is read`() throws {
    let (shape, events) = read("[" + first + "," + second + "]")
    #expect(shape == .array)
    try expectBoth(events)
  }

  @Test func `a damaged batch is unreadable as a whole`() {
    #expect(read(first + "\n" + second.dropLast()).events == nil)
    #expect(read("[" + first + "," + second).events == nil)
  }

  @Test func `a gap of unknown count is told from one of none`() throws {
    func gap(_ text: String) -> GapMessage? { Array(text.utf8).withUnsafeBytes(reader.gap) }
    let start = #"{"agent":"e","log":"1f","first":3,"last":9,"reason":"evicted","topics":["a"],"#
    #expect(try #require(gap(start + #""count":7,"time":"t"}"#)).count == 7)
    #expect(try #require(gap(start + #""count":null,"time":"t"}"#)).count == nil)
    #expect(gap(#"{"agent":"e"}"#) == nil)
  }

  @Test func `payloads of the fleet are not taken for batches`() {
    for text in [#"{"n":1,"ts":2}"#, "1 21.5", "", "[", "{"] {
      #expect(Array(text.utf8).withUnsafeBytes(PayloadShape.init) == .single)
    }
    #expect([0x28, 0xB5, 0x2F, 0xFD, 0].withUnsafeBytes(PayloadShape.init) != .lines)
  }
}
