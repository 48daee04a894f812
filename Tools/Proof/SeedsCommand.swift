import ArgumentParser
import HoldfastSimulation

/// Runs seeds of the simulated world.
struct SeedsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seeds",
    abstract: "Runs whole agents in simulated worlds, one per seed.",
    discussion: """
      Each seed is a day or more of traffic, faults, crashes and a ring that runs over. What must \
      hold is checked as it goes and at the end, to the event. Fails when a seed fails, when one \
      has less in it than it must, or when a kind of fault, a branch or a gap reason was never \
      reached.
      """
  )

  @Option(help: "The first seed.")
  var first: UInt64 = 0

  @Option(help: "How many seeds.")
  var count: UInt64 = 1000

  @Option(help: "Only seeds whose plan, as a failure prints it, holds this text.")
  var plan: String?

  @Option(help: "How many at a time.")
  var parallel = 2

  @Option(help: "Of a single seed, only the faults at these places, as a failure prints them.")
  var faults: String?

  @Option(help: "Of a single seed, only the time up to this instant, in microseconds.")
  var until: Int64?

  @Flag(help: "Ends soon after the first seed that fails, and does not make it smaller.")
  var untilFailure = false

  @Flag(help: "Tells every step of a single seed.")
  var tell = false

  func run() async throws {
    if faults != nil || until != nil || tell { return try replay() }
    let start = ContinuousClock.now
    var total = WorldReport()
    var failures: [UInt64] = []
    var shortCount = 0
    let end = first &+ count
    let (first, stride, untilFailure) = (first, UInt64(max(1, parallel)), untilFailure)
    let plan = plan
    await withTaskGroup(of: [WorldReport].self) { group in
      for lane in 0..<stride {
        group.addTask {
          var reports: [WorldReport] = []
          for seed in Swift.stride(from: first &+ lane, to: end, by: Int(stride)) {
            let world = World(seed: seed)
            if let plan, !world.summary.contains(plan) { continue }
            let report = world.run()
            if let failure = report.failure { print(failure) }
            reports.append(report)
            if untilFailure && report.failure != nil { break }
          }
          return reports
        }
      }
      for await reports in group {
        for report in reports {
          total.add(report)
          if report.failure != nil {
            failures.append(report.seed)
          } else if !report.shortfalls.isEmpty {
            shortCount += 1
            print("seed \(report.seed) has \(report.shortfalls.joined(separator: ", "))")
          }
        }
      }
    }
    let seconds = Int((ContinuousClock.now - start).components.seconds)
    printTable(total, failures: failures, shortCount: shortCount, seconds: seconds)
    if !untilFailure {
      for seed in failures.sorted().prefix(3) { printShrunk(WorldSettings(seed: seed)) }
    }
    if !failures.isEmpty { throw ExitCode.failure }
    if shortCount > 0 || !total.coverage.unreached.isEmpty { throw FigureTable.incomplete }
  }

  private func printTable(
    _ total: WorldReport,
    failures: [UInt64],
    shortCount: Int,
    seconds: Int
  ) {
    var rows = total.coverage.rows
    rows += [
      ("seeds", Int(count)), ("seeds that failed", failures.count),
      ("seeds with less in them than they must have", shortCount),
      ("simulated days", Int(total.time / 86_400_000_000)), ("steps of the agent", total.stepCount),
      ("events handed over", total.eventCount),
      ("events acknowledged to the sensors' brokers", total.acknowledgedCount),
      ("events delivered", total.deliveredCount), ("events evicted", Int(total.evictedCount)),
      ("events corrupt", Int(total.corruptCount)),
      ("events set aside", Int(total.deadLetterCount)),
      ("times that live data was divided from a backlog", total.divisionCount),
      ("connects to another broker than the primary", total.failOverCount),
      ("ways back to a primary that answered", total.comebackCount),
      ("times that the order changed between two starts", total.orderChangeCount),
      ("events marked as historical", total.historicalCount),
      ("numbers compared with the accounts", total.numberCount),
      ("results of stages delivered", total.resultCount),
      ("events aggregated", Int(total.aggregatedCount)),
      ("events kept back by sources' stages", total.sourceFilteredCount),
      ("times that stages began anew", total.freshStartCount),
      ("earlier events read back for a stage", total.recalledCount),
      ("earlier events asked for and gone", total.goneCount),
      ("ticks for stages that wait for time", total.tickCount),
      ("upstreams compared with their stages", total.judgedUpstreamCount),
      ("of them with live data ahead of a backlog", total.dividedUpstreamCount),
      ("upstreams with numbers nobody can name", total.blindUpstreamCount),
      ("faults that struck", total.coverage.faultCount),
      ("disk operations that failed", total.diskFaultCount), ("crashes", total.crashCount),
      ("of them power cuts", total.powerCutCount), ("ring overruns", total.overrunCount),
      ("seconds", seconds),
    ]
    let width = rows.reduce(0) { max($0, $1.name.count) }
    for row in rows {
      print(row.name + String(repeating: " ", count: width + 2 - row.name.count) + "\(row.count)")
    }
    for name in total.coverage.unreached { print("never reached: \(name)") }
  }

  private func printShrunk(_ settings: WorldSettings) {
    guard let shrunk = settings.shrunk() else { return }
    let kept = shrunk.settings.onlyFaults.map { $0.sorted().map(String.init) } ?? []
    print("\nseed \(settings.seed), made smaller in \(shrunk.runCount) runs:")
    for line in shrunk.trace { print("  \(line)") }
    let until = shrunk.settings.endsAt.map { " --until \($0)" } ?? ""
    print(
      "replay: proof seeds --first \(settings.seed)\(until)"
        + " --faults \"\(kept.joined(separator: ","))\" --tell"
    )
  }

  private func replay() throws {
    var settings = WorldSettings(seed: first)
    settings.endsAt = until
    if let faults { settings.onlyFaults = Set(faults.split(separator: ",").compactMap { Int($0) }) }
    if tell { settings.tell = { print($0) } }
    let report = World(settings).run()
    print(report.failure ?? "seed \(first) holds: \(report)")
    if report.failure != nil { throw ExitCode.failure }
  }
}
