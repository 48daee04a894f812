import Testing

extension Rounds {
  /// Stages between real brokers: what came to the centre is computed again from the agent's log.
  @Suite(.serialized) struct Stages {
    @Test func `killed at random it thins out as its log says`() async throws {
      var settings = StageSettings()
      settings.upstream = [
        "[[upstream.stage]]", #"type = "deadband""#, #"topics = ["sensors/+/temperature/+"]"#,
        #"field = "temperature""#, #"threshold = "0.5""#,
        "[[upstream.stage]]", #"type = "sample""#, #"topics = ["sensors/+/humidity/+"]"#,
        "every = 7",
        "[[upstream.stage]]", #"type = "swinging-door""#, #"topics = ["sensors/+/pressure/+"]"#,
        #"field = "pressure""#, #"deviation = "0.5""#,
        "[[upstream.stage]]", #"type = "changed""#, #"topics = ["sensors/+/level/+"]"#,
        #"fields = ["battery"]"#,
        "[[upstream.stage]]", #"type = "map""#, #"topics = ["sensors/+/co2/+"]"#,
        #"remove = ["pad"]"#, #"topic = "sensors/{1}/air/{2}""#,
      ]
      let site = try await killed(settings, times: 14)
      let outcome = try await Outcome(of: site)
      let log = outcome.log
      var expected = Expectation()
      for event in log where ["vibration", "power", "flow", ""].contains(event.quantity) {
        expected.pass(event)
      }
      for series in log.series("temperature") {
        expected.pass(deadband(series, threshold: 0.5))
      }
      for series in log.series("humidity") {
        expected.pass(sample(series, every: 7))
      }
      for series in log.series("level") {
        expected.pass(changed(series, field: "battery"))
      }
      for event in log where event.quantity == "co2" {
        let topic = event.topic.replacing("/co2/", with: "/air/")
        let payload = event.payload.prefix(upTo: #","pad""#) + "}"
        expected.events[event.number] = (topic, payload)
      }
      for series in log.series("pressure") {
        let sent = series.filter { outcome.numbers.contains($0.number) }
        expected.pass(sent)
        let faults = faults(ofSwingingDoor: series, sent: outcome.numbers, deviation: 0.5)
        #expect(faults.isEmpty, "\(faults.prefix(3)) and \(faults.count) in all")
        #expect(sent.count > 2 && sent.count < series.count / 4, "\(sent.count) of \(series.count)")
      }
      outcome.expect(expected)
      #expect(outcome.account["filtered"] == log.count - expected.events.count)
    }

    @Test func `killed at random its windows hold what its log holds`() async throws {
      var settings = StageSettings(format: "ndjson")
      settings.upstream = [
        #"batch_age = "200ms""#,
        "[[upstream.stage]]", #"type = "window""#, #"topics = ["sensors/+/vibration/+"]"#,
        #"fields = ["vibration", "n"]"#, #"size = "200ms""#,
        #"aggregates = ["count", "mean", "last"]"#,
        "[[upstream.stage]]", #"type = "window""#, #"topics = ["sensors/+/humidity/+"]"#,
        #"fields = ["humidity"]"#, #"size = "1s""#, #"topic = "{topic}/1s""#,
        #"aggregates = ["min", "max"]"#,
      ]
      let site = try await killed(settings, times: 12)
      // The last windows end without an event.
      let outcome = try await Outcome(of: site, waitingFor: Self.windowResults)
      var expected = Expectation()
      for event in outcome.log where !["vibration", "humidity"].contains(event.quantity) {
        expected.pass(event)
      }
      expected.results = Self.windowResults(outcome.log)
      #expect(expected.results.count > 10)
      outcome.expect(expected)
      #expect(outcome.account["aggregated"] == outcome.log.count - expected.events.count)
      #expect(outcome.account["derived_delivered"] == expected.results.count)
    }

    private static func windowResults(_ log: [LoggedEvent]) -> [Expectation.Result] {
      func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
      var results: [Expectation.Result] = []
      for series in log.series("vibration") {
        results += windows(series, milliseconds: 200, topic: { $0 }) { events in
          let numbers = events.compactMap { $0.fields?["n"]?.number }
          let values = events.compactMap(\.value)
          return [
            Double(events.count), Double(values.count), mean(values), values.last ?? 0,
            Double(numbers.count), mean(numbers), numbers.last ?? 0,
          ]
        }
      }
      for series in log.series("humidity") {
        results += windows(series, milliseconds: 1000, topic: { $0 + "/1s" }) { events in
          let values = events.compactMap(\.value)
          return [Double(events.count), values.min() ?? 0, values.max() ?? 0]
        }
      }
      return results
    }

    @Test func `killed at random it tells of each alarm, and records before each trigger`()
      async throws
    {
      var settings = StageSettings()
      settings.upstream = [
        "[[upstream.stage]]", #"type = "alarm""#, #"topics = ["sensors/+/power/+"]"#,
        #"field = "power""#, "on = 880", "off = 600",
        "[[upstream.stage]]", #"type = "burst""#, #"topics = ["sensors/+/flow/+"]"#,
        #"when = "flow > 15.3""#, #"interval = "1d""#, #"before = "1h""#, #"after = "0ms""#,
        "before_events = 200",
      ]
      let site = try await killed(settings, times: 12)
      let outcome = try await Outcome(of: site)
      var expected = Expectation()
      for event in outcome.log where !["power", "flow"].contains(event.quantity) {
        expected.pass(event)
      }
      for series in outcome.log.series("power") {
        expected.results += alarms(series, on: 880, off: 600)
      }
      let flow = outcome.log.filter { $0.quantity == "flow" }
      let sent = outcome.numbers.subtracting(outcome.historical)
      let (events, historical) = burst(flow, above: 15.3, keeping: 200, sent: sent)
      expected.pass(events)
      expected.historical.formUnion(historical)
      #expect(events.count < flow.count / 2, "\(events.count) of \(flow.count)")
      #expect(expected.results.count > 1 && expected.historical.count > 19)
      outcome.expect(expected)
    }

    /// A site whose agent was killed over and over under load, and is through with everything.
    private func killed(_ settings: StageSettings, times: Int) async throws -> StageSite {
      let site = try StageSite(settings)
      try await site.start()
      try site.sensors.start(rate: 2000)
      try await site.kill(times: times * Scale.repeats)
      try await site.sensors.stop()
      try await site.drain()
      return site
    }
  }
}

extension String {
  /// What stands before the first `text`; all of it where there is none.
  fileprivate func prefix(upTo text: String) -> String {
    firstRange(of: text).map { String(self[..<$0.lowerBound]) } ?? self
  }
}
