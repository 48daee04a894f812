public import HoldfastAgent
import TOMLKit

/// A usable configuration, and what is doubtful about it.
public struct LoadedConfiguration: Equatable, Sendable {
  /// Checked, with defaults filled in.
  public var configuration: AgentConfiguration
  /// What works and may still not be meant, sorted by line.
  public var warnings: [ConfigurationProblem]
}

/// The configuration file: TOML in, ``AgentConfiguration`` or every error at once out.
///
/// The way of a file: bytes → ``KeyPositions`` (lines of keys) → the TOML library → a tree of
/// ``ConfigurationNode`` → one ``TableReader`` per table → checks across tables.
public enum ConfigurationFile {
  /// Reads and checks the file at `path`.
  ///
  /// - Parameters:
  ///   - path: as given by the operator; named in each message.
  ///   - defaultAgentID: for a file without `agent.id`.
  /// - Returns: the checked configuration with its warnings.
  /// - Throws: everything that is wrong with the file, sorted by line.
  public static func load(
    path: String,
    defaultAgentID: String
  ) throws(ConfigurationError) -> LoadedConfiguration {
    let file: SmallFile
    do {
      file = try SmallFile(path: path, byteCountMax: SmallFile.configurationByteCountMax)
    } catch {
      let problem = ConfigurationProblem(
        line: 1,
        key: "",
        what: "the file \(error.what)",
        remedy: "give a readable TOML file of at most 1MiB"
      )
      throw ConfigurationError(file: path, problems: [problem])
    }
    return try load(
      bytes: file.bytes,
      file: path,
      defaultAgentID: defaultAgentID,
      isWorldReadable: file.isWorldReadable
    )
  }

  /// Checks a configuration given as text.
  ///
  /// - Parameters:
  ///   - text: TOML.
  ///   - file: named in each message; files named within it are taken from its directory.
  ///   - defaultAgentID: for a text without `agent.id`.
  /// - Returns: the checked configuration with its warnings.
  /// - Throws: everything that is wrong with the text, sorted by line.
  public static func load(
    text: String,
    file: String = "holdfast.toml",
    defaultAgentID: String
  ) throws(ConfigurationError) -> LoadedConfiguration {
    try load(
      bytes: Array(text.utf8),
      file: file,
      defaultAgentID: defaultAgentID,
      isWorldReadable: false
    )
  }

  static func load(
    bytes: [UInt8],
    file: String,
    defaultAgentID: String,
    isWorldReadable: Bool
  ) throws(ConfigurationError) -> LoadedConfiguration {
    let problems = ProblemList()
    var configuration: AgentConfiguration?
    if let root = parse(bytes, problems) {
      var reader = DocumentReader(
        file: file,
        defaultAgentID: defaultAgentID,
        isWorldReadable: isWorldReadable,
        problems: problems
      )
      configuration = reader.read(root)
    }
    guard let configuration, problems.errors.isEmpty else {
      throw ConfigurationError(file: file, problems: problems.errors.sortedByLine)
    }
    return LoadedConfiguration(
      configuration: configuration,
      warnings: problems.warnings.sortedByLine
    )
  }

  /// The tree of the text, or nil with what is wrong with its syntax.
  private static func parse(_ bytes: [UInt8], _ problems: ProblemList) -> ConfigurationNode? {
    if let index = bytes.firstIndex(of: 0) {
      // The library takes a C string and would silently stop here.
      problems.error(
        "",
        line: lineNumber(of: index, in: bytes),
        "the file holds a NUL byte",
        "save it as plain UTF-8 text"
      )
      return nil
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      problems.error(
        "",
        line: lineNumber(of: firstInvalidIndex(bytes), in: bytes),
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
        report(error, problems)
      } else {
        problems.error("", line: defect.line, defect.what, "correct it")
      }
      return nil
    }
    switch parse(text) {
    case .success(let table):
      return ConfigurationNode(table, positions: positions)
    case .failure(let error):
      report(error, problems)
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

  private static func report(_ error: TOMLParseError, _ problems: ProblemList) {
    let place = error.source.begin
    problems.error(
      "",
      line: max(place.line, 1),
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
