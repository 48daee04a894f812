/// What stands at a field's path in one payload.
///
/// Points into the payload: nothing is copied.
public struct Field: Equatable, Sendable {
  /// What kind of value it is.
  public enum Kind: UInt8, Sendable {
    /// Nothing stands at that path.
    case missing
    case null, boolean, number, text
    /// An object or an array, or what has no plain value: see ``FieldScanner``.
    case composite
  }

  /// What kind of value it is.
  public var kind: Kind
  /// Of a number its value, rounded to a double as IEEE 754 says (an overflow is infinite); of a
  /// boolean 1 or 0; otherwise 0.
  public var number: Double
  /// Where its bytes lie in the payload, counted from the payload's begin.
  ///
  /// Of a text what stands between its quotes, of a binary format the value without its head;
  /// empty where nothing is.
  public var range: Range<Int>
  /// Whether a text holds escapes, so that its bytes are not yet its characters: those are what
  /// ``characters(of:in:as:)`` gives.
  public var hasEscapes: Bool

  /// Nothing at all.
  public static let missing = Field(kind: .missing, number: 0, range: 0..<0, hasEscapes: false)

  /// Made of its parts.
  public init(kind: Kind, number: Double, range: Range<Int>, hasEscapes: Bool = false) {
    self.kind = kind
    self.number = number
    self.range = range
    self.hasEscapes = hasEscapes
  }
}
