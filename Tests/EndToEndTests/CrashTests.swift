import Testing

extension EndToEnd {
  @Suite struct Crashes {
    /// Half of the kills hit it while it forwards, half while the centre is away.
    ///
    /// Four of five come at random after it has connected, the fifth within its start.
    @Test(arguments: [(isForwarding: true, kills: 55), (isForwarding: false, kills: 55)])
    func `killed with -9 at random it loses nothing`(isForwarding: Bool, kills: Int) async throws {
      var random = SystemRandomNumberGenerator()
      let site = try Site()
      try await site.start()
      if !isForwarding { try await site.centralBroker.stop() }
      try site.sensors.start(rate: 3000)
      var lives: [Int] = []
      for number in 0..<kills {
        let connectedCount = site.subscriptionCount
        if number > 0 { try site.agent.start() }
        var milliseconds = Int.random(in: 0...150, using: &random)
        if number % 5 != 4 {
          if number > 0 { try await site.agentSubscribed(moreThan: connectedCount) }
          milliseconds = Int.random(in: 5...200, using: &random)
        }
        lives.append(milliseconds)
        try await Task.sleep(for: .milliseconds(milliseconds))
        try await site.agent.kill()
      }
      try site.agent.start()
      if !isForwarding { try await site.centralBroker.start() }
      try await site.sensors.stop()
      let tally = try await site.finish()
      print("killed \(kills) times, forwarding: \(isForwarding); \(tally)")
      expectComplete(tally)
      #expect(tally["logs"] == 1, "the log was carried on: \(tally)")
      #expect(tally.duplicatesByAgent <= kills * duplicatesPerCrashMax, "\(tally)")
      #expect(tally["corrupt"] == 0 && tally["evicted"] == 0, "lives in ms: \(lives); \(tally)")
    }

    @Test func `a second agent on the same directory ends with 75`() async throws {
      let site = try Site()
      try await site.start()
      let second = try HoldfastProcess(
        AgentSettings(
          sourceURL: site.sensorsBroker.url,
          upstreamURL: site.centralBroker.url
        ),
        dataDirectory: site.agent.dataDirectory,
        in: site.scratch
      )
      try second.start()
      #expect(try await second.ended(within: 10) == .code(75), "\(second.log)")
      #expect(
        second.log.contains(site.agent.dataDirectory),
        "it names the directory: \(second.log)"
      )
      try await site.sensors.publish(count: 1000)
      expectComplete(try await site.finish())
    }

    @Test func `an ext4 power cut loses nothing that was acknowledged`() async throws {
      guard let tallies = try await powerCuts(rounds: 5) else { return }
      expectComplete(tallies)
    }

    /// Shows that the round above can fail: the same, with fdatasync made to do nothing.
    @Test func `without fdatasync an ext4 power cut does lose events`() async throws {
      let library = "/usr/lib/x86_64-linux-gnu/libeatmydata.so"
      guard isReadable(library) else {
        Skips.note("the power cut without fdatasync: no \(library)")
        return
      }
      guard
        let tally = try await powerCuts(rounds: 3, idle: 5, environment: [("LD_PRELOAD", library)])
      else { return }
      #expect(tally.missing > 0, "\(tally)")
    }

    /// Cuts the power under the ring log while the centre is away; nil where that can't be done.
    private func powerCuts(
      rounds: Int,
      idle: Double = 20,
      environment: [(String, String)] = []
    ) async throws -> TallyReport? {
      let scratch = try Scratch()
      guard let disk = try await LoopDisk(byteCount: 128 << 20, in: scratch) else { return nil }
      let site = try Site(dataDirectory: disk.mountPoint + "/data", scratch: scratch)
      try await site.start(idle: idle, environment: environment)
      try await site.centralBroker.stop()
      try site.sensors.start(rate: 3000)
      for round in 0..<rounds {
        try await Task.sleep(for: .milliseconds(400 + round * 137))
        try disk.cutPower()
        try await site.agent.kill()
        try await disk.remount()
        try site.agent.start(environment: environment)
      }
      try await Task.sleep(for: .milliseconds(500))
      try await site.sensors.stop()
      try await site.centralBroker.start()
      let tally = try await site.finish()
      print("power cut \(rounds) times; \(tally)")
      try await disk.unmount()
      return tally
    }
  }
}
