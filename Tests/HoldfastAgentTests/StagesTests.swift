import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastPayload
import HoldfastRingLog
import HoldfastSimulation
import HoldfastStage
import HoldfastUpstream
import Testing

private let second: Int64 = 1_000_000

/// Stages within the agent: what they wait for, and what outlives a restart.
@Suite struct StagesTests {
  private func bench(
    sourceStages: [StageConfiguration] = [],
    _ stages: [StageConfiguration] = []
  ) -> AgentBench {
    AgentBench {
      $0.sources[0].decode = DecodeRules(format: .json)
      $0.sources[0].stages = sourceStages
      $0.upstreams[0].stages = stages
    }
  }

  private func stage(_ kind: StageConfiguration.Kind) -> StageConfiguration {
    StageConfiguration(kind: kind)
  }

  private func field(_ text: String) throws -> FieldPath { try FieldPath(text) }

  private func window(_ seconds: Int64) throws -> StageConfiguration {
    stage(
      .window(
        WindowSettings(
          fields: [try field("v")],
          size: seconds * second,
          aggregates: [.count, .mean]
        )
      )
    )
  }

  private func receive(_ bench: AgentBench, _ values: [Double], topic: String = "t") {
    for value in values {
      var events = EventBatch()
      events.append(
        topic: Array(topic.utf8),
        payload: Array(#"{"v":\#(value)}"#.utf8),
        clock: bench.now
      )
      bench.receive(events)
      bench.pass(seconds: 0.5)
    }
  }

  private func texts(_ bench: AgentBench, _ index: Int = 0) -> [String] {
    bench.deliverAll(index)
    return bench.delivered[index].filter { $0.topic != "holdfast/edge/gaps" }.map(\.text)
  }

  @Test func `a window closes though nothing more arrives, and only once`() throws {
    let bench = bench([try window(10)])
    bench.connectSource()
    bench.connectUpstream()
    receive(bench, [1, 2, 3])
    #expect(texts(bench).isEmpty, "it is open")
    bench.pass(seconds: 15)
    let results = texts(bench)
    #expect(results.count == 1)
    #expect(results.first?.contains(#""count":3"#) == true, "\(results)")
    #expect(results.first?.contains(#""mean":2"#) == true, "\(results)")
    let durable = bench.status.durable
    bench.pass(seconds: 120)
    #expect(texts(bench).count == 1)
    #expect(bench.status.durable == durable, "nothing waits for time, so no tick is written")
    let ledger = bench.status.upstreams[0].ledger
    #expect(ledger.aggregated == 3 && ledger.derivedDelivered == 1, "\(ledger)")
    #expect(ledger.offered == ledger.settled, "\(ledger)")
    #expect(bench.ledger.received == 3 && bench.ledger.stored == 3, "a tick is no source's event")
  }

  @Test func `a tick is for stages alone`() throws {
    let bench = AgentBench(upstreamCount: 2) {
      $0.sources[0].decode = DecodeRules(format: .json)
      $0.upstreams[0].stages = (try? self.window(10)).map { [$0] } ?? []
    }
    bench.connectSource()
    bench.connectUpstream(0)
    bench.connectUpstream(1)
    receive(bench, [1])
    bench.pass(seconds: 30)
    #expect(texts(bench, 0).count == 1)
    #expect(texts(bench, 1) == [#"{"v":1.0}"#])
    let ledger = bench.status.upstreams[1].ledger
    #expect(ledger.filtered >= 1 && ledger.delivered == 1 && ledger.offered == ledger.settled)
  }

  @Test func `an open window outlives a kill, and its result keeps its identity`() throws {
    var bench = bench([try window(60)])
    bench.connectSource()
    bench.connectUpstream()
    receive(bench, [1, 2, 3])
    bench.pass(seconds: 3)
    bench = bench.restarted()
    bench.connectSource()
    bench.connectUpstream()
    receive(bench, [4])
    _ = texts(bench)
    bench.pass(seconds: 90)
    let results = texts(bench)
    #expect(results.count == 1)
    #expect(results.first?.contains(#""count":4"#) == true, "\(results)")
    #expect(!bench.says("begin anew"))
    let ledger = bench.status.upstreams[0].ledger
    #expect(ledger.aggregated == 4 && ledger.offered == ledger.settled, "\(ledger)")
  }

  @Test func `the log is kept from the stages' picture on, and let go as pictures follow`() throws {
    var bench = bench([stage(.sample(SampleSettings(every: 1000)))])
    bench.connectSource()
    bench.connectUpstream()
    for _ in 0..<60 {
      bench.receive(bench.events(20, byteCount: 4000))
      bench.pass(seconds: 0.6)
      bench.deliverAll()
    }
    bench.pass(seconds: 3)
    let ledger = bench.status.upstreams[0].ledger
    #expect(ledger.needed < ledger.cursor && ledger.needed > 1, "\(ledger)")
    #expect(bench.status.ringByteCount < 5 << 20, "\(bench.status.ringByteCount)")
    bench = bench.restarted()
    bench.connectSource()
    bench.connectUpstream()
    bench.pass(seconds: 3)
    #expect(!bench.says("begin anew"))
    // 1200 events were seen: of the next 801 the one that is number 2001 leaves.
    for _ in 0..<801 { bench.receive(bench.events(1)) }
    bench.pass(seconds: 3)
    #expect(texts(bench).count == 1)
    #expect(bench.status.upstreams[0].ledger.delivered == 3)
  }

  @Test func `changed settings begin anew with the next event, and say so`() throws {
    let disk = SimulatedDisk(seed: 3)
    var bench = AgentBench(disk: disk) {
      $0.sources[0].decode = DecodeRules(format: .json)
      $0.upstreams[0].stages = [self.stage(.sample(SampleSettings(every: 10)))]
    }
    bench.connectSource()
    bench.connectUpstream()
    receive(bench, [1, 2, 3, 4, 5])
    #expect(texts(bench).count == 1)
    bench.pass(seconds: 3)
    disk.kill()
    bench = AgentBench(disk: disk, at: bench.now) {
      $0.sources[0].decode = DecodeRules(format: .json)
      $0.upstreams[0].stages = [self.stage(.sample(SampleSettings(every: 2)))]
    }
    bench.connectSource()
    bench.connectUpstream()
    bench.pass(seconds: 1)
    #expect(bench.says("the stages begin anew at number"))
    receive(bench, [6, 7, 8])
    #expect(texts(bench) == [#"{"v":6.0}"#, #"{"v":8.0}"#], "what was stored is not sent again")
  }

  @Test func `a source's own stages act before the log, and what they keep back is counted`()
    throws
  {
    let bench = bench(
      sourceStages: [
        stage(.deadband(DeadbandSettings(field: try field("v"), threshold: .absolute(1))))
      ]
    )
    bench.connectSource()
    bench.connectUpstream()
    receive(bench, [5, 5.5, 6.5, 6, 9])
    bench.pass(seconds: 3)
    #expect(texts(bench) == [#"{"v":5.0}"#, #"{"v":6.5}"#, #"{"v":9.0}"#])
    let ledger = bench.ledger
    #expect(ledger.received == 5 && ledger.stored == 3 && ledger.isBalanced, "\(ledger)")
    #expect(ledger.dropped[SourceDropReason.filtered.rawValue] == 2)
    #expect(
      bench.takeOrders().filter { $0 == .release }.count >= 3,
      "what was kept back is acknowledged as well"
    )
  }

