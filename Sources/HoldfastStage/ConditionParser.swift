internal import HoldfastEvent
internal import HoldfastPayload

/// Turns the text of a ``Condition`` into its program.
struct ConditionParser {
  private typealias Token = ConditionToken

  private(set) var paths: [FieldPath] = []
  private(set) var program: [Condition.Instruction] = []
  private(set) var asksForHistorical = false
  private let tokens: [ConditionToken]
  private var place = 0
  private var nesting = 0

  init(_ text: String) throws(TextFault) {
    if text.utf8.count > Condition.byteCountMax {
      throw TextFault(
        column: 1,
        message: "the condition has \(text.utf8.count) bytes: at most \(Condition.byteCountMax)"
      )
    }
    var lexer = ConditionLexer(text)
    tokens = try lexer.tokens()
  }

  mutating func parse() throws(TextFault) {
    try disjunction()
    if case .end = token.kind { return }
    throw fault("expected \"and\", \"or\" or the end here, found \(token.name)")
  }

  // The last token is always the end, and is never passed.
  private var token: ConditionToken { tokens[min(place, tokens.count - 1)] }

  private func fault(_ message: String, at token: ConditionToken? = nil) -> TextFault {
    TextFault(column: (token ?? self.token).column, message: message)
  }

  private mutating func takes(_ word: String) -> Bool {
    guard case .word(word) = token.kind else { return false }
    place += 1
    return true
  }

  private mutating func takes(sign: String) -> Bool {
    guard case .sign(sign) = token.kind else { return false }
    place += 1
    return true
  }

  private mutating func disjunction() throws(TextFault) {
    try conjunction()
    var jumps: [Int] = []
    while takes("or") {
      jumps.append(program.count)
      program.append(.jumpIf(0))
      try conjunction()
    }
    for jump in jumps { program[jump] = .jumpIf(program.count) }
  }

  private mutating func conjunction() throws(TextFault) {
    try negation()
    var jumps: [Int] = []
    while takes("and") {
      jumps.append(program.count)
      program.append(.jumpUnless(0))
      try negation()
    }
    for jump in jumps { program[jump] = .jumpUnless(program.count) }
  }

  private mutating func negation() throws(TextFault) {
    var isNegated = false
    while takes("not") { isNegated.toggle() }
    let open = token
    if takes(sign: "(") {
      nesting += 1
      if nesting > Condition.nestingMax {
        throw fault("more than \(Condition.nestingMax) parentheses within each other", at: open)
      }
      try disjunction()
      guard takes(sign: ")") else {
        throw fault("expected \"and\", \"or\" or \")\" here, found \(token.name)")
      }
      nesting -= 1
    } else {
      program.append(.test(try test()))
    }
    if isNegated { program.append(.invert) }
  }

  private mutating func test() throws(TextFault) -> ConditionTest {
    let start = token
    let subject = try subject()
    let next = token
    if case .sign(let sign) = next.kind, let comparison = ConditionTest.Comparison(sign) {
      place += 1
      let literal = try literal(for: subject)
      return ConditionTest(
        subject: subject,
        check: .compare(comparison, try checked(literal, by: sign))
      )
    }
    if takes("in") { return ConditionTest(subject: subject, check: .oneOf(try list(for: subject))) }
    if takes("matches") { return ConditionTest(subject: subject, check: try pattern(for: subject)) }
    if takes("exists") {
      if case .field = subject { return ConditionTest(subject: subject, check: .exists) }
      throw fault("every event has \(start.name); \"exists\" is for fields", at: next)
    }
    if subject == .retained || subject == .historical {
      return ConditionTest(subject: subject, check: .compare(.equal, .boolean(true)))
    }
    throw fault(
      "expected ==, !=, <, <=, >, >=, \"in\", \"matches\" or \"exists\" here, found \(next.name)"
    )
  }

  private mutating func subject() throws(TextFault) -> ConditionTest.Subject {
    let start = token
    guard case .word(let word) = start.kind else {
      throw fault(
        "expected a field, topic, retained, historical, qos or size here, found \(start.name)"
      )
    }
    place += 1
    switch word {
    case "topic": return .topic
    case "retained": return .retained
    case "historical":
      asksForHistorical = true
      return .historical
    case "qos": return .qos
    case "size": return .size
    case "value": return .field(try place(of: .whole, at: start))
    case "field": return .field(try quotedField())
    case "and", "or", "not", "in", "exists", "matches", "true", "false", "null":
      throw fault(
        "expected a field here; one that is called \(word) is written field(\"\(word)\")",
        at: start
      )
    default: return .field(try place(ofPath: word, at: start, offset: 0))
    }
  }

