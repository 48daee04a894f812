import HoldfastPayload
import Testing

/// Python's `json` is the oracle.
@Suite struct JSONTableTests {
  private func expected(_ text: Substring) throws -> Value {
    switch text {
    case "missing": return .missing
    case "null": return .null
    case "composite": return .composite
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    default:
      if text.first == "t" { return .text(hex(String(text.dropFirst()))) }
      return .number(try #require(Double(text.dropFirst())))
    }
  }

  private func document(_ text: Substring) -> String {
    String(text.map { $0 == "~" ? "\n" : $0 })
  }

  @Test func `fields are what Python finds`() throws {
    let lines = pythonFields.split(separator: "\n")
    #expect(lines.count > 400)
    for line in lines {
      let parts = line.split(separator: "|", omittingEmptySubsequences: false)
      let path = String(parts[1])
      let reading = try Reading(document(parts[0]), .json, [path, #""~""#])
      #expect(reading.fault == nil, "\(line)")
      #expect(reading.values == [try expected(parts[2]), .missing], "\(line)")
    }
  }

  @Test func `all fields of a document are found in one pass`() throws {
    var paths: [String: [(String, Value)]] = [:]
    for line in pythonFields.split(separator: "\n") {
      let parts = line.split(separator: "|", omittingEmptySubsequences: false)
      paths[document(parts[0]), default: []].append((String(parts[1]), try expected(parts[2])))
    }
    for (document, fields) in paths.sorted(by: { $0.key < $1.key }) {
      let reading = try Reading(document, .json, fields.map(\.0))
      #expect(reading.fault == nil && reading.values == fields.map(\.1), "\(document)")
    }
  }

  @Test func `what Python refuses is a fault, and nothing else is`() throws {
    for line in pythonVerdicts.split(separator: "\n") {
      let parts = line.split(separator: "|", omittingEmptySubsequences: false)
      let reading = try Reading(document(parts[0]), .json, [#""~""#])
      #expect((reading.fault == nil) == (parts[1] == "good"), "\(line)")
    }
  }
}
