public import HoldfastAgent
public import HoldfastLink
import TOMLKit

/// A usable configuration, and what is doubtful about it.
public struct LoadedConfiguration: Equatable, Sendable {
  /// Checked, with defaults filled in.
  public var configuration: AgentConfiguration
  /// What works and may still not be meant, sorted by file and line.
  public var warnings: [ConfigurationProblem]
  /// The files it was read from, in order; the first is the one that was named.
  public var files: [String]
  /// The configuration as one TOML text: files merged, variables filled in, defaults written out,
  /// secrets masked.
  public var effective: String
}

/// The configuration: TOML files in, ``AgentConfiguration`` or every error at once out.
///
/// The way of a file: bytes → ``KeyPositions`` (lines of keys) → the TOML library → a tree of
/// ``ConfigurationNode``. The trees of all files are merged, variables filled in; then one
/// ``TableReader`` per table → checks across tables.
public enum ConfigurationFile {
  /// Who is going to use the file.
  public enum Purpose: Sendable {
    case agent
    /// `holdfast unpack`: may do without an upstream, and watches for loops event by event, as
    /// what it publishes has other topics than what it takes. It reads no `conf.d`: that is the
    /// agent's.
    case unpack
  }

  /// Whether two links may lead to one broker, as far as their names tell; of a list any may.
  public static func isSameBroker(_ first: LinkConfiguration, _ second: LinkConfiguration) -> Bool {
    (0..<first.brokerCount).contains { one in
      let first = first.broker(at: one)
      return (0..<second.brokerCount).contains { other in
        let second = second.broker(at: other)
        return HoldfastConfiguration.isSameBroker(
          host: first.host,
          port: first.port,
          as: (second.host, second.port)
        )
      }
    }
  }

  /// Reads and checks the file at `path` and those of the directory `conf.d` beside it.
  ///
  /// - Parameters:
  ///   - path: as given by the operator; named in each message.
  ///   - defaultAgentID: for a file without `agent.id`.
  ///   - variables: what `${NAME}` stands for; see ``Variables``.
  ///   - purpose: who is going to use it.
  /// - Returns: the checked configuration with its warnings.
  /// - Throws: everything that is wrong with the files, sorted by file and line.
  public static func load(
    path: String,
    defaultAgentID: String,
    variables: [String: String] = [:],
    purpose: Purpose = .agent
  ) throws(ConfigurationError) -> LoadedConfiguration {
    let set = ConfigurationFiles(path: path, hasDirectory: purpose == .agent)
    guard set.failures.isEmpty else {
      throw ConfigurationError(file: path, problems: set.failures)
    }
    return try load(
      set.texts,
      defaultAgentID: defaultAgentID,
      variables: variables,
      purpose: purpose
    )
  }

  /// Checks a configuration given as text.
  ///
  /// - Parameters:
  ///   - text: TOML.
  ///   - file: named in each message; files named within it are taken from its directory.
  ///   - defaultAgentID: for a text without `agent.id`.
  ///   - variables: what `${NAME}` stands for.
  ///   - purpose: who is going to use it.
  /// - Returns: the checked configuration with its warnings.
  /// - Throws: everything that is wrong with the text, sorted by line.
  public static func load(
    text: String,
    file: String = "holdfast.toml",
    defaultAgentID: String,
    variables: [String: String] = [:],
    purpose: Purpose = .agent
  ) throws(ConfigurationError) -> LoadedConfiguration {
    let text = ConfigurationText(name: file, bytes: Array(text.utf8), isWorldReadable: false)
    return try load(
      [text],
      defaultAgentID: defaultAgentID,
      variables: variables,
      purpose: purpose
    )
  }

  static func load(
    bytes: [UInt8],
    file: String,
    defaultAgentID: String,
    isWorldReadable: Bool,
    purpose: Purpose = .agent
  ) throws(ConfigurationError) -> LoadedConfiguration {
    let text = ConfigurationText(name: file, bytes: bytes, isWorldReadable: isWorldReadable)
    return try load(
      [text],
      defaultAgentID: defaultAgentID,
      variables: [:],
      purpose: purpose
    )
  }

