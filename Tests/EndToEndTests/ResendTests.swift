import Glibc
import Testing

extension EndToEnd {
  @Suite struct Resends {
    @Test(arguments: [false, true])
    func `what an upstream refused for good is kept, listed, and sent again by hand`(
      isBesideNewer: Bool
    ) async throws {
      let round = try await Round(isBesideNewer: isBesideNewer)
      let refused = try await round.holdfast("ring resend", with: round.upstream)
      #expect(refused.status == .code(75), "an agent is running: \(refused.output)")
      try await round.agent.stop()

      let listed = try await round.holdfast("ring dead-letters")
      #expect(listed.status == .code(0))
      #expect(
        listed.output.contains("central  1-1  sensors/denied  2 bytes  the peer refused it: "),
        "\(listed.output)"
      )
      let again = try await round.holdfast("ring resend", with: round.upstream)
      #expect(again.status == .code(69))
      #expect(again.output.contains("number 1 was refused again, reason 0x87"), "\(again.output)")
      #expect(again.output.hasSuffix("0 sent, 1 left\n"))

      try await round.allowAll()
      let reader = try ChildProcess(
        "mosquitto_sub",
        ["-p", "\(round.central.port)", "-q", "1", "-t", "sensors/denied", "-C", "1", "-W", "30"],
        output: round.scratch.newPath("reader")
      )
      let isReading = try await eventually(within: 20) {
        round.central.subscriptionCount(to: "sensors/denied") > 0
      }
      try #require(isReading)
      let sent = try await round.holdfast("ring resend", with: round.upstream)
      #expect(sent.status == .code(0), "\(sent.output)")
      #expect(sent.output == "1 sent, 0 left\n")
      #expect(try await reader.ended(within: 30) == .code(0))
      #expect(reader.output == "42\n")
      #expect(try await round.holdfast("ring dead-letters").output == "")
      if isBesideNewer {
        let ring = round.agent.dataDirectory + "/ring"
        #expect(try await run("ls", [ring], in: round.scratch).output == "state\n")
        #expect(access(ring + ".1/dead-letter-central", F_OK) == 0)
      }
      _ = try await round.agent.verify()
    }
  }
}

/// An agent whose upstream has refused one event for good.
private final class Round {
  let scratch: Scratch
  let sensors: Broker
  let central: Broker
  let agent: HoldfastProcess
  let upstream: [String]
  private let rules: String

  init(isBesideNewer: Bool) async throws {
    scratch = try Scratch()
    rules = scratch.newPath("rules")
    try writeText(rules, "topic read #\ntopic write holdfast/#\n")
    chmod(rules, 0o644)
    sensors = try Broker("sensors", in: scratch)
    central = try Broker("central", in: scratch, settings: ["acl_file \(rules)"])
    try await sensors.start()
    try await central.start()
    var settings = AgentSettings(sourceURL: sensors.url, upstreamURL: central.url)
    settings.upstreamLines = ["refusal_tries = 1"]
    let directory = scratch.newPath("data")
    if isBesideNewer { try Self.leaveNewerRing(in: directory) }
    agent = try HoldfastProcess(settings, dataDirectory: directory, in: scratch)
    let configuration = scratch.newPath("resend.toml")
    try writeText(configuration, settings.text)
    upstream = ["--config", configuration, "--upstream", "central"]
    try agent.start()
    let isUp = try await eventually(within: 30) {
      self.sensors.subscriptionCount(to: "sensors/#") > 0
    }
    guard isUp else { throw TestFailure(agent.log) }
    let published = try await run(
      "mosquitto_pub",
      ["-p", "\(sensors.port)", "-q", "1", "-t", "sensors/denied", "-m", "42"],
      in: scratch
    )
    guard published.status == .code(0) else { throw TestFailure(published.output) }
    let isSetAside = try await eventually(within: 30) {
      self.agent.log.contains("set aside as a dead letter")
    }
    guard isSetAside else { throw TestFailure(agent.log) }
  }

  /// A state file of format 2: magic, version, an empty body and the checksum, in one slot of two.
  private static func leaveNewerRing(in directory: String) throws {
    mkdir(directory, 0o700)
    mkdir(directory + "/ring", 0o700)
    let slot: [UInt8] = Array("HFS1".utf8) + [2, 0, 0, 0, 0, 0, 0, 0, 87, 43, 237, 222]
    let file = open(directory + "/ring/state", O_WRONLY | O_CREAT, 0o600)
    defer { close(file) }
    guard write(file, slot, slot.count) == slot.count, ftruncate(file, 1 << 20) == 0 else {
      throw TestFailure("can't write \(directory)/ring/state")
    }
  }

  /// A command on the agent's data directory.
  func holdfast(
    _ command: String,
    with arguments: [String] = []
  ) async throws -> (status: ExitStatus, output: String) {
    let words = command.split(separator: " ").map(String.init)
    return try await run(
      Programs.holdfast,
      words + arguments + ["--data-dir", agent.dataDirectory],
      in: scratch
    )
  }

  /// The central broker takes everything from now on.
  func allowAll() async throws {
    try await central.stop()
    try writeText(rules, "topic readwrite #\n")
    try await central.start()
  }
}
