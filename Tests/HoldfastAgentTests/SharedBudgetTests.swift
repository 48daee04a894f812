import HoldfastAgent
import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

/// Two upstreams, one budget: who has the higher priority sends first.
@Suite struct SharedBudgetTests {
  private func bench(budget: Int) -> AgentBench {
    let bench = AgentBench(upstreamCount: 2) { configuration in
      configuration.upstreams[0].budgetByteCount = budget
      configuration.upstreams[0].exceptTopics = [TopicFilter("alarm")].compactMap(\.self)
      configuration.upstreams[1].topics = [TopicFilter("alarm")].compactMap(\.self)
      configuration.upstreams[1].budgetOwner = "central"
      configuration.upstreams[1].priority = 9
    }
    bench.connectSource()
    return bench
  }

  private func answer(_ bench: AgentBench, seconds: Int) -> [Int] {
    var byteCounts = [0, 0]
    for _ in 0..<seconds * 20 {
      bench.pass(seconds: 0.05)
      for index in 0...1 {
        let messages = bench.published[index]
        byteCounts[index] += messages.reduce(0) { $0 + $1.payload.count }
        bench.deliverAll(index)
      }
    }
    return byteCounts
  }

  @Test func `what matters goes first, and what it leaves goes to the other`() {
    let bench = bench(budget: 8000)
    for _ in 0..<10 {
      bench.receive(bench.events(30, byteCount: 400))
      bench.receive(bench.events(10, byteCount: 400, topic: "alarm"))
    }
    bench.pass(seconds: 1)
    bench.connectUpstream(0)
    bench.connectUpstream(1)
    // 40,000 bytes of alarms take five seconds and more, with what is around them.
    let first = answer(bench, seconds: 4)
    #expect(first[1] > 20_000 && first[0] < 4000, "\(first)")
    let second = answer(bench, seconds: 10)
    #expect(bench.status.upstreams[1].ledger.delivered == 100)
    #expect(second[0] > 20_000, "\(second)")
    #expect(first[0] + first[1] + second[0] + second[1] < 8000 * 15)
  }

  @Test func `one that is away leaves the other the whole budget`() {
    let bench = bench(budget: 8000)
    bench.receive(bench.events(200, byteCount: 400))
    bench.receive(bench.events(10, byteCount: 400, topic: "alarm"))
    bench.pass(seconds: 1)
    bench.connectUpstream(0)
    #expect(answer(bench, seconds: 10)[0] > 50_000)
    // The alarms get theirs as soon as their link is there, whatever still waits.
    bench.connectUpstream(1)
    _ = answer(bench, seconds: 2)
    #expect(bench.status.upstreams[1].ledger.delivered == 10)
    #expect(bench.status.upstreams[0].lagEventCount > 0)
  }

  @Test func `a schedule closes the links, and says so where the clock is not set`() throws {
    let window = try #require(DailyWindow(from: 0, to: 60))
    let unset = ClockReading(boot: 5_000_000, wall: 5_000_000)
    let bench = AgentBench(at: unset) { $0.upstreams[0].schedule.anything = [window] }
    #expect(bench.says("the clock is not set"))
    bench.pass(seconds: 3)
    #expect(!bench.takeOrders().contains(.connectUpstream(0, .v5)))
    // Ten minutes after boot the hour matters no more.
    bench.pass(seconds: 640)
    #expect(bench.takeOrders().contains(.connectUpstream(0, .v5)))
    bench.connectUpstream()
    // The clock is set: it is noon.
    bench.now.wall = 1_767_268_800_000_000
    bench.pass(seconds: 2)
    #expect(bench.takeOrders().contains(.disconnectUpstream(0)))
  }
}
