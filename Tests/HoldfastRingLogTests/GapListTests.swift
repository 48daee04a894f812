import HoldfastEvent
import HoldfastSimulation
import Testing

@testable import HoldfastRingLog

/// The list of gap records is bounded, and stays exact while it is.
@Suite struct GapListTests {
  private let log = LogFixture.log

  private func mark(_ place: SequenceNumber, _ reason: GapReason = .oversize) -> GapRecord {
    GapRecord(log: log, first: place, end: place, count: 1, reason: reason, wall: 0)
  }

  private func range(
    _ first: SequenceNumber,
    _ end: SequenceNumber,
    _ reason: GapReason = .corrupt
  ) -> GapRecord {
    let count = reason == .unused ? 0 : end - first
    return GapRecord(log: log, first: first, end: end, count: count, reason: reason, wall: 0)
  }

  @Test func `marks ahead of every upstream are joined with an exact count`() {
    var list = GapList()
    for place in 1...600 as ClosedRange<UInt64> { list.add(mark(place * 10), places: [5]) }
    #expect(list.records.count == GapList.countMax)
    #expect(list.records.reduce(0) { $0 + ($1.count ?? 0) } == 600)
    #expect(list.joinCount == 88)
  }

  @Test func `marks that an upstream stands between are joined to an unknown count`() {
    var list = GapList()
    // Two reasons and an upstream between any two places.
    let places = (1...1200).map { UInt64($0) * 10 - 5 }
    for place in 1...1200 as ClosedRange<UInt64> {
      list.add(mark(place * 10, place % 2 == 0 ? .oversize : .sourcePaused), places: places)
    }
    #expect(list.records.count == GapList.countMax)
    #expect(list.records.contains { $0.count == nil })
    #expect(list.records.last?.first == 12_000)
    #expect(zip(list.records, list.records.dropFirst()).allSatisfy { $0.first <= $1.first })
  }

  @Test func `ranges are joined where the fewest readable events lie between`() {
    var list = GapList()
    for place in 1...512 as ClosedRange<UInt64> { list.add(range(place * 100, place * 100 + 10)) }
    #expect(list.joinCount == 0)
    list.add(range(51_250, 51_260))
    #expect(list.records.count == GapList.countMax)
    #expect(list.joinCount == 1)
    #expect(list.covering(51_220)?.count == 60)
    #expect(list.covering(220) == nil)
  }

  @Test func `whatever is added the list is bounded, ordered and loses sight of nothing`() {
    for seed in 0..<20 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      var list = GapList()
      var given: [Range<SequenceNumber>] = []
      var end: SequenceNumber = 1
      for _ in 0..<3_000 {
        end += random.next() % 50
        let first = end
        end += 1 + random.next() % 20
        let places = (0..<4).map { _ in random.next() % end }
        switch random.next() % 8 {
        case 0: list.add(mark(first, .sourcePaused), places: places)
        case 1: list.add(mark(first, .oversize), places: places)
        case 2, 3, 4:
          guard list.hasRoom(forUnused: first..<end, of: log) else { continue }
          list.add(range(first, end, .unused), places: places)
          given.append(first..<end)
        default:
          list.add(range(first, end, random.next() % 2 == 0 ? .corrupt : .evicted), places: places)
          given.append(first..<end)
        }
        if list.records.count > GapList.countMax { break }
      }
      #expect(list.records.count <= GapList.countMax)
      #expect(list.records.count { $0.reason == .unused } <= GapList.unusedCountMax)
      #expect(list.joinCount > 0)
      #expect(given.allSatisfy { list.uncovered($0).isEmpty })
      var previous: SequenceNumber = 0
      for record in list.records where record.reason.coversNumbers {
        #expect(record.first >= previous)
        #expect(record.count == (record.reason == .unused ? 0 : record.end - record.first))
        previous = record.end
      }
    }
  }

  /// Names as long as a configuration allows, and then some.
  @Test func `the largest state there can be fits its slot and comes back`() throws {
    var state = State(log: log, machine: 1)
    let name = String(repeating: "n", count: 1_000)
    for index in 0..<State.ledgerCountMax {
      state.sources.append(SourceLedger(name: "\(index)" + name))
      state.upstreams.append(UpstreamLedger(name: "\(index)" + name, cursor: 1))
    }
    let topics = (0..<GapRecord.topicCountMax).map { _ in [UInt8](repeating: 97, count: 16) }
      .enumerated().map { Array("\($0.offset % 10)".utf8) + $0.element.dropFirst() }
    for place in 0..<GapList.countMax {
      var record = range(UInt64(place) * 10 + 1, UInt64(place) * 10 + 5)
      for index in 0..<GapRecord.topicCountMax {
        record.note(topic: [UInt8(index)] + topics[index].dropFirst())
      }
      state.gaps.add(record)
    }
    state.gaps.joinCount = 77
    state.reserved = 1 << 40
    #expect(state.gaps.records.last?.topics.count == GapRecord.topicCountMax)
    let bytes = state.encoded
    #expect(bytes.count <= State.slotByteCount)
    #expect(bytes.count > State.slotByteCount / 2)
    #expect(State.read(bytes[...]) == .state(state))
  }

  @Test func `a crash loop without delivery keeps every event and a bounded list`() throws {
    let fixture = LogFixture(byteCountMax: 16 << 20)
    var ids: Set<LogID> = []
    for round in 1...600 as ClosedRange<UInt64> {
      try fixture.commit(1)
      ids.insert(fixture.ring.id)
      fixture.workAll()
      fixture.disk.kill()
      fixture.reopen(newLog: LogID(high: 9, low: round))
    }
    #expect(fixture.ring.gaps.count <= GapList.countMax)
    #expect(fixture.ring.isFailing == false)
    #expect(ids.count > 300)
    let (events, gaps) = fixture.readAll()
    #expect(events.count == 600)
    #expect(gaps.allSatisfy { $0.reason == .unused })
    #expect(fixture.ring.upstream(0).offered == 600)
    #expect(fixture.ring.source(0).stored == 600)
    // The next stop is an orderly one; nothing is lost by it either.
    try fixture.ring.close(now: fixture.now)
    fixture.reopen(newLog: LogID(high: 9, low: 9_999))
    #expect(fixture.readAll().events.count == 600)
  }
}
