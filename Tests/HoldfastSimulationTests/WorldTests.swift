import HoldfastSimulation
import Testing

@Suite struct WorldTests {
  /// Runs seeds two at a time, and says at once what fails; the reports come in any order.
  private static func reports(_ seeds: Range<UInt64>) async -> [WorldReport] {
    await withTaskGroup(of: [WorldReport].self) { group in
      for lane in 0..<2 as Range<UInt64> {
        group.addTask {
          stride(from: seeds.lowerBound + lane, to: seeds.upperBound, by: 2).map {
            let report = World(seed: $0).run()
            if let failure = report.failure { Issue.record("\(failure)") }
            return report
          }
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
  }

  /// HOLDFAST_SEEDS=n runs another number of seeds; `proof seeds` replays one and tells its steps.
  @Test func `nothing acknowledged is lost and every loss is accounted for, whatever fails`() async
  {
    let seedCount = environmentNumber("HOLDFAST_SEEDS") ?? Self.seedCount
    var total = WorldReport()
    for report in await Self.reports(0..<seedCount) {
      let shortfalls = report.shortfalls
      #expect(shortfalls.isEmpty, "seed \(report.seed)")
      total.add(report)
    }
    print("\(seedCount) seeds, \(total.time / 3_600_000_000) hours: \(total)")
    // Too rare for the few seeds of a debug build.
    if seedCount >= 500 { #expect(total.coverage.unreached.isEmpty) }
    #expect(total.numberCount > total.eventCount)
  }

  @Test func `the same seed takes the same way`() {
    for seed in [3, 5, 7] as [UInt64] {
      let first = World(seed: seed).run()
      #expect(first == World(seed: seed).run())
      #expect(first.trace != World(seed: seed + 1).run().trace)
    }
  }

  @Test func `a world of one's own: two hours, a few faults, and the verdict`() {
    let world = World(seed: 7)
    world.faults.removeAll { $0.kind != .powerCut && $0.kind != .upstreamAway }
    world.run(hours: 2)
    #expect(world.now == 2 * 3_600_000_000)
    let report = world.check()
    #expect(report.failure == nil)
    #expect(report.eventCount > 0 && report.deliveredCount > 0)
  }

  @Test func `a failure is made smaller and still fails`() throws {
    let failing = (0..<30 as Range<UInt64>).lazy.map { seed in
      var settings = WorldSettings(seed: seed)
      settings.hasOnlyPowerCuts = true
      settings.isSyncLying = true
      return settings
    }.first { World($0).run().failure != nil }
    let settings = try #require(failing)
    let shrunk = try #require(settings.shrunk())
    #expect(shrunk.report.failure != nil)
    let keptCount = try #require(shrunk.settings.onlyFaults).count
    #expect(keptCount < World(settings).faults.count / 2)
    #expect(shrunk.trace.last?.contains("FAILED") ?? false)
    // What it prints can be replayed.
    #expect(World(shrunk.settings).run() == shrunk.report)
  }

  /// How many of the seeds fail when only power cuts strike.
  private func failureCount(_ change: (inout WorldSettings) -> Void) -> Int {
    (0..<Self.mutantSeedCount).reduce(0) { count, seed in
      var settings = WorldSettings(seed: seed)
      settings.hasOnlyPowerCuts = true
      change(&settings)
      return count + (World(settings).run().failure == nil ? 0 : 1)
    }
  }

  @Test func `power cuts alone are survived`() {
    #expect(failureCount { _ in } == 0)
  }

  @Test func `without sync a power cut is noticed`() {
    #expect(failureCount { $0.isSyncLying = true } > 0)
  }

  @Test func `a PUBACK before the commit is noticed`() {
    #expect(failureCount { $0.acknowledgesEarly = true } > 0)
  }

  #if DEBUG
  static let seedCount: UInt64 = 4
  static let mutantSeedCount: UInt64 = 4
  #else
  static let seedCount: UInt64 = 500
  static let mutantSeedCount: UInt64 = 60
  #endif
}
