/// One seeded fault: how the code is changed so that it can be switched on by name, and the suite
/// that must notice it.
struct Mutant: Equatable {
  /// Some whole lines of a source, and what takes their place.
  struct Edit: Equatable {
    /// From the top of the checkout.
    var path: String
    /// Must stand in the file exactly once.
    var original: [String]
    /// Uses the switch, so that with it off the code does what it did.
    var replacement: [String]
  }

  /// In words with hyphens between them.
  var name: String
  /// What the fault is, for the report.
  var fault = ""
  /// What `swift test --filter` gets.
  var suite = ""
  /// What `proof` is asked for in the ordinary test run, to notice it; empty: not part of that run.
  var quickArguments = ""
  var edits: [Edit] = []

  /// The name of its switch: `no-sync` is `Mutant.noSync`.
  var switchName: String {
    let words = name.split(separator: "-")
    let rest = words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }
    return (words.first.map(String.init) ?? "") + rest.joined()
  }
}

/// The table of mutants, or a copy of the sources, is not as it must be.
struct MutantError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}
