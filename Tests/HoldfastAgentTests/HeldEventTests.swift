import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import HoldfastStage
import HoldfastUpstream
import Testing

/// Stages within the agent: what is acknowledged, released and saved on their account.
@Suite struct HeldEventTests {
  private let holding = StageConfiguration(
    kind: .throttle(ThrottleSettings(interval: 3600 * microsecondsPerSecond, pick: .last))
  )

  @Test func `while the disk fails a source waits for what an upstream's stages hold`() {
    let bench = AgentBench { $0.upstreams[0].stages = [holding] }
    bench.connectSource()
    bench.connectUpstream()
    bench.pass(seconds: 3)
    bench.disk.fault = { operation, _ in operation == .write ? Errno.inputOutput : nil }
    _ = bench.takeOrders()
    bench.receive(bench.events(5))
    bench.deliverAll()
    bench.pass(seconds: 3)
    #expect(bench.status.health == .failing)
    #expect(bench.status.upstreams[0].ledger.filtered == 5, "they are held, not sent")
    #expect(!bench.takeOrders().contains(.release), "nobody else has them")
    bench.disk.fault = nil
    bench.pass(seconds: 6)
    #expect(bench.status.health == .good && bench.status.durable == 5)
    #expect(bench.takeOrders().contains(.release))
  }

  @Test func `a source's stages let through what comes again because there was no room`() throws {
    let bench = AgentBench {
      $0.ring.whenFull = .refuseNewest
      $0.ring.byteCountMax = 4 << 20
      $0.sources[0].stages = [StageConfiguration(kind: .changed(ChangedSettings()))]
    }
    bench.connectSource()
    var refused: EventBatch?
    // On one topic more than its last event would differ from what the stage has seen last.
    for _ in 0..<200 where refused == nil {
      var events = EventBatch()
      for topic in 0..<20 { bench.append(1, byteCount: 50_000, topic: "t/\(topic)", to: &events) }
      bench.receive(events)
      if bench.takeOrders().contains(.disconnectSource(releasing: false)) { refused = events }
    }
    let again = try #require(refused)
    bench.connectUpstream()
    bench.deliverAll()
    bench.pass(seconds: 5)
    bench.deliverAll()
    let before = bench.ledger
    bench.connectSource()
    bench.receive(again)
    #expect(bench.ledger.dropped == before.dropped)
    #expect(bench.ledger.stored == before.stored + 20)
  }

  @Test func `the state of stages is saved when reading comes to another segment, and not before`()
  {
    var saveCount = 0
    let bench = AgentBench { $0.upstreams[0].stages = [holding] }
    bench.connectSource()
    bench.connectUpstream()
    bench.pass(seconds: 2)
    bench.disk.fault = { operation, name in
      if operation == .rename && name.hasPrefix("ring/stages-") { saveCount += 1 }
      return nil
    }
    for _ in 0..<50 {
      bench.receive(bench.events(1))
      bench.pass(seconds: 2)
    }
    #expect(saveCount <= 1)
    for _ in 0..<50 {
      bench.receive(bench.events(20, byteCount: 50_000))
      bench.pass(seconds: 2)
    }
    #expect(saveCount > 5)
  }

  @Test func `a mark at the end of the log keeps nothing from being released`() {
    let bench = AgentBench { $0.upstreams[0].stages = [holding] }
    bench.connectSource()
    bench.connectUpstream()
    for _ in 0..<20 {
      bench.receive(bench.events(20, byteCount: 50_000))
      var events = bench.events(20, byteCount: 50_000)
      bench.append(1, byteCount: 2 << 20, to: &events)
      bench.receive(events)
      bench.deliverAll()
      bench.pass(seconds: 2)
      bench.deliverAll()
    }
    bench.pass(seconds: 20)
    let ledger = bench.status.upstreams[0].ledger
    #expect(ledger.cursor == 801)
    #expect(ledger.needed > 600, "the picture follows: \(ledger.needed)")
  }

  @Test func `stages say so when a part of the log that they need is gone after a crash`() {
    let bench = AgentBench { $0.upstreams[0].stages = [holding] }
    bench.connectSource()
    bench.connectUpstream()
    bench.receive(bench.events(5))
    bench.deliverAll()
    bench.pass(seconds: 3)
    // No newer picture is kept, so that all of the log is needed.
    bench.disk.fault = { operation, name in
      operation == .rename && name.hasPrefix("ring/stages-") ? Errno.inputOutput : nil
    }
    for _ in 0..<60 {
      bench.receive(bench.events(20, byteCount: 50_000))
      bench.deliverAll()
      bench.pass(seconds: 1)
    }
    #expect(bench.status.upstreams[0].ledger.lost == [0, 0], "all of it has been read")
    bench.pass(seconds: 3)
    bench.disk.fault = nil
    let later = bench.restarted()
    later.connectUpstream()
    later.pass(seconds: 3)
    #expect(later.says("a part of the log that they need is gone"))
    #expect(later.status.upstreams[0].ledger.cursor == 1206)
  }

  @Test func `stages that begin anew say so`() {
    let first = AgentBench { $0.upstreams[0].stages = [holding] }
    #expect(!first.says("begin anew"))
    first.connectSource()
    first.connectUpstream()
    first.receive(first.events(5))
    first.pass(seconds: 3)
    #expect(!first.restarted().says("begin anew"))
    first.disk.setContents("ring/stages-central", [1, 2, 3])
    #expect(first.restarted().says("the stages begin anew at number 6: no state of theirs"))
  }
}
