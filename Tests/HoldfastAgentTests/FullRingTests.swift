import HoldfastAgent
import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import Testing

@Suite struct FullRingTests {
  @Test func `a ring that gives up undelivered events is called full until the outage is over`() {
    let bench = AgentBench()
    bench.connectSource()
    #expect(bench.status.health == .good)
    var sentCount: UInt64 = 0
    var wasFull = false
    for _ in 0..<120 {
      bench.receive(bench.events(100, byteCount: 4000))
      sentCount += 100
      bench.pass(seconds: 0.3)
      let lost = bench.status.upstreams[0].ledger.lost[LossReason.evicted.rawValue]
      if lost > 0 { #expect(bench.status.health == .full) }
      if bench.status.health == .full { wasFull = true }
      // An operator wants to hear of it before the first event is lost.
      if lost > 0 && !wasFull { Issue.record("events were lost in good health") }
    }
    let lost = bench.status.upstreams[0].ledger.lost[LossReason.evicted.rawValue]
    #expect(lost > 0 && lost < sentCount)
    bench.connectUpstream()
    bench.deliverAll()
    bench.pass(seconds: 2)
    bench.deliverAll()
    #expect(bench.status.health == .good)
    let upstream = bench.status.upstreams[0].ledger
    #expect(upstream.delivered + lost == sentCount)
    #expect(upstream.lost[LossReason.evicted.rawValue] == lost)
  }

  @Test
  func `of a batch that finds no room the QoS 0 events are lost, and exactly these`()
    throws
  {
    let bench = AgentBench {
      $0.ring.whenFull = .refuseNewest
      $0.ring.payloadByteCountMax = 100_000
    }
    bench.connectSource()
    var sentCount: UInt64 = 0
    var isRefused = false
    for _ in 0..<40 where !isRefused {
      var events = EventBatch()
      // One of them is oversize: it has no other fate than the rest.
      bench.append(1, byteCount: 10, flags: [], to: &events)
      bench.append(1, byteCount: 100_001, flags: [], to: &events)
      bench.append(20, byteCount: 50_000, flags: [], to: &events)
      bench.append(1, byteCount: 10, to: &events)
      bench.receive(events)
      sentCount += 23
      isRefused = bench.takeOrders().contains(.disconnectSource(releasing: false))
    }
    try #require(isRefused)
    let ledger = bench.ledger
    let diskFailed = ledger.dropped[SourceDropReason.diskFailed.rawValue]
    #expect(diskFailed == 22)
    // The QoS 1 event comes again.
    #expect(ledger.received == sentCount - 1)
    #expect(ledger.isBalanced)
    bench.connectUpstream()
    bench.deliverAll()
    let gaps = bench.delivered[0].filter { $0.topic == "holdfast/edge/gaps" }
    #expect(gaps.contains { $0.text.contains("disk-failed") && $0.text.contains("22") })
    let storedCount = bench.delivered[0].count - gaps.count
    #expect(UInt64(storedCount) == ledger.stored)
  }
}
