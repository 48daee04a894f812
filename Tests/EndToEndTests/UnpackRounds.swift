import Glibc
import Testing

extension Rounds {
  /// Agent, central broker and unpacker in a chain, each killed at random.
  @Suite(.serialized) struct Unpacking {
    private static let kills = max(6, Scale.kills / 8)
    /// What an unpacker may repeat when it is killed: Mosquitto's window of batches.
    private static let repeatedMax = 20 * 500

    @Test(arguments: [
      [#"format = "ndjson""#, #"compression = "zstd""#],
      [#"format = "lines""#, #"compression = "gzip""#],
    ])
    func `agent and unpacker are killed at random: nothing is lost, little repeated`(
      format: [String]
    ) async throws {
      let site = try Site { $0.upstreamLines = format + [#"batch_age = "50ms""#] }
      let unpack = try UnpackProcess(
        source: site.centralBroker.url,
        upstream: site.centralBroker.url,
        in: site.scratch
      )
      try await site.sensorsBroker.start()
      try await site.centralBroker.start()
      try unpack.start()
      let isReady = try await eventually(within: 30) {
        site.centralBroker.subscriptionCount(to: "holdfast/+/events") > 0
      }
      try #require(isReady, "\(unpack.log)")
      try await site.startAgentAndCollector()
      try site.sensors.start(rate: 3000)
      var random = SystemRandomNumberGenerator()
      for number in 0..<Self.kills {
        try await pause(Double.random(in: 0.1...0.8, using: &random))
        if number % 3 == 2 {
          try await site.agent.kill()
          try site.agent.start()
        } else {
          try await unpack.kill()
          try unpack.start()
        }
      }
      try await site.sensors.stop()
      let tally = try await site.finish()
      try await unpack.stop()
      print("unpack killed \(Self.kills) times: \(tally)\n\(unpack.log.suffix(400))")
      expectComplete(tally)
      #expect(tally.duplicatesByAgent <= Self.kills * Self.repeatedMax, "\(tally)")
      #expect(
        unpack.log.contains(" 0 unreadable, 0 looping, 0 dead letters, 0 dropped"),
        "\(unpack.log)"
      )
      Ledger.add(Self.kills, "kill -9 of agent or unpacker")
    }

    /// The recipe of docs/batches.md: a consumer that commits the identity with its effect.
    @Test func `with identities in PostgreSQL every event has its effect exactly once`()
      async throws
    {
      let scratch = try Scratch()
      guard let database = try await Database(in: scratch) else { return }
      let site = try Site(scratch: scratch) {
        $0.upstreamLines = [#"format = "ndjson""#, #"batch_age = "50ms""#]
      }
      let events = scratch.newPath("events.ndjson")
      let unpack = try UnpackProcess(source: site.centralBroker.url, output: events, in: scratch)
      try await site.sensorsBroker.start()
      try await site.centralBroker.start()
      try unpack.start()
      try #require(
        try await eventually(within: 30) {
          site.centralBroker.subscriptionCount(to: "holdfast/+/events") > 0
        },
        "\(unpack.log)"
      )
      try await site.startAgentAndCollector()
      try await database.makeTables()
      try site.sensors.start(rate: 2000, count: 12_000)
      var random = SystemRandomNumberGenerator()
      for _ in 0..<6 {
        let consumer = try database.startConsumer(of: events)
        try await pause(Double.random(in: 0.2...0.7, using: &random))
        try await unpack.kill()
        try unpack.start()
        try await consumer.killAtOnce()
      }
      try await site.sensors.finish()
      let consumer = try database.startConsumer(of: events)
      let isWhole = try await eventually(within: 60) {
        try database.value("SELECT coalesce(sum(count), 0) FROM totals") == "12000"
      }
      let sum = try database.value("SELECT sum(count) FROM totals")
      #expect(isWhole, "\(sum): \(unpack.log)")
      try await pause(1)
      #expect(try database.value("SELECT sum(count) FROM totals") == "12000")
      #expect(try database.value("SELECT count(*) FROM events") == "12000")
      try await consumer.killAtOnce()
      try await site.agent.stop()
      try await unpack.stop()
      Ledger.add(1, "rounds with PostgreSQL")
    }
  }
}
