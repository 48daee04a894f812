import Glibc
import Testing

extension EndToEnd {
  @Suite struct Budgets {
    /// Seconds that are measured; HOLDFAST_BUDGET_SECONDS=130 measures whole minutes.
    private static let seconds =
      getenv("HOLDFAST_BUDGET_SECONDS").flatMap { Double(String(cString: $0)) } ?? 20

    /// Bytes a second: 64 kbit/s.
    private static let rate = 8000.0

    /// Checks the bytes that came over the relay: no span may have more than the budget and what may
    /// be saved up or owed, one second's worth; over a minute that is well within 5 %.
    private func check(_ relay: CountingRelay, _ agent: HoldfastProcess) throws {
      let all = relay.all
      let (first, last) = (try #require(all.first), try #require(all.last))
      let span = Double(last.at - first.at) / 1e6
      try #require(span > Self.seconds * 0.9, "\(agent.log)")
      for length in [5, 10, 20, 60.0] where length <= Self.seconds {
        let most = Double(relay.most(within: length))
        let allowed = length >= 60 ? Self.rate * length * 1.05 : Self.rate * (length + 1)
        #expect(most <= allowed, "\(most) bytes within \(length) s")
      }
      // It is used, too.
      let total = all.reduce(0) { $0 + $1.byteCount }
      #expect(Double(total) >= Self.rate * span * 0.95, "\(total) bytes in \(span) s")
      print("budget: \(total) bytes in \(span) s, \(Int(Double(total) / span)) of 8000 bytes/s")
    }

    @Test(arguments: [
      [#"format = "event""#],
      [#"format = "ndjson""#, #"compression = "zstd""#],
    ])
    func `no more bytes than the budget allows reach the centre, and no fewer`(
      lines: [String]
    ) async throws {
      let scratch = try Scratch()
      let sensorsBroker = try Broker("sensors", in: scratch)
      let centralBroker = try Broker("central", in: scratch)
      try await sensorsBroker.start()
      try await centralBroker.start()
      let relay = try CountingRelay(to: centralBroker.port)
      defer { relay.stop() }
      var settings = AgentSettings(sourceURL: sensorsBroker.url, upstreamURL: relay.url)
      settings.upstreamLines = lines + [#"budget = "64kbit/s""#, #"order = "live-first""#]
      let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
      try agent.start()
      let isUp = try await eventually(within: 30) {
        sensorsBroker.subscriptionCount(to: "sensors/#") > 0
      }
      try #require(isUp, "\(agent.log)")
      try await Sensors(url: sensorsBroker.url, in: scratch).publish(count: 200_000)
      try await pause(Self.seconds)
      try await agent.stop()
      try check(relay, agent)
      _ = try await agent.verify()
    }

    @Test func `TLS counts as well`() async throws {
      let scratch = try Scratch()
      let certificates = try await Certificates(in: scratch)
      let sensorsBroker = try Broker("sensors", in: scratch)
      let centralBroker = try SecureBroker("central", certificates, in: scratch)
      try await sensorsBroker.start()
      try await centralBroker.broker.start()
      let relay = try CountingRelay(to: centralBroker.broker.port)
      defer { relay.stop() }
      var settings = AgentSettings(
        sourceURL: sensorsBroker.url,
        upstreamURL: relay.secureURL
      )
      settings.upstreamLines = [certificates.settings, #"budget = "64kbit/s""#]
      let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
      try agent.start()
      let isUp = try await eventually(within: 30) {
        sensorsBroker.subscriptionCount(to: "sensors/#") > 0
      }
      try #require(isUp, "\(agent.log)")
      try await Sensors(url: sensorsBroker.url, in: scratch).publish(count: 50_000)
      try await pause(Self.seconds)
      try await agent.stop()
      try check(relay, agent)
      _ = try await agent.verify()
    }
  }
}
