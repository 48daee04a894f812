import Testing

@testable import HoldfastConfiguration

@Suite struct KeyPositionTests {
  /// The line of a path written as `a.b.0.c`.
  private func line(_ path: String, in text: String) -> Int? {
    let steps = path.split(separator: ".").map { part in
      Int(part).map { PathStep.index($0) } ?? PathStep.key(String(part))
    }
    return KeyPositions(Array(text.utf8)).lines[steps]
  }

  @Test func keysOfTablesStandOnTheirLines() {
    let text = "top = 1\n\n[a]\nb = 2\n  c = 3 # d = 4\n[ a . b ]\nc = 1\n"
    #expect(line("top", in: text) == 1)
    #expect(line("a", in: text) == 3)
    #expect(line("a.b", in: text) == 4)
    #expect(line("a.c", in: text) == 5)
    #expect(line("a.b.c", in: text) == 7)
    #expect(line("a.d", in: text) == nil)
  }

  @Test func tablesOfAListAreToldApart() {
    let text = "[[s]]\nn = 1\n[[s]]\nn = 2\n[s.tls]\nca = 1\n[[s]]\n[s.tls]\nca = 2"
    #expect(line("s.0", in: text) == 1)
    #expect(line("s.0.n", in: text) == 2)
    #expect(line("s.1", in: text) == 3)
    #expect(line("s.1.n", in: text) == 4)
    #expect(line("s.1.tls.ca", in: text) == 6)
    #expect(line("s.2.tls.ca", in: text) == 9)
  }

  @Test func dottedAndQuotedKeysAreDecoded() {
    let text = "a.b.c = 1\n\"x y\".'z' = 2\n\"q\\\"\\u0041\" = 3\n"
    let lines = KeyPositions(Array(text.utf8)).lines
    #expect(lines[[.key("a"), .key("b"), .key("c")]] == 1)
    #expect(lines[[.key("x y"), .key("z")]] == 2)
    #expect(lines[[.key("q\"A")]] == 3)
  }

  @Test func inlineTablesAndArraysAreEntered() {
    let text = """
      t = { a = 1, b.c = [ 1,
        2, # x = 9
        { d = "}" } ], e = ']' }
      u = [
        # nothing
        "x#",

        'y', ]
      v = 1
      """
    #expect(line("t.a", in: text) == 1)
    #expect(line("t.b.c.1", in: text) == 2)
    #expect(line("t.b.c.2.d", in: text) == 3)
    #expect(line("t.e", in: text) == 3)
    #expect(line("u.0", in: text) == 6)
    #expect(line("u.1", in: text) == 8)
    #expect(line("v", in: text) == 9)
  }

  @Test func stringsOfSeveralLinesHideWhatIsInThem() {
    let text = "a = \"\"\"\nb = 1\n\\\"\"\" x\n\"\"\"\"\"\nc = '''\n[d]\n'''\ne = \"\\\"f\"\ng = 1"
    #expect(line("b", in: text) == nil)
    #expect(line("d", in: text) == nil)
    #expect(line("c", in: text) == 5)
    #expect(line("e", in: text) == 8)
    #expect(line("g", in: text) == 9)
  }

  @Test func carriageReturnsDontCountAsLines() {
    #expect(line("b", in: "a = 1\r\n\r\nb = 2\r\n") == 3)
  }

  @Test func anUnknownPathHasTheLineOfTheTableAroundIt() {
    let positions = KeyPositions(Array("\n[a]\nb = 1".utf8))
    #expect(positions.line(of: [.key("a"), .key("x"), .index(3)]) == 2)
    #expect(positions.line(of: [.key("y")]) == 1)
  }

  @Test func whatTheLibraryWouldMisreadIsADefect() {
    #expect(KeyPositions(Array("a = 'x\\u0000'".utf8)).defects.isEmpty)
    #expect(KeyPositions(Array("\na = \"x\\u0000\"".utf8)).defects.map(\.line) == [2])
    #expect(KeyPositions(Array("\"\\U00000000\" = 1".utf8)).defects.count == 1)
    let nested = String(repeating: "[", count: 1_000)
    #expect(KeyPositions(Array("a = \(nested)".utf8)).defects.count == 1)
    let dotted = String(repeating: "a.", count: 100_000)
    #expect(KeyPositions(Array(dotted.utf8)).defects.count == 1)
  }

  @Test func deepPathsAreNotKept() {
    let positions = KeyPositions(Array("a.b.c.d.e.f.g.h.i.j.k = 1".utf8))
    #expect(positions.lines.keys.allSatisfy { $0.count <= KeyPositions.depthMax })
  }
}
