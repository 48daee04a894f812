import Glibc
import HoldfastAgent
import HoldfastConfiguration
import HoldfastPayload
import HoldfastStage
import HoldfastUpstream
import Testing

/// `docs/stages.md` and `config/stages` must name every type, key and default, and be right.
@Suite struct StageManualTests {
  private static let root = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/")
  }()

  private static func text(of path: String) throws -> String {
    let file = try #require(fopen("\(root)/\(path)", "r"), "\(path)")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  private func page() throws -> [Substring] {
    try Self.text(of: "docs/stages.md").split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// The cells of the table rows under a type's heading, by key.
  private func rows(of type: String) throws -> [String: [String]] {
    let lines = try page()
    let start = try #require(lines.firstIndex(of: "### `\(type)`"), "\(type)")
    var rows: [String: [String]] = [:]
    for line in lines[(start + 1)...].prefix(while: { !$0.hasPrefix("#") })
    where line.hasPrefix("| `") {
      let cells = line.split(separator: "|").map { $0.trimmingBlanks }
      let key = cells[0].filter { $0 != "`" }
      // The table of `compute` follows that of `map`, with a key of the same name.
      if rows[key] == nil { rows[key] = Array(cells.dropFirst()) }
    }
    return rows
  }

  /// The fenced blocks of one language.
  private func blocks(_ language: String) throws -> [String] {
    var blocks: [String] = []
    var block: [Substring]?
    for line in try page() {
      if line == "```\(language)" {
        block = []
      } else if line == "```", let lines = block {
        blocks.append(lines.joined(separator: "\n"))
        block = nil
      } else {
        block?.append(line)
      }
    }
    return blocks
  }

  @Test func `the page names every key of every type with its range and default`() throws {
    for stage in ConfigurationKeys.stages {
      let rows = try rows(of: stage.type)
      for key in stage.keys {
        let row = try #require(rows[key.name], "\(stage.type) \(key.name)")
        let told = try #require(row.last)
        if key.isRequired {
          #expect(told == "required", "\(stage.type) \(key.name)")
        } else if let standard = key.standard {
          #expect(told == "`\(standard)`", "\(stage.type) \(key.name)")
        } else {
          #expect(!told.contains("`") && told != "required", "\(stage.type) \(key.name)")
        }
        if let range = key.range {
          let shown = row[1].filter { $0 != "`" }
          #expect(shown == range, "\(stage.type) \(key.name)")
        }
      }
      let others = Set(rows.keys).subtracting(stage.keys.map(\.name))
      let compute = ConfigurationKeys.nested.first { $0.name == "upstream.stage.compute" }
      #expect(others == (stage.type == "map" ? Set(try #require(compute).keys) : []))
    }
  }

  @Test func `the page has a heading for each type, in the order of the reader`() throws {
    let lines = try page()
    let start = try #require(lines.firstIndex(of: "## Types"))
    let headings = lines[start...].filter { $0.hasPrefix("### `") }.map { String($0) }
    #expect(headings == ConfigurationKeys.stages.map { "### `\($0.type)`" })
  }

  @Test func `every example of the page is right`() throws {
    let blocks = try blocks("toml")
    #expect(blocks.count >= ConfigurationKeys.stages.count)
    for block in blocks {
      let text =
        if block.contains("[[upstream]]") {
          block
        } else if block.contains("[[source.stage]]") {
          sample(source: "decode = \"json\"\n\(block)", sourceTopics: "topics = [\"#\"]")
        } else {
          sample(source: "decode = \"json\"", upstream: block)
        }
      #expect(problems(of: text) == [], "\(block)")
    }
  }

  @Test func `every condition of the page is one`() throws {
    let conditions = try blocks("condition").flatMap { $0.split(separator: "\n") }
    #expect(conditions.count >= 5)
    for text in conditions { #expect(throws: Never.self) { try Condition(String(text)) } }
  }

  @Test func `the grammar of the page is that of the code`() throws {
    let source = try Self.text(of: "Sources/HoldfastStage/Condition.swift")
    let comment = source.split(separator: "\n").filter { $0.hasPrefix("///") }
      .map { $0.dropFirst(4) }
    let start = try #require(comment.firstIndex(of: "```"))
    let grammar = comment[(start + 1)...].prefix { $0 != "```" }
    #expect(try blocks("grammar") == [grammar.joined(separator: "\n")])
  }

  @Test func `every payload format stands in the page`() throws {
    let text = try page().joined(separator: "\n")
    for format in PayloadFormat.allCases { #expect(text.contains("\n| `\(format.rawValue)` |")) }
  }

  @Test func `each type has an example file that uses it and raises no warning`() throws {
    for stage in ConfigurationKeys.stages {
      let path = "\(Self.root)/config/stages/\(stage.type).toml"
      let loaded = try ConfigurationFile.load(path: path, defaultAgentID: "edge-test")
      #expect(loaded.warnings == [], "\(path)")
      #expect(loaded.configuration.upstreams.contains { !$0.stages.isEmpty })
      let text = try Self.text(of: "config/stages/\(stage.type).toml")
      #expect(text.hasPrefix("# \(stage.type): "))
      #expect(text.contains("\ntype = \"\(stage.type)\"\n"))
    }
  }
}

extension Substring {
  fileprivate var trimmingBlanks: String {
    var text = drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