  private mutating func quotedField() throws(TextFault) -> Int {
    guard takes(sign: "(") else {
      throw fault("expected field(\"…\") with a path in it, found \(token.name)")
    }
    let inner = token
    guard case .text(let path) = inner.kind else {
      throw fault("expected a path in quotes here, found \(token.name)")
    }
    place += 1
    let field = try place(ofPath: path, at: inner, offset: 1)
    guard takes(sign: ")") else { throw fault("expected \")\" here, found \(token.name)") }
    return field
  }

  private mutating func place(
    ofPath text: String,
    at token: ConditionToken,
    offset: Int
  ) throws(TextFault) -> Int {
    let path: FieldPath
    do throws(TextFault) {
      path = try FieldPath(text)
    } catch {
      throw TextFault(
        column: token.column + offset + max(0, error.column - 1),
        message: error.message
      )
    }
    return try place(of: path, at: token)
  }

  private mutating func place(
    of path: FieldPath,
    at token: ConditionToken
  ) throws(TextFault) -> Int {
    if let place = paths.firstIndex(of: path) { return place }
    if paths.count == Condition.fieldCountMax {
      throw fault("more than \(Condition.fieldCountMax) different fields", at: token)
    }
    paths.append(path)
    return paths.count - 1
  }

  private mutating func list(
    for subject: ConditionTest.Subject
  ) throws(TextFault) -> [ConditionTest.Literal] {
    guard takes(sign: "[") else {
      throw fault("expected a list such as [1, 2] here, found \(token.name)")
    }
    var literals = [try literal(for: subject)]
    while takes(sign: ",") { literals.append(try literal(for: subject)) }
    guard takes(sign: "]") else { throw fault("expected \",\" or \"]\" here, found \(token.name)") }
    return literals
  }

  /// A literal, of a type that the subject can have.
  private mutating func literal(
    for subject: ConditionTest.Subject
  ) throws(TextFault) -> ConditionTest.Literal {
    let start = token
    let literal: ConditionTest.Literal
    switch start.kind {
    case .number(let number): literal = .number(number)
    case .text(let text): literal = .text(Array(text.utf8))
    case .word("true"): literal = .boolean(true)
    case .word("false"): literal = .boolean(false)
    case .word("null"): literal = .null
    case .word(let word):
      throw fault(
        "expected a number, \"text\", true, false or null; text needs quotes: \"\(word)\""
      )
    default:
      throw fault("expected a number, \"text\", true, false or null here, found \(start.name)")
    }
    switch (subject, literal) {
    case (.field, _), (.topic, .text), (.retained, .boolean), (.historical, .boolean),
      (.qos, .number), (.size, .number):
      place += 1
      return literal
    case (.topic, _): throw fault("topic is a text: expected \"…\" here")
    case (.retained, _): throw fault("retained is a truth value: expected true or false here")
    case (.historical, _):
      throw fault("historical is a truth value: expected true or false here")
    case (.qos, _): throw fault("qos is a number: expected 0 or 1 here")
    case (.size, _): throw fault("size is a number of bytes: expected a number here")
    }
  }

  /// Refuses an order between what has none; the literal was just read.
  private func checked(
    _ literal: ConditionTest.Literal,
    by sign: String
  ) throws(TextFault) -> ConditionTest.Literal {
    switch literal {
    case .boolean, .null:
      guard sign == "==" || sign == "!=" else {
        throw fault("true, false and null compare with == and != only", at: tokens[place - 2])
      }
    case .number, .text: break
    }
    return literal
  }

  private mutating func pattern(
    for subject: ConditionTest.Subject
  ) throws(TextFault) -> ConditionTest.Check {
    let start = token
    guard case .text(let text) = start.kind else {
      throw fault("expected a pattern in quotes here, found \(start.name)")
    }
    place += 1
    switch subject {
    case .topic:
      if let filter = TopicFilter(text) { return .filter(filter) }
      throw fault(
        "not a topic filter: + and # each stand alone in a level, # in the last",
        at: start
      )
    case .field:
      let pattern = Array(text.utf8)
      if pattern.count <= Condition.globByteCountMax { return .glob(pattern) }
      throw fault("a pattern has at most \(Condition.globByteCountMax) bytes", at: start)
    case .retained, .historical, .qos, .size:
      throw fault("\"matches\" is for topic and for fields", at: tokens[max(0, place - 2)])
    }
  }
}

extension ConditionTest.Comparison {
  fileprivate init?(_ sign: String) {
    switch sign {
    case "==": self = .equal
    case "!=": self = .notEqual
    case "<": self = .less
    case "<=": self = .lessOrEqual
    case ">": self = .greater
    case ">=": self = .greaterOrEqual
    default: return nil
    }
  }
}
