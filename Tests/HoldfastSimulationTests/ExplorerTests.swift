import HoldfastRingLog
import HoldfastSimulation
import Testing

/// The ring log on every disk that a power cut, a failing operation or a bad sector may leave.
@Suite struct ExplorerTests {
  #if DEBUG
  /// One in so many; debug builds are twenty times slower.
  static let divisor = 50
  #else
  static let divisor = 1
  #endif
  /// As many as asked for; a mutant is noticed long before.
  static let stateCount = Int(environmentNumber("HOLDFAST_STATES") ?? 1_000_000) / divisor
  static let faultCount = Int(environmentNumber("HOLDFAST_FAULTS") ?? 20_000) / divisor

  @Test
  func `no power cut costs what was acknowledged, brings back what was not, or stops a start`()
    async
  {
    // With fewer states than usual not everything can be met.
    let isWhole = Self.stateCount >= 1_000_000 / Self.divisor
    var figures = await RingProof.explore(length: isWhole ? 2 : 1, seeds: 0..<0)
    var seed: UInt64 = 0
    while figures.distinctCount < Self.stateCount && figures.failureCount == 0 {
      figures.add(await RingProof.explore(bases: 0, length: 0, seeds: seed..<seed + 32))
      seed += 32
    }
    #expect(figures.failures == [])
    #expect(figures.distinctCount >= Self.stateCount)
    for (step, name) in RecoverySteps.names where isWhole && RingProof.crashSteps.contains(step) {
      #expect(figures.count(of: step) > 0, "never reached: \(name)")
    }
    print(
      "\(figures.workloadCount) workloads, \(figures.stateCount) crash states, "
        + "\(figures.distinctCount) distinct and checked, \(figures.nestedCount) of them nested"
    )
  }

  @Test func `no failing disk operation costs what was acknowledged`() async {
    var figures = ExplorerFigures()
    var seed: UInt64 = 0
    while figures.caseCount < Self.faultCount && figures.failureCount == 0 {
      figures.add(await RingProof.injectFaults(seeds: seed..<seed + 8))
      seed += 8
    }
    #expect(figures.failures == [])
    #expect(figures.caseCount >= Self.faultCount)
    print("\(figures.workloadCount) workloads, \(figures.caseCount) failing operations")
  }

  @Test func `a disk that lies about sync is caught`() {
    let explorer = CrashExplorer { $0.isLying = true }
    let figures = explorer.run([
      RingWorkload(base: [.append], operations: [.commit], seed: 1)
    ])
    #expect(figures.failureCount > 0)
  }

  @Test func `a workload explored twice gives the same figures`() {
    let workload = RingWorkload(seed: 14, length: 12)
    let first = CrashExplorer().run([workload])
    let second = CrashExplorer().run([workload])
    #expect(first.distinctCount == second.distinctCount)
    #expect(first.stateCount == second.stateCount)
    #expect(first.steps == second.steps)
    #expect(first.distinctCount > 100)
  }
}
