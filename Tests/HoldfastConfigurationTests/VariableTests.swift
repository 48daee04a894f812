import HoldfastAgent
import HoldfastConfiguration
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import Testing

/// `${NAME}` in texts.
@Suite struct VariableTests {
  private static let variables = [
    "NAME": "value", "EMPTY": "", "QUOTE": "\"\n[ring]\nsize = \"1B", "NESTED": "${NAME}",
    "_a1": "under", "URL": "mqtt://broker:1885",
  ]

  private func load(_ text: String) throws(ConfigurationError) -> LoadedConfiguration {
    try ConfigurationFile.load(
      text: text,
      file: "test.toml",
      defaultAgentID: "edge-default",
      variables: Self.variables
    )
  }

  @Test(arguments: [
    ("${NAME}", "value"), ("a-${NAME}-b", "a-value-b"), ("${NAME}${NAME}", "valuevalue"),
    ("${NAME:-other}", "value"), ("${MISSING:-other}", "other"), ("${EMPTY:-other}", "other"),
    ("x${EMPTY}y", "xy"), ("x${MISSING:-}y", "xy"), ("${MISSING:-a:-b}", "a:-b"),
    ("${NAME:?must be there}", "value"), ("${_a1}", "under"),
    // What a variable holds is not looked at again.
    ("${NESTED}", "${NAME}"),
    ("$${NAME}", "${NAME}"), ("$$${NAME}", "$${NAME}"), ("$NAME", "$NAME"), ("pa$$wd", "pa$$wd"),
    ("a$", "a$"), ("{NAME}", "{NAME}"), ("é${NAME}é", "évalueé"),
  ])
  func `a text is filled in`(written: String, value: String) throws {
    let loaded = try load(sample(source: "username = '\(written)'"))
    #expect(loaded.configuration.sources.first?.link.username == value)
  }

  @Test(arguments: [
    ("${MISSING}", "needs the variable \"MISSING\", which is not set"),
    ("${MISSING:?ask the plant}", "which is not set: ask the plant;"),
    ("${EMPTY:?}", "needs the variable \"EMPTY\", which is empty;"),
    ("${NAME", "has ${ without }"), ("${}", "has \"${}\""), ("${1A}", "has \"${1A}\""),
    ("${NAME-x}", "write ${NAME:-default}"), ("${NAME:+x}", "has \"${NAME:+x}\""),
    ("${NA ME}", "has \"${NA ME}\""),
  ])
  func `what can't be filled in is told by line and key`(written: String, words: String) {
    let text = sample(source: "username = '\(written)' #!")
    do {
      _ = try load(text)
      Issue.record("\(written) was taken")
    } catch {
      #expect(error.problems.map(\.line) == markedLines(of: text))
      #expect(error.problems.map(\.key) == ["username"])
      let isSaid = error.description.contains(words)
      #expect(isSaid || words.hasPrefix("write ") && error.description.contains("write ${NAME}"))
    }
  }

  @Test func `what the value would have meant is not judged, and other lines are`() {
    let text = sample(
      source: "username = \"u\"\npassword_file = \"${MISSING}/x\" #!\nkeep_alive = \"1s\" #!",
      sourceURL: "${MISSING}"
    )
    do {
      _ = try load(text)
      Issue.record("it was taken")
    } catch {
      #expect(error.problems.map(\.key) == ["url", "password_file", "keep_alive"])
    }
  }

  @Test func `a value is a text whatever it holds, never a key or a table`() throws {
    let loaded = try load(sample(source: "username = \"${QUOTE}\""))
    #expect(loaded.configuration.sources.first?.link.username == Self.variables["QUOTE"])
    #expect(loaded.configuration.ring.byteCountMax == 256 << 20)
  }

  @Test func `durations, sizes, addresses and lists are filled in too`() throws {
    let loaded = try load(
      sample(
        ring: "size = \"${MISSING:-64MiB}\"\ncommit_interval = \"${MISSING:-1s}\"",
        sourceTopics: "topics = [\"${NAME}/#\"]",
        sourceURL: "${URL}"
      )
    )
    #expect(loaded.configuration.ring.byteCountMax == 64 << 20)
    #expect(loaded.configuration.sources.first?.topics.map(\.description) == ["value/#"])
    #expect(loaded.configuration.sources.first?.link.port == 1885)
  }

  @Test func `a number can't come of a text`() {
    let text = sample(upstream: "in_flight = \"${MISSING:-5}\" #!")
    #expect(throws: ConfigurationError.self) { try load(text) }
  }

  @Test func `keys are not filled in`() {
    let text = sample(ring: "\"${NAME}\" = 1 #!")
    do {
      _ = try load(text)
      Issue.record("a key was taken")
    } catch {
      #expect(error.description.contains("unknown key \"${NAME}\""))
    }
  }

  @Test func `a text can't grow without end`() {
    let long = String(repeating: "x", count: 60_000)
    do {
      _ = try ConfigurationFile.load(
        text: sample(source: "username = \"${A}${A}\" #!"),
        defaultAgentID: "a",
        variables: ["A": long]
      )
      Issue.record("a long text was taken")
    } catch {
      #expect(error.description.contains("above 64KiB"))
      #expect(error.description.utf8.count < 300)
    }
  }

  @Test func `a password from the environment may stand in a file that everyone reads`() throws {
    let directory = ScratchDirectory()
    let text = sample(source: "username = \"u\"\npassword = \"${NAME}\"")
    let path = directory.write("holdfast.toml", text, mode: 0o644)
    let loaded = try ConfigurationFile.load(
      path: path,
      defaultAgentID: "a",
      variables: Self.variables
    )
    #expect(loaded.configuration.sources.first?.link.password == "value")
  }

  @Test func `systemd's credentials are a directory by name`() throws {
    let directory = ScratchDirectory()
    directory.write("floor.password", "from systemd\n", mode: 0o400)
    let source = "username = \"u\"\npassword_file = \"${CREDENTIALS_DIRECTORY}/floor.password\""
    let loaded = try ConfigurationFile.load(
      text: sample(source: source),
      defaultAgentID: "a",
      variables: ["CREDENTIALS_DIRECTORY": directory.path]
    )
    #expect(loaded.configuration.sources.first?.link.password == "from systemd")
  }

  @Test func `this process's variables are read`() {
    #expect(processVariables()["PATH"]?.isEmpty == false)
  }
}
