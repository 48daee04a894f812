import Testing

@testable import traffic

/// The tally is what every round rests on: it must see each kind of fault.
struct TallyTests {
  private let fleet = Fleet(seed: 7, topicCount: 40, kind: .mixed, padding: 0)

  /// A publisher's account of `count` readings of each sensor, all acknowledged.
  private func sent(_ count: Int) -> TrafficState {
    var state = TrafficState(fleet: fleet)
    for index in 0..<fleet.topicCount {
      (state.acknowledged[index], state.published[index]) = (count, count)
    }
    return state
  }

  private func receive(
    _ topic: Int,
    _ counter: Int,
    sequence: UInt64?,
    into tally: inout Tally
  ) {
    let identity = sequence.map {
      EventIdentity(log: tally.logNumber(agent: "a", log: "l"), sequence: $0)
    }
    tally.add(
      topic: Array(fleet.topic(topic).utf8),
      payload: fleet.payload(topic: topic, counter: counter),
      identity: identity,
      isMarkedRedelivered: false
    )
  }

  /// Three readings of each sensor, but for what `isLost` names.
  private func tally(losing isLost: (Int, Int) -> Bool = { _, _ in false }) -> Tally {
    var tally = Tally()
    var sequence: UInt64 = 0
    for counter in 1...3 {
      for topic in 0..<fleet.topicCount {
        if !isLost(topic, counter) { receive(topic, counter, sequence: sequence, into: &tally) }
        sequence += 1
      }
    }
    return tally
  }

  @Test func `all that was sent and came once is a good round`() {
    let tally = tally()
    let verdict = Verdict(tally: tally, sent: sent(3))
    #expect(verdict.isGood(tally))
    #expect(verdict.expectedCount == 120)
    #expect(tally.distinctCount == 120)
  }

  @Test func `one missing reading is named and fails the round`() {
    let tally = tally { ($0, $1) == (5, 2) }
    let verdict = Verdict(tally: tally, sent: sent(3))
    #expect(verdict.missingCount == 1)
    #expect(verdict.missingExamples == ["\(fleet.topic(5)) 2"])
    #expect(!verdict.isGood(tally))
  }

  @Test func `a sensor that never spoke at the centre is missing as a whole`() {
    let tally = tally { topic, _ in topic == 39 }
    #expect(Verdict(tally: tally, sent: sent(3)).missingCount == 3)
  }

  @Test func `a gap record accounts for what is missing, once`() {
    var tally = tally { ($0, $1) == (5, 2) }
    let gap = GapMessage(agent: "a", log: "l", first: 45, last: 45, count: 1, reason: "evicted")
    tally.add(gap: gap)
    tally.add(gap: gap)
    #expect(tally.gapRecordCount == 1)
    #expect(tally.gapCounts == ["evicted": 1])
    #expect(Verdict(tally: tally, sent: sent(3)).isGood(tally))
  }

  @Test func `numbers left unused by a crash excuse nothing`() {
    var tally = tally { ($0, $1) == (5, 2) }
    tally.add(
      gap: GapMessage(agent: "a", log: "l", first: 45, last: 90, count: 0, reason: "unused")
    )
    #expect(tally.gapRecordCount == 0)
    #expect(tally.unusedRangeCount == 1)
    #expect(!Verdict(tally: tally, sent: sent(3)).isGood(tally))
  }

  @Test func `overlapping gap records count each number once`() {
    var tally = Tally()
    for (first, last) in [(10, 19), (15, 24), (40, 40), (5, 12)] as [(UInt64, UInt64)] {
      tally.add(
        gap: GapMessage(
          agent: "a",
          log: "l",
          first: first,
          last: last,
          count: last - first + 1,
          reason: "evicted"
        )
      )
    }
    #expect(tally.gapCounts == ["evicted": 21])
  }

  @Test func `the same identity again is the agent's duplicate`() {
    var tally = tally()
    receive(0, 3, sequence: 80, into: &tally)
    #expect(tally.duplicateByAgentCount == 1)
    #expect(tally.duplicateBySourceCount == 0)
    #expect(tally.orderInversionCount == 0)
  }

  @Test func `another identity for the same reading is the source's duplicate`() {
    var tally = tally()
    receive(0, 3, sequence: 500, into: &tally)
    #expect(tally.duplicateByAgentCount == 0)
    #expect(tally.duplicateBySourceCount == 1)
  }

  @Test func `a reading that overtakes another of its sensor is an inversion`() {
    var tally = Tally()
    receive(0, 2, sequence: nil, into: &tally)
    receive(1, 1, sequence: nil, into: &tally)
    receive(0, 1, sequence: nil, into: &tally)
    #expect(tally.orderInversionCount == 1)
  }

  @Test func `a sequence number below an earlier one is an inversion, too`() {
    var tally = Tally()
    receive(0, 1, sequence: 9, into: &tally)
    receive(1, 1, sequence: 8, into: &tally)
    #expect(tally.sequenceInversionCount == 1)
    #expect(tally.orderInversionCount == 0)
  }

  @Test func `a changed byte is seen, wherever it is`() {
    for position in [2, 5] {
      var tally = tally { ($0, $1) == (6, 1) }
      var payload = fleet.payload(topic: 6, counter: 1)
      payload[position] ^= 1
      tally.add(
        topic: Array(fleet.topic(6).utf8),
        payload: payload,
        identity: nil,
        isMarkedRedelivered: false
      )
      let verdict = Verdict(tally: tally, sent: sent(3))
      #expect(verdict.alteredCount + verdict.missingCount == 1, "byte \(position)")
    }
  }

  @Test func `a reading nobody sent is seen`() {
    var tally = tally()
    receive(3, 4, sequence: 1000, into: &tally)
    #expect(Verdict(tally: tally, sent: sent(3)).unsentCount == 1)
  }

  @Test func `counters are found in text and in JSON, and nowhere else`() {
    func number(_ text: String) -> Int? { counter(in: Array(text.utf8)) }
    #expect(number("17 21.50") == 17)
    #expect(number(#"{"ts":5,"n":42,"x":1}"#) == 42)
    #expect(number("") == nil)
    #expect(number("x1") == nil)
    #expect(number(#"{"ts":5}"#) == nil)
    #expect(number(#"{"n":"#) == nil)
    #expect(number(String(repeating: "9", count: 40)) == nil)
    for topic in 0..<fleet.topicCount {
      #expect(counter(in: fleet.payload(topic: topic, counter: 123_456)) == 123_456)
    }
  }

  @Test func `topics of a fleet are distinct`() {
    let large = Fleet(seed: 1, topicCount: 5000, kind: .scalar, padding: 0)
    #expect(Set((0..<5000).map(large.topic)).count == 5000)
  }

  @Test func `a publisher's account survives its file`() throws {
    let scratch = try Scratch()
    let path = scratch.newPath("state")
    #expect(try TrafficState(path: path) == nil)
    var state = sent(3)
    state.acknowledged[4] = 1
    try state.write(to: path)
    let read = try #require(try TrafficState(path: path))
    #expect(read.fleet == fleet)
    #expect(read.acknowledged == state.acknowledged)
    #expect(read.published == state.published)
  }
}