  @Test func `an event that can't be read is set aside where the policy says so`() throws {
    let bench = AgentBench {
      $0.sources[0].decode = DecodeRules(format: .json)
      $0.upstreams[0].undecodable = .deadLetter
      $0.upstreams[0].stages = (try? self.window(10)).map { [$0] } ?? []
    }
    bench.connectSource()
    bench.connectUpstream()
    var events = EventBatch()
    events.append(topic: Array("t".utf8), payload: Array("{oh".utf8), clock: bench.now)
    bench.receive(events)
    receive(bench, [1])
    bench.pass(seconds: 20)
    #expect(texts(bench).count == 1)
    let ledger = bench.status.upstreams[0].ledger
    #expect(ledger.deadLettered == 1 && ledger.aggregated == 1, "\(ledger)")
    #expect(ledger.offered == ledger.settled, "\(ledger)")
    #expect(bench.says("can't be read"))
  }

  @Test func `at most one tick a second is written, however many windows wait`() throws {
    let bench = AgentBench(upstreamCount: 2) {
      $0.sources[0].decode = DecodeRules(format: .json)
      for index in 0..<2 {
        $0.upstreams[index].stages = (1...4).compactMap { place in
          try? self.window(Int64(place))
        }
        $0.upstreams[index].stages += [
          self.stage(.throttle(ThrottleSettings(interval: 300_000, pick: .last)))
        ]
      }
    }
    bench.connectSource()
    bench.connectUpstream(0)
    bench.connectUpstream(1)
    for _ in 0..<30 {
      receive(bench, [1])
      let (written, at) = (bench.agent.ticks.written, bench.now.boot)
      bench.pass(seconds: 1.7)
      _ = texts(bench, 0)
      _ = texts(bench, 1)
      let count = bench.agent.ticks.written - written
      #expect(count <= UInt64((bench.now.boot - at) / second) + 1, "\(count)")
    }
    #expect(bench.agent.ticks.written > 10)
    #expect(bench.agent.ticks.written <= UInt64(30 * 2.2) + 1)
  }

