import Glibc
import Testing

/// What an operator asks before and after something is wrong, beside a running agent.
@Suite struct DoctorTests {
  /// Sensors' broker and agent, connected; the centre is away.
  private func runningAgent(
    in scratch: Scratch
  ) async throws -> (broker: Broker, agent: HoldfastProcess) {
    let broker = try Broker("sensors", in: scratch)
    try await broker.start()
    let settings = AgentSettings(
      sourceURL: broker.url,
      upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
    )
    let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
    try agent.start()
    let isUp = try await eventually(within: 30) { broker.subscriptionCount(to: "sensors/#") > 0 }
    try #require(isUp, "\(agent.log)")
    return (broker, agent)
  }

  @Test func `the doctor finds a broker that is away, and visits the other one`() async throws {
    let scratch = try Scratch()
    let (broker, agent) = try await runningAgent(in: scratch)
    chmod(agent.dataDirectory, 0o700)
    let result = try await run(
      Programs.holdfast,
      ["doctor", "--config", agent.configuration, "--data-dir", agent.dataDirectory, "--json"],
      in: scratch
    )
    #expect(result.status == .code(1), "\(result.output)")
    let report = try #require(JSONTree(result.output), "\(result.output)")
    func grades(_ subject: String) -> [String] {
      (report["checks"]?.elements ?? []).filter { $0["subject"]?.text == subject }
        .compactMap { $0["grade"]?.text }
    }
    func texts(_ subject: String) -> String {
      (report["checks"]?.elements ?? []).filter { $0["subject"]?.text == subject }
        .compactMap { $0["text"]?.text }.joined(separator: "; ")
    }
    #expect(grades("upstream central") == ["fail"], "\(result.output)")
    #expect(texts("upstream central").contains("can't be reached"))
    #expect(grades("directory") == ["ok"], "\(result.output)")
    #expect(grades("space") == ["ok"])
    #expect(texts("flush").contains("a flush takes"))
    #expect(grades("source floor").prefix(2) == ["ok", "ok"], "\(result.output)")
    #expect(texts("source floor").contains("mosquitto version"), "\(result.output)")
    #expect(texts("source floor").contains("keeps a session while its client is away"))

    // The agent was not thrown out, and no file is left.
    #expect(broker.subscriptionCount(to: "sensors/#") == 1)
    #expect(!agent.log.contains("another client"), "\(agent.log)")
    let left = try await run("ls", ["-A", agent.dataDirectory], in: scratch)
    #expect(!left.output.contains("doctor"), "\(left.output)")
    try await agent.stop()

    // Open to all, and no brokers asked.
    chmod(agent.dataDirectory, 0o755)
    let offline = try await run(
      Programs.holdfast,
      [
        "doctor", "--config", agent.configuration, "--data-dir", agent.dataDirectory, "--offline",
      ],
      in: scratch
    )
    #expect(offline.output.contains("warn  directory"), "\(offline.output)")
    #expect(offline.output.contains("; chmod 700 "), "\(offline.output)")
    #expect(!offline.output.contains("upstream central"), "\(offline.output)")
    let nowhere = try await run(
      Programs.holdfast,
      ["doctor", "--config", agent.configuration, "--data-dir", "/nowhere", "--offline"],
      in: scratch
    )
    #expect(nowhere.status == .code(1))
    #expect(nowhere.output.contains("FAIL  directory  /nowhere: No such file"), "\(nowhere.output)")
  }

  @Test func `a range is exported whole, and the forecast says what the ring holds`() async throws {
    let scratch = try Scratch()
    let (broker, agent) = try await runningAgent(in: scratch)
    let lines = scratch.newPath("lines")
    try writeText(lines, (1...50).map { "v\($0)\n" }.joined())
    let published = try await run(
      "bash",
      ["-c", "mosquitto_pub -p \(broker.port) -q 1 -t sensors/a -l < \(lines)"],
      in: scratch
    )
    try #require(published.status == .code(0), "\(published.output)")
    try await Task.sleep(for: .seconds(2))
    try await agent.stop()

    func export(_ arguments: [String]) async throws -> (status: ExitStatus, output: String) {
      try await run(
        Programs.holdfast,
        ["ring", "export", "--data-dir", agent.dataDirectory] + arguments,
        in: scratch
      )
    }
    let file = scratch.newPath("export.ndjson")
    let whole = try await export(["--output", file])
    #expect(whole.status == .code(0), "\(whole.output)")
    #expect(whole.output == "\(file): 50 events\n")
    let objects = readText(file).split(separator: "\n").compactMap { JSONTree($0) }
    #expect(objects.compactMap { $0["seq"]?.integer } == Array(1...50))
    #expect(objects.compactMap { $0["payload"]?.text } == (1...50).map { "v\($0)" })
    #expect(access(file + ".part", F_OK) != 0)

    let part = try await export(["--from", "11", "--to", "21"])
    #expect(
      part.output.split(separator: "\n").compactMap { JSONTree($0)?["seq"]?.integer }
        == Array(11...20)
    )
    #expect(try await export(["--to", "1h"]).output.isEmpty)
    #expect(try await export(["--from", "1h"]).output.split(separator: "\n").count == 50)
    #expect(try await export(["--topic", "other/#"]).output.isEmpty)
    #expect(try await export(["--from", "soon"]).status == .code(64))
    #expect(try await export(["--output", "/nowhere/x"]).status == .code(74))

    let forecast = try await run(
      Programs.holdfast,
      [
        "ring", "forecast", "--json", "--config", agent.configuration,
        "--data-dir", agent.dataDirectory,
      ],
      in: scratch
    )
    let report = try #require(JSONTree(forecast.output), "\(forecast.output)")
    #expect(report["events"]?.integer == 50)
    #expect(report["bytes_max"]?.integer == 64 << 20)
    // All came within ten seconds, and no file is full: nothing is made up.
    #expect(report["events_per_second"]?.word == "null")
    #expect(report["holds_seconds"]?.word == "null")
    #expect(report["upstreams"]?[0]?["lag"]?.integer == 50)
  }
}
