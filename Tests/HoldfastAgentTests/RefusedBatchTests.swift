import HoldfastAgent
import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

/// A batch that finds no room, and how its source comes back.
@Suite struct RefusedBatchTests {
  private static let windowCount = 100

  private func bench() -> AgentBench {
    AgentBench {
      $0.ring.whenFull = .refuseNewest
      $0.ring.byteCountMax = 4 << 20
      $0.ring.payloadByteCountMax = 10_000
      $0.upstreams[0].inFlightMax = 4
    }
  }

  /// More than the room that is kept for what was read, and an event in it that is never stored.
  private func window(_ bench: AgentBench) -> EventBatch {
    var events = EventBatch()
    bench.append(Self.windowCount / 2, byteCount: 8_000, to: &events)
    bench.append(1, byteCount: 10_001, to: &events)
    bench.append(Self.windowCount / 2, byteCount: 8_000, to: &events)
    return events
  }

  @Test func `however often a full ring refuses a window, each event of it is stored once`() throws
  {
    let bench = bench()
    var (handed, released, refusals, returns) = (0, 0, 0, 0)
    var unacknowledged: EventBatch?
    var isUp = false
    bench.connectUpstream()
    while released < 15 {
      try #require(handed < 300, "it comes to an end: \(released) released")
      for order in bench.takeOrders() {
        switch order {
        case .connectSource:
          returns += 1
          isUp = true
          bench.connectSource()
          handed += 1
          let events = unacknowledged ?? window(bench)
          unacknowledged = events
          bench.receive(events)
        case .release where isUp && unacknowledged != nil:
          released += 1
          handed += 1
          let events = window(bench)
          unacknowledged = released < 15 ? events : nil
          if released < 15 { bench.receive(events) }
        case .disconnectSource(let isReleasing):
          isUp = false
          if isReleasing {
            released += 1
            unacknowledged = nil
          } else {
            refusals += 1
          }
          bench.step(.sourceClosed(source: 0, LinkFailure(.requested)))
        default: break
        }
      }
      bench.deliver(1)
      bench.pass(seconds: 0.1)
    }
    #expect(refusals > 1, "the ring was full")
    #expect(returns < 40, "it waits until what it has fits")
    let ledger = bench.ledger
    #expect(ledger.stored == UInt64(15 * Self.windowCount))
    #expect(ledger.dropped[SourceDropReason.oversize.rawValue] == 15)
    #expect(ledger.possiblyRedelivered == 0, "nothing of it was ever stored before")
    #expect(ledger.isBalanced)
    bench.deliverAll()
    bench.pass(seconds: 2)
    bench.deliverAll()
    #expect(bench.status.upstreams[0].ledger.delivered == UInt64(15 * Self.windowCount))
  }

  @Test func `a refused source comes back when what it has fits, and not before`() throws {
    let bench = bench()
    bench.connectSource()
    var isRefused = false
    for _ in 0..<40 where !isRefused {
      bench.receive(window(bench))
      isRefused = bench.takeOrders().contains(.disconnectSource(releasing: false))
    }
    try #require(isRefused)
    bench.step(.sourceClosed(source: 0, LinkFailure(.requested)))
    let stored = bench.ledger.stored
    bench.pass(seconds: 60)
    #expect(!bench.takeOrders().contains(.connectSource(.v5)))
    #expect(bench.ledger.stored == stored && bench.ledger.isPaused)
    bench.connectUpstream()
    bench.deliverAll()
    bench.pass(seconds: 3)
    bench.deliverAll()
    bench.pass(seconds: 3)
    #expect(bench.takeOrders().contains(.connectSource(.v5)))
    bench.connectSource()
    bench.receive(window(bench))
    #expect(bench.ledger.stored == stored + UInt64(Self.windowCount))
  }
}
