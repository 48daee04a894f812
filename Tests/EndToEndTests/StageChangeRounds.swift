import Testing

extension Rounds {
  /// Stages before the log, stages that change, payloads that can't be read.
  @Suite(.serialized) struct StageChanges {
    @Test func `stages before the log, killed at random, keep back what they should and count it`()
      async throws
    {
      var settings = StageSettings()
      settings.source = [
        "[[source.stage]]", #"type = "drop""#, #"topics = ["sensors/+/level/+"]"#,
        "[[source.stage]]", #"type = "sample""#, #"topics = ["sensors/+/humidity/+"]"#, "every = 4",
        "[[source.stage]]", #"type = "deadband""#, #"topics = ["sensors/+/power/+"]"#,
        #"field = "power""#, "threshold = 20",
      ]
      let site = try StageSite(settings)
      try await site.start()
      try site.sensors.start(rate: 2000)
      try await site.kill(times: 8 * Scale.repeats)
      try await site.sensors.stop()
      try await site.drain()
      let (before, countBefore) = try await site.settledAccount()
      #expect(before.received == before.stored + before.filteredAtSource, "\(before)")
      #expect(before.filteredAtSource > 0)

      // Without a kill the count is right to the event.
      try await site.sensors.publish(count: 4000)
      try await site.drain()
      let (after, countAfter) = try await site.settledAccount()
      let newCount = countAfter - countBefore
      #expect(after.received - before.received == 4001, "4000 and the mark: \(after), \(before)")
      #expect(after.stored - before.stored == newCount, "\(after), \(before)")
      #expect(after.filteredAtSource - before.filteredAtSource == 4001 - newCount)

      let outcome = try await Outcome(of: site)
      var expected = Expectation()
      expected.pass(outcome.log)
      outcome.expect(expected)
      #expect(!outcome.log.contains { $0.quantity == "level" })
      for quantity in ["temperature", "pressure", "vibration", "flow", "co2"] {
        for series in outcome.log.series(quantity) {
          let numbers = series.compactMap { $0.fields?["n"]?.integer }
          #expect(Set(numbers) == Set(1...(numbers.max() ?? 1)), "\(quantity): some are missing")
        }
      }
      let all = outcome.log.series("temperature")[0].count
      // Each start begins anew, and what was not acknowledged comes again.
      for series in outcome.log.series("humidity") { #expect(series.count < all / 2) }
      for series in outcome.log.series("power") {
        // With each start the first value goes on; then it must have moved.
        let values = series.compactMap(\.value)
        let small = zip(values, values.dropFirst()).count { abs($0 - $1) <= 20 }
        #expect(small <= 8 * Scale.repeats, "\(small) small steps")
      }
    }

    @Test func `another configuration applies from the next event on and sends nothing again`()
      async throws
    {
      func stage(_ lines: [String]) -> StageSettings {
        StageSettings(
          upstream: ["[[upstream.stage]]", #"topics = ["sensors/+/temperature/+"]"#] + lines
        )
      }
      let site = try StageSite(stage([#"type = "sample""#, "every = 3"]))
      try await site.start()
      try await site.sensors.publish(count: 3000)
      try await site.drain()
      try await site.agent.stop()
      let firstCount = site.arrivedLines().count

      try site.change(
        to: stage([#"type = "deadband""#, #"field = "temperature""#, "threshold = 1"])
      )
      try await site.startAgent()
      let second = try site.beginning()
      try site.sensors.start(rate: 2000)
      // Long enough that a cursor of the second life is saved: at most a second after it moves.
      try await pause(3)
      try await site.agent.kill()

      try site.change(to: stage([#"type = "sample""#, "every = 5"]))
      try await site.startAgent()
      let third = try site.beginning()
      try await pause(0.5)
      try await site.sensors.stop()
      try await site.drain()
      let arrivals = try site.arrivedLines().map { try site.arrival($0) }
      let outcome = try await Outcome(of: site)
      #expect(second < third, "the second life came to \(third)")
      #expect(arrivals.dropFirst(firstCount).allSatisfy { $0.number ?? 0 >= second }, "sent again")
      #expect(Set(arrivals.prefix(firstCount).map(\.identity)).count == firstCount)

      var expected = Expectation()
      for event in outcome.log where event.quantity != "temperature" { expected.pass(event) }
      for series in outcome.log.series("temperature") {
        let (old, rest) = (
          series.filter { $0.number < second }, series.filter { $0.number >= second }
        )
        expected.pass(sample(old, every: 3))
        let moved = deadband(rest, threshold: 1)
        // What the second life sent when its acknowledgement had not been saved yet is there as well.
        for event in moved where event.number < third || outcome.numbers.contains(event.number) {
          expected.pass(event)
        }
        expected.pass(sample(rest.filter { $0.number >= third }, every: 5))
      }
      // Of the numbers whose acknowledgement was not saved, the third life may choose others.
      outcome.expect(expected, isOrdered: false)
      Ledger.add(1, "kill -9 of an agent with stages")
    }

    @Test func `what can't be read goes to the dead letters, also across kills`() async throws {
      let site = try StageSite(
        StageSettings(upstream: [
          #"undecodable = "dead-letter""#,
          "[[upstream.stage]]", #"type = "deadband""#, #"topics = ["sensors/+/temperature/+"]"#,
          #"field = "temperature""#, "threshold = 1",
        ])
      )
      try await site.start()
      try site.sensors.start(rate: 1500)
      let faulty = ["{", #"{"temperature":}"#, "not JSON", #"{"n":1,"temper"#]
      for payload in faulty {
        try await site.publish(payload, to: "sensors/x/temperature/1")
        try await pause(0.1)
        try await site.agent.kill()
        try await site.startAgent()
      }
      // No field is no fault.
      try await site.publish(#"{"humidity":3}"#, to: "sensors/x/temperature/2")
      try await site.sensors.stop()
      try await site.drain()
      let outcome = try await Outcome(of: site)
      var expected = Expectation()
      for event in outcome.log where event.quantity != "temperature" { expected.pass(event) }
      for series in outcome.log.series("temperature")
      where series[0].topic != "sensors/x/temperature/1" {
        expected.pass(deadband(series, threshold: 1))
      }
      outcome.expect(expected)

      let unreadable = outcome.log.filter { $0.topic == "sensors/x/temperature/1" }
      #expect(Set(unreadable.map(\.payload)) == Set(faulty))
      let letters = try await site.command(["ring", "dead-letters", "--json"])
        .split(separator: "\n").compactMap { JSONTree($0) }
      #expect(Set(letters.compactMap { $0["first"]?.integer }) == Set(unreadable.map(\.number)))
      #expect(letters.allSatisfy { $0["upstream"]?.text == "central" }, "\(letters)")
      #expect(
        letters.allSatisfy { $0["reason"]?.text == "its payload can't be read" },
        "\(letters)"
      )
      #expect(outcome.account["dead_lettered"] == unreadable.count, "\(outcome.account)")
      Ledger.add(faulty.count, "kill -9 of an agent with stages")
    }
  }
}

extension StageSite {
  /// The counters while nothing arrives, once they are saved, and how many events the log holds.
  fileprivate func settledAccount() async throws -> (Account, Int) {
    var count = 0
    var latest: Account?
    for _ in 0..<50 {
      count = try await log().count
      let account = try await account()
      // They are saved once a second.
      if let latest, latest.received == account.received, account.stored == count {
        return (account, count)
      }
      latest = account
      try await pause(1.2)
    }
    throw TestFailure("the counters don't settle: \(String(describing: latest)), \(count)")
  }

  /// From which number on the agent's stages begin anew, as it says.
  fileprivate func beginning() throws -> Int {
    let text = "the stages begin anew at number "
    guard let place = agent.log.firstRange(of: text) else {
      throw TestFailure("it doesn't say that its stages begin anew:\n\(agent.log)")
    }
    let rest = agent.log[place.upperBound...]
    guard rest.drop(while: \.isNumber).hasPrefix(": their settings have changed"),
      let number = Int(rest.prefix(while: \.isNumber))
    else { throw TestFailure(agent.log) }
    return number
  }
}
