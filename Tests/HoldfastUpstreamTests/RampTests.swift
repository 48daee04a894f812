import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

/// Whoever comes back does not do so with all it has at once.
@Suite struct RampTests {
  private func bench(_ count: Int, window: Int = 100) -> Bench {
    var bench = Bench {
      $0.inFlightMax = window
      $0.rampStart = Ramp.windowMin
    }
    for index in 1...count { bench.log.append("t", "\(index)") }
    bench.connect()
    return bench
  }

  @Test func theWindowDoublesWithEachRoundUpToItsLimit() {
    var bench = bench(1000)
    var rounds: [Int] = []
    while bench.forwarder.inFlightCount > 0 {
      let messages = bench.take()
      rounds.append(bench.forwarder.inFlightCount)
      bench.now += 50_000
      bench.acknowledge(messages)
    }
    #expect(rounds.prefix(6) == [4, 8, 16, 32, 64, 100])
    #expect(rounds.max() == 100)
    #expect(bench.ledger.delivered == 1000)
    // Another link begins small again.
    for index in 0..<50 { bench.log.append("t", "\(index)") }
    bench.close()
    bench.connect()
    #expect(bench.unseen.count == 4)
  }

  @Test func aPeerThatTakesLongerThanItDidIsNotGivenMore() {
    var bench = bench(1000)
    bench.now += 50_000
    bench.acknowledge(bench.take())
    #expect(bench.forwarder.inFlightCount == 8)
    for _ in 0..<10 {
      bench.now += 1_200_000
      bench.acknowledge(bench.take())
      #expect(bench.forwarder.inFlightCount == 8)
    }
    bench.now += 900_000
    bench.acknowledge(bench.take())
    #expect(bench.forwarder.inFlightCount == 16)
  }

  @Test func aPeerThatFallsFarBehindIsGivenLess() {
    var bench = bench(2000)
    for _ in 0..<6 {
      bench.now += 50_000
      bench.acknowledge(bench.take())
    }
    #expect(bench.forwarder.inFlightCount == 100)
    bench.now += 3 * second
    bench.acknowledge(bench.take())
    #expect(bench.forwarder.inFlightCount == 4)
    #expect(bench.ledger.settled + 1 == bench.ledger.cursor)
  }

  @Test func aLongWayIsNoReasonToSendLess() {
    var bench = bench(1000)
    for _ in 0..<5 {
      bench.now += 3 * second
      bench.acknowledge(bench.take())
    }
    #expect(bench.forwarder.inFlightCount == 100)
  }

  @Test(arguments: [0x89, 0x96, 0x97] as [UInt8])
  func aBusyPeerIsGivenTimeAndThenLittleAtOnce(_ code: UInt8) throws {
    var bench = bench(200, window: 50)
    var waits: [Int64] = []
    for _ in 0..<6 {
      let before = bench.now
      bench.acknowledge(bench.take(), code)
      #expect(bench.unseen.isEmpty)
      while bench.unseen.isEmpty { try bench.wake() }
      waits.append(bench.now - before)
      #expect(bench.unseen.map(\.text) == ["1"], "the refused one alone")
    }
    #expect(waits.allSatisfy { $0 >= second && $0 <= 120 * second })
    #expect(waits.max() ?? 0 > 10 * second)
    bench.acknowledge(bench.take())
    #expect(bench.unseen.count == 2, "and then two, not fifty")
    bench.drain()
    #expect(bench.ledger.delivered == 200 && bench.letters.isEmpty)
  }
}
