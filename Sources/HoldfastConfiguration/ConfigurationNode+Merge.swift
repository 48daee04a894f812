extension ConfigurationNode {
  /// A file's tables laid over those of the files before it.
  ///
  /// Tables are merged key by key. Lists of tables, `[[source]]` and `[[upstream]]`, are appended.
  /// Anything else is replaced as a whole, lists of texts too. A key that is a table in one file and
  /// none in the other is an error that names both.
  ///
  /// - Parameters:
  ///   - later: read after this one.
  ///   - key: what both are called, for messages; empty for whole files.
  ///   - problems: takes what doesn't fit.
  /// - Returns: what counts. Complexity: O(keys of `later`).
  func overlaid(
    with later: ConfigurationNode,
    key: String = "",
    problems: ProblemList
  ) -> ConfigurationNode {
    switch (value, later.value) {
    case (.table(var entries), .table(let others)):
      for (name, other) in others.sorted(by: { $0.key < $1.key }) {
        let path = key.isEmpty ? name : "\(key).\(name)"
        entries[name] =
          entries[name]?.overlaid(with: other, key: path, problems: problems) ?? other
      }
      return ConfigurationNode(value: .table(entries), line: line)
    case (.array(let elements), .array(let others))
    where isListOfTables == later.isListOfTables || elements.isEmpty || others.isEmpty:
      let isAppended = isListOfTables || later.isListOfTables
      return isAppended ? ConfigurationNode(value: .array(elements + others), line: line) : later
    default:
      guard isContainer || later.isContainer else { return later }
      problems.error(
        key,
        line: later.line,
        "\(key) is \(later.shape), and \(shape) since \(problems.shown(line, besides: later.line))",
        "write it in one way, or remove it from one of the files"
      )
      return self
    }
  }

  private var isTable: Bool {
    if case .table = value { true } else { false }
  }

  /// `[[key]]`.
  private var isListOfTables: Bool {
    guard case .array(let elements) = value else { return false }
    return !elements.isEmpty && elements.allSatisfy(\.isTable)
  }

  private var isContainer: Bool { isTable || isListOfTables }

  private var shape: String { isListOfTables ? "a list of tables" : kind }
}
