import Glibc
import Testing

extension Rounds {
  /// The agent is killed, over and over, at random.
  @Suite struct Kills {
    /// Half of the kills hit it while it forwards, half while the centre is away.
    @Test(arguments: [true, false])
    func `killed with -9 at random it loses nothing`(isForwarding: Bool) async throws {
      let total = isForwarding ? (Scale.kills + 1) / 2 : Scale.kills / 2
      for kills in Scale.slices(of: total, most: 100) {
        try await kill(times: kills, isForwarding: isForwarding)
        Ledger.add(kills, "kill -9")
      }
    }

    /// Four of five come at random after it has connected, the fifth within its start.
    private func kill(times kills: Int, isForwarding: Bool) async throws {
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
  }

  /// The power of the disk under the ring log is cut, over and over.
  @Suite(.serialized) struct PowerCuts {
    @Test(arguments: Scale.slices(of: Scale.powerCuts, most: 25))
    func `an ext4 power cut loses nothing that was acknowledged`(cuts: Int) async throws {
      guard let tally = try await cutPower(times: cuts) else { return }
      expectComplete(tally)
      #expect(tally["logs"] == 1, "the log was carried on: \(tally)")
      #expect(tally["corrupt"] == 0 && tally["evicted"] == 0, "\(tally)")
      Ledger.add(cuts, "ext4 power cuts")
    }

    /// Shows that the round above can fail: the same, with fdatasync made to do nothing.
    @Test func `without fdatasync an ext4 power cut does lose events`() async throws {
      let library = "/usr/lib/x86_64-linux-gnu/libeatmydata.so"
      guard isReadable(library) else {
        Ledger.skip("the power cut without fdatasync", because: "no \(library)")
        return
      }
      guard
        let tally = try await cutPower(times: 3, idle: 4, environment: [("LD_PRELOAD", library)])
      else { return }
      #expect(tally.missing > 0, "\(tally)")
    }

    /// The centre is away meanwhile, so that all depends on the disk; nil where there is none.
    ///
    /// Two of three cuts come after it has connected, the third within its start.
    private func cutPower(
      times: Int,
      idle: Double = 20,
      environment: [(String, String)] = []
    ) async throws -> TallyReport? {
      let scratch = try Scratch()
      let kind = SmallDisk.Kind.ext4(byteCount: 128 << 20)
      guard let disk = try await SmallDisk(kind, in: scratch) else { return nil }
      var random = SystemRandomNumberGenerator()
      let site = try Site(dataDirectory: disk.dataDirectory, scratch: scratch)
      try await site.start(idle: idle, environment: environment)
      try await site.centralBroker.stop()
      try site.sensors.start(rate: 3000)
      for number in 0..<times {
        let connectedCount = site.subscriptionCount
        if number > 0 { try site.agent.start(environment: environment) }
        if number % 3 != 2 {
          if number > 0 { try await site.agentSubscribed(moreThan: connectedCount) }
          try await Task.sleep(for: .milliseconds(Int.random(in: 50...350, using: &random)))
        } else {
          try await Task.sleep(for: .milliseconds(Int.random(in: 0...100, using: &random)))
        }
        // The machine stops before its disk does: ext4 may tell an fdatasync that is under way
        // during the shutdown that all went well, which no machine without power can act upon.
        try await site.agent.freeze()
        try disk.cutPower()
        try await site.agent.kill()
        try await disk.remount()
      }
      try site.agent.start(environment: environment)
      try await site.sensors.stop()
      try await site.centralBroker.start()
      let tally = try await site.finish()
      print("power cut \(times) times; \(tally)")
      try await disk.unmount()
      return tally
    }
  }
}

extension EndToEnd {
  @Suite struct Crashes {
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
  }
}
