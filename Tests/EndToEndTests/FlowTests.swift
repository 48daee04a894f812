import Testing

/// Real brokers, real processes, real outages.
///
/// One round after another: they share the machine.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct EndToEnd {}

extension EndToEnd {
  @Suite struct Flow {
    @Test func `a steady flow arrives whole, once and in order`() async throws {
      let site = try Site()
      try await site.start()
      try await site.sensors.publish(count: 20_000, rate: 5000)
      let tally = try await site.finish()
      expectComplete(tally)
      #expect(tally.expected == 20_000)
      #expect(tally.received == 20_000, "\(tally)")
      #expect(tally.gapRecords == 0, "\(tally)")
    }

    @Test(arguments: ["ndjson", "json"])
    func `batches arrive whole and in order`(format: String) async throws {
      let site = try Site { $0.upstreamLines = [#"format = "\#(format)""#] }
      try await site.start(collect: "holdfast/+/events")
      try await site.sensors.publish(count: 20_000, rate: 10_000)
      let tally = try await site.finish()
      expectComplete(tally)
      #expect(tally.duplicatesByAgent == 0, "\(tally)")
    }

    @Test func `the central broker is away for 200,000 events`() async throws {
      let site = try Site()
      try await site.start()
      try await site.centralBroker.stop()
      try await site.sensors.publish(count: 200_000)
      try await site.centralBroker.start()
      let tally = try await site.finish()
      expectComplete(tally)
      #expect(tally.expected == 200_000)
      #expect(tally.duplicatesByAgent <= 100, "\(tally)")
      #expect(tally.gapRecords == 0, "\(tally)")
    }

    @Test func `both brokers are restarted in the middle of it`() async throws {
      let site = try Site()
      try await site.start()
      try site.sensors.start(rate: 3000, count: 24_000)
      for broker in [site.sensorsBroker, site.centralBroker] {
        try await Task.sleep(for: .seconds(1.5))
        try await broker.stop()
        try await Task.sleep(for: .seconds(0.7))
        try await broker.start()
      }
      try await Task.sleep(for: .seconds(1))
      try await site.sensorsBroker.stop()
      try await site.centralBroker.stop()
      try await site.sensorsBroker.start()
      try await site.centralBroker.start()
      try await site.sensors.finish()
      let tally = try await site.finish()
      expectComplete(tally)
      #expect(tally.expected == 24_000)
      #expect(tally["source-session-lost"] == 0, "the session was kept: \(tally)")
    }
  }
}
