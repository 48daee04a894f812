import HoldfastEvent
import HoldfastRingLog

/// A ring log in memory: events, gaps that cover numbers, and marks before numbers.
struct FakeLog {
  static let id = LogID(high: 0x0123_4567_89AB_CDEF, low: 1)

  struct Event: Equatable {
    var topic: [UInt8]
    var payload: [UInt8]
    var properties: [UInt8] = []
    var boot: Int64 = 0
    var wall: Int64 = 1_767_225_600_123_456
    var flags: EventFlags = .qos1
  }

  enum Entry {
    case event(Event)
    case gap(GapRecord)
  }

  /// Entry of number `index + 1`; a gap stands at each of its numbers.
  private(set) var entries: [Entry] = []
  private(set) var marks: [SequenceNumber: [GapRecord]] = [:]
  /// Most events in one result.
  var chunkCountMax = 100

  var end: SequenceNumber { SequenceNumber(entries.count) + 1 }

  mutating func append(_ topic: String, _ payload: String = "x", boot: Int64 = 0) {
    append(Event(topic: Array(topic.utf8), payload: Array(payload.utf8), boot: boot))
  }

  mutating func append(_ event: Event) { entries.append(.event(event)) }

  mutating func appendGap(_ count: UInt64, _ reason: GapReason, topics: [[UInt8]] = []) {
    let record = GapRecord(
      log: Self.id,
      first: end,
      end: end + count,
      count: reason == .unused ? 0 : count,
      reason: reason,
      topics: topics,
      wall: 0
    )
    for _ in 0..<count { entries.append(.gap(record)) }
  }

  mutating func appendMark(_ reason: GapReason) {
    marks[end, default: []].append(
      GapRecord(log: Self.id, first: end, end: end, count: nil, reason: reason, wall: 0)
    )
  }

  /// The ring makes room: numbers before `sequence` become one evicted range.
  mutating func evict(before sequence: SequenceNumber) {
    guard sequence > 1, sequence <= end else { return }
    let record = GapRecord(
      log: Self.id,
      first: 1,
      end: sequence,
      count: sequence - 1,
      reason: .evicted,
      wall: 0
    )
    for number in 1..<sequence {
      entries[Int(number) - 1] = .gap(record)
      marks[number] = nil
    }
  }

  func read(_ from: SequenceNumber, _ passedGaps: Int) -> ReadResult {
    if let marks = marks[from], passedGaps < marks.count { return .gap(marks[passedGaps]) }
    guard from >= 1, from < end else { return .end }
    if case .gap(let record) = entries[Int(from) - 1] {
      return record.clipped(from: from).map { .gap($0) } ?? .end
    }
    // Results start before the number asked for, as a block on disk does.
    var first = from
    while first > 1, from - first < 3, marks[first] == nil, isEvent(first - 1) { first -= 1 }
    var batch = EventBatch()
    var number = first
    while case .event(let event)? = entry(number),
      number <= from || (batch.count < chunkCountMax && marks[number] == nil)
    {
      batch.append(
        topic: event.topic,
        payload: event.payload,
        properties: event.properties,
        clock: ClockReading(boot: event.boot, wall: event.wall),
        flags: event.flags
      )
      number += 1
    }
    return .events(
      StoredBatch(log: Self.id, first: first, events: batch),
      row: Int(from - first)
    )
  }

  private func entry(_ number: SequenceNumber) -> Entry? {
    number >= 1 && number < end ? entries[Int(number) - 1] : nil
  }

  private func isEvent(_ number: SequenceNumber) -> Bool {
    if case .event? = entry(number) { true } else { false }
  }
}
