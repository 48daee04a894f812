import HoldfastEvent
import HoldfastLink
import Testing

private let second: Int64 = 1_000_000

/// A broker that says it has too much to do.
@Suite struct BusyTests {
  private func link(_ seed: UInt64) -> Link {
    var link = Link(
      name: "upstream central",
      configuration: LinkConfiguration(host: "central", port: 1883),
      seed: seed
    )
    link.start(now: 0)
    return link
  }

  /// Delays after so many refusals as busy in a row, each link holding for `held` before it.
  private func delays(_ link: inout Link, held: Int64?, count: Int) -> [Int64] {
    var log: [LogEntry] = []
    var delays: [Int64] = []
    var now: Int64 = 0
    for _ in 0..<count {
      now = max(now, link.wakeAt ?? now)
      _ = link.tick(now: now, log: &log)
      if let held {
        link.connected(
          SessionGrant(protocolVersion: .v5, isSessionPresent: false),
          now: now,
          log: &log
        )
        link.noteProgress()
        now += held
      }
      link.closed(LinkFailure(.busy, "Quota exceeded", isExplained: true), now: now, log: &log)
      delays.append((link.wakeAt ?? now) - now)
    }
    #expect(log.contains { $0.message.contains("the broker has too much to do (Quota exceeded)") })
    return delays
  }

  @Test(arguments: [nil, 5 * second] as [Int64?])
  func itIsGivenMoreAndMoreTimeAlsoWhenItTookSomeMessagesMeanwhile(_ held: Int64?) {
    var sums = [Int64](repeating: 0, count: 6)
    for seed in 0..<200 as Range<UInt64> {
      var link = link(seed)
      let delays = delays(&link, held: held, count: 6)
      #expect(delays.allSatisfy { $0 >= second && $0 <= Backoff.busyCap })
      for (place, delay) in delays.enumerated() { sums[place] += delay / 200 }
    }
    #expect(sums[0] > 4 * second && sums[0] < 7 * second, "\(sums)")
    #expect(sums[5] > 50 * second, "\(sums)")
  }

  @Test func aMinuteOfPeaceIsForgiving() {
    var sum: Int64 = 0
    for seed in 0..<200 as Range<UInt64> {
      var link = link(seed)
      sum += (delays(&link, held: 61 * second, count: 6).last ?? 0) / 200
    }
    #expect(sum < 7 * second, "\(sum)")
  }
}
