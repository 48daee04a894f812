import HoldfastAgent
import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import Testing

/// Events pass through memory while the disk takes nothing.
@Suite struct BadDiskTests {
  private func breakDisk(_ disk: SimulatedDisk) {
    disk.fault = { operation, _ in
      switch operation {
      case .write, .sync, .syncDirectory: Errno.inputOutput
      default: nil
      }
    }
  }

  @Test func `a source is released when every upstream has its events, and not before`() {
    let bench = AgentBench(upstreamCount: 2)
    bench.connectSource()
    bench.connectUpstream(0)
    bench.connectUpstream(1)
    breakDisk(bench.disk)
    _ = bench.takeOrders()
    bench.receive(bench.events(5))
    #expect(bench.status.health == .failing)
    #expect(bench.published.map(\.count) == [5, 5])
    bench.deliverAll(0)
    bench.pass(seconds: 3)
    #expect(!bench.takeOrders().contains(.release), "the second upstream has nothing yet")
    bench.deliverAll(1)
    #expect(bench.takeOrders().contains(.release))
    bench.receive(bench.events(3))
    bench.deliverAll(0)
    #expect(!bench.takeOrders().contains(.release))
    bench.deliverAll(1)
    #expect(bench.takeOrders().contains(.release))
  }

  @Test func `what passed through memory is forgotten, and counted once`() {
    var bench = AgentBench()
    bench.connectSource()
    bench.connectUpstream()
    breakDisk(bench.disk)
    // Much more than memory may hold, each batch delivered before the next.
    for _ in 0..<40 {
      bench.receive(bench.events(1000, byteCount: 1000))
      bench.deliverAll()
      #expect(bench.status.health == .failing)
    }
    #expect(bench.takeOrders().count { $0 == .release } == 40)
    bench.receive(bench.events(7))
    bench.disk.fault = nil
    bench.pass(seconds: 6)
    #expect(bench.status.health == .good)
    bench.deliverAll()
    bench.pass(seconds: 2)
    let upstream = bench.status.upstreams[0]
    #expect(upstream.ledger.delivered == 40_007 && upstream.ledger.offered == 40_007)
    #expect(upstream.lagEventCount == 0)
    #expect(bench.ledger.stored == 40_007)
    bench.disk.crash()
    bench = bench.restarted()
    #expect(bench.status.upstreams[0].ledger.delivered == 40_007)
    #expect(bench.status.upstreams[0].ledger.offered == 40_007)
  }

  @Test func `what an upstream refuses for good is not acknowledged before the loss is recorded`() {
    let bench = AgentBench()
    bench.connectSource()
    bench.connectUpstream()
    breakDisk(bench.disk)
    _ = bench.takeOrders()
    bench.receive(bench.events(1))
    bench.deliverAll(reasonCode: 0x90)
    bench.pass(seconds: 3)
    #expect(!bench.takeOrders().contains(.release), "nobody has the event but its broker")
    bench.disk.fault = nil
    bench.pass(seconds: 6)
    #expect(bench.takeOrders().contains(.release))
    let ledger = bench.restarted().status.upstreams[0].ledger
    #expect(ledger.dropped[UpstreamDropReason.deadLetterFull.rawValue] == 1)
    #expect(ledger.offered == 1)
  }

  @Test func `an upstream that comes back gets again what it had not acknowledged`() {
    let bench = AgentBench()
    bench.connectSource()
    bench.connectUpstream()
    breakDisk(bench.disk)
    _ = bench.takeOrders()
    bench.receive(bench.events(5))
    let first = bench.published[0].map(\.payload)
    #expect(first.count == 5)
    bench.breakUpstream()
    bench.pass(seconds: 3)
    #expect(bench.takeOrders().contains(.connectUpstream(0, .v5)))
    bench.connectUpstream()
    #expect(bench.published[0].map(\.payload) == first)
    #expect(!bench.takeOrders().contains(.release))
    bench.deliverAll()
    #expect(bench.takeOrders().contains(.release))
  }

  @Test func `with no way out a source is closed without PUBACKs, and its events come again`() {
    let bench = AgentBench()
    bench.connectSource()
    breakDisk(bench.disk)
    _ = bench.takeOrders()
    bench.receive(bench.events(5))
    bench.pass(seconds: 31)
    let orders = bench.takeOrders()
    #expect(orders.contains(.disconnectSource(releasing: false)))
    #expect(!orders.contains(.release))
    bench.step(.sourceClosed(source: 0, LinkFailure(.requested)))
    bench.disk.fault = nil
    bench.pass(seconds: 6)
    #expect(bench.takeOrders().contains(.connectSource(.v5)))
    bench.connectSource()
    bench.receive(bench.events(1))
    bench.connectUpstream()
    bench.deliverAll()
    #expect(bench.delivered[0].contains { $0.text.contains("source-paused") })
  }
}
