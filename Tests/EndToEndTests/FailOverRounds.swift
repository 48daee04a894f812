import Glibc
import Testing

extension Rounds {
  /// An upstream with a list of brokers, which know nothing of each other.
  @Suite(.serialized) struct FailOver {
    @Test
    func `the second broker takes over, the primary is gone back to, and nothing misses over both`()
      async throws
    {
      let scratch = try Scratch()
      let sensorsBroker = try Broker("sensors", in: scratch)
      let primary = try Broker("primary", in: scratch)
      let other = try Broker("other", in: scratch)
      for broker in [sensorsBroker, primary, other] { try await broker.start() }
      let listeners = [
        try Listener(at: primary, "sensors/#", session: "collector", in: scratch),
        try Listener(at: other, "sensors/#", session: "collector", in: scratch),
      ]
      for listener in listeners { try await listener.started() }
      var settings = AgentSettings(sourceURL: sensorsBroker.url, upstreamURL: primary.url)
      settings.upstreamLines = [
        #"fallback_urls = ["\#(other.url)"]"#, #"primary_retry = "2s""#,
      ]
      settings.statusLines = [#"listen = """#]
      let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
      try agent.start()
      let isUp = try await eventually(within: 30) {
        agent.log.contains("upstream central: connected to \(primary.url)")
          && sensorsBroker.subscriptionCount(to: "sensors/#") > 0
      }
      try #require(isUp, "\(agent.log)")
      let sensors = Sensors(url: sensorsBroker.url, in: scratch)
      try sensors.start(rate: 1500)
      for turn in 1...2 * Scale.repeats {
        try await pause(1)
        try await primary.stop()
        try await reaches("connected to \(other.url)", times: turn, agent)
        try await tells(agent, broker: 1, other.url, in: scratch)
        // At least one question that finds nobody there.
        try await pause(3)
        #expect(agent.logCount(of: "going back") == turn - 1)
        try await primary.start()
        try await reaches("going back from \(other.url) to \(primary.url)", times: turn, agent)
        try await reaches("connected to \(primary.url)", times: turn + 1, agent)
        try await tells(agent, broker: 0, primary.url, in: scratch)
      }
      try await pause(1)
      try await sensors.stop()
      let expected = try sensors.acknowledged()
      var tally = FailOverTally(expected)
      let isWhole = try await eventually(within: 60) {
        tally = FailOverTally(expected)
        for listener in listeners { tally.add(listener.messages) }
        return tally.missingCount == 0
      }
      try await agent.stop()
      let account = try TallyReport(try await agent.verify())
      print(
        "fail-over: \(tally.counts[0]) and \(tally.counts[1]) messages of"
          + " \(expected.values.reduce(0, +)) events; \(account)"
      )
      #expect(isWhole, "\(tally.missingCount) missing\n\(agent.log)")
      #expect(tally.inversions.isEmpty, "\(tally.inversions.prefix(5))")
      #expect(tally.counts.allSatisfy { $0 > 1000 }, "each of them was used: \(tally.counts)")
      #expect(account["delivered"] == account["offered"], "\(account)")
      Ledger.add(1, "rounds")
    }

    private func reaches(_ line: String, times: Int, _ agent: HoldfastProcess) async throws {
      let isSo = try await eventually(within: 30) { agent.logCount(of: line) >= times }
      try #require(isSo, "\(line), \(times) times:\n\(agent.log)")
    }

    /// Status, its JSON and the metrics say which broker is used.
    private func tells(
      _ agent: HoldfastProcess,
      broker: Int,
      _ url: String,
      in scratch: Scratch
    ) async throws {
      let place = HTTPClient.Place.path(agent.dataDirectory + "/status.sock")
      let isSo = try await eventually(within: 10) {
        let upstream = HTTPClient.get("/status.json", from: place)
          .flatMap { JSONTree($0.text)?["upstreams"]?.elements.first }
        let metrics = HTTPClient.get("/metrics", from: place)?.text ?? ""
        return upstream?["broker"]?.integer == broker && upstream?["url"]?.text == url
          && metrics.contains("holdfast_upstream_broker{upstream=\"central\"} \(broker)\n")
      }
      #expect(isSo, "\(HTTPClient.get("/status.json", from: place)?.text ?? "nobody answers")")
      let status = try await run(
        Programs.holdfast,
        ["status", "--data-dir", agent.dataDirectory],
        in: scratch
      )
      let isFallback = status.output.contains("\(url), fallback 1 of 1")
      #expect(isFallback == (broker == 1), "\(status.output)")
    }
  }
}

/// What two subscribers got between them.
private struct FailOverTally {
  private let expected: [String: Int]
  private var seen: [String: Set<Int>] = [:]
  /// Messages of each subscriber.
  private(set) var counts: [Int] = []
  /// Where an event came to a subscriber for the first time after a later one.
  private(set) var inversions: [String] = []

  /// How many events of each topic were acknowledged, counted from 1.
  init(_ expected: [String: Int]) { self.expected = expected }

  /// One subscriber's messages, topic and payload each.
  mutating func add(_ messages: [String]) {
    counts.append(messages.count)
    var own: [String: Set<Int>] = [:]
    var newest: [String: Int] = [:]
    for message in messages {
      guard let blank = message.firstIndex(of: " ") else { continue }
      let topic = String(message[..<blank])
      let digits = message[blank...].drop { !$0.isNumber }.prefix { $0.isNumber }
      guard let number = Int(digits) else { continue }
      guard own[topic, default: []].insert(number).inserted else { continue }
      if let last = newest[topic], last > number {
        inversions.append("\(topic): \(number) after \(last)")
      }
      newest[topic] = number
    }
    seen.merge(own) { $0.union($1) }
  }

  var missingCount: Int {
    expected.reduce(0) { count, topic in
      count + (0..<topic.value).count { seen[topic.key]?.contains($0 + 1) != true }
    }
  }
}
