import Testing

/// Each rule can fail: small bad sources, and good ones beside them.
@Suite struct RuleTests {
  private func code(_ text: String, at path: String = "Sources/HoldfastAgent/A.swift") -> SwiftCode
  {
    SwiftCode(path: path, text: text)
  }

  private func banLines(_ text: String, at path: String = "Sources/HoldfastAgent/A.swift") -> [Int]
  {
    banFaults(code(text, at: path)).map(\.line)
  }

  // MARK: what is code

  @Test func commentsAndStringsAreNoCode() {
    let text = """
      // try!
      /* try! /* try! */ try! */
      let a = "try! \\" try!"
      let b = #"try! " \\ try!"#
      let c = \"""
        try!
        \"""
      """
    #expect(banLines(text) == [])
  }

  @Test func codeWithinStringsIsCode() {
    #expect(banLines("let a = \"x \\(try! b(\"try!\"))\"\nlet c = try! d()") == [1, 2])
    #expect(banLines("let a = #\"\\(try! b()) \\#(try! c())\"#") == [1])
  }

  @Test func linesStayTheSame() {
    let text = "a\n/* b\n c */ d\n\"\"\"\n e\n\"\"\"\nf"
    #expect(code(text).lines.count == 7)
    #expect(code(text).lines.last == "f")
  }

  // MARK: imports

  @Test(arguments: [
    ("HoldfastAgent", "import Glibc"), ("HoldfastEvent", "import HoldfastLink"),
    ("HoldfastRingLog", "public import HoldfastUpstream"), ("HoldfastUpstream", "import CZstd"),
    ("HoldfastSystem", "@preconcurrency import Foundation"),
    ("HoldfastConfiguration", "import struct Foundation.Data"),
    ("HoldfastConfiguration", "import CMosquitto"), ("holdfast", "internal import TOMLKit"),
    ("Unheard", ""),
  ])
  func aWrongImportIsFound(target: String, line: String) {
    let faults = importFaults(code("\n\(line)\n", at: "Sources/\(target)/A.swift"))
    #expect(faults.count == 1)
    #expect(faults.first?.line == (line.isEmpty ? 1 : 2))
  }

  @Test func aRightImportIsNot() {
    let text = "public import HoldfastEvent\n// import Glibc\nlet imported = 1"
    #expect(importFaults(code(text)) == [])
    #expect(imports(of: code(text)).map(\.module) == ["HoldfastEvent"])
  }

  // MARK: bans

  private static let bannedLines = [
    "let a = Date()", "Int.random(in: 0..<3)", "a.randomElement()", "a.shuffled()", "fatalError()",
    "try! a()", "b as! C", "print(1)", "debugPrint(1)", "a.forEach { b }", "@_exported import A",
    "Task { }", "func a() async { }", "let a = Glibc.errno", "ContinuousClock()",
    "SuspendingClock()", "DispatchQueue.main", "SystemRandomNumberGenerator()",
  ]

  @Test(arguments: bannedLines)
  func aBannedWordIsFoundInTheCore(line: String) {
    #expect(banLines("\n\(line)") == [2])
  }

