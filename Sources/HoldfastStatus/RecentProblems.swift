public import HoldfastEvent

/// The latest warnings and errors for the operator, each told once with how often it came.
public struct RecentProblems: Equatable, Sendable {
  /// Most lines that are kept.
  public static let countMax = 20
  /// Most bytes of a line that are kept.
  public static let lineByteCountMax = 400

  /// One line.
  public struct Problem: Equatable, Sendable {
    /// `warning` or `error`.
    public var level: LogEntry.Level
    /// The line, shortened where it is long.
    public var message: String
    /// When it came last.
    public var at: ClockReading
    /// How often it came in a row.
    public var count: UInt64
  }

  /// Latest first.
  public private(set) var lines: [Problem] = []
  /// Warnings since the start, those forgotten included.
  public private(set) var warningCount: UInt64 = 0
  /// Errors since the start, those forgotten included.
  public private(set) var errorCount: UInt64 = 0

  /// None yet.
  public init() {}

  /// Takes in a line; those below a warning are passed over.
  public mutating func note(_ entry: LogEntry, now: ClockReading) {
    guard entry.level >= .warning else { return }
    if entry.level == .error { errorCount &+= 1 } else { warningCount &+= 1 }
    let message = Self.shortened(entry.message)
    if let known = lines.firstIndex(where: { Self.isSame($0.message, message) }) {
      var problem = lines.remove(at: known)
      problem.count &+= 1
      problem.at = now
      problem.message = message
      lines.insert(problem, at: 0)
      return
    }
    lines.insert(Problem(level: entry.level, message: message, at: now, count: 1), at: 0)
    if lines.count > Self.countMax { lines.removeLast() }
  }

  /// Lines of one speaker that differ in their numbers only, such as the next try's delay, are one.
  private static func isSame(_ left: String, _ right: String) -> Bool {
    let colon = UInt8(ascii: ":")
    guard
      left.utf8.prefix(while: { $0 != colon }).elementsEqual(
        right.utf8.prefix(while: { $0 != colon })
      )
    else { return false }
    let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    return left.utf8.lazy.filter { !isDigit($0) }.elementsEqual(
      right.utf8.lazy.filter { !isDigit($0) }
    )
  }

  private static func shortened(_ text: String) -> String {
    guard text.utf8.count > lineByteCountMax else { return text }
    return String(decoding: text.utf8.prefix(lineByteCountMax), as: UTF8.self) + "…"
  }
}
