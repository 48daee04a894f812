import HoldfastAgent
import HoldfastCodec
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import HoldfastUpstream
import Testing

/// What a later start must still know.
@Suite struct RestartTests {
  /// Random payloads until the ring takes no more.
  private func fill(_ bench: AgentBench) throws {
    for _ in 0..<200 {
      bench.receive(bench.events(100, byteCount: 4000))
      bench.pass(seconds: 0.3)
      let isClosed = bench.takeOrders().contains {
        if case .disconnectSource = $0 { true } else { false }
      }
      if isClosed { return }
      if bench.status.health == .full { bench.pass(seconds: 31) }
    }
    Issue.record("the ring never fills: \(bench.status.ringByteCount)")
  }

  @Test func `a source closed for want of room is still known to be when the agent starts anew`()
    throws
  {
    var bench = AgentBench { $0.ring.whenFull = .refuseNewest }
    bench.connectSource()
    try fill(bench)
    bench.step(.sourceClosed(source: 0, LinkFailure(.requested)))
    bench.pass(seconds: 2)
    #expect(bench.ledger.isPaused)
    #expect(bench.status.health == .full)

    bench = bench.restarted()
    bench.pass(seconds: 5)
    #expect(bench.ledger.isPaused)
    #expect(!bench.takeOrders().contains(.connectSource(.v5)), "there is no room yet")
    bench.connectUpstream()
    bench.deliverAll()
    bench.pass(seconds: 5)
    bench.deliverAll()
    #expect(bench.takeOrders().contains(.connectSource(.v5)))
    bench.connectSource()
    bench.receive(bench.events(1))
    bench.pass(seconds: 2)
    bench.deliverAll()
    let gaps = bench.delivered[0].filter { $0.text.contains("source-paused") }
    #expect(gaps.count == 1, "\(bench.delivered[0].suffix(3).map(\.text))")
    #expect(!bench.ledger.isPaused)
    #expect(bench.status.health == .good)

    bench = bench.restarted()
    #expect(bench.takeOrders().contains(.connectSource(.v5)))
  }

  /// A ring directory as a newer version would have left it.
  private func newerState() -> [UInt8] {
    var slot: [UInt8] = Array("HFS1".utf8) + [2, 0, 0, 0, 0, 0, 0, 0]
    let checksum = crc32c(slot[...])
    for place in 0..<4 { slot.append(UInt8(truncatingIfNeeded: checksum >> (8 * place))) }
    return slot + [UInt8](repeating: 0, count: (1 << 20) - slot.count)
  }

  @Test func `beside a ring of a newer version dead letters go where the log lives`() {
    let disk = SimulatedDisk(seed: 3)
    disk.setContents("ring/state", newerState())
    let bench = AgentBench(disk: disk)
    bench.connectSource()
    bench.connectUpstream()
    bench.receive(bench.events(1))
    bench.deliverAll(reasonCode: 0x90)
    bench.pass(seconds: 1)
    #expect(bench.status.upstreams[0].ledger.deadLettered == 1)
    #expect(disk.contents("ring.1/dead-letter-central") != nil)
    #expect(disk.fileNames.filter { $0.hasPrefix("ring/") } == ["ring/state"])
    #expect(disk.contents("ring/state") == newerState())
  }

  @Test func `that a broker speaks 3-1-1 only is remembered for a day, whatever runs meanwhile`() {
    var bench = AgentBench { $0.upstreams[0].link = $0.sources[0].link }
    #expect(bench.takeOrders() == [.connectSource(.v5), .connectUpstream(0, .v5)])
    bench.step(.upstreamClosed(upstream: 0, LinkFailure(.unsupportedProtocolVersion)))
    bench.pass(seconds: 2)
    #expect(bench.takeOrders() == [.connectUpstream(0, .v311)])
    bench.connectUpstream(0, .v311)

    bench = bench.restarted()
    // The source has the same URL.
    #expect(bench.takeOrders() == [.connectSource(.v311), .connectUpstream(0, .v311)])
    #expect(bench.says("MQTT 3.1.1, as found out earlier"))

    bench.now.wall += 86_400_000_000
    bench.now.boot = 5_000_000
    bench = bench.restarted()
    #expect(bench.takeOrders() == [.connectSource(.v5), .connectUpstream(0, .v5)])
  }

  @Test func `damage to what is known of versions costs a new try and nothing else`() throws {
    var bench = AgentBench()
    bench.step(.upstreamClosed(upstream: 0, LinkFailure(.unsupportedProtocolVersion)))
    bench.pass(seconds: 2)
    bench.connectUpstream(0, .v311)
    let name = "ring/protocol-versions"
    let good = try #require(bench.disk.contents(name))
    for place in good.indices {
      for bit in 0..<8 {
        var bad = good
        bad[place] ^= 1 << UInt8(bit)
        bench.disk.setContents(name, bad)
        bench = bench.restarted()
        #expect(bench.takeOrders() == [.connectSource(.v5), .connectUpstream(0, .v5)])
        #expect(bench.status.health == .good)
      }
    }
    bench.disk.setContents(name, good)
    bench = bench.restarted()
    #expect(bench.takeOrders() == [.connectSource(.v5), .connectUpstream(0, .v311)])
    #expect(!bench.lines.contains { $0.message.contains("unknown file") })
  }

  @Test func `MQTT 5 that works again is remembered, too`() {
    var bench = AgentBench()
    bench.step(.upstreamClosed(upstream: 0, LinkFailure(.unsupportedProtocolVersion)))
    bench.pass(seconds: 2)
    bench.connectUpstream(0, .v311)
    bench.now.boot += 86_400_000_000
    bench.now.wall += 86_400_000_000
    bench.breakUpstream()
    bench.pass(seconds: 2)
    bench.connectUpstream(0, .v5)
    #expect(bench.disk.contents("ring/protocol-versions") == [])
    bench = bench.restarted()
    #expect(bench.takeOrders().contains(.connectUpstream(0, .v5)))
  }
}
