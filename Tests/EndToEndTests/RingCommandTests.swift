import Glibc
import Testing

/// The commands that look at a ring log, as an operator runs them.
@Suite struct RingCommandTests {
  @Test(arguments: [
    ["ring", "ls"], ["ring", "cat"], ["ring", "verify"], ["ring", "dead-letters"], ["tail"],
  ])
  func `where there is no ring log a command says so and ends with 66`(
    command: [String]
  ) async throws {
    let scratch = try Scratch()
    let directory = scratch.newPath("none")
    let result = try await run(
      Programs.holdfast,
      command + ["--data-dir", directory],
      in: scratch
    )
    #expect(result.status == .code(66))
    #expect(result.output.contains("\(directory): there is no ring log"))
    #expect(access(directory, F_OK) != 0, "looking made the directory")
  }

  @Test func `events can be seen beside the agent, and damage behind it`() async throws {
    let scratch = try Scratch()
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
    let commands = RingCommands(dataDirectory: agent.dataDirectory, scratch: scratch)
    let tail = try ChildProcess(
      Programs.holdfast,
      ["tail", "sensors/1", "--count", "1", "--data-dir", agent.dataDirectory],
      output: scratch.newPath("tail")
    )
    // What is published before it looks for the first time it would pass by.
    try await Task.sleep(for: .seconds(1))
    for index in 1...3 {
      let published = try await run(
        "mosquitto_pub",
        ["-p", "\(broker.port)", "-q", "1", "-t", "sensors/\(index)", "-m", "v\t\(index)"],
        in: scratch
      )
      try #require(published.status == .code(0), "\(published.output)")
    }
    #expect(try await tail.ended(within: 20) == .code(0))
    #expect(tail.output.hasSuffix("  sensors/1  v\\t1\n"))

    // The last commit follows within a quarter of a second, the accounts within one more.
    try await Task.sleep(for: .seconds(2))
    try await commands.expect("ring cat", code: 0) { output in
      output.split(separator: "\n").map { $0.split(separator: " ").first } == ["1", "2", "3"]
    }
    try await commands.expect("ring cat --json --from 2 --topic sensors/+ --count 1", code: 0) {
      $0.contains(#""seq":2,"#) && $0.hasSuffix(#""topic":"sensors/2","payload":"v\t2"}"# + "\n")
    }
    try await commands.expect("ring ls --json", code: 0) {
      $0.contains(#""live":true"#) && $0.contains(#""durable":3"#) && $0.contains(#""lag":3"#)
    }
    try await commands.expect("ring verify", code: 0) { $0.contains("an agent is running") }
    try await agent.stop()
    try await commands.expect("ring verify", code: 0) {
      $0.contains("3 offered") && $0.contains("3 buffered") && $0.hasSuffix("good\n")
    }
    try await commands.expect("ring cat --json | head -c 1", code: 0) { $0 == "{" }
    try flipByte(at: 140, in: agent.dataDirectory + "/ring/hot-00000001.seg")
    try await commands.expect("ring verify", code: 65) {
      $0.contains("can't be read, and no gap record says so")
    }
    try await commands.expect("ring cat --from x", code: 64) { $0.contains("--from") }
  }

  private func flipByte(at offset: Int, in path: String) throws {
    let file = open(path, O_RDWR)
    defer { close(file) }
    var byte: UInt8 = 0
    guard pread(file, &byte, 1, off_t(offset)) == 1 else { throw TestFailure("can't read \(path)") }
    byte ^= 1
    guard pwrite(file, &byte, 1, off_t(offset)) == 1 else {
      throw TestFailure("can't write \(path)")
    }
  }
}

/// Runs commands on one data directory, through a shell that tells of any end in a pipe.
private struct RingCommands {
  var dataDirectory: String
  var scratch: Scratch

  func expect(
    _ command: String,
    code: Int32,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ isRight: (String) -> Bool
  ) async throws {
    let parts = command.split(separator: "|", maxSplits: 1)
    let pipe = parts.count > 1 ? " |\(parts[1])" : ""
    let line = "\(Programs.holdfast) \(parts[0]) --data-dir \(dataDirectory)\(pipe)"
    let result = try await run("bash", ["-o", "pipefail", "-c", line], in: scratch)
    #expect(result.status == .code(code), "\(command)", sourceLocation: sourceLocation)
    #expect(isRight(result.output), "\(result.output)", sourceLocation: sourceLocation)
  }
}
