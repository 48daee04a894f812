import HoldfastAgent
import HoldfastEvent
import HoldfastRingLog
import HoldfastSimulation
import HoldfastStage
import HoldfastUpstream
import Testing

/// A start that is cut off at once, again and again.
@Suite struct RepeatedStartTests {
  /// What an upstream's stages have the log keep moves with the picture of them, and a start takes
  /// none of its own: else how often it was tried would be seen in what it finds.
  @Test func `a start that is repeated finds the stages where the first one found them`() throws {
    let disk = SimulatedDisk(seed: 3)
    var bench = AgentBench(disk: disk) {
      $0.upstreams[0].stages = [StageConfiguration(kind: .sample(SampleSettings(every: 1000)))]
    }
    bench.connectSource()
    bench.connectUpstream()
    // The process dies when the picture of the second segment is saved, and the state that names
    // it is not: what the first segment is kept for is known by the picture alone.
    var pictureCount = 0
    disk.fault = { [unowned disk] operation, name in
      guard operation == .rename, name.hasPrefix("ring/stages-") else { return nil }
      pictureCount += 1
      if pictureCount == 2 { disk.lastOperation = disk.operationCount + 1 }
      return nil
    }
    for _ in 0..<200 where !disk.isDead {
      bench.receive(bench.events(5, byteCount: 4000))
      bench.pass(seconds: 0.1)
      bench.deliverAll()
    }
    try #require(disk.isDead)
    disk.fault = nil
    let saved = try #require(picture(bench))
    var found: [UpstreamLedger] = []
    for _ in 0..<4 {
      bench = bench.restarted()
      found.append(bench.status.upstreams[0].ledger)
    }
    #expect(found[0].hold > 200 && found[0].hold < found[0].cursor, "\(found[0])")
    for ledger in found { #expect(ledger == found[0]) }
    #expect(picture(bench) == saved, "a start saves no picture where there is one")
    #expect(!bench.says("begin anew"))
    bench.pass(seconds: 3)
    #expect(picture(bench) != saved, "the first steps do")
    #expect(bench.status.upstreams[0].ledger.hold == found[0].cursor)
  }

  /// The file with the picture of the stages.
  private func picture(_ bench: AgentBench) -> [UInt8]? {
    bench.disk.fileNames.first { $0.hasPrefix("ring/stages-") && !$0.hasSuffix(".new") }
      .flatMap { bench.disk.contents($0) }
  }
}
