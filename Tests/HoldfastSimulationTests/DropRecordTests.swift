import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import HoldfastUpstream
import Testing

/// No PUBACK leaves for an event that was dropped before the drop is on disk.
@Suite struct DropRecordTests {
  private var now = ClockReading(boot: 1_000_000, wall: 1_700_000_000_000_000)

  private func configuration() throws -> AgentConfiguration {
    let all = try #require(TopicFilter("#"))
    let link = LinkConfiguration(host: "127.0.0.1", port: 1883)
    return AgentConfiguration(
      agentID: "edge",
      sources: [SourceConfiguration(name: "floor", link: link, topics: [all])],
      upstreams: [UpstreamConfiguration(name: "central", link: link, topics: [all])]
    )
  }

  private func oversize() -> EventBatch {
    var batch = EventBatch()
    batch.append(
      topic: Array("big".utf8),
      payload: [UInt8](repeating: 1, count: (1 << 20) + 1),
      clock: now
    )
    return batch
  }

  private func looped() -> EventBatch {
    var batch = EventBatch()
    let pairs = [("agent", "edge"), ("log", "1"), ("seq", "2")].map {
      EventProperties.Pair(name: Array($0.0.utf8), value: Array($0.1.utf8))
    }
    batch.append(
      topic: Array("loop".utf8),
      payload: [1],
      properties: EventProperties(pairs: pairs).encoded,
      clock: now
    )
    return batch
  }

  @Test(arguments: [false, true])
  mutating func `a dropped event is acknowledged once its record is durable`(isLoop: Bool) throws {
    let disk = SimulatedDisk(seed: 1)
    var effects: [Effect] = []
    var agent = Agent(
      configuration: try configuration(),
      disk: disk,
      machine: 1,
      bootID: 1,
      seed: 1,
      now: now,
      effects: &effects
    )
    let grant = SessionGrant(protocolVersion: .v5, isSessionPresent: true)
    agent.step(.sourceConnected(source: 0, grant), now: now, effects: &effects)
    disk.fault = { _, _ in Errno.inputOutput }
    effects.removeAll()
    agent.step(.received(source: 0, isLoop ? looped() : oversize()), now: now, effects: &effects)
    for _ in 0..<20 {
      now.boot += 1_000_000
      now.wall += 1_000_000
      agent.step(.timer, now: now, effects: &effects)
    }
    #expect(agent.status(now: now).health == .failing)
    #expect(!effects.contains { $0.isRelease })
    disk.fault = nil
    for _ in 0..<10 {
      now.boot += 1_000_000
      now.wall += 1_000_000
      agent.step(.timer, now: now, effects: &effects)
    }
    #expect(agent.status(now: now).health == .good)
    #expect(effects.contains { $0.isRelease })
    disk.crash()
    let again = Agent(
      configuration: try configuration(),
      disk: disk,
      machine: 1,
      bootID: 1,
      seed: 2,
      now: now,
      effects: &effects
    )
    #expect(again.status(now: now).sources[0].ledger.droppedCount == 1)
  }
}

extension Effect {
  fileprivate var isRelease: Bool {
    switch self {
    case .release, .disconnectSource(_, releasing: true): true
    default: false
    }
  }
}
