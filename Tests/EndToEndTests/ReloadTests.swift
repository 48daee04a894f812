import Glibc
import Testing

extension Rounds {
  /// SIGHUP while events flow.
  @Suite(.serialized) struct Reloads {
    @Test func `the configuration is swapped again and again, wrong ones among them`() async throws
    {
      let site = try Site()
      var settings = AgentSettings(
        sourceURL: site.sensorsBroker.url,
        upstreamURL: site.centralBroker.url
      )
      let (tally, _) = try await round("configuration swapped", on: site) {
        let process = site.agent.processID
        var descriptors = 0
        for turn in 0..<4 * Scale.repeats {
          settings.commitInterval = turn % 2 == 0 ? "20ms" : "80ms"
          settings.upstreamLines = ["in_flight = \(20 + turn)"]
          try site.agent.configure(settings)
          try await site.agent.reload()
          try await pause(0.5)
          if turn == 0 { descriptors = descriptorCount(of: process) }
          try writeText(site.agent.configuration, settings.text + "sise = 1\n")
          try await site.agent.reload(expecting: "the configuration stays as it was")
        }
        #expect(site.agent.processID == process, "it is one process")
        #expect(descriptorCount(of: process) <= descriptors + 2, "nothing is left open")
        #expect(site.agent.log.contains("unknown key \"sise\" in [[upstream]] \"central\""))
        let second = try HoldfastProcess(
          settings,
          dataDirectory: site.agent.dataDirectory,
          in: site.scratch
        )
        try second.start()
        #expect(try await second.ended(within: 10) == .code(75), "the lock was kept")
      }
      #expect(tally.missing == 0)
    }

    private func descriptorCount(of process: Int32) -> Int {
      guard let directory = opendir("/proc/\(process)/fd") else { return 0 }
      defer { closedir(directory) }
      var count = 0
      while readdir(directory) != nil { count += 1 }
      return count
    }

    @Test func `an upstream is added and taken away, and systemd hears of it`() async throws {
      let site = try Site()
      let manager = try NotifySocket(site.scratch.newPath("notify"))
      try await site.start(environment: [("NOTIFY_SOCKET", manager.path)])
      let isReady = try await eventually(within: 20) { manager.next() == "READY=1" }
      try #require(isReady, "\(site.agent.log)")
      let plain = AgentSettings(
        sourceURL: site.sensorsBroker.url,
        upstreamURL: site.centralBroker.url
      )
      var settings = plain
      settings.upstreamLines = [
        "[[upstream]]", #"name = "copy""#, #"url = "\#(site.centralBroker.url)""#,
        #"topic = "copy/{topic}""#,
      ]
      try site.agent.configure(settings)
      try await site.agent.reload()
      let isUp = try await eventually(within: 20) {
        site.centralBroker.logCount(of: " as edge-to-copy (") > 0
      }
      try #require(isUp, "\(site.agent.log)")
      var messages: [String] = []
      _ = try await eventually(within: 10) {
        while let message = manager.next() {
          // Status lines come at times of their own.
          if !message.hasPrefix("STATUS=") { messages.append(message) }
        }
        return messages.last == "READY=1"
      }
      #expect(messages.first?.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") == true, "\(messages)")
      #expect(messages.last == "READY=1", "\(messages)")
      let listener = try Listener(at: site.centralBroker, "copy/#", in: site.scratch)
      try await listener.started()
      try await site.sensors.publish(count: 2000)
      let isCopied = try await eventually(within: 30) { listener.count == 2000 }
      #expect(isCopied, "\(listener.count)")
      try site.agent.configure(plain)
      try await site.agent.reload()
      expectComplete(try await site.finish())
    }
  }
}
