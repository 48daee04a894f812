import ArgumentParser
import HoldfastRingLog
import HoldfastSimulation

/// Prints the figures of a search, and fails the command when it found or missed something.
struct FigureTable {
  let title: String
  let figures: ExplorerFigures
  /// Parts of a start that the search must have reached.
  let requiredSteps: RecoverySteps
  /// Least numbers by name: what was reached, what was wanted.
  var targets: [(name: String, reached: Int, wanted: Int)] = []
  let seconds: Double

  /// The exit code where nothing failed, and something was never reached.
  static let incomplete = ExitCode(2)

  /// - Throws: an exit code when there was a failure, or something was never reached.
  func finish() throws {
    print(title)
    row("seconds", Int(seconds.rounded()))
    row("workloads or files", figures.workloadCount)
    if figures.stateCount > 0 {
      row("crash states visited", figures.stateCount)
      row("distinct states recovered and checked", figures.distinctCount)
      row("of these, after a crash during the start", figures.nestedCount)
    }
    if figures.caseCount > 0 { row("cases", figures.caseCount) }
    for (name, count) in figures.counts.sorted(by: { $0.key < $1.key }) { row("  " + name, count) }
    print("  a start had to do with")
    var isMissing = false
    for (step, name) in RecoverySteps.names {
      let count = figures.count(of: step)
      let isRequired = requiredSteps.contains(step)
      if isRequired && count == 0 { isMissing = true }
      if isRequired || count > 0 { row("  " + name, count, isRequired && count == 0) }
    }
    for target in targets {
      let isShort = target.reached < target.wanted
      isMissing = isMissing || isShort
      row("wanted: \(target.wanted) \(target.name)", target.reached, isShort)
    }
    row("failures", figures.failureCount, figures.failureCount > 0)
    for failure in figures.failures { print("  " + failure) }
    if figures.failureCount > 0 { throw ExitCode.failure }
    if isMissing { throw Self.incomplete }
  }

  private func row(_ name: String, _ count: Int, _ isBad: Bool = false) {
    let digits = grouped(count)
    let dots = String(repeating: ".", count: max(2, 64 - name.count - digits.count))
    print("  \(name) \(dots) \(digits)\(isBad ? "  <- NOT GOOD" : "")")
  }

  private func grouped(_ count: Int) -> String {
    var text = ""
    for (index, digit) in String(count).reversed().enumerated() {
      if index > 0 && index % 3 == 0 { text = "," + text }
      text = String(digit) + text
    }
    return text
  }
}
