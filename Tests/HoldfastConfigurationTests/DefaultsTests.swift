import HoldfastAgent
import HoldfastConfiguration
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

@Suite struct DefaultsTests {
  private let least = """
    [[source]]
    name = "floor"
    url = "mqtt://broker"
    topics = ["sensors/#"]
    [[upstream]]
    name = "central"
    url = "mqtts://centre"
    """

  @Test func theLeastFileHasEveryDefault() throws {
    let loaded = try load(least)
    let configuration = loaded.configuration
    #expect(configuration.agentID == "edge-default")
    #expect(configuration.dataDirectory == "/var/lib/holdfast")
    #expect(configuration.ring == RingConfiguration())
    let source = try #require(configuration.sources.first)
    #expect(source.link.host == "broker" && source.link.port == 1883 && source.link.tls == nil)
    #expect(source.link.clientID == "edge-default-floor")
    #expect(source.link.protocolPolicy == .auto)
    #expect(source.topics.map(\.description) == ["sensors/#"])
    let upstream = try #require(configuration.upstreams.first)
    #expect(upstream.link.port == 8883 && upstream.link.tls == TLSConfiguration())
    #expect(upstream.link.clientID == "edge-default-to-central")
    #expect(upstream.topics.map(\.description) == ["#"])
    #expect(upstream.topicTemplate == "{topic}")
    #expect(upstream.gapTopicTemplate == "holdfast/{agent}/gaps")
    #expect(loaded.warnings == [])
  }

  @Test func everyKeyOfAgentAndRingIsTaken() throws {
    let text = sample(
      agent: "id = \"a.b-c_1\"\ndata_dir = \"/data\"",
      ring: """
        size = 64000000
        max_age = "2d"
        keep_delivered = "36h"
        when_full = "refuse-newest"
        commit_interval = "1s"
        max_payload = "64KiB"
        chain_size = "1MiB"
        time_resolution = "us"
        memory = "2MB"
        """
    )
    let configuration = try load(text).configuration
    var ring = RingConfiguration()
    ring.byteCountMax = 64_000_000
    ring.ageMax = 172_800_000_000
    ring.keepDelivered = .span(129_600_000_000)
    ring.whenFull = .refuseNewest
    ring.commitInterval = 1_000_000
    ring.payloadByteCountMax = 65_536
    ring.chainRawByteCountMax = 1 << 20
    ring.ticksPerSecond = 1_000_000
    ring.tailByteCountMax = 2_000_000
    #expect(configuration.ring == ring)
    #expect(configuration.agentID == "a.b-c_1")
    #expect(configuration.dataDirectory == "/data")
  }

  @Test func everyKeyOfASourceIsTaken() throws {
    let text = sample(
      source: """
        session_expiry = "1h"
        receive_maximum = 7
        inflight_window = 8
        protocol = "3.1.1"
        client_id = "me"
        username = "u"
        password = "p"
        keep_alive = "5m"
        connect_timeout = "2s"
        backoff_max = "1m"
        [source.tls]
        ca_file = "/nonexistent/ca"
        cert_file = "/nonexistent/cert"
        key_file = "/nonexistent/key"
        """,
      sourceURL: "mqtts://[::1]"
    )
    let source = try #require(try load(text).configuration.sources.first)
    var link = LinkConfiguration(host: "::1", port: 8883)
    link.tls = TLSConfiguration(
      caFile: "/nonexistent/ca",
      certificateFile: "/nonexistent/cert",
      keyFile: "/nonexistent/key"
    )
    link.protocolPolicy = .v311
    link.clientID = "me"
    link.username = "u"
    link.password = "p"
    link.keepAliveSeconds = 300
    link.connectTimeout = 2_000_000
    link.backoffMax = 60_000_000
    link.statusTopic = "holdfast/edge-1/status"
    var expected = SourceConfiguration(name: "floor", link: link, topics: source.topics)
    expected.sessionExpirySeconds = 3600
    expected.receiveMaximum = 7
    expected.inflightWindow = 8
    #expect(source == expected)
  }

