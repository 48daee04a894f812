import ArgumentParser
import FoundationEssentials

/// Builds the switches of all mutants into a copy of the sources.
struct MutateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mutate",
    abstract: "Builds every seeded fault into a copy of the sources (see scripts/mutants.sh)."
  )

  /// Where the table stands in a checkout.
  static let tablePath = "Tests/Mutants/table.txt"
  /// Where the switches go in the copy.
  static let switchesPath = "Sources/HoldfastEvent/Mutant.swift"

  @Option(help: "A copy of the checkout; its sources are changed.")
  var copy: String?

  @Flag(help: "Only print name, suite and fault of each mutant, with tabs between them.")
  var list = false

  @Flag(help: "List those of the ordinary test run, with what `proof` is asked for as the suite.")
  var quick = false

  func run() throws {
    let root = copy ?? "."
    let text = try String(contentsOfFile: root + "/" + Self.tablePath, encoding: .utf8)
    let table = try MutantTable(text)
    if list {
      for mutant in table.mutants where !quick || !mutant.quickArguments.isEmpty {
        print("\(mutant.name)\t\(quick ? mutant.quickArguments : mutant.suite)\t\(mutant.fault)")
      }
      return
    }
    guard copy != nil else { throw ValidationError("--copy DIR or --list is needed") }
    let texts = try table.applied {
      try? String(contentsOfFile: root + "/" + $0, encoding: .utf8)
    }
    for (path, text) in texts {
      try Data(text.utf8).write(to: URL(filePath: root + "/" + path))
    }
    try Data(table.switches.utf8).write(to: URL(filePath: root + "/" + Self.switchesPath))
  }
}
