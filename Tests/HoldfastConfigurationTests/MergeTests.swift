import Testing

@testable import HoldfastConfiguration

/// How two trees become one, beyond what keys of today need.
@Suite struct MergeTests {
  private func tree(_ text: String, file: Int, _ problems: ProblemList) throws -> ConfigurationNode
  {
    try #require(ConfigurationFile.parse(Array(text.utf8), of: file, problems))
  }

  private func merged(_ texts: String...) throws -> (text: String, errors: [String]) {
    let problems = ProblemList(files: texts.indices.map { "\($0).toml" })
    let trees = try texts.enumerated().map { try tree($0.element, file: $0.offset, problems) }
    let first = try #require(trees.first)
    let whole = trees.dropFirst().reduce(first) { $0.overlaid(with: $1, problems: problems) }
    return (shown(whole), problems.errors.map { $0.described(file: "0.toml") })
  }

  private func shown(_ node: ConfigurationNode) -> String {
    switch node.value {
    case .table(let entries):
      "{"
        + entries.sorted { $0.key < $1.key }.map { "\($0.key)=\(shown($0.value))" }
        .joined(separator: ",") + "}"
    case .array(let elements): "[" + elements.map(shown).joined(separator: ",") + "]"
    case .text(let text): text
    case .integer(let number): "\(number)"
    default: node.kind
    }
  }

  @Test(arguments: [
    ("a = 1", "a = 2", "{a=2}"),
    ("a = 1", "b = 2", "{a=1,b=2}"),
    ("a = 1", "a = \"x\"", "{a=x}"),
    ("a = [\"x\", \"y\"]", "a = [\"z\"]", "{a=[z]}"),
    ("a = [\"x\"]", "a = []", "{a=[]}"),
    ("[a]\nb = 1\n[a.c]\nd = 1", "[a.c]\nd = 2\ne = 3", "{a={b=1,c={d=2,e=3}}}"),
    ("[[a]]\nb = 1", "[[a]]\nb = 2\n[[a]]\nb = 3", "{a=[{b=1},{b=2},{b=3}]}"),
    ("a = []", "[[a]]\nb = 2", "{a=[{b=2}]}"),
    ("[[a]]\nb = 2", "a = []", "{a=[{b=2}]}"),
  ])
  func `later files win, tables merge, lists of tables grow`(
    first: String,
    second: String,
    whole: String
  ) throws {
    let result = try merged(first, second)
    #expect(result.text == whole)
    #expect(result.errors == [])
  }

  @Test func `what doesn't fit keeps the first and is told with both files`() throws {
    let result = try merged("[a]\nb = 1", "", "\na = 1")
    #expect(result.text == "{a={b=1}}")
    #expect(
      result.errors == [
        "2.toml:2: a is a whole number, and a table since line 1 of 0.toml;"
          + " write it in one way, or remove it from one of the files"
      ]
    )
  }

  @Test func `a table within a table is named by its path`() throws {
    let result = try merged("[a.b]\nc = 1", "[a]\nb = \"x\"")
    #expect(result.errors.count == 1 && result.errors.first?.contains(": a.b is a string") == true)
  }
}
