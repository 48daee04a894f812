/// One thing that is wrong, or doubtful, in a configuration.
public struct ConfigurationProblem: Equatable, Sendable {
  /// The file it stands in, where that is one of `conf.d`; nil: the file that was named.
  public var file: String?
  /// The line it stands on, from 1.
  public var line: Int
  /// The key it is about, as written in the file; empty where it is about no key.
  public var key: String
  /// What is wrong; never holds a secret.
  public var what: String
  /// What to do about it.
  public var remedy: String
  /// The known word that the unknown one resembles.
  public var nearest: String?

  /// `FILE:LINE: what; what to do (did you mean "x"?)`, on one line.
  ///
  /// - Parameters:
  ///   - file: the name of the file that was named.
  ///   - severity: stands before what is wrong: `warning`; nil for errors.
  /// - Returns: the line, without its end.
  public func described(file: String, severity: String? = nil) -> String {
    let hint = nearest.map { " (did you mean \"\($0)\"?)" } ?? ""
    let label = severity.map { "\($0): " } ?? ""
    return "\(self.file ?? file):\(line): \(label)\(what); \(remedy)\(hint)"
  }
}

/// A configuration that can't be used, with everything that is wrong with it.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The name of the file that was named.
  public var file: String
  /// At least one problem, sorted by file, as they are read, and line.
  public var problems: [ConfigurationProblem]

  /// One line per problem.
  public var lines: [String] { problems.map { $0.described(file: file) } }

  /// All lines.
  public var description: String { lines.joined(separator: "\n") }
}

/// Gathers problems while files are read, so that all of them are told at once.
final class ProblemList {
  private struct Found {
    var line: FileLine
    var problem: ConfigurationProblem
  }

  /// Names of the files, in the order of reading.
  let files: [String]
  private var foundErrors: [Found] = []
  private var foundWarnings: [Found] = []
  /// Where a value is known to be wrong already, so that what else is said of it means nothing.
  private var settled: Set<Place> = []

  private struct Place: Hashable {
    var line: FileLine
    var key: String
  }

  init(files: [String]) { self.files = files }

  /// Sorted by file and line; those of one line stay in the order in which they were found.
  var errors: [ConfigurationProblem] { sorted(foundErrors) }
  var warnings: [ConfigurationProblem] { sorted(foundWarnings) }
  var hasErrors: Bool { !foundErrors.isEmpty }

  func error(
    _ key: String,
    line: FileLine,
    _ what: String,
    _ remedy: String,
    nearest: String? = nil
  ) {
    if settled.contains(Place(line: line, key: key)) { return }
    foundErrors.append(found(key, line, what, remedy, nearest))
  }

  /// An error after which nothing more is said of that value.
  func settle(_ key: String, line: FileLine, _ what: String, _ remedy: String) {
    error(key, line: line, what, remedy)
    settled.insert(Place(line: line, key: key))
  }

  func warn(_ key: String, line: FileLine, _ what: String, _ remedy: String) {
    if settled.contains(Place(line: line, key: key)) { return }
    foundWarnings.append(found(key, line, what, remedy, nil))
  }

  /// How a message in `other`'s file calls a line: `line 5`, or `line 5 of FILE`.
  func shown(_ line: FileLine, besides other: FileLine) -> String {
    let isNear = line.file == other.file || !files.indices.contains(line.file)
    return "line \(line.number)\(isNear ? "" : " of \(files[line.file])")"
  }

  private func found(
    _ key: String,
    _ line: FileLine,
    _ what: String,
    _ remedy: String,
    _ nearest: String?
  ) -> Found {
    let isNamed = line.file == 0 || !files.indices.contains(line.file)
    return Found(
      line: line,
      problem: ConfigurationProblem(
        file: isNamed ? nil : files[line.file],
        line: line.number,
        key: key,
        what: what,
        remedy: remedy,
        nearest: nearest
      )
    )
  }

  private func sorted(_ found: [Found]) -> [ConfigurationProblem] {
    found.enumerated()
      .sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }
      .map(\.element.problem)
  }
}
