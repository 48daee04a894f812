import Glibc
import HoldfastSimulation
import Testing

@Suite struct WorldTests {
  private static func number(_ name: String) -> UInt64? {
    unsafe getenv(name).flatMap { unsafe UInt64(String(cString: $0)) }
  }

  /// HOLDFAST_SEED=n replays one seed and prints its steps; HOLDFAST_SEEDS=n runs more of them.
  @Test func `nothing acknowledged is lost, whatever fails`() {
    if let seed = Self.number("HOLDFAST_SEED") {
      var settings = WorldSettings(seed: seed)
      settings.tell = { print($0) }
      let report = World(settings).run()
      #expect(report.failure == nil)
      return
    }
    var total = WorldReport()
    let seedCount = Self.number("HOLDFAST_SEEDS") ?? Self.seedCount
    for seed in 0..<seedCount {
      let report = World(WorldSettings(seed: seed)).run()
      if let failure = report.failure { Issue.record("\(failure)") }
      total.time += report.time
      total.stepCount += report.stepCount
      total.acknowledgedCount += report.acknowledgedCount
      total.deliveredCount += report.deliveredCount
      total.evictedCount += report.evictedCount
      total.crashCount += report.crashCount
      total.powerCutCount += report.powerCutCount
      total.diskFaultCount += report.diskFaultCount
    }
    print("\(total.time / 3_600_000_000) simulated hours: \(total)")
    #expect(total.powerCutCount > 0 && total.diskFaultCount > 0)
    // A ring that overflows is too rare for the few seeds of a debug build.
    #expect(total.evictedCount > 0 || seedCount < 50)
    #expect(total.deliveredCount > 0)
  }

  @Test func `the same seed takes the same way`() {
    for seed in [3, 4, 5] as [UInt64] {
      let first = World(WorldSettings(seed: seed)).run()
      #expect(first == World(WorldSettings(seed: seed)).run())
      #expect(first.trace != World(WorldSettings(seed: seed + 1)).run().trace)
    }
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
  static let seedCount: UInt64 = 10
  static let mutantSeedCount: UInt64 = 10
  #else
  static let seedCount: UInt64 = 100
  static let mutantSeedCount: UInt64 = 30
  #endif
}
