import Testing

extension EndToEnd {
  @Suite struct Takeovers {
    /// Mosquitto 2.0.11 closes without the DISCONNECT that would name the reason.
    @Test func `two agents with one client id are told so, and stop throwing each other out`()
      async throws
    {
      let scratch = try Scratch()
      let sensorsBroker = try Broker("sensors", in: scratch)
      let centralBroker = try Broker("central", in: scratch)
      try await sensorsBroker.start()
      try await centralBroker.start()
      let settings = AgentSettings(sourceURL: sensorsBroker.url, upstreamURL: centralBroker.url)
      let agents = try ["first", "second"].map { name in
        try HoldfastProcess(settings, dataDirectory: scratch.newPath(name), in: scratch)
      }
      for agent in agents { try agent.start() }
      for client in ["edge-floor", "edge-to-central"] {
        let line = "another client uses client id \"\(client)\", or the broker closes at once"
        let isSaid = try await eventually(within: 60) {
          agents.contains { $0.log.contains(line) }
        }
        #expect(isSaid, "\(agents.map(\.log))")
      }
      let countBefore = sensorsBroker.subscriptionCount(to: "sensors/#")
      try await Task.sleep(for: .seconds(10))
      let count = sensorsBroker.subscriptionCount(to: "sensors/#") - countBefore
      #expect(count <= 2, "the one that stays may connect once more")
      for agent in agents {
        let lines = agent.log.split(separator: "\n").filter { $0.contains("another client") }
        #expect(lines.count <= 4, "\(agent.log)")
        try await agent.stop()
      }
    }
  }
}