  @Test func everyKeyOfAnUpstreamIsTaken() throws {
    let text = sample(
      upstream: """
        topics = ["a/+", "b"]
        topic = "x/{agent}/{upstream}"
        gap_topic = ""
        format = "json"
        compression = "zstd"
        in_flight = 1000
        batch_events = 2
        batch_bytes = "1KiB"
        batch_age = "10ms"
        ack_timeout = "1s"
        refusal_tries = 1
        dead_letter_size = "64KiB"
        protocol = "5"
        fallback_urls = ["mqtt://second", "mqtt://[::2]:1884"]
        primary_retry = "1s"
        """
    )
    let upstream = try #require(try load(text).configuration.upstreams.first)
    #expect(upstream.topics.map(\.description) == ["a/+", "b"])
    #expect(upstream.topicTemplate == "x/{agent}/{upstream}")
    #expect(upstream.gapTopicTemplate == "")
    #expect(upstream.format == .json && upstream.compression == .zstd)
    #expect(upstream.inFlightMax == 1000 && upstream.batchEventCountMax == 2)
    #expect(upstream.batchByteCountMax == 1024 && upstream.batchAgeMax == 10_000)
    #expect(upstream.acknowledgementTimeout == 1_000_000)
    #expect(upstream.refusalTryCountMax == 1 && upstream.deadLetterByteCountMax == 65_536)
    #expect(upstream.link.protocolPolicy == .v5)
    #expect(
      (0..<upstream.link.brokerCount).map { upstream.link.broker(at: $0).url } == [
        "mqtt://127.0.0.1:2883", "mqtt://second:1883", "mqtt://[::2]:1884",
      ]
    )
    #expect(upstream.link.primaryRetry == 1_000_000)
    #expect(
      try load(sample(upstream: "retain = \"never\"")).configuration.upstreams[0].retain == .never
    )
  }

  @Test(arguments: ["ndjson", "json"])
  func batchesHaveATopicOfTheirOwn(format: String) throws {
    let upstream = try load(sample(upstream: "format = \"\(format)\"")).configuration.upstreams[0]
    #expect(upstream.topicTemplate == "holdfast/{agent}/events")
  }

  @Test func aMachineWithoutAnIDNeedsAnAgentID() throws {
    let error = #expect(throws: ConfigurationError.self) {
      try ConfigurationFile.load(text: least, defaultAgentID: "")
    }
    #expect(error?.problems.map(\.key) == ["id"])
  }

  @Test func theDefaultAgentIDIsStableAndHidesTheMachineID() {
    let id = defaultAgentID(machineID: "0123456789abcdef0123456789abcdef\n")
    #expect(id == defaultAgentID(machineID: "0123456789abcdef0123456789abcdef"))
    #expect(id != defaultAgentID(machineID: "0123456789abcdef0123456789abcdee"))
    #expect(id.utf8.count == 17 && id.hasPrefix("edge-"))
    #expect(!"0123456789abcdef0123456789abcdef".contains(id.dropFirst(5)))
    #expect(defaultAgentID(machineID: "\n") == "")
  }

  @Test func doubtfulSettingsAreWarningsSortedByLine() throws {
    let text = sample(
      upstream: "batch_age = \"1s\" #!",
      sourceTopics: "topics = [\"sensors/#\", \"sensors/a\"] #!",
      end: """
        [[source]]
        name = "other"
        url = "mqtt://localhost:1883"
        topics = ["+/a"] #!
        """
    )
    let warnings = try load(text).warnings
    #expect(warnings.map(\.line) == markedLines(of: text))
    #expect(warnings.map(\.key) == ["topics", "batch_age", "topics"])
  }
}

@Suite struct SummaryTests {
  @Test func theSummaryNamesEachPartOnALine() throws {
    let text = sample(
      ring: "max_age = \"30d\"",
      source: "username = \"someone\"\npassword = \"hunter2\"",
      upstream: "format = \"ndjson\"\ncompression = \"zstd\"",
      sourceTopics: "topics = [\"a\", \"b\", \"c\", \"d\", \"e\"]"
    )
    let summary = try load(text).summary
    #expect(
      summary == """
          agent     edge-1   /var/lib/holdfast
          ring      256MiB   drop-oldest when full, at most 30d old, commits every 250ms
          source    floor    mqtt://127.0.0.1:1883 a, b, c and 2 more
          upstream  central  # as ndjson zstd to holdfast/{agent}/events at mqtt://127.0.0.1:2883
        """
    )
    #expect(!summary.contains("hunter2") && !summary.contains("someone"))
  }
}
