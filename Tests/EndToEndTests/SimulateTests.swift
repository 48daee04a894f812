import Glibc
import Testing

/// `simulate` and `tail` with stages, on the ring of a real agent between real brokers.
@Suite struct SimulateTests {
  static let sourceLines = [
    #"decode = "json""#,
    "[[source.stage]]", #"type = "sample""#, #"topics = ["sensors/s"]"#, "every = 3",
  ]
  static let upstreamLines = [
    "[[upstream.stage]]", #"type = "deadband""#, #"topics = ["sensors/a"]"#, #"field = "v""#,
    "threshold = 0.5",
    "[[upstream.stage]]", #"type = "swinging-door""#, #"topics = ["sensors/b"]"#,
    #"field = "v""#, "deviation = 0.2", #"max_interval = "1s""#,
    "[[upstream.stage]]", #"type = "window""#, #"topics = ["sensors/c"]"#, #"fields = ["v"]"#,
    #"size = "1s""#, #"aggregates = ["mean", "max"]"#, #"topic = "{topic}/1s""#,
  ]

  /// An upstream that is never there, so that the ring keeps everything.
  private func anchor() throws -> [String] {
    [
      "[[upstream]]", #"name = "anchor""#,
      #"url = "mqtt://127.0.0.1:\#(try Ports.take())""#,
    ]
  }

  private func publish(to broker: Broker, count: Int, in scratch: Scratch) async throws {
    let topics = ["a", "b", "c", "s"].map { topic in
      // Up and down between 20.00 and 22.00, in steps of 0.10.
      "(for ((i = 0; i < \(count); i++)); do x=$((i % 40 - 20)); x=${x#-}; sleep 0.005;"
        + #" echo "{\"v\":$((20 + x / 10)).$((x % 10))0}"; done"#
        + " | mosquitto_pub -p \(broker.port) -q 1 -l -t sensors/\(topic)) &"
    }
    let script = topics.joined(separator: "\n") + "\nwait"
    let result = try await run("bash", ["-c", script], in: scratch)
    try #require(result.status == .code(0), "\(result.output)")
  }

