/// A line for the operator.
public struct LogEntry: Equatable, Sendable {
  public enum Level: Int, Sendable, Comparable {
    case debug, info, notice, warning, error

    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  public var level: Level
  public var message: String

  public init(_ level: Level, _ message: String) {
    self.level = level
    self.message = message
  }
}
