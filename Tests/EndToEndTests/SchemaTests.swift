import Testing

/// The JSON Schema as somebody else's program understands it.
@Suite struct SchemaTests {
  private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  /// Prints a line per file: its name, and what is wrong with it.
  private static let program = """
    import json, sys, tomllib, jsonschema
    schema = json.load(open(sys.argv[1]))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for name in sys.argv[2:]:
        tree = tomllib.load(open(name, "rb"))
        faults = sorted("/".join(map(str, e.absolute_path)) for e in validator.iter_errors(tree))
        print(name.rsplit("/", 1)[-1], *faults)
    """

  @Test func `every example fits the schema, and what the reader refuses doesn't`() async throws {
    let scratch = try Scratch()
    let script = scratch.newPath("check.py")
    try writeText(script, Self.program)
    let examples = try await run(
      "bash",
      ["-c", "ls \(Self.root)/config/*.toml \(Self.root)/config/stages/*.toml"],
      in: scratch
    ).output.split(separator: "\n").map(String.init)
    #expect(examples.count > 10)
    let right = """
      [[source]]
      name = "floor"
      url = "mqtt://a"
      topics = ["a"]
      keep_alive = "${TIME:-60s}"
      [[upstream]]
      name = "central"
      url = "mqtt://b"

      """
    let wrong = [
      ("unknown-key", right + "sise = 1"), ("no-unit", right + "keep_alive = \"5\""),
      ("no-number", right + "in_flight = \"5\""), ("out-of-range", right + "in_flight = 0"),
      ("no-such-word", right + "format = \"xml\""), ("no-upstream", "[[source]]\nname = \"a\""),
      ("stage-key", right + "[[upstream.stage]]\ntype = \"sample\"\nevery = 2\nfield = \"a\""),
    ]
    var files = examples
    for (name, text) in [("right", right)] + wrong {
      files.append(scratch.newPath(name))
      try writeText(files[files.count - 1], text)
    }
    let schema = Self.root + "/config/holdfast.schema.json"
    let result = try await run("python3", [script, schema] + files, in: scratch)
    guard !result.output.contains("No module named") else {
      Ledger.skip("the schema by another program", because: "python3-jsonschema is not installed")
      return
    }
    try #require(result.status == .code(0), "\(result.output)")
    let lines = result.output.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(lines.count == files.count)
    for line in lines {
      let name = line.first ?? ""
      let isWrong = wrong.contains { name.hasSuffix("-\($0.0)") }
      // A fault at the root has an empty path, and stands as nothing but a blank.
      let hasFault = line.count > 1 || result.output.contains("\(name) \n")
      #expect(hasFault == isWrong, "\(line)")
    }
  }
}
