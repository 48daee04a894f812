import Glibc
import Testing

extension Rounds {
  /// Central brokers of several makes, by several ways in: an outage, `kill -9` of the agent, and the
  /// broker restarted, while `HOLDFAST_EVENTS` events are on their way.
  @Suite(.serialized) struct Matrix {
    @Test(arguments: MosquittoCentre.Way.allCases)
    func `Mosquitto, by each of its ways in`(_ way: MosquittoCentre.Way) async throws {
      let scratch = try Scratch()
      let centre = try await MosquittoCentre(way, in: scratch)
      try await play("Mosquitto, \(way.rawValue)", at: centre, in: scratch)
    }

    @Test func `NATS JetStream`() async throws {
      let scratch = try Scratch()
      guard access("/usr/sbin/nats-server", X_OK) == 0 || access("/usr/bin/nats-server", X_OK) == 0
      else {
        Ledger.skip("NATS JetStream in the broker matrix", because: "no nats-server")
        return
      }
      try await play("NATS JetStream", at: try ServerCentre.nats(in: scratch), in: scratch)
    }

    /// None unless HOLDFAST_BROKERS names some.
    @Test(arguments: Scale.brokers)
    func `a broker of another make`(_ name: String) async throws {
      let scratch = try Scratch()
      if let reason = ServerCentre.missing(for: name) {
        Ledger.skip("\(name) in the broker matrix", because: reason)
        return
      }
      let centre = try await ServerCentre.make(name, in: scratch)
      do {
        try await centre.start()
        try await centre.stop()
      } catch {
        Ledger.skip("\(name) in the broker matrix", because: "\(error)")
        return
      }
      try await play(name, at: centre, in: scratch)
    }

    private func play(_ title: String, at centre: any Centre, in scratch: Scratch) async throws {
      let sensorsBroker = try Broker("sensors", in: scratch)
      try await sensorsBroker.start()
      try await centre.start()
      let sensors = Sensors(url: sensorsBroker.url, in: scratch)
      let collector = try await Collector(
        url: centre.collectorURL,
        expecting: sensors.statePath,
        in: scratch,
        version: centre.version,
        idle: 60,
        centre.collectorArguments
      )
      var settings = AgentSettings(sourceURL: sensorsBroker.url, upstreamURL: centre.url)
      settings.ringSize = "512MiB"
      settings.upstreamLines = centre.upstreamLines + [#"ack_timeout = "5s""#]
      let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
      try agent.start()
      func subscribed(moreThan count: Int = 0) async throws {
        let isSo = try await eventually(within: 60) {
          sensorsBroker.subscriptionCount(to: "sensors/#") > count
        }
        try #require(isSo, "\(agent.log)")
      }
      try await subscribed()
      let isUp = try await eventually(within: 60) {
        agent.log.contains("upstream central: connected to")
      }
      try #require(isUp, "\(agent.log)")
      let isLarge = Scale.events > 20_000
      try sensors.start(rate: isLarge ? 0 : 1000, count: Scale.events)
      for _ in 0..<Scale.repeats {
        try await pause(0.5)
        if !centre.staysWhole {
          try await agent.kill()
          try await pause(1)
        }
        try await centre.stop()
        try await pause(1)
        if centre.staysWhole {
          try await agent.kill()
          try agent.start()
          try await pause(0.5)
        }
        let count = collector.subscriptionCount
        try await centre.start()
        if !centre.staysWhole {
          let isBack = try await eventually(within: 60) { collector.subscriptionCount > count }
          try #require(isBack, "the collector does not come back")
          try agent.start()
        }
        try await pause(1)
        try await agent.kill()
        try agent.start()
      }
      try await sensors.finish(within: 600)
      let tally = try await collector.tally(within: 840)
      for _ in 0..<60 {
        let account = try await agent.account()
        if account["delivered"] == account["offered"] && account["buffered"] == 0 { break }
        try await pause(0.5)
      }
      try await agent.stop()
      let account = try TallyReport(try await agent.verify())
      try await centre.stop()
      judge(title, tally, account)
    }

    private func judge(_ title: String, _ tally: TallyReport, _ account: TallyReport) {
      print("matrix: \(title): \(tally); account: \(account)")
      expectComplete(tally)
      #expect(tally.expected == Scale.events, "\(tally)")
      #expect(account["delivered"] == account["offered"], "\(account)")
      #expect(account["dead_lettered"] == 0, "\(account)")
      let repeatedMax = Scale.repeats * 3 * duplicatesPerCrashMax
      let repeated = tally.duplicatesByAgent + tally["duplicates_unidentified"]
      #expect(repeated <= repeatedMax, "\(tally)")
      Ledger.add(1, "rounds")
      Ledger.add(1, "brokers of the matrix")
      Ledger.add(Scale.events, "events through the broker matrix")
    }
  }
}
