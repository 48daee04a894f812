import HoldfastAgent
import HoldfastConfiguration
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

/// `conf.d`: several files that make one configuration.
@Suite struct FragmentTests {
  private let directory = ScratchDirectory()

  /// The main file is the sample; `fragments` go to `conf.d`.
  private func load(
    main: String = sample(),
    _ fragments: [(name: String, text: String)]
  ) throws(ConfigurationError) -> LoadedConfiguration {
    let path = directory.write("holdfast.toml", main)
    directory.makeDirectory("conf.d")
    for fragment in fragments { directory.write("conf.d/\(fragment.name)", fragment.text) }
    return try ConfigurationFile.load(path: path, defaultAgentID: "edge-default")
  }

  private func complaint(
    main: String = sample(),
    _ fragments: [(name: String, text: String)]
  ) -> [String] {
    do {
      _ = try load(main: main, fragments)
      return []
    } catch {
      return error.description.replacing(directory.path, with: "").split(separator: "\n")
        .map(String.init)
    }
  }

  @Test func `a later file's value counts, and files go by the order of their names`() throws {
    let loaded = try load([
      ("20-b.toml", "[ring]\nsize = \"64MiB\""),
      ("10-a.toml", "[ring]\nsize = \"128MiB\"\ncommit_interval = \"1s\""),
    ])
    #expect(loaded.configuration.ring.byteCountMax == 64 << 20)
    #expect(loaded.configuration.ring.commitInterval == 1_000_000)
    #expect(
      loaded.files.map { $0.replacing(directory.path, with: "") }
        == ["/holdfast.toml", "/conf.d/10-a.toml", "/conf.d/20-b.toml"]
    )
    // What no other file names stays.
    #expect(loaded.configuration.agentID == "edge-1")
  }

  @Test func `sources and upstreams are added to those before`() throws {
    let second = "[[upstream]]\nname = \"second\"\nurl = \"mqtt://127.0.0.1:3883\""
    let source = "[[source]]\nname = \"roof\"\nurl = \"mqtt://127.0.0.1:4883\"\ntopics = [\"r/#\"]"
    let loaded = try load([("a.toml", second), ("b.toml", source)])
    #expect(loaded.configuration.upstreams.map(\.name) == ["central", "second"])
    #expect(loaded.configuration.sources.map(\.name) == ["floor", "roof"])
  }

  @Test func `the file that was named may hold nothing, and all stand in conf_d`() throws {
    let loaded = try load(main: "# all of it is in conf.d\n", [("all.toml", sample())])
    #expect(loaded.configuration.sources.map(\.name) == ["floor"])
  }

  @Test func `other names are no part of it`() throws {
    let loaded = try load([
      (".hidden.toml", "sise = 1"), ("old.toml.dpkg-old", "sise = 1"), ("README", "not TOML"),
    ])
    #expect(loaded.files.count == 1)
  }

  @Test func `a problem names the file that it stands in, and all are told at once`() {
    let lines = complaint(
      main: sample(ring: "sise = 1"),
      [
        ("a.toml", "\n[ring]\nmemroy = \"4MiB\""),
        ("b.toml", "[[upstream]]\nname = \"second\"\nurl = \"mqtt://127.0.0.1:3883\"\nretain = 1"),
      ]
    )
    #expect(lines.count == 3)
    #expect(lines.first?.hasPrefix("/holdfast.toml:5: unknown key \"sise\" in [ring]") == true)
    #expect(lines.first?.hasSuffix("(did you mean \"size\"?)") == true)
    #expect(lines.dropFirst().first?.hasPrefix("/conf.d/a.toml:3: unknown key \"memroy\"") == true)
    #expect(lines.last?.hasPrefix("/conf.d/b.toml:4: retain of [[upstream]] \"second\"") == true)
  }

  @Test func `a name that is taken names both places`() {
    let lines = complaint([
      ("a.toml", "[[upstream]]\nname = \"central\"\nurl = \"mqtt://127.0.0.1:3883\"")
    ])
    #expect(lines.count == 1)
    #expect(lines.first?.hasPrefix("/conf.d/a.toml:2: name of [[upstream]] \"central\"") == true)
    #expect(lines.first?.contains("is taken since line 12 of /holdfast.toml") == true)
  }

  @Test func `a broken file is told by its own line and column`() {
    let lines = complaint([("a.toml", "[ring]\nsize = = 1"), ("b.toml", "[ring\n")])
    #expect(lines.count == 2)
    #expect(lines.first?.hasPrefix("/conf.d/a.toml:2: column ") == true)
    #expect(lines.last?.hasPrefix("/conf.d/b.toml:1: column ") == true)
  }

  @Test(arguments: [
    ("ring = 5", "ring is a whole number, and a table since line 4 of /holdfast.toml"),
    ("[source]\nname = \"x\"", "source is a table, and a list of tables since line 6 of"),
    ("source = [1]", "source is an array, and a list of tables since line 6 of"),
  ])
  func `a key that is a table here and none there names both files`(text: String, words: String) {
    let lines = complaint([("a.toml", text)])
    #expect(lines.count == 1, "\(lines)")
    #expect(lines.first?.hasPrefix("/conf.d/a.toml:1: ") == true)
    #expect(lines.first?.contains(words) == true, "\(lines)")
  }

  @Test func `relative paths are taken from the directory of the file that was named`() throws {
    directory.write("secret", "pass")
    let upstream = """
      [[upstream]]
      name = "second"
      url = "mqtt://127.0.0.1:3883"
      username = "u"
      password_file = "secret"
      """
    let loaded = try load([("a.toml", upstream)])
    #expect(loaded.configuration.upstreams.last?.link.password == "pass")
  }

  @Test func `a file that can't be read, and too many of them, end it`() {
    directory.makeDirectory("conf.d")
    directory.makeDirectory("conf.d/x.toml")
    let path = directory.write("holdfast.toml", sample())
    let unreadable = #expect(throws: ConfigurationError.self) {
      try ConfigurationFile.load(path: path, defaultAgentID: "a")
    }
    #expect(unreadable?.description.contains("/conf.d/x.toml:1: the file is not a regular") == true)

    for number in 0...100 { directory.write("conf.d/\(number).toml", "") }
    let tooMany = #expect(throws: ConfigurationError.self) {
      try ConfigurationFile.load(path: path, defaultAgentID: "a")
    }
    #expect(tooMany?.description.contains("more than 100") == true)
  }

  @Test func `a password that everyone can read in one file is told there`() {
    directory.makeDirectory("conf.d")
    let path = directory.write("holdfast.toml", sample(), mode: 0o644)
    let upstream =
      "[[upstream]]\nname = \"b\"\nurl = \"mqtt://h\"\nusername = \"u\"\npassword = \"p\""
    directory.write("conf.d/a.toml", upstream, mode: 0o644)
    let refused = #expect(throws: ConfigurationError.self) {
      try ConfigurationFile.load(path: path, defaultAgentID: "a")
    }
    #expect(refused?.description.contains("/conf.d/a.toml:5: password of") == true)
    directory.write("conf.d/a.toml", upstream, mode: 0o640)
    #expect(throws: Never.self) {
      try ConfigurationFile.load(path: path, defaultAgentID: "a")
    }
  }
}
