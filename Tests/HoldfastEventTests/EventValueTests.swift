import HoldfastEvent
import Testing

@Suite struct EventBatchTests {
  let clock = ClockReading(boot: 5, wall: 7)

  @Test func whatWasAppendedComesBackInOrder() {
    var batch = EventBatch()
    #expect(batch.isEmpty)
    for index in 0..<3 {
      let isAppended = batch.append(
        topic: Array("t\(index)".utf8),
        payload: Array("payload \(index)".utf8),
        properties: index == 1 ? [1, 2] : [],
        clock: clock,
        source: 3,
        flags: [.retained]
      )
      #expect(isAppended)
    }
    #expect(batch.count == 3)
    #expect(batch.topic(2) == Array("t2".utf8)[...])
    #expect(batch.payload(1) == Array("payload 1".utf8)[...])
    #expect(batch.properties(1) == [1, 2])
    #expect(batch.properties(2).isEmpty)
    #expect(batch.rows[0].boot == 5)
    #expect(batch.rows[0].wall == 7)
    #expect(batch.rows[0].source == 3)
    #expect(batch.rows[0].flags == [.retained])
  }

  @Test func aTopicLongerThanMQTTAllowsIsNotAppended() {
    var batch = EventBatch()
    let isAppended = batch.append(
      topic: [UInt8](repeating: 65, count: 65_536),
      payload: [],
      clock: clock
    )
    #expect(!isAppended)
    #expect(batch == EventBatch())
    let isLongestAppended = batch.append(
      topic: [UInt8](repeating: 65, count: 65_535),
      payload: [],
      clock: clock
    )
    #expect(isLongestAppended)
  }

  @Test func emptyPartsAreKept() {
    var batch = EventBatch()
    batch.append(topic: [], payload: [], clock: clock)
    batch.append(topic: Array("a".utf8), payload: [], clock: clock)
    #expect(batch.count == 2)
    #expect(batch.topic(0).isEmpty)
    #expect(batch.payload(1).isEmpty)
  }

  @Test func removingAllKeepsNothing() {
    var batch = EventBatch()
    batch.append(topic: [1], payload: [2], clock: clock)
    batch.removeAll()
    #expect(batch == EventBatch())
    #expect(batch.memoryByteCount == 0)
  }

  @Test func aStoredBatchFindsTheRowOfANumber() {
    var events = EventBatch()
    for _ in 0..<3 { events.append(topic: [65], payload: [], clock: clock) }
    let batch = StoredBatch(log: LogID(high: 1, low: 2), first: 10, events: events)
    #expect(batch.end == 13)
    #expect(batch.index(of: 9) == nil)
    #expect(batch.index(of: 10) == 0)
    #expect(batch.index(of: 12) == 2)
    #expect(batch.index(of: 13) == nil)
  }

  @Test func numbersAtTheEndOfTheRangeAreLookedUpWithoutOverflow() {
    var events = EventBatch()
    for _ in 0..<3 { events.append(topic: [65], payload: [], clock: clock) }
    let batch = StoredBatch(log: LogID(high: 1, low: 2), first: .max - 1, events: events)
    #expect(batch.index(of: .max) == 1)
    #expect(batch.index(of: 0) == nil)
  }

  @Test func aLogIDIsThirtyTwoDigits() {
    #expect(LogID(high: 0xAB, low: 1).description == "00000000000000ab0000000000000001")
    #expect(hexadecimal(.max) == "ffffffffffffffff")
  }
}

@Suite struct EventPropertiesTests {
  static let examples: [EventProperties] = [
    EventProperties(),
    EventProperties(contentType: Array("text/plain".utf8)),
    EventProperties(pairs: [.init(name: [97], value: [98]), .init(name: [97], value: [99])]),
    EventProperties(contentType: [1], pairs: [.init(name: [], value: [])]),
    EventProperties(pairs: [.init(name: [], value: [5]), .init(name: [1], value: [])]),
    EventProperties(
      pairs: [.init(name: [UInt8](repeating: 7, count: 65_535), value: [0, 0])]),
  ]

  @Test(arguments: examples) func whatIsEncodedIsDecoded(_ properties: EventProperties) {
    #expect(EventProperties(encoded: properties.encoded[...]) == properties)
  }

  @Test func nothingIsEncodedAsNothing() {
    #expect(EventProperties().encoded.isEmpty)
  }

  @Test func theEncodingIsThatOfTheComment() {
    let properties = EventProperties(contentType: [9], pairs: [.init(name: [7], value: [8, 8])])
    #expect(properties.encoded == [0, 0, 1, 0, 9, 1, 0, 7, 2, 0, 8, 8])
  }

  @Test func everyTruncationGivesAPrefix() {
    let whole = EventProperties(
      contentType: [1, 2],
      pairs: [.init(name: [3], value: [4]), .init(name: [5], value: [6])]
    )
    let bytes = whole.encoded
    for count in 0..<bytes.count {
      let part = EventProperties(encoded: bytes.prefix(count))
      #expect(part.pairs.count < whole.pairs.count)
      #expect(part.pairs == Array(whole.pairs.prefix(part.pairs.count)))
    }
  }

