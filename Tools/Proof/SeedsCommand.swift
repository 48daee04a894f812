import ArgumentParser
import HoldfastSimulation

/// Runs seeds of the simulated world.
struct SeedsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seeds",
    abstract: "Runs whole agents in simulated worlds, one per seed."
  )

  @Option(help: "The first seed.")
  var first: UInt64 = 0

  @Option(help: "How many seeds.")
  var count: UInt64 = 1000

  func run() throws {
    var failureCount = 0
    var time: Int64 = 0
    for seed in first..<first &+ count {
      let report = World(WorldSettings(seed: seed)).run()
      time += report.time
      if let failure = report.failure {
        failureCount += 1
        print(failure)
      }
    }
    print("\(count) seeds, \(time / 3_600_000_000) simulated hours, \(failureCount) failed")
    if failureCount > 0 { throw ExitCode.failure }
  }
}
