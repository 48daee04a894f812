import ArgumentParser
import HoldfastRingLog
import HoldfastSimulation

/// Makes every disk operation of many workloads fail, in every way that disks fail.
struct FaultsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "faults",
    abstract: "Fails each disk operation of the ring log in turn, in every way that disks fail."
  )

  @Option(help: "Least number of cases.")
  var cases = 200_000

  @Option(help: "Replays the workload of one seed, and nothing else.")
  var seed: UInt64?

  @Option(help: "Searches at a time.")
  var threads = 2

  func run() async throws {
    let start = ContinuousClock.now
    var figures = ExplorerFigures()
    var next = seed ?? 0
    repeat {
      let round: UInt64 = seed == nil ? 32 : 1
      figures.add(await RingProof.injectFaults(seeds: next..<next + round, threadCount: threads))
      next += round
      log("\(figures.caseCount) cases, \(next) seeds")
    } while seed == nil && figures.caseCount < cases && figures.failureCount == 0
    try FigureTable(
      title: "Failing disk operations of the ring log",
      figures: figures,
      requiredSteps: seed == nil ? RingProof.faultSteps : [],
      targets: [("cases", figures.caseCount, seed == nil ? cases : 0)],
      seconds: (ContinuousClock.now - start) / .seconds(1)
    ).finish()
  }
}
