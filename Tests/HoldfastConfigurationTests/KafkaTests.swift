import HoldfastAgent
import HoldfastConfiguration
import HoldfastKafka
import HoldfastLink
import HoldfastUpstream
import Testing

/// `kafka://` in `url`, and `[upstream.kafka]`.
@Suite(.enabled(if: KafkaLibrary.isBuiltIn)) struct KafkaTests {
  private func text(_ upstream: String = "", _ properties: String = "") -> String {
    sample(
      upstream: upstream,
      upstreamURL: "kafka://k1,k2:9093",
      end: "[upstream.kafka]\n" + properties
    )
  }

  private func upstream(
    _ upstream: String = "",
    _ properties: String = ""
  ) throws -> UpstreamConfiguration {
    let loaded = try load(text(upstream, properties))
    #expect(loaded.warnings == [])
    return try #require(loaded.configuration.upstreams.first)
  }

  @Test func theDefaultsAreThoseOfThePage() throws {
    let upstream = try upstream()
    #expect(upstream.link.url == "kafka://k1:9092,k2:9093")
    #expect(upstream.link.clientID == "edge-1-to-central")
    #expect(upstream.topicTemplate == "holdfast.events")
    #expect(upstream.gapTopicTemplate == "holdfast.gaps")
    #expect(upstream.kafka == KafkaConfiguration())
    #expect(upstream.inFlightMax == 1000 && upstream.refusalTryCountMax == 5)
  }

  @Test func propertiesPassThroughHoweverTheyAreWritten() throws {
    let upstream = try upstream(
      "topics = [\"a/+/b/#\", \"+/+\"]\ntopic = \"{agent}.{2}-{1}\"\nkey = \"\"",
      """
      "linger.ms" = 50
      sasl.username = "edge"
      socket.keepalive.enable = false
      acks = "-1"
      """
    )
    #expect(
      upstream.kafka?.properties.map { "\($0.name)=\($0.value)" }
        == ["acks=-1", "linger.ms=50", "sasl.username=edge", "socket.keepalive.enable=false"]
    )
    #expect(upstream.topicTemplate == "{agent}.{2}-{1}" && upstream.kafka?.keyTemplate == "")
  }

  @Test(arguments: [
    ("kafka://", "has no host"), ("kafka://a,,b", "has no host"), ("kafka://a:0", "has a port"),
    ("kafka://u@h", "holds a user name"), ("kafka://a:1/x", "goes on after the port"),
    ("kafka://" + String(repeating: "a,", count: 40) + "a", "names 41 brokers"),
  ])
  func aWrongAddressIsToldInOneLine(_ url: String, _ words: String) {
    let problems = problems(of: sample(upstreamURL: url))
    #expect(problems.map(\.key) == ["url"])
    #expect(problems.first?.what.contains(words) == true, "\(problems)")
  }

  @Test(arguments: [
    ("protocol = \"5\"", "protocol", "has no meaning for a Kafka cluster"),
    ("tls = { }", "tls", "has no meaning for a Kafka cluster"),
    ("username = \"u\"", "username", "has no meaning for a Kafka cluster"),
    ("format = \"ndjson\"", "format", "has no meaning for a Kafka cluster"),
    ("batch_age = \"1s\"", "batch_age", "has no meaning for a Kafka cluster"),
    ("topic = \"a/b\"", "topic", "names no topic of Kafka"),
    ("topic = \"\"", "topic", "names no topic of Kafka"),
    ("topic = \"{1}\"\ntopics = [\"a/+\", \"b\"]", "topic", "not every filter of topics"),
    ("key = \"{tpoic}\"", "key", "unknown placeholder"),
    ("key = \"{x\"", "key", "brace without its partner"),
    ("gap_topic = \"a/b\"", "gap_topic", "names no topic of Kafka"),
    ("in_flight = 1001", "in_flight", "outside its range"),
    ("kafkas = 1", "kafkas", "unknown key"),
  ])
  func aWrongKeyIsToldInOneLine(_ line: String, _ key: String, _ words: String) {
    let problems = problems(of: text(line))
    #expect(problems.map(\.key) == [key])
    #expect(problems.first?.what.contains(words) == true, "\(problems)")
  }

  @Test(arguments: [
    ("\"linger.mss\" = 1", "linger.mss", "is no property of librdkafka"),
    ("\"linger.ms\" = \"soon\"", "linger.ms", "Invalid value"),
    ("acks = 1", "acks", "would let events go"),
    ("request.required.acks = 0", "request.required.acks", "would let events go"),
    ("bootstrap.servers = \"x\"", "bootstrap.servers", "is set by Holdfast"),
    ("transactional.id = \"x\"", "transactional.id", "is set by Holdfast"),
    ("partitioner = [1]", "partitioner", "must be a string, not an array"),
    ("\"sasl.password_file\" = \"/nonexistent\"", "sasl.password_file", "names"),
    (
      "\"security.protocol\" = \"sasl_ssl\"\n\"sasl.mechanism\" = \"NONE\"", "kafka",
      "make no client"
    ),
  ])
  func aWrongPropertyIsToldInOneLine(_ line: String, _ key: String, _ words: String) {
    let problems = problems(of: text("", line))
    #expect(problems.map(\.key) == [key])
    #expect(problems.first?.what.contains(words) == true, "\(problems)")
  }

  @Test func aMisspeltPropertyIsToldWithTheNearest() {
    let problems = problems(of: text("", "\"compression.codek\" = \"zstd\""))
    #expect(problems.first?.nearest == "compression.codec")
  }

  @Test func noSecretIsEverShown() throws {
    let secret = "s3cr3t"
    let properties = "\"sasl.password\" = \"\(secret)\"\n\"ssl.key.password\" = \"\(secret)\""
    let loaded = try load(text("", properties))
    #expect(!loaded.summary.contains(secret))
    #expect(loaded.summary.contains("sasl.password, ssl.key.password"))
    let wrong = problems(of: text("", properties + "\n\"linger.ms\" = \"x\""))
    #expect(!"\(wrong)".contains(secret))
  }

  @Test func keysOfKafkaAreErrorsForMQTT() {
    #expect(problems(of: sample(upstream: "key = \"x\"")).map(\.key) == ["key"])
    #expect(problems(of: sample(end: "[upstream.kafka]\nacks = \"all\"")).map(\.key) == ["kafka"])
  }

  @Test func twoUpstreamsOfOneClusterMayHaveOneClientID() throws {
    let other = "[[upstream]]\nname = \"other\"\nurl = \"kafka://k1\"\nclient_id = \"c\""
    let loaded = try load(
      sample(upstream: "client_id = \"c\"", upstreamURL: "kafka://k1", end: other)
    )
    #expect(loaded.configuration.upstreams.count == 2)
  }
}

/// Without the library, one line says so.
@Suite(.enabled(if: !KafkaLibrary.isBuiltIn)) struct NoKafkaTests {
  @Test func aClusterIsToldInOneLine() {
    let problems = problems(of: sample(upstreamURL: "kafka://k1", end: "[upstream.kafka]\nx = 1"))
    #expect(problems.map(\.key) == ["url"])
    #expect(problems.first?.what.contains("which this program was built without") == true)
  }
}
