import ArgumentParser
import Glibc
import HoldfastRingLog
import HoldfastSimulation

/// Cuts the power at every moment of many workloads, in every legal way.
struct ExploreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explore",
    abstract: "Recovers the ring log from every disk that a power cut may leave.",
    discussion: """
      First all workloads of up to three operations after each of several beginnings, then longer \
      ones, each drawn from a seed, until enough different states were checked. A failure is \
      printed with its workload, moment and what the disk kept; `--seed` replays a seeded one.
      """
  )

  @Option(help: "Least number of different states to check.")
  var states = 20_000_000

  @Option(help: "Most operations of the workloads of which all are tried.")
  var length = 3

  @Option(help: "Replays the longer workload of one seed, and nothing else.")
  var seed: UInt64?

  @Option(help: "Searches at a time.")
  var threads = 2

  func run() async throws {
    let start = ContinuousClock.now
    if let seed {
      let figures = await RingProof.explore(bases: 0, length: 0, seeds: seed..<seed + 1)
      return try finish(figures, wanted: 0, steps: [], since: start)
    }
    var figures = await RingProof.explore(length: length, seeds: 0..<0, threadCount: threads)
    var next: UInt64 = 0
    while figures.distinctCount < states && figures.failureCount == 0 {
      let round: UInt64 = 32
      figures.add(
        await RingProof.explore(
          bases: 0,
          length: 0,
          seeds: next..<next + round,
          threadCount: threads
        )
      )
      next += round
      log("\(figures.distinctCount) states, \(next) seeds")
    }
    try finish(figures, wanted: states, steps: RingProof.crashSteps, since: start)
  }

  private func finish(
    _ figures: ExplorerFigures,
    wanted: Int,
    steps: RecoverySteps,
    since start: ContinuousClock.Instant
  ) throws {
    try FigureTable(
      title: "Crash states of the ring log",
      figures: figures,
      requiredSteps: steps,
      targets: [("distinct states", figures.distinctCount, wanted)],
      seconds: (ContinuousClock.now - start) / .seconds(1)
    ).finish()
  }
}

/// Progress goes to standard error, so that the table stands alone.
func log(_ text: String) {
  let bytes = Array((text + "\n").utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
}