  @Test func `what simulate tells is what an upstream with these stages received`() async throws {
    let scratch = try Scratch()
    let (sensors, central) = (
      try Broker("sensors", in: scratch), try Broker("central", in: scratch)
    )
    try await sensors.start()
    try await central.start()
    let settings = AgentSettings(
      sourceURL: sensors.url,
      upstreamURL: central.url,
      sourceLines: [#"decode = "json""#],
      upstreamLines: Self.upstreamLines + (try anchor())
    )
    let received = try ChildProcess(
      "mosquitto_sub",
      ["-p", "\(central.port)", "-q", "1", "-t", "sensors/#", "-F", "%t %p"],
      output: scratch.newPath("received")
    )
    let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
    try agent.start()
    let isUp = try await eventually(within: 30) {
      sensors.subscriptionCount(to: "sensors/#") > 0
        && central.subscriptionCount(to: "sensors/#") > 0
    }
    try #require(isUp, "\(agent.log)")
    try await publish(to: sensors, count: 300, in: scratch)
    // The last window and the end of the last line leave by a tick of the log.
    try await Task.sleep(for: .seconds(4))
    try await agent.stop()

    let file = scratch.newPath("same.toml")
    try writeText(file, settings.text)
    let result = try await run(
      Programs.holdfast,
      [
        "simulate", "-c", file, "--data-dir", agent.dataDirectory, "--upstream", "central",
        "--json",
      ],
      in: scratch
    )
    try #require(result.status == .code(0), "\(result.output)")
    let lines = received.output.split(separator: "\n")
    let results = lines.filter { $0.hasPrefix("sensors/c/1s ") }
    // Between topic and payload stands a space.
    let byteCount = { (lines: [Substring]) in lines.reduce(0) { $0 + $1.utf8.count - 1 } }
    let told = try #require(result.output.firstRange(of: #""upstreams":"#))
    let upstream = String(result.output[told.upperBound...])
    #expect(
      upstream.contains(
        #""in":{"events":1200,"bytes":\#(1200 * ("sensors/a".utf8.count + 11))},"#
      )
    )
    #expect(
      upstream.contains(
        #""out":{"events":\#(lines.count - results.count),"#
          + #""bytes":\#(byteCount(lines) - byteCount(results))},"#
          + #""results":{"events":\#(results.count),"bytes":\#(byteCount(results))}"#
      ),
      "\(lines.count) lines, \(results.count) results: \(upstream)"
    )
    #expect(results.count >= 2, "\(results.count)")
    #expect((301..<900).contains(lines.count), "\(lines.count)")
    #expect(upstream.contains(#""error":{"field":"v","left_out":"#))
  }

  @Test func `payloads that can't be read are told by topic, for programs as well`() async throws {
    let scratch = try Scratch()
    let sensors = try Broker("sensors", in: scratch)
    try await sensors.start()
    var settings = AgentSettings(
      sourceURL: sensors.url,
      upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
    )
    settings.sourceLines = [#"decode = "json""#]
    settings.upstreamLines = [
      "[[upstream.stage]]", #"type = "deadband""#, #"field = "v""#, "threshold = 1",
    ]
    let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
    try agent.start()
    let isUp = try await eventually(within: 30) { sensors.subscriptionCount(to: "sensors/#") > 0 }
    try #require(isUp, "\(agent.log)")
    for (topic, payload) in [
      ("a", "{oh"), ("b", #"{"v":"#), ("b", "{oh"), ("c", #"{"v":1}"#),
    ] {
      let result = try await run(
        "mosquitto_pub",
        ["-p", "\(sensors.port)", "-q", "1", "-t", "sensors/\(topic)", "-m", payload],
        in: scratch
      )
      try #require(result.status == .code(0), "\(result.output)")
    }
    // Written by now, and committed.
    try await agent.stop()
    let report = try await run(
      Programs.holdfast,
      ["simulate", "-c", agent.configuration, "--data-dir", agent.dataDirectory, "--json"],
      in: scratch
    )
    try #require(report.status == .code(0), "\(report.output)")
    let upstream = JSONTree(report.output)?["upstreams"]?[0]
    #expect(upstream?["undecodable"]?["malformed"]?.integer == 2, "\(report.output)")
    let topics = upstream?["undecodable_topics"]?.elements ?? []
    #expect(topics.compactMap { $0["topic"]?.text } == ["sensors/b", "sensors/a"])
    #expect(topics.first?["malformed"]?.integer == 1 && topics.first?["truncated"]?.integer == 1)
    #expect(topics.last?["malformed"]?.integer == 1 && topics.last?["truncated"] == nil)
    #expect(upstream?["undecodable_topics_evicted"]?.integer == 0)
  }

  @Test func `a candidate can be tried and watched beside the agent, and nothing is touched`()
    async throws
  {
    let scratch = try Scratch()
    let sensors = try Broker("sensors", in: scratch)
    try await sensors.start()
    var settings = AgentSettings(
      sourceURL: sensors.url,
      upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
    )
    let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
    try agent.start()
    let isUp = try await eventually(within: 30) { sensors.subscriptionCount(to: "sensors/#") > 0 }
    try #require(isUp, "\(agent.log)")
    settings.sourceLines = Self.sourceLines
    settings.upstreamLines = Self.upstreamLines
    let file = scratch.newPath("new.toml")
    try writeText(file, settings.text)
    let tail = try ChildProcess(
      Programs.holdfast,
      ["tail", "sensors/a", "-c", file, "--count", "20", "--data-dir", agent.dataDirectory],
      output: scratch.newPath("tail")
    )
    try await Task.sleep(for: .seconds(1))
    try await publish(to: sensors, count: 60, in: scratch)
    #expect(try await tail.ended(within: 20) == .code(0))
    #expect(tail.output.contains("    1 deadband: passed\n    => this to central\n"))
    #expect(tail.output.contains(", which went on last\n    => nothing to central\n"))
    #expect(!tail.output.contains("sensors/b"))
    try await Task.sleep(for: .seconds(2))

    func simulate(_ arguments: String...) async throws -> (status: ExitStatus, output: String) {
      try await run(
        Programs.holdfast,
        ["simulate", "--data-dir", agent.dataDirectory] + arguments,
        in: scratch
      )
    }
    let report = try await simulate("-c", file, "--top", "1")
    #expect(report.status == .code(0))
    for part in [
      ", an agent is running\n", "source floor, before the log\n", "upstream central\n",
      "  before     200 ", "1 sample ", "1 deadband: error of v: largest 0.", " more)",
    ] {
      #expect(report.output.contains(part), "\(part): \(report.output)")
    }
    let explained = try await simulate("-c", file, "--explain", "sensors/s")
    #expect(
      explained.output.contains(
        "    source floor 1 sample: kept back: one in 3 goes on\n    => not stored\n"
      )
    )
    #expect(explained.output.split(separator: "\n").count { $0.contains("  sensors/s  ") } == 60)
    let early = try await simulate("-c", file, "--to", "1h")
    #expect(early.status == .code(0) && early.output.contains("no events were recorded"))
    try await agent.stop()
    #expect(try await agent.verify().contains(#""good":true"#))
  }

  @Test func `what can't be tried is said in one line, with its exit code`() async throws {
    let scratch = try Scratch()
    var settings = AgentSettings(
      sourceURL: "mqtt://127.0.0.1:1",
      upstreamURL: "mqtt://127.0.0.1:2"
    )
    let plain = scratch.newPath("plain.toml")
    try writeText(plain, settings.text)
    settings.sourceLines = Self.sourceLines
    settings.upstreamLines = Self.upstreamLines
    let file = scratch.newPath("new.toml")
    try writeText(file, settings.text)
    for (arguments, code, words) in [
      ("simulate -c \(plain)", 78, "no upstream has stages"),
      ("simulate -c \(plain) --upstream central", 78, #"upstream "central" has no stages"#),
      ("simulate -c \(file) --upstream x", 78, #"no upstream "x" (there are "central")"#),
      ("simulate -c \(file) --from soon", 64, "is no time"),
      ("simulate -c \(file) --from 1h --to 2h", 64, "--from must be earlier than --to"),
      ("simulate -c \(file) --json --explain a", 64, "leave --json out"),
      ("simulate -c \(file) --data-dir \(scratch.path)", 66, "there is no ring log"),
      ("tail -c \(plain)", 78, "no upstream has stages"),
      ("tail -c \(file) --upstream x", 78, #"there is no upstream "x""#),
      ("tail -c \(file) --data-dir \(scratch.path)", 66, "there is no ring log"),
      ("tail -c \(file) --json", 64, "leave it out to see what stages do"),
    ] as [(String, Int32, String)] {
      let result = try await run(
        Programs.holdfast,
        arguments.split(separator: " ").map { String($0) },
        in: scratch
      )
      #expect(result.status == .code(code), "\(arguments): \(result.output)")
      #expect(result.output.contains(words), "\(arguments): \(result.output)")
      // Wrong arguments are answered with the usage as well.
      #expect(code == 64 || result.output.split(separator: "\n").count == 1, "\(result.output)")
    }
  }
}