  @Test func partsThatAreTooLongAreCut() {
    let properties = EventProperties(
      pairs: [.init(name: [1], value: [UInt8](repeating: 2, count: 70_000))])
    let decoded = EventProperties(encoded: properties.encoded[...])
    #expect(decoded.pairs.first?.value.count == 65_535)
  }
}

@Suite struct GapRecordTests {
  let log = LogID(high: 1, low: 1)

  func record(
    _ first: SequenceNumber,
    _ end: SequenceNumber,
    count: UInt64?,
    _ reason: GapReason = .evicted
  ) -> GapRecord {
    GapRecord(log: log, first: first, end: end, count: count, reason: reason, wall: 0)
  }

  @Test func clippingKeepsWhatIsAhead() throws {
    let whole = record(10, 20, count: 10)
    #expect(whole.clipped(from: 5) == whole)
    #expect(whole.clipped(from: 10) == whole)
    let part = try #require(whole.clipped(from: 17))
    #expect(part.first == 17)
    #expect(part.end == 20)
    #expect(part.count == 3)
    #expect(whole.clipped(from: 20) == nil)
  }

  @Test func anUnknownCountStaysUnknown() {
    #expect(record(10, 20, count: nil).clipped(from: 15)?.count == nil)
  }

  @Test func unusedNumbersCountNothingHoweverTheyAreClipped() {
    #expect(record(10, 20, count: 0, .unused).clipped(from: 15)?.count == 0)
  }

  @Test func aMarkIsPassedAsAWhole() {
    let mark = record(10, 10, count: nil, .sourceSessionLost)
    #expect(mark.clipped(from: 10) == mark)
    #expect(mark.clipped(from: 11) == nil)
  }

  @Test func anEndBeforeTheStartIsMended() {
    #expect(record(10, 3, count: 0).end == 10)
  }

  @Test func topicsAreBoundedInNumberAndBytes() {
    var record = record(1, 2, count: 1)
    for index in 0..<100 { record.note(topic: Array("t\(index)".utf8)) }
    record.note(topic: Array("t0".utf8))
    #expect(record.topics.count == GapRecord.topicCountMax)
    #expect(record.topics.first == Array("t0".utf8))
    var other = self.record(1, 2, count: 1)
    other.note(topic: [UInt8](repeating: 1, count: 512))
    other.note(topic: [2])
    #expect(other.topics.count == 1)
  }

  @Test func onlyLostAndUnusedNumbersAreCovered() {
    let covering = GapReason.allCases.filter(\.coversNumbers)
    #expect(covering == [.evicted, .corrupt, .unused, .newerFormat])
    #expect(Set(GapReason.allCases.map(\.description)).count == GapReason.allCases.count)
  }
}

@Suite struct TimeAndChanceTests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"),
    (951_782_400_123_456, "2000-02-29T00:00:00.123Z"),
    (1_709_251_199_999_999, "2024-02-29T23:59:59.999Z"),
    (1_709_251_200_000_000, "2024-03-01T00:00:00.000Z"),
    (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
    (-1, "1969-12-31T23:59:59.999Z"),
    (-11_644_473_600_000_000, "1601-01-01T00:00:00.000Z"),
  ])
  func anInstantIsWrittenAsRFC3339(_ wall: Int64, _ text: String) {
    #expect(rfc3339(wallMicroseconds: wall) == text)
  }

  @Test func theEndsOfTheRangeAreWrittenWithoutTrapping() {
    #expect(rfc3339(wallMicroseconds: .max).hasPrefix("294247-01-10T04:00:54.775"))
    #expect(rfc3339(wallMicroseconds: .min).hasPrefix("-290308-12-21T19:59:05.224"))
  }

  @Test func sumsStayAtTheEndsOfTheRange() {
    #expect(Int64.max.addingSaturated(1) == .max)
    #expect(Int64.min.addingSaturated(-1) == .min)
    #expect(Int64.min.subtractingSaturated(1) == .min)
    #expect(Int64.max.subtractingSaturated(-1) == .max)
    #expect(Int64(5).addingSaturated(-7) == -2)
  }

  @Test(arguments: [
    (0, "0.0 s"), (-5, "0.0 s"), (649_999, "0.6 s"), (9_949_999, "9.9 s"), (10_000_000, "10 s"),
    (119_900_000, "119 s"), (300_000_000, "5 min"), (86_400_000_000, "24 h"),
  ])
  func aDurationIsWrittenForPeople(_ microseconds: Int64, _ text: String) {
    #expect(durationText(microseconds) == text)
  }

  // The reference values of the algorithm's authors for seed 0.
  @Test func theGeneratorGivesTheReferenceNumbers() {
    var random = SplitMix64(seed: 0)
    #expect(random.next() == 0xE220_A839_7B1D_CDAF)
    #expect(random.next() == 0x6E78_9E6A_A1B9_65F4)
    #expect(random.next() == 0x06C4_5D18_8009_454F)
  }
}