  /// Checks what several files make together; the first is the one that was named.
  static func load(
    _ texts: [ConfigurationText],
    defaultAgentID: String,
    variables: [String: String],
    purpose: Purpose
  ) throws(ConfigurationError) -> LoadedConfiguration {
    let file = texts.first?.name ?? ""
    let problems = ProblemList(files: texts.map(\.name))
    var configuration: AgentConfiguration?
    var effective = ""
    let trees = texts.enumerated().map { parse($0.element.bytes, of: $0.offset, problems) }
    // A file that can't be parsed leaves nothing to be said about the whole.
    if !problems.hasErrors, let first = trees.first ?? nil {
      let merged = trees.dropFirst().compactMap(\.self).reduce(first) {
        $0.overlaid(with: $1, problems: problems)
      }
      let root = Variables(values: variables, problems: problems).filled(merged)
      var reader = DocumentReader(
        file: file,
        defaultAgentID: defaultAgentID,
        isWorldReadable: texts.map(\.isWorldReadable),
        purpose: purpose,
        problems: problems
      )
      configuration = reader.read(root)
      if let configuration, !problems.hasErrors {
        effective = EffectiveText(configuration, file: file).text(of: root)
      }
    }
    guard let configuration, !problems.hasErrors else {
      throw ConfigurationError(file: file, problems: problems.errors)
    }
    return LoadedConfiguration(
      configuration: configuration,
      warnings: problems.warnings,
      files: texts.map(\.name),
      effective: effective
    )
  }

  /// The tree of the text, or nil with what is wrong with its syntax.
  static func parse(
    _ bytes: [UInt8],
    of file: Int,
    _ problems: ProblemList
  ) -> ConfigurationNode? {
    if let index = bytes.firstIndex(of: 0) {
      // The library takes a C string and would silently stop here.
      problems.error(
        "",
        line: FileLine(file: file, number: lineNumber(of: index, in: bytes)),
        "the file holds a NUL byte",
        "save it as plain UTF-8 text"
      )
      return nil
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      problems.error(
        "",
        line: FileLine(file: file, number: lineNumber(of: firstInvalidIndex(bytes), in: bytes)),
        "the file is not UTF-8",
        "save it as UTF-8 text"
      )
      return nil
    }
    let positions = KeyPositions(bytes)
    if let defect = positions.defects.first {
      // Only what stands before is fit for the library; an error in there is the true cause.
      let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let before = Array(lines.prefix(defect.line - 1).joined(separator: [UInt8(ascii: "\n")]))
      if case .failure(let error) = parse(String(decoding: before, as: UTF8.self)),
        !error.description.contains("end-of-file")
      {
        report(error, of: file, problems)
      } else {
        problems.error(
          "",
          line: FileLine(file: file, number: defect.line),
          defect.what,
          "correct it"
        )
      }
      return nil
    }
    switch parse(text) {
    case .success(let table):
      return ConfigurationNode(table, of: file, positions: positions)
    case .failure(let error):
      report(error, of: file, problems)
      return nil
    }
  }

  private static func parse(_ text: String) -> Result<TOMLTable, TOMLParseError> {
    do {
      return .success(try TOMLTable(string: text))
    } catch let error as TOMLParseError {
      return .failure(error)
    } catch {
      // The library throws nothing else.
      return .success(TOMLTable())
    }
  }

  private static func report(_ error: TOMLParseError, of file: Int, _ problems: ProblemList) {
    let place = error.source.begin
    problems.error(
      "",
      line: FileLine(file: file, number: max(place.line, 1)),
      "column \(place.column): not valid TOML: \(oneLine(error.description))",
      "correct the syntax"
    )
  }

  private static func oneLine(_ text: String) -> String {
    String(text.unicodeScalars.map { $0.value < 0x20 ? " " : Character($0) })
  }

  private static func lineNumber(of index: Int, in bytes: [UInt8]) -> Int {
    1 + bytes.prefix(index).count { $0 == UInt8(ascii: "\n") }
  }

  /// How many bytes decode before the first that doesn't.
  private static func firstInvalidIndex(_ bytes: [UInt8]) -> Int {
    var codec = UTF8()
    var iterator = bytes.makeIterator()
    var index = 0
    while case .scalarValue(let scalar) = codec.decode(&iterator) {
      index += UTF8.width(scalar)
    }
    return index
  }
}
