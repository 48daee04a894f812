/// One thing that is wrong, or doubtful, in a configuration file.
public struct ConfigurationProblem: Equatable, Sendable {
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
  ///   - file: the file's name as given.
  ///   - severity: stands before what is wrong: `warning`; nil for errors.
  /// - Returns: the line, without its end.
  public func described(file: String, severity: String? = nil) -> String {
    let hint = nearest.map { " (did you mean \"\($0)\"?)" } ?? ""
    let label = severity.map { "\($0): " } ?? ""
    return "\(file):\(line): \(label)\(what); \(remedy)\(hint)"
  }
}

/// A configuration that can't be used, with everything that is wrong with it.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file's name as given.
  public var file: String
  /// At least one problem, sorted by line.
  public var problems: [ConfigurationProblem]

  /// One line per problem.
  public var description: String {
    problems.map { $0.described(file: file) }.joined(separator: "\n")
  }
}

/// Gathers problems while a file is read, so that all of them are told at once.
final class ProblemList {
  private(set) var errors: [ConfigurationProblem] = []
  private(set) var warnings: [ConfigurationProblem] = []

  func error(
    _ key: String,
    line: Int,
    _ what: String,
    _ remedy: String,
    nearest: String? = nil
  ) {
    errors.append(
      ConfigurationProblem(line: line, key: key, what: what, remedy: remedy, nearest: nearest)
    )
  }

  func warn(_ key: String, line: Int, _ what: String, _ remedy: String) {
    warnings.append(ConfigurationProblem(line: line, key: key, what: what, remedy: remedy))
  }
}

extension [ConfigurationProblem] {
  /// By line; problems of one line stay in the order in which they were found.
  var sortedByLine: [ConfigurationProblem] {
    enumerated()
      .sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }
      .map(\.element)
  }
}
