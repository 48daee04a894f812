import Glibc
import HoldfastAgent
import Testing

@testable import HoldfastConfiguration

/// `config/holdfast.toml` is the manual: it must be right, complete and true about defaults.
@Suite struct ManualTests {
  private static let directory = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/") + "/config"
  }()

  private static func text(of path: String) throws -> String {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  private static func examples() throws -> [String] {
    let stream = try #require(opendir(directory))
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".toml") { names.append("\(directory)/\(name)") }
    }
    return names.sorted()
  }

  private func manual() throws -> String { try Self.text(of: Self.directory + "/holdfast.toml") }

  @Test func everyExampleIsRightAndRaisesNoWarning() throws {
    let examples = try Self.examples()
    #expect(examples.count >= 2)
    for path in examples {
      let loaded = try ConfigurationFile.load(path: path, defaultAgentID: "edge-test")
      #expect(loaded.warnings == [], "\(path)")
    }
  }

  @Test func everyKeyOfTheReaderStandsInTheManual() throws {
    let written = keysBySection(try manual())
    // A list within a section is named by its own header.
    let lists = ["decode_topic", "stage", "kafka"]
    for section in ConfigurationKeys.sections {
      let keys = try #require(written[section.title], "\(section.title)")
      #expect(Set(section.keys).subtracting(lists) == Set(keys), "\(section.title)")
      #expect(keys.count == Set(keys).count, "a key of \(section.title) stands twice")
    }
    for name in ["source.decode_topic", "source.stage", "upstream.stage"] {
      let section = try #require(ConfigurationKeys.nested.first { $0.name == name })
      let keys = try #require(written["#" + section.title], "\(section.title)")
      #expect(Set(keys).isSubset(of: section.keys), "\(section.title)")
    }
    let manual = try manual()
    for key in ConfigurationKeys.tlsKeys { #expect(manual.contains("\n#   \(key) "), "\(key)") }
  }

  /// What the comments give as defaults must be the defaults.
  @Test func uncommentingTheDefaultsChangesNothing() throws {
    let withoutDefault = [
      "max_age", "keep_delivered", "username", "password", "password_file", "tls", "key",
      "except_topics", "budget", "budget_of", "fallback_urls", "schedule", "backlog_schedule",
    ]
    let lines = try manual().split(separator: "\n", omittingEmptySubsequences: false)
    var uncommentedCount = 0
    var isList = false
    let uncommented = lines.map { line -> Substring in
      if line.hasPrefix("[") { isList = false }
      if line.hasPrefix("#[[") { isList = true }
      // Lists have no defaults; up to an empty line theirs are examples.
      if line.isEmpty { isList = false }
      if isList { return line }
      guard let key = key(of: line), line.hasPrefix("#"), !withoutDefault.contains(key) else {
        return line
      }
      // Batch keys would only add warnings, and the least change is wanted.
      uncommentedCount += 1
      return line.dropFirst()
    }
    #expect(uncommentedCount >= 20)
    let plain = try load(try manual()).configuration
    #expect(try load(uncommented.joined(separator: "\n")).configuration == plain)
  }

  @Test func everyDefaultOfTheReferenceStandsInTheManual() throws {
    let manual = try manual()
    for section in ConfigurationKeys.sections {
      for row in KeyReference.rows(of: section.name) {
        guard let standard = row.standard else { continue }
        #expect(manual.contains("\(row.name) = \(standard)\n"), "\(row.name) of \(section.title)")
      }
    }
  }

  @Test func keysWithAValueInTheManualShowTheDefaultToo() throws {
    let loaded = try load(try manual()).configuration
    let bare = try load(sample()).configuration
    #expect(loaded.ring == bare.ring)
    #expect(loaded.dataDirectory == bare.dataDirectory)
    #expect(loaded.upstreams == bare.upstreams && loaded.sources == bare.sources)
  }

  /// `key` of `key = value` and of `#key = value`.
  private func key(of line: Substring) -> String? {
    let text = line.hasPrefix("#") ? line.dropFirst() : line
    let name = text.prefix { $0.isLowercase || $0 == "_" }
    return !name.isEmpty && text.dropFirst(name.count).hasPrefix(" = ") ? String(name) : nil
  }

  private func keysBySection(_ text: String) -> [String: [String]] {
    var keys: [String: [String]] = [:]
    var section = ""
    var outer = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("[") { outer = String(line) }
      if line.isEmpty { section = outer }
      if line.hasPrefix("[") || line.hasPrefix("#[[") { section = String(line) }
      if let key = key(of: line) { keys[section, default: []].append(key) }
    }
    return keys
  }
}