  @Test func everyBanHasALineThatItFinds() {
    for ban in bans {
      #expect(
        Self.bannedLines.contains { !banFaults(code($0), bans: [ban]).isEmpty },
        "\(ban.word)"
      )
    }
  }

  @Test(arguments: [
    "update()", "TOMLDate()", "Int.random(in: 0..<f(3), using: &random)", "a.shuffled(using: &r)",
    "fingerprint(1)", "try? a()", "b as? C", "a.forEachRow { }", "fdatasync(3)", "asynchronous()",
  ])
  func aLongerWordIsNoBannedOne(line: String) {
    #expect(banLines(line) == [])
  }

  @Test func aBanHoldsForItsPlacesOnly() {
    #expect(banLines("print(1)", at: "Sources/holdfast/A.swift") == [])
    #expect(banLines("print(1)", at: "Tools/Traffic/A.swift") == [])
    #expect(banLines("print(1)", at: "Sources/HoldfastSystem/A.swift") == [1])
    #expect(banLines("func a() async {}", at: "Sources/HoldfastSystem/A.swift") == [])
    #expect(banLines("try! a()", at: "Tests/ATests/A.swift") == [1])
    #expect(banLines("@main struct A { func b() { fatalError() } }") == [])
  }

  // MARK: size

  private func function(lineCount: Int, _ head: String = "func a()") -> String {
    "\(head) {\n" + String(repeating: "  b()\n", count: lineCount - 2) + "}\n"
  }

  @Test func aLongFunctionIsFound() {
    #expect(functionSizeFaults(code(function(lineCount: 70))) == [])
    #expect(functionSizeFaults(code(function(lineCount: 71))).map(\.line) == [1])
    let initializer = "struct A {\n" + function(lineCount: 71, "init(a: Int = { 1 }())") + "}"
    #expect(functionSizeFaults(code(initializer)).map(\.line) == [2])
  }

  @Test func longTypesAndRequirementsAreNoFunctions() {
    let text = """
      protocol A {
        func a(b: Int)
        init()
      }
      extension B {
      \(String(repeating: "  let c = A.init()\n", count: 100))
      }
      """
    #expect(functionSizeFaults(code(text)) == [])
  }

  @Test func aLongFileIsFound() {
    let line = "a\n"
    #expect(fileSizeFaults(path: "a", text: String(repeating: line, count: 600)) == [])
    #expect(fileSizeFaults(path: "a", text: String(repeating: line, count: 601)).count == 1)
  }

  // MARK: text

  @Test(arguments: [
    "a ", "a\t", "a\r", "// TO" + "DO later", "# FIX" + "ME", "see /ho" + "me/me", "/wo" + "rk/x",
  ])
  func aTextFaultIsFound(line: String) {
    #expect(textFaults(path: "a", text: "ok\n\(line)\nok").map(\.line) == [2])
  }

  @Test func windowsLineEndsAreFound() {
    #expect(!textFaults(path: "a", text: "a\r\nb\r\n").isEmpty)
  }

  // MARK: README

  @Test func aTargetThatTheReadmeForgetsIsFound() {
    let package = """
      let package = Package(
        name: "holdfast",
        targets: [
          .target(name: "One", dependencies: [.product(name: "X", package: "y")]),
          .target(
            name: "Two", dependencies: []),
          .executableTarget(
            name: "three"),
          .testTarget(name: "OneTests"),
        ])
      """
    #expect(targetNames(package: package) == ["One", "Two", "three"])
    #expect(readmeFaults(readme: "One and three", package: package).count == 1)
  }

  // MARK: links

  @Test func aLinkMustLeadToAFileAndAHeading() {
    let pages = ["docs/a.md": "# A page\n## With `code` inside", "README.md": ""]
    func remedies(_ text: String) -> [String] {
      linkFaults(
        path: "docs/b.md",
        text: text,
        exists: { pages[$0] != nil || $0 == "docs" || $0 == "docs/b.md" },
        textOf: { pages[$0] }
      ).map(\.remedy)
    }
    #expect(
      remedies("[a](a.md), [b](../README.md#), [c](https://example.org/x)") == [
        "no such heading: ../README.md#"
      ]
    )
    #expect(remedies("[a](a.md#with-code-inside) [d](../docs)") == [])
    #expect(
      remedies("[a](c.md) [b](a.md#else)") == ["no such file: c.md", "no such heading: a.md#else"]
    )
  }

  @Test func aTargetOfMakeMustExist() {
    let makefile = "all build: x\n\tmake lost"
    let text = "Say `make build`, not `make bulid`.\n```\nmake all    # x\nmake lost\n```"
    #expect(
      makeFaults(path: "a.md", text: text, makefile: makefile).map(\.line) == [1, 4]
    )
  }
}
