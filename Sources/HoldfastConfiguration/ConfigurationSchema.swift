/// The configuration as a JSON Schema (draft 2020-12), for editors that check TOML while it is
/// written; `config/holdfast.schema.json` is this text.
///
/// It knows keys, types, choices and what must be there. Ranges of durations and sizes, and what
/// tables say about each other, `holdfast check` alone knows.
public enum ConfigurationSchema {
  /// The schema, with a line end.
  public static var text: String {
    let root = JSONTree.object([
      ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
      ("title", .text("Configuration of Holdfast")),
      ("type", .text("object")),
      ("additionalProperties", .boolean(false)),
      ("required", .array([.text("source"), .text("upstream")])),
      ("properties", .object(ConfigurationKeys.sections.map { ($0.name, schema(of: $0)) })),
    ])
    return root.text(indent: 0) + "\n"
  }

  private static func schema(of section: ConfigurationKeys.Section) -> JSONTree {
    let table = self.table(section.name)
    return section.isList ? list(table, countMax: 32) : table
  }

  private static func list(_ items: JSONTree, countMax: Int? = nil) -> JSONTree {
    var members: [(String, JSONTree)] = [("type", .text("array")), ("items", items)]
    if let countMax { members.append(("maxItems", .integer(countMax))) }
    return .object(members)
  }

  private static func table(_ section: String) -> JSONTree {
    let rows = KeyReference.rows(of: section)
    return table(
      rows.map { ($0.name, property($0)) },
      required: rows.filter(\.isRequired).map(\.name)
    )
  }

  private static func table(_ properties: [(String, JSONTree)], required: [String]) -> JSONTree {
    var members: [(String, JSONTree)] = [
      ("type", .text("object")), ("additionalProperties", .boolean(false)),
    ]
    if !required.isEmpty { members.append(("required", .array(required.map { .text($0) }))) }
    members.append(("properties", .object(properties)))
    return .object(members)
  }

  private static func property(_ row: KeyRow) -> JSONTree {
    var members: [(String, JSONTree)] = [("description", .text(row.about))]
    switch row.kind {
    case .text, .secret, .path:
      members.append(("type", .text("string")))
    case .texts:
      members += [("type", .text("array")), ("items", .object([("type", .text("string"))]))]
      members += [("minItems", .integer(1)), ("maxItems", .integer(256))]
    case .boolean:
      members.append(("type", .text("boolean")))
    case .integer(let range):
      members += [("type", .text("integer")), ("minimum", .integer(range.lowerBound))]
      members.append(("maximum", .integer(range.upperBound)))
    case .duration:
      members += [("type", .text("string")), ("pattern", .text(pattern(Unit.durations)))]
    case .size:
      members += [("type", .array([.text("string"), .text("integer")]))]
      members.append(("pattern", .text(pattern(Unit.sizes))))
    case .durationOrSize:
      members.append(("type", .text("string")))
      members.append(("pattern", .text(pattern(Unit.durations + Unit.sizes))))
    case .choice(let words):
      let alternatives = words.joined(separator: "|").replacing(".", with: "\\.")
      members += [
        ("type", .text("string")), ("pattern", .text("^(\(alternatives))$|\(variable)")),
        ("examples", .array(words.map { .text($0) })),
      ]
    case .place:
      members.append(("type", .array([.text("string"), .text("integer")])))
    case .properties:
      members.append(("type", .text("object")))
    case .table(let section):
      members += flattened(table(section))
    case .tables(let section):
      members += flattened(list(tables(section)))
    }
    if let standard = row.standard, let value = JSONTree(standard) {
      members.append(("default", value))
    }
    return .object(members)
  }

  private static func flattened(_ tree: JSONTree) -> [(String, JSONTree)] {
    if case .object(let members) = tree { members } else { [] }
  }

  /// What a list of tables holds; of stages one alternative per type.
  private static func tables(_ section: String) -> JSONTree {
    let isOfSource = section == "source.stage"
    guard isOfSource || section == "upstream.stage" else { return table(section) }
    let types = StageType.allCases.filter { !isOfSource || $0.reasonAgainstSource == nil }
    return .object([("oneOf", .array(types.map(stage)))])
  }

  private static func stage(_ type: StageType) -> JSONTree {
    let properties = type.rows.map { row -> (String, JSONTree) in
      if row.key == .type { return (row.key.rawValue, .object([("const", .text(type.rawValue))])) }
      var members: [(String, JSONTree)] = []
      if let range = row.range { members.append(("description", .text(range))) }
      if let types = row.key.types { members.append(("type", .array(types.map { .text($0) }))) }
      if let standard = row.standard, let value = JSONTree(standard) {
        members.append(("default", value))
      }
      return (row.key.rawValue, .object(members))
    }
    return table(properties, required: type.rows.filter(\.isRequired).map(\.key.rawValue))
  }

  /// A text with a variable in it may become anything.
  private static let variable = "\\$\\{"

  private static func pattern(_ units: [Unit]) -> String {
    "^[0-9]+ ?(\(units.map(\.name).joined(separator: "|")))$|\(variable)"
  }
}

extension StageKey {
  /// The JSON types of what may be written.
  fileprivate var types: [String]? {
    switch self {
    case .topics, .select, .remove, .fields, .aggregates, .compute: ["array"]
    case .rename, .add: ["object"]
    case .topicCountMax, .every, .payloadCountMax, .heldCountMax: ["integer"]
    case .pass: ["boolean"]
    case .threshold, .span, .deviation, .on, .off: ["number", "string"]
    case .byteCountMax, .heldByteCountMax: ["integer", "string"]
    default: ["string"]
    }
  }
}

/// A JSON value whose members keep their order.
private indirect enum JSONTree {
  case text(String)
  case integer(Int)
  case boolean(Bool)
  case array([JSONTree])
  case object([(String, JSONTree)])

  /// A default as the configuration writes it: TOML and JSON agree on those.
  init?(_ standard: String) {
    if standard.hasPrefix("\""), standard.hasSuffix("\""), standard.utf8.count >= 2 {
      self = .text(String(standard.dropFirst().dropLast()))
    } else if let number = Int(standard) {
      self = .integer(number)
    } else if standard == "true" || standard == "false" {
      self = .boolean(standard == "true")
    } else if standard == "[\"#\"]" {
      self = .array([.text("#")])
    } else {
      return nil
    }
  }

  func text(indent: Int) -> String {
    let inner = String(repeating: " ", count: indent + 2)
    let outer = String(repeating: " ", count: indent)
    switch self {
    case .text(let text): return quoted(text)
    case .integer(let number): return String(number)
    case .boolean(let isTrue): return String(isTrue)
    case .array(let elements):
      let isFlat = elements.allSatisfy { if case .object = $0 { false } else { true } }
      if isFlat { return "[" + elements.map { $0.text(indent: 0) }.joined(separator: ", ") + "]" }
      let lines = elements.map { inner + $0.text(indent: indent + 2) }
      return "[\n" + lines.joined(separator: ",\n") + "\n\(outer)]"
    case .object(let members):
      if members.isEmpty { return "{}" }
      let lines = members.map { "\(inner)\(quoted($0.0)): \($0.1.text(indent: indent + 2))" }
      return "{\n" + lines.joined(separator: ",\n") + "\n\(outer)}"
    }
  }

  private func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }
}