  @Test func `a state of stages that can't be read at the start is tried again for a minute`()
    throws
  {
    for failingSeconds in [20.0, 90.0] {
      let disk = SimulatedDisk(seed: 3)
      let list = [stage(.sample(SampleSettings(every: 10)))]
      var bench = AgentBench(disk: disk) {
        $0.sources[0].decode = DecodeRules(format: .json)
        $0.upstreams[0].stages = list
      }
      bench.connectSource()
      bench.connectUpstream()
      receive(bench, [1, 2, 3, 4, 5])
      #expect(texts(bench).count == 1)
      bench.pass(seconds: 3)
      disk.kill()
      disk.fault = { operation, name in
        operation == .read && name.utf8.starts(with: "ring/stages".utf8) ? Errno.inputOutput : nil
      }
      bench = AgentBench(disk: disk, at: bench.now) {
        $0.sources[0].decode = DecodeRules(format: .json)
        $0.upstreams[0].stages = list
      }
      bench.connectSource()
      bench.connectUpstream()
      receive(bench, [6, 7, 8])
      // What leaves once they have begun anew is answered, else the link would be given up.
      for _ in 0..<Int(failingSeconds) {
        bench.pass(seconds: 1)
        bench.deliverAll()
      }
      #expect(bench.says("can't be read; it is tried again"))
      disk.fault = nil
      bench.pass(seconds: 10)
      receive(bench, [9, 10, 11, 12])
      let left = texts(bench)
      if failingSeconds < 60 {
        #expect(left == [#"{"v":11.0}"#], "number 11 is the next one of ten")
        #expect(!bench.says("begin anew"))
      } else {
        #expect(left.first == #"{"v":6.0}"#, "they begin anew with the first after the start")
        #expect(bench.says("begin anew"))
      }
      let ledger = bench.status.upstreams[0].ledger
      #expect(ledger.offered == ledger.settled, "\(ledger)")
    }
  }

  @Test func `the events before a condition come back from the log, also after a kill`() throws {
    let burst = stage(
      .burst(
        BurstSettings(
          when: try Condition("v > 8"),
          interval: 600 * second,
          before: 60 * second,
          after: second
        )
      )
    )
    var bench = bench([burst])
    bench.connectSource()
    bench.connectUpstream()
    receive(bench, [0, 1, 2, 3])
    #expect(texts(bench) == [#"{"v":0.0}"#])
    // Segments enough that pictures follow each other; none but the burst needs the log's start.
    for _ in 0..<40 {
      bench.receive(bench.events(20, byteCount: 4000, topic: "noise"))
      bench.pass(seconds: 0.3)
      bench.deliverAll()
    }
    let ledger = bench.status.upstreams[0].ledger
    #expect(ledger.needed <= 2 && ledger.cursor > 500, "\(ledger)")
    bench = bench.restarted()
    bench.connectSource()
    bench.connectUpstream()
    receive(bench, [9])
    #expect(texts(bench).suffix(4) == [1, 2, 3, 9].map { "{\"v\":\($0).0}" })
    let after = bench.status.upstreams[0].ledger
    #expect(after.offered == after.settled, "\(after)")
    // Noise has no JSON, passes, and lies in the same log: only what the burst holds is kept.
    for _ in 0..<60 {
      bench.receive(bench.events(20, byteCount: 4000, topic: "noise"))
      bench.pass(seconds: 0.6)
      bench.deliverAll()
    }
    bench.pass(seconds: 3)
    #expect(bench.status.upstreams[0].ledger.needed > 2)
  }

  @Test func `pictures of all upstreams together take an eighth of the ring`() {
    var configuration = bench([stage(.sample(SampleSettings(every: 2)))]).configuration
    let one = Agent.snapshotShare(configuration)
    #expect(one == configuration.ring.byteCountMax / 8)
    configuration.upstreams += [configuration.upstreams[0], configuration.upstreams[0]]
    #expect(Agent.snapshotShare(configuration) == configuration.ring.byteCountMax / 24)
  }
}
