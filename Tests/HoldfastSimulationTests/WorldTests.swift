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
      settings.isVerbose = true
      let report = World(settings).run()
      #expect(report.failure == nil)
      return
    }
    var total = WorldReport()
    for seed in 0..<(Self.number("HOLDFAST_SEEDS") ?? Self.seedCount) {
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
    #expect(total.powerCutCount > 0 && total.diskFaultCount > 0 && total.evictedCount > 0)
    #expect(total.deliveredCount > 0)
  }

  #if DEBUG
  static let seedCount: UInt64 = 10
  #else
  static let seedCount: UInt64 = 100
  #endif
}
