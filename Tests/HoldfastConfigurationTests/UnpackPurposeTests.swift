import HoldfastConfiguration
import HoldfastLink
import Testing

/// The same file serves `holdfast unpack`, which needs less of it.
@Suite struct UnpackPurposeTests {
  private func problems(of text: String) -> [String] {
    do {
      _ = try ConfigurationFile.load(text: text, defaultAgentID: "edge-1", purpose: .unpack)
      return []
    } catch {
      return error.problems.map(\.key)
    }
  }

  @Test func anUpstreamOnTheSourcesBrokerIsNoLoop() {
    let text = sample(
      upstream: "topic = \"{topic}\"",
      sourceTopics: "topics = [\"holdfast/+/events\"]",
      upstreamURL: "mqtt://127.0.0.1:1883"
    )
    #expect(problems(of: text) == [])
    #expect(throws: ConfigurationError.self) { try load(text) }
  }

  @Test func anUpstreamMayBeMissing() {
    let text = """
      [[source]]
      name = "batches"
      url = "mqtt://127.0.0.1"
      topics = ["holdfast/+/events"]
      """
    #expect(problems(of: text) == [])
    #expect(throws: ConfigurationError.self) { try load(text) }
  }

  @Test func everythingElseIsChecked() {
    #expect(problems(of: sample(upstream: "retain = 1")) == ["retain"])
    #expect(
      problems(
        of: sample(
          source: "client_id = \"a\"",
          upstream: "client_id = \"a\"",
          upstreamURL: "mqtt://localhost"
        )
      ) == ["client_id"]
    )
    #expect(problems(of: "") == ["source"])
  }

  @Test func namesOfTheLoopbackAreOneBroker() {
    let first = LinkConfiguration(host: "localhost", port: 1883)
    #expect(ConfigurationFile.isSameBroker(first, LinkConfiguration(host: "127.0.0.1", port: 1883)))
    #expect(
      !ConfigurationFile.isSameBroker(first, LinkConfiguration(host: "127.0.0.1", port: 1884))
    )
  }
}
