import Testing

extension Rounds {
  /// Stages that go by time, between real brokers: the agent is killed at random, and what came to the
  /// centre is computed again from its log, exactly.
  @Suite(.serialized) struct StageTimes {
    private static let settings = {
      var settings = StageSettings()
      settings.topicCount = 16
      settings.sensors = ["--late", "500"]
      func stage(_ type: String, _ topic: String, _ lines: String...) -> [String] {
        ["[[upstream.stage]]", "type = \"\(type)\"", "topics = [\"sensors/+/\(topic)\"]"] + lines
      }
      settings.upstream =
        stage("throttle", "temperature/1", #"interval = "150ms""#)
        + stage("throttle", "humidity/2", #"interval = "150ms""#, #"send = "last""#)
        + stage(
          "downsample",
          "pressure/3",
          #"field = "pressure""#,
          #"method = "m4""#,
          #"size = "300ms""#
        )
        + stage(
          "downsample",
          "vibration/4",
          #"field = "vibration""#,
          #"method = "lttb""#,
          #"size = "300ms""#
        )
        + stage(
          "alarm",
          "power/5",
          #"field = "power""#,
          "on = 800",
          "off = 700",
          #"duration = "120ms""#
        )
        + stage(
          "burst",
          "flow/6",
          #"when = "flow > 15.3""#,
          #"interval = "400ms""#,
          #"before = "300ms""#,
          #"after = "200ms""#
        )
        + stage("map", "level/7", #"select = ["battery"]"#)
        + stage("dedupe", "level/7", #"span = "250ms""#)
        + stage("window", "co2/8", #"late = "emit-correction""#, #"fields = ["co2"]"#, window)
        + stage(
          "deadband",
          "temperature/9",
          #"field = "temperature""#,
          "threshold = 30",
          #"max_interval = "1s""#
        )
        + stage("window", "co2/16", #"late = "count-only""#, #"fields = ["co2"]"#, window)
      return settings
    }()

    /// Up to half a second old when they come, most events are late for a window of 100 ms.
    private static let window = """
      size = "100ms"
      lateness = "150ms"
      time = "at"
      aggregates = ["count", "sum"]
      """

    @Test func `killed at random they do by the log's time what they should`() async throws {
      let site = try StageSite(Self.settings)
      try await site.start()
      try site.sensors.start(rate: 2000, count: 30_000 * Scale.repeats)
      try await site.kill(times: 10 * Scale.repeats)
      // For alarms, bursts and heartbeats some seconds of readings are wanted.
      try await pause(3)
      try await site.sensors.stop()
      try await site.drain()
      // What still waits for time leaves with ticks, at most one a second.
      try await pause(1.5)
      for _ in 0..<20 {
        if try await isThrough(site) { break }
        try await pause(1)
      }
      let outcome = try await Outcome(of: site)
      let log = try await site.log(withTicks: true)
      #expect(zip(log, log.dropFirst()).allSatisfy { $0.wall <= $1.wall && $0.boot <= $1.boot })
      let (expected, sentCounts) = Self.expectation(log)
      // Each of them had something to do, and let something through.
      for (name, (sent, all)) in sentCounts.sorted(by: { $0.key < $1.key }) {
        #expect(sent > 2 && sent < all, "\(name): \(sent) of \(all)")
      }
      #expect(expected.historical.count > 5)
      #expect(expected.results.contains { $0.revision > 1 } && expected.results.count > 40)
      #expect(expected.results.count { !$0.state.isEmpty } > 1)
      outcome.expect(expected)
      Ledger.add(1, "rounds of stages by the log's time")
    }

    /// Whether everything that must come of the log as it is has come.
    private func isThrough(_ site: StageSite) async throws -> Bool {
      let expected = Self.expectation(try await site.log(withTicks: true)).expected
      let arrivals = try site.arrivedLines().map { try site.arrival($0) }
      return Set(expected.events.keys).isSubset(of: arrivals.compactMap(\.number))
        && Set(arrivals.compactMap(\.result)).count >= expected.results.count
    }

    /// What must come of a log with its ticks, and of each stage how many of how many events.
    private static func expectation(
      _ log: [LoggedEvent]
    ) -> (expected: Expectation, counts: [String: (sent: Int, all: Int)]) {
      var expected = Expectation()
      var counts: [String: (sent: Int, all: Int)] = [:]
      let byTopic = Dictionary(grouping: log.filter { !$0.topic.isEmpty }, by: \.topic)
      for (topic, series) in byTopic {
        var sent = series
        switch topic.dropFirst("sensors/hall-1/".count) {
        case "temperature/1": sent = throttleFirst(series, interval: 150_000)
        case "humidity/2": sent = throttleLast(series, interval: 150_000)
        case "pressure/3": sent = m4(series, size: 300_000)
        case "vibration/4": sent = lttb(series, size: 300_000)
        case "power/5":
          sent = []
          expected.results += alarms(of: topic, in: log, on: 800, off: 700, duration: 120_000)
        case "flow/6":
          let (events, historical) = burst(
            series,
            above: 15.3,
            interval: 400_000,
            before: 300_000,
            after: 200_000
          )
          sent = events
          expected.historical.formUnion(historical)
        case "level/7":
          sent = dedupe(series, span: 250_000, by: battery)
          for event in sent { expected.events[event.number] = (topic, battery(event)) }
          counts[topic] = (sent.count, series.count)
          continue
        case "temperature/9": sent = deadband(series, threshold: 30, within: 1_000_000)
        case "co2/8", "co2/16":
          let (results, lateCount) = windows(
            series,
            time: { $0.fields?["at"]?.integer.map { $0 * 1000 } },
            size: 100_000,
            lateness: 150_000,
            corrects: topic.hasSuffix("/8")
          )
          expected.results += results
          counts[topic + " late"] = (lateCount, series.count)
          continue
        default:
          expected.pass(series)
          continue
        }
        expected.pass(sent)
        if !topic.hasSuffix("power/5") { counts[topic] = (sent.count, series.count) }
      }
      return (expected, counts)
    }

    private static func battery(_ event: LoggedEvent) -> String {
      #"{"battery":\#(event.fields?["battery"]?.word ?? "")}"#
    }
  }
}
