/// A JSON document (RFC 8259) for programs that read a command's output.
enum JSONValue: CustomStringConvertible {
  case null
  case bool(Bool)
  case number(UInt64)
  case integer(Int64)
  /// Null where it is not finite.
  case decimal(Double)
  case text(String)
  case list([JSONValue])
  case object([(String, JSONValue)])

  static func number(_ value: Int) -> JSONValue { .number(UInt64(max(0, value))) }

  var description: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .decimal(let value): value.isFinite ? "\(value)" : "null"
    case .text(let value): Self.quoted(value)
    case .list(let values): "[" + values.map(\.description).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { Self.quoted($0) + ":" + $1.description }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
