internal import HoldfastEvent
public import HoldfastPayload

/// A test of an event that an operator wrote down: `retained or ENERGY.Power > 3`.
///
/// The grammar:
/// ```
/// condition   = conjunction { "or" conjunction }
/// conjunction = negation { "and" negation }
/// negation    = { "not" } ( "(" condition ")" | test )
/// test        = subject comparison literal
///             | subject "in" "[" literal { "," literal } "]"
///             | subject "matches" text
///             | field "exists"
///             | "retained" | "historical"
/// subject     = "topic" | "retained" | "historical" | "qos" | "size" | field
/// field       = "value" | "field" "(" text ")" | path
/// comparison  = "==" | "!=" | "<" | "<=" | ">" | ">="
/// literal     = number | text | "true" | "false" | "null"
/// ```
/// `topic` is text; `retained` is true or false; `historical` is true where each metric of a Sparkplug B
/// payload is marked so; `qos` is 0 or 1; `size` counts the payload's bytes.
/// `value` is the whole payload; `field("ENERGY.Power")` and, where its characters are letters,
/// digits, `_`, `-`, `.`, `[` and `]`, `ENERGY.Power` name a field of it. Words are lower case; a
/// field that is called like one of them is written `field("size")`. A text stands in `"`, with the
/// escapes `\"`, `\\`, `\n`, `\t` and `\u0041`. A number is decimal, as in JSON.
///
/// * A number compares with a number, a boolean (1 or 0) and a text that is a number.
/// * A text compares with a text, byte by byte; escapes of a JSON text are undone before.
/// * `true`, `false` and `null` compare with their like, for `==`, `!=` and `in` only.
/// * With a missing field or one of another type every comparison is false, but `!=` is true.
/// * `exists` is true for a null, too.
/// * `matches` takes a topic filter for `topic`; for a field, which must be a text, `*` stands for any
///   characters and `?` for one.
public struct Condition: Equatable, Sendable, CustomStringConvertible {
  /// Most bytes of a condition.
  public static let byteCountMax = 4096
  /// Most parentheses within each other.
  public static let nestingMax = 32
  /// Most different fields of a condition.
  public static let fieldCountMax = 32
  /// Most bytes of a text behind `matches` of a field: a long one could take long.
  public static let globByteCountMax = 128

  /// The condition as it was written.
  public let description: String
  /// The fields that it looks at, each once.
  public let paths: [FieldPath]
  /// Whether it looks at `historical`, for which a payload is read too.
  public let asksForHistorical: Bool
  /// Sets the truth by tests and jumps forward on it.
  private let program: [Instruction]

  enum Instruction: Equatable, Sendable {
    case test(ConditionTest)
    case invert
    case jumpIf(Int)
    case jumpUnless(Int)
  }

  /// Reads a condition; the grammar stands above.
  ///
  /// - Throws: where it is wrong, and what would be right.
  /// - Complexity: O(length).
  public init(_ text: String) throws(TextFault) {
    var parser = try ConditionParser(text)
    try parser.parse()
    description = text
    paths = parser.paths
    asksForHistorical = parser.asksForHistorical
    program = parser.program
  }

  /// Whether it holds, over the fields of `paths` that were read into the pass.
  ///
  /// - Complexity: O(tests), and for texts O(bytes of the text), times those of a pattern.
  func holds(for event: StageEvent, in pass: StagePass) -> Bool {
    var holds = true
    var place = 0
    while place < program.count {
      switch program[place] {
      case .test(let test): holds = test.holds(for: event, in: pass)
      case .invert: holds.toggle()
      case .jumpIf(let target):
        if holds { place = target; continue }
      case .jumpUnless(let target):
        if !holds { place = target; continue }
      }
      place += 1
    }
    return holds
  }

  /// Whether both were written alike.
  public static func == (left: Condition, right: Condition) -> Bool {
    left.description == right.description
  }
}
