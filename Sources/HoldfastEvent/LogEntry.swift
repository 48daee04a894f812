/// A line for the operator.
public struct LogEntry: Equatable, Sendable {
  /// How much it matters; the shell maps it to journald's priorities.
  public enum Level: Int, Sendable, Comparable {
    case debug, info, notice, warning, error

    /// Whether the left one matters less.
    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  /// How much it matters.
  public var level: Level
  /// One line, complete without context.
  public var message: String

  /// A line of that level.
  public init(_ level: Level, _ message: String) {
    self.level = level
    self.message = message
  }
}
