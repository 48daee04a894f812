import Glibc
import Testing

/// What systemd sees of the agent.
@Suite struct ServiceTests {
  private func agent(in scratch: Scratch) throws -> HoldfastProcess {
    try HoldfastProcess(
      AgentSettings(
        sourceURL: "mqtt://127.0.0.1:\(try Ports.take())",
        upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
      ),
      dataDirectory: scratch.newPath("data"),
      in: scratch
    )
  }

  @Test func `the unit is one that systemd takes, and leaves it little to break`() async throws {
    let scratch = try Scratch()
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let unit = readText("/\(root)/packaging/holdfast.service")
    let lines = unit.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix("ExecStart=") ? "ExecStart=\(Programs.holdfast) run" : String(line)
    }
    let path = try scratch.makeDirectory("units") + "/holdfast.service"
    try writeText(path, lines.joined(separator: "\n"))
    let verified: (status: ExitStatus, output: String)
    do {
      verified = try await run("systemd-analyze", ["verify", path], in: scratch)
    } catch {
      Ledger.skip("systemd's view of the unit", because: "\(error)")
      return
    }
    #expect(verified.status == .code(0))
    #expect(verified.output == "")
    // In tenths: 10.0 is everything open, 1.3 the most that this service needs.
    let security = try await run(
      "systemd-analyze",
      ["security", "--offline=true", "--threshold=13", "--no-pager", path],
      in: scratch
    )
    #expect(security.status == .code(0), "\(security.output)")
    // Inside it the kernel's boot id must be readable, see SystemIdentity.
    #expect(!lines.contains("ProcSubset=pid"))
  }

  @Test func `systemd hears that it is ready, alive in time, and stopping`() async throws {
    let scratch = try Scratch()
    let manager = try NotifySocket(scratch.newPath("notify"))
    let agent = try agent(in: scratch)
    let limit = Duration.seconds(6)
    try agent.start(environment: [
      ("NOTIFY_SOCKET", manager.path), ("WATCHDOG_USEC", "6000000"),
    ])
    let isReady = try await eventually(within: 20) { manager.next() == "READY=1" }
    try #require(isReady, "\(agent.log)")
    var beats: [Duration] = []
    for _ in 0..<13 {
      try await Task.sleep(for: .seconds(1))
      while let message = manager.nextStamped() {
        if message.text == "WATCHDOG=1" { beats.append(message.sentAt) }
      }
    }
    #expect(beats.count >= 3, "half the limit is the usual pace")
    let longest = zip(beats, beats.dropFirst()).map { $1 - $0 }.max() ?? limit
    #expect(longest < limit)
    try await agent.stop()
    var messages: [String] = []
    while let message = manager.next() { messages.append(message) }
    #expect(messages.contains("STOPPING=1"))
  }

  /// The writer is one thread with the core: a disk that never answers holds up both.
  @Test func `a writer that is stuck is not called alive, and is again once the disk answers`()
    async throws
  {
    let site = try Site()
    guard let calls = try await FailingCalls(in: site.scratch) else { return }
    let manager = try NotifySocket(site.scratch.newPath("notify"))
    try await site.start(
      environment: calls.environment + [
        ("NOTIFY_SOCKET", manager.path), ("WATCHDOG_USEC", "1000000"),
      ]
    )
    let isAlive = try await eventually(within: 20) { manager.next() == "WATCHDOG=1" }
    try #require(isAlive, "\(site.agent.log)")
    calls.hang(.fdatasync)
    try site.sensors.start(rate: 200)
    let isStuck = try await eventually(within: 10) { calls.hitCount(.fdatasync) > 0 }
    try #require(isStuck)
    // The ping that was answered last may still be told.
    try await pause(1)
    while manager.next() != nil {}
    try await pause(3)
    var messages: [String] = []
    while let message = manager.next() { messages.append(message) }
    #expect(!messages.contains("WATCHDOG=1"))
    calls.heal(.fdatasync)
    let isBack = try await eventually(within: 10) { manager.next() == "WATCHDOG=1" }
    #expect(isBack)
    try await site.sensors.stop()
    expectComplete(try await site.finish())
  }

  @Test func `it is ready once the source is subscribed`() async throws {
    let scratch = try Scratch()
    let broker = try Broker("sensors", in: scratch)
    try await broker.start()
    let manager = try NotifySocket(scratch.newPath("notify"))
    let agent = try HoldfastProcess(
      AgentSettings(sourceURL: broker.url, upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"),
      dataDirectory: scratch.newPath("data"),
      in: scratch
    )
    // A broker that takes connections and says nothing: not subscribed, and not known to be down.
    try await broker.pauseAnswers()
    try agent.start(environment: [("NOTIFY_SOCKET", manager.path)])
    try await pause(2)
    #expect(manager.next() == nil, "\(agent.log)")
    broker.resumeAnswers()
    let isReady = try await eventually(within: 20) { manager.next() == "READY=1" }
    #expect(isReady, "\(agent.log)")
    #expect(broker.subscriptionCount(to: "sensors/#") > 0)
    try await agent.stop()
  }

  @Test func `an agent that does not turn is not called alive`() async throws {
    let scratch = try Scratch()
    let manager = try NotifySocket(scratch.newPath("notify"))
    let agent = try agent(in: scratch)
    try agent.start(environment: [
      ("NOTIFY_SOCKET", manager.path), ("WATCHDOG_USEC", "1000000"),
      // Not its own: another process of the unit is watched.
      ("WATCHDOG_PID", "1"),
    ])
    let isReady = try await eventually(within: 20) { manager.next() == "READY=1" }
    try #require(isReady, "\(agent.log)")
    try await Task.sleep(for: .seconds(2))
    var messages: [String] = []
    while let message = manager.next() { messages.append(message) }
    #expect(!messages.contains("WATCHDOG=1"))
    try await agent.stop()
  }

  @Test func `some seconds after its start it lets go of what only the start used, and works on`()
    async throws
  {
    let scratch = try Scratch()
    let agent = try agent(in: scratch)
    try agent.start()
    var most = 0
    let isLess = try await eventually(within: 20) {
      let now = agent.residentByteCount
      most = max(most, now)
      return now > 0 && now < most / 4 * 3
    }
    #expect(isLess, "\(most) bytes were resident, and are")
    try await agent.stop()
  }

  @Test func `lines for the journal carry a priority, and only those`() async throws {
    let scratch = try Scratch()
    let agent = try agent(in: scratch)
    try writeText(agent.logPath, "")
    var status = stat()
    try #require(stat(agent.logPath, &status) == 0)
    let stream = "\(status.st_dev):\(status.st_ino)"
    try agent.start(environment: [("JOURNAL_STREAM", stream)])
    _ = try await eventually(within: 20) { agent.log.contains("can't be reached") }
    try await agent.stop()
    let lines = agent.log.split(separator: "\n")
    #expect(lines.count > 2)
    #expect(
      lines.allSatisfy { $0.firstRange(of: "<") == $0.startIndex..<$0.index(after: $0.startIndex) }
    )
    #expect(lines.contains { $0.hasPrefix("<4>") } && lines.contains { $0 == "<5>stopped" })

    // Somebody else's journal: standard error was redirected since.
    try agent.start(environment: [("JOURNAL_STREAM", "\(status.st_dev):1")])
    _ = try await eventually(within: 20) {
      agent.log.split(separator: "\n").dropFirst(lines.count).contains { $0.contains("reached") }
    }
    try await agent.stop()
    let later = agent.log.split(separator: "\n").dropFirst(lines.count)
    #expect(later.count > 2)
    #expect(later.allSatisfy { !$0.hasPrefix("<") })
  }
}
