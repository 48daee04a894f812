/// What is wrong with a text that an operator wrote, and where.
public struct TextFault: Error, Equatable, Sendable {
  /// The first character that can't stand there; 1 is the text's first, counted in characters.
  public var column: Int
  /// One line: what is wrong and what would be right.
  public var message: String

  /// Made of its parts.
  public init(column: Int, message: String) {
    self.column = column
    self.message = message
  }
}
