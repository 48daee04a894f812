import HoldfastConfiguration
import Testing

/// One wrong configuration: the marked line, the key and words of the message are expected.
struct WrongConfiguration: CustomTestStringConvertible, Sendable {
  var key: String
  var words: String
  var text: String

  init(_ key: String, _ words: String, _ text: String) {
    self.key = key
    self.words = words
    self.text = text
  }

  var testDescription: String { "\(key): \(words)" }
}

@Suite struct ConfigurationErrorTests {
  @Test(arguments: wrongDocuments + wrongAgentsAndRings + wrongStatus)
  func aWrongDocumentAgentOrRingIsToldByLineAndKey(wrong: WrongConfiguration) {
    expectOneProblem(wrong)
  }

  @Test(arguments: wrongLinks)
  func aWrongLinkIsToldByLineAndKey(wrong: WrongConfiguration) {
    expectOneProblem(wrong)
  }

  @Test(arguments: wrongSources + wrongUpstreams)
  func aWrongSourceOrUpstreamIsToldByLineAndKey(wrong: WrongConfiguration) {
    expectOneProblem(wrong)
  }

  @Test(arguments: wrongStages)
  func aWrongStageIsToldByLineAndKey(wrong: WrongConfiguration) {
    expectOneProblem(wrong)
  }

  @Test func thereAreAtLeastSixtyWrongStages() {
    #expect(wrongStages.count >= 60)
  }

  @Test func thereAreAtLeastFiftyOfThem() {
    let all =
      wrongDocuments + wrongAgentsAndRings + wrongStatus + wrongLinks + wrongSources
      + wrongUpstreams
    #expect(all.count >= 50)
  }

  @Test func theSampleItselfIsRight() {
    #expect(problems(of: sample()) == [])
  }

  @Test func allProblemsAreToldAtOnceAndSortedByLine() throws {
    let text = """
      sise = 1 #!
      [ring]
      size = "1MiB" #!
      comit_interval = "250ms" #!
      [[source]]
      name = "floor"
      url = "http://127.0.0.1" #!
      topics = ["a/#/b", "ok"] #!
      keep_alive = 60 #!
      [[upstream]]
      name = "central"
      url = "mqtt://127.0.0.1:2883"
      in_flight = 0 #!
      format = "evnt" #!
      """
    let found = problems(of: text)
    #expect(found.map(\.line) == markedLines(of: text))
    #expect(
      found.map(\.key) == [
        "sise", "size", "comit_interval", "url", "topics", "keep_alive", "in_flight", "format",
      ]
    )
  }

  @Test func aProblemReadsAsFileLineWhatRemedyAndGuess() throws {
    let error = #expect(throws: ConfigurationError.self) {
      try load(sample(ring: "sise = \"64MiB\""))
    }
    #expect(
      error?.description
        == "test.toml:5: unknown key \"sise\" in [ring]; remove or correct it"
        + " (did you mean \"size\"?)"
    )
  }

  @Test func everyProblemIsOneLine() {
    let text = sample(ring: "\"si\\nze\" = 1", upstream: "topic = \"a\\n{b}\\u007f\"")
    let found = problems(of: text)
    #expect(found.count == 2)
    for problem in found {
      let shown = problem.described(file: "f").unicodeScalars
      #expect(shown.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
    }
  }

  @Test func aSecretIsNeverShown() {
    let texts = [
      sample(source: "password = \"hunter2\""),
      sample(source: "username = \"u\"\npassword = 0xC0FFEE"),
      sample(sourceURL: "mqtt://user:hunter2@127.0.0.1"),
      sample(source: "username = \"u\"\npassword = \"hunter2\"\npassword_file = \"x\""),
    ]
    for text in texts {
      let shown = problems(of: text).map { $0.described(file: "f") }.joined()
      #expect(!shown.isEmpty)
      #expect(!shown.contains("hunter2") && !shown.contains("12648430"))
    }
  }

  @Test func aMissingFileIsOneClearLine() {
    let error = #expect(throws: ConfigurationError.self) {
      try ConfigurationFile.load(path: "/nonexistent/holdfast.toml", defaultAgentID: "a")
    }
    #expect(
      error?.description.hasPrefix("/nonexistent/holdfast.toml:1: the file can't be read") == true
    )
    #expect(throws: ConfigurationError.self) {
      try ConfigurationFile.load(path: "/tmp", defaultAgentID: "a")
    }
  }

  private func expectOneProblem(
    _ wrong: WrongConfiguration,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let found = problems(of: wrong.text)
    #expect(found.map(\.line) == markedLines(of: wrong.text), sourceLocation: sourceLocation)
    #expect(found.map(\.key) == [wrong.key], sourceLocation: sourceLocation)
    let shown = found.first?.described(file: "f") ?? ""
    #expect(shown.contains(wrong.words), sourceLocation: sourceLocation)
  }
}
