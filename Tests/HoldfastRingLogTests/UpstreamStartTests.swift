import HoldfastEvent
import HoldfastSimulation
import Testing

@testable import HoldfastRingLog

@Suite struct UpstreamStartTests {
  /// A log of 3000 events a second apart, read by `central`, cleanly closed.
  private func recorded() throws -> LogFixture {
    let fixture = LogFixture()
    for _ in 0..<300 {
      for _ in 0..<10 {
        try fixture.ring.append(fixture.batch(1), source: 0, now: fixture.now)
        // A batch takes a millisecond.
        fixture.now.boot += 999_000
        fixture.now.wall += 999_000
      }
      try fixture.ring.commit(now: fixture.now)
    }
    try fixture.ring.close(now: fixture.now)
    return fixture
  }

  private func reopen(
    _ fixture: LogFixture,
    _ upstreams: [String],
    _ starts: [UpstreamStart]
  ) -> RingLog {
    RingLog(
      disk: fixture.disk,
      configuration: fixture.configuration,
      sources: ["floor"],
      upstreams: upstreams,
      starts: starts,
      machine: 7,
      bootID: 1,
      newLog: LogFixture.log,
      now: fixture.now
    )
  }

  private static let begin: Int64 = 1_700_000_000_000_000

  @Test(arguments: [
    (UpstreamStart.now, SequenceNumber(3001)), (.oldest, 1), (.number(17), 17), (.number(1), 1),
    (.number(5000), 3001), (.number(0), 1), (.time(begin), 1), (.time(.min), 1),
    (.time(begin + 99_500_000), 101), (.time(begin + 100_000_000), 101),
    (.time(begin + 2_999_000_000), 3000), (.time(begin + 2_999_000_001), 3001),
    (.time(.max), 3001),
  ])
  func anUpstreamThatIsAddedBeginsWhereItIsTold(
    _ start: UpstreamStart,
    _ cursor: SequenceNumber
  ) throws {
    let fixture = try recorded()
    let ring = reopen(fixture, ["central", "second"], [.oldest, start])
    #expect(ring.upstream(0).cursor == 1, "it has its place already")
    #expect(ring.upstream(1).cursor == cursor)
    #expect(ring.upstream(1).offered == 3001 - cursor)
    #expect(ring.positions == [1, cursor])
  }

  @Test func aPlaceThatTheLogKnowsIsKeptWhateverFromSays() throws {
    let fixture = try recorded()
    var ring = reopen(fixture, ["central", "second"], [.oldest, .number(40)])
    try ring.close(now: fixture.now)
    ring = reopen(fixture, ["second", "central"], [.now, .now])
    #expect(ring.upstream(0).cursor == 40)
    #expect(ring.upstream(1).cursor == 1)
  }

  @Test func whatIsRemovedHoldsNothingAndBeginsAnewWhenItComesBack() throws {
    let fixture = try recorded()
    var ring = reopen(fixture, ["second"], [.now])
    #expect(ring.upstream(0).cursor == 3001)
    #expect(ring.lowestNeeded == 3001, "central held everything")
    try ring.close(now: fixture.now)
    ring = reopen(fixture, ["second", "central"], [.now, .number(7)])
    #expect(ring.upstream(1).cursor == max(7, ring.oldest))
  }

  /// What the others have passed long ago is read again, gap by gap, and all of it is accounted.
  @Test func itReadsWhatTheOthersHavePassedGapsAmongIt() throws {
    let fixture = LogFixture()
    for number in 0..<40 {
      try fixture.ring.append(fixture.batch(1), source: 0, now: fixture.now)
      if number % 10 == 9 {
        try fixture.ring.commit(now: fixture.now)
        // An unclean stop leaves numbers unused.
        fixture.disk.crash()
        fixture.reopen()
      }
    }
    let read = fixture.readAll()
    var ledger = fixture.ring.upstream(0)
    ledger.delivered = UInt64(read.events.count)
    ledger.cursor = fixture.ring.next
    fixture.ring.settle(0, ledger)
    try fixture.ring.close(now: fixture.now)
    var ring = reopen(fixture, ["central", "second"], [.now, .oldest])
    var number = ring.upstream(1).cursor
    var eventCount: UInt64 = 0
    reading: while true {
      switch ring.read(1, from: number, passedGaps: 0, now: fixture.now) {
      case .events:
        eventCount += 1
        number += 1
      case .gap(let record):
        #expect(record.reason == .unused)
        number = record.end
      case .end: break reading
      }
    }
    #expect(eventCount == 40)
    #expect(ring.upstream(1).offered == 40)
  }
}
