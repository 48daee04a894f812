import Glibc
import Testing

extension EndToEnd {
  @Suite struct Peers {
    @Test func `NATS JetStream, which speaks 3.1.1 only, is a central broker too`() async throws {
      let scratch = try Scratch()
      let port = try Ports.take()
      let clientPort = try Ports.take()
      let configuration = scratch.newPath("nats.conf")
      let store = try scratch.makeDirectory("jetstream")
      try writeText(
        configuration,
        """
        host: 127.0.0.1
        port: \(clientPort)
        server_name: centre
        jetstream { store_dir: "\(store)" }
        mqtt { host: 127.0.0.1, port: \(port) }
        """
      )
      let log = scratch.newPath("nats.log")
      let server: ChildProcess
      do {
        server = try ChildProcess("nats-server", ["-c", configuration], output: log)
      } catch {
        Ledger.skip("NATS as central broker", because: "\(error)")
        return
      }
      guard try await eventually(within: 20, { Ports.answers(port) }) else {
        throw TestFailure("nats-server doesn't answer: \(server.tail)")
      }
      let url = "mqtt://127.0.0.1:\(port)"
      let sensorsBroker = try Broker("sensors", in: scratch)
      try await sensorsBroker.start()
      let sensors = Sensors(url: sensorsBroker.url, in: scratch)
      let collector = try await Collector(
        url: url,
        expecting: sensors.statePath,
        in: scratch,
        version: "3.1.1"
      )
      let agent = try HoldfastProcess(
        AgentSettings(sourceURL: sensorsBroker.url, upstreamURL: url),
        dataDirectory: scratch.newPath("data"),
        in: scratch
      )
      try agent.start()
      guard
        try await eventually(within: 20, { sensorsBroker.subscriptionCount(to: "sensors/#") > 0 })
      else { throw TestFailure("the agent doesn't subscribe:\n\(agent.log)") }
      try await sensors.publish(count: 10_000, rate: 2500)
      let tally = try await collector.tally()
      try await agent.stop()
      _ = try await agent.verify()
      expectComplete(tally)
      #expect(tally["duplicates_unidentified"] == 0, "\(tally)")
      _ = try await server.stop()
    }

    @Test func `hostile input neither stops it nor goes unaccounted`() async throws {
      let site = try Site()
      try await site.start()
      // One event of the fleet, so that there is something to expect.
      try await site.sensors.publish(count: 1)
      let topicCount = 100_000
      let result = try await run(
        Programs.traffic,
        ["hostile", "--url", site.sensorsBroker.url, "--topics", "\(topicCount)"],
        in: site.scratch,
        within: 120
      )
      #expect(result.status == .code(0), "\(result.output)")
      let sent = try TallyReport(result.output)["acknowledged"] + 1
      #expect(sent == topicCount + 13)
      // The fleet's one event is long there: wait until the odd ones have come, too.
      try await site.sensors.publish(count: 100, rate: 100)
      let memory = site.agent.residentByteCount
      #expect(memory > 0 && memory < 64 << 20, "\(memory >> 20) MiB after \(topicCount) topics")
      let tally = try await site.finish()
      expectOrderly(tally)
      #expect(tally.missing == 0, "\(tally)")
      #expect(tally["oversize"] == 1, "the payload of 10 MB: \(tally)")
      // The empty payload bears no counter: it is among the foreign.
      let accounted = tally.distinct + tally["foreign"] + tally["oversize"] + tally["invalid"]
      #expect(accounted == sent + 100, "\(tally)")
    }
  }
}
