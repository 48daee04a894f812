import Glibc
import HoldfastAgent
import HoldfastConfiguration
import HoldfastIntake
import HoldfastLink
import Testing

@Suite struct SecretFileTests {
  /// A fresh directory, handed to `body` and then removed with the named files in it.
  private func withDirectory(_ names: [String], _ body: (String) throws -> Void) throws {
    var template = Array("/tmp/holdfast-secret-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let directory = String(
      decoding: template.dropLast().map { UInt8(bitPattern: $0) },
      as: UTF8.self
    )
    defer {
      for name in names { unlink("\(directory)/\(name)") }
      rmdir(directory)
    }
    try body(directory)
  }

  private func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    fchmod(descriptor, mode)
    #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
  }

  private let source = "username = \"u\"\npassword_file = \"secret\""

  @Test(arguments: [("pass", "pass"), ("pass\n", "pass"), ("pa ss\r\n", "pa ss"), ("p\n\n", "p\n")])
  func thePasswordIsTheFileWithoutItsLineEnd(content: String, password: String) throws {
    try withDirectory(["secret", "holdfast.toml"]) { directory in
      try write(Array(content.utf8), to: "\(directory)/secret", mode: 0o600)
      try write(Array(sample(source: source).utf8), to: "\(directory)/holdfast.toml", mode: 0o600)
      let loaded = try ConfigurationFile.load(
        path: "\(directory)/holdfast.toml",
        defaultAgentID: "a"
      )
      #expect(loaded.configuration.sources.first?.link.password == password)
      #expect(loaded.warnings == [])
    }
  }

  @Test func aSecretThatEveryoneCanReadIsRefused() throws {
    try withDirectory(["secret", "holdfast.toml"]) { directory in
      let path = "\(directory)/holdfast.toml"
      try write(Array("pass".utf8), to: "\(directory)/secret", mode: 0o644)
      let text = sample(source: source + " #!")
      let error = #expect(throws: ConfigurationError.self) {
        try ConfigurationFile.load(text: text, file: path, defaultAgentID: "a")
      }
      #expect(error?.problems.map(\.line) == markedLines(of: text))
      #expect(error?.problems.map(\.key) == ["password_file"])
      #expect(error?.description.contains("pass;") == false)

      let plain = sample(source: "username = \"u\"\npassword = \"p\"")
      try write(Array(plain.utf8), to: path, mode: 0o644)
      let open = #expect(throws: ConfigurationError.self) {
        try ConfigurationFile.load(path: path, defaultAgentID: "a")
      }
      #expect(open?.problems.map(\.key) == ["password"])
      chmod(path, 0o640)
      #expect(throws: Never.self) { try ConfigurationFile.load(path: path, defaultAgentID: "a") }
    }
  }

  @Test func aKeyThatEveryoneCanReadIsRefused() throws {
    try withDirectory(["own.pem", "own.key"]) { directory in
      try write([], to: "\(directory)/own.pem", mode: 0o644)
      try write([], to: "\(directory)/own.key", mode: 0o644)
      let text = sample(
        source: "tls = { cert_file = \"own.pem\", key_file = \"own.key\" } #!",
        sourceURL: "mqtts://127.0.0.1"
      )
      let file = "\(directory)/holdfast.toml"
      let error = #expect(throws: ConfigurationError.self) {
        try ConfigurationFile.load(text: text, file: file, defaultAgentID: "a")
      }
      #expect(error?.problems.map(\.key) == ["key_file"])
      chmod("\(directory)/own.key", 0o640)
      let loaded = try ConfigurationFile.load(text: text, file: file, defaultAgentID: "a")
      // The other file is empty.
      #expect(loaded.warnings.map(\.key) == ["cert_file"])
      #expect(loaded.warnings.first?.what.contains("which holds no certificate") == true)
    }
  }

  @Test(arguments: [
    ("0af1", 8, true), ("0AF1", 8, true), ("0af1", 7, false), ("0af1", 128, true),
    ("0af1", 129, false), ("0ag1", 8, false), ("0af", 11, false),
  ])
  func aSharedKeyIsHexadecimalDigits(digits: String, times: Int, isRight: Bool) throws {
    try withDirectory(["psk"]) { directory in
      let key = String(repeating: digits, count: times)
      try write(Array("\(key)\n".utf8), to: "\(directory)/psk", mode: 0o600)
      let text = sample(
        source: "tls = { psk_identity = \"edge\", psk_file = \"psk\" } #!",
        sourceURL: "mqtts://127.0.0.1"
      )
      do throws(ConfigurationError) {
        let loaded = try ConfigurationFile.load(
          text: text,
          file: "\(directory)/holdfast.toml",
          defaultAgentID: "a"
        )
        #expect(isRight)
        #expect(loaded.configuration.sources.first?.link.tls?.sharedKey == key)
        #expect(!loaded.effective.contains(key))
      } catch {
        #expect(!isRight)
        #expect(error.problems.map(\.key) == ["psk_file"])
        #expect(!error.description.contains(key))
      }
    }
  }

  @Test(arguments: [[], [0x0A], [0x61, 0x00], [0xFF, 0xFE]] as [[UInt8]])
  func aFileWithoutAPasswordIsAnError(content: [UInt8]) throws {
    try withDirectory(["secret"]) { directory in
      try write(content, to: "\(directory)/secret", mode: 0o600)
      let error = #expect(throws: ConfigurationError.self) {
        try ConfigurationFile.load(
          text: sample(source: source),
          file: "\(directory)/holdfast.toml",
          defaultAgentID: "a"
        )
      }
      #expect(error?.problems.map(\.key) == ["password_file"])
    }
  }

  @Test func aFileWithoutEndIsRefusedSoon() {
    let error = #expect(throws: ConfigurationError.self) {
      try ConfigurationFile.load(path: "/dev/zero", defaultAgentID: "a")
    }
    #expect(error?.description.contains("not a regular file") == true)
  }

  @Test func brokenTextEncodingIsToldByLine() throws {
    try withDirectory(["holdfast.toml"]) { directory in
      let path = "\(directory)/holdfast.toml"
      try write(Array("# é\n\n# ".utf8) + [0xC3, 0x28], to: path, mode: 0o600)
      let error = #expect(throws: ConfigurationError.self) {
        try ConfigurationFile.load(path: path, defaultAgentID: "a")
      }
      #expect(error?.description.hasPrefix("\(path):3: the file is not UTF-8") == true)
    }
  }

  @Test func aCertificateThatIsMissingNowIsAWarning() throws {
    let text = sample(
      source: "tls = { ca_file = \"nonexistent.pem\" } #!",
      sourceURL: "mqtts://127.0.0.1"
    )
    let loaded = try ConfigurationFile.load(text: text, file: "/etc/h/h.toml", defaultAgentID: "a")
    #expect(loaded.warnings.map(\.line) == markedLines(of: text))
    #expect(loaded.configuration.sources.first?.link.tls?.caFile == "/etc/h/nonexistent.pem")
  }
}
