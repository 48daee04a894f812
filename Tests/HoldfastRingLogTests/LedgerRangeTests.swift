import HoldfastEvent
import Testing

@testable import HoldfastRingLog

/// What is settled ahead of the cursor, against a set of numbers.
@Suite struct LedgerRangeTests {
  private func ledger(_ cursor: SequenceNumber = 1) -> UpstreamLedger {
    UpstreamLedger(name: "central", cursor: cursor)
  }

  @Test func `numbers settled in any order are the same set in the end`() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<200 {
      var ledger = ledger()
      var model: Set<SequenceNumber> = []
      for _ in 0..<60 {
        let first = SequenceNumber.random(in: 1...200, using: &random)
        let numbers = first..<first + SequenceNumber.random(in: 0...9, using: &random)
        ledger.settle(numbers)
        model.formUnion(numbers)
        #expect(ledger.areRangesOrderly || ledger.ahead.count > UpstreamLedger.aheadCountMax)
        let settled = Set(1..<ledger.cursor).union(ledger.ahead.joined())
        #expect(settled == model)
        #expect(Set(ledger.pending(in: 1..<300).joined()) == Set(1..<300).subtracting(model))
        #expect(Set(ledger.settled(in: 50..<150).joined()) == model.intersection(50..<150))
      }
    }
  }

  @Test func `a border is kept until one of its sides comes to it`() {
    var ledger = ledger(10)
    ledger.divide(at: 100)
    ledger.divide(at: 100)
    #expect(ledger.ahead == [100..<100])
    #expect(ledger.pending.map(\.lowerBound) == [10, 100])
    ledger.settle(100..<120)
    ledger.divide(at: 110)
    #expect(ledger.ahead == [100..<120])
    ledger.settle(10..<100)
    #expect(ledger.cursor == 120 && ledger.ahead.isEmpty)
    ledger.divide(at: 120)
    ledger.divide(at: 130)
    ledger.settle(120..<130)
    #expect(ledger.cursor == 130 && ledger.ahead.isEmpty)
  }

  @Test func `ranges come back from the state as they were`() {
    var state = State(log: LogID(high: 1, low: 2), machine: 3)
    state.durable = 5000
    state.reserved = 6000
    var ledger = ledger(10)
    for place in 1...UpstreamLedger.aheadCountMax as ClosedRange<Int> {
      ledger.settle(SequenceNumber(place * 20)..<SequenceNumber(place * 20 + place % 5 + 1))
    }
    ledger.divide(at: 4000)
    ledger.settle(20..<40)
    #expect(ledger.ahead.count == UpstreamLedger.aheadCountMax)
    state.upstreams = [ledger, self.ledger(7)]
    #expect(State.read(state.encoded[...]) == .state(state))
    #expect(state.encoded.count < State.slotByteCount)
  }

  @Test func `ranges that nothing can have settled are not believed`() {
    let wrong: [[Range<SequenceNumber>]] = [
      [5..<8], [20..<30, 25..<40], [20..<30, 30..<40], [40..<50, 20..<30],
    ]
    for ahead in wrong {
      var state = State(log: LogID(high: 1, low: 2), machine: 3)
      state.reserved = 100
      var ledger = ledger(10)
      ledger.ahead = ahead
      state.upstreams = [ledger]
      #expect(State.read(state.encoded[...]) == .nothing, "\(ahead)")
    }
  }

  @Test func `what lies beyond the end of the log is forgotten`() {
    var ledger = ledger(10)
    for numbers in [20..<30, 40..<50, 60..<70] as [Range<SequenceNumber>] { ledger.settle(numbers) }
    ledger.clip(to: 45)
    #expect(ledger.cursor == 10 && ledger.ahead == [20..<30, 40..<45])
    ledger.clip(to: 5)
    #expect(ledger.cursor == 5 && ledger.ahead.isEmpty)
  }
}
