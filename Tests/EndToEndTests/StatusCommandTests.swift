import Glibc
import Testing

/// `holdfast status` and `holdfast top` beside a running agent.
@Suite struct StatusCommandTests {
  private func status(
    _ agent: HoldfastProcess,
    _ more: [String] = [],
    in scratch: Scratch
  ) async throws
    -> (status: ExitStatus, output: String)
  {
    try await run(
      Programs.holdfast,
      ["status", "--data-dir", agent.dataDirectory] + more,
      in: scratch
    )
  }

  private func site() throws -> Site { try Site { $0.statusLines = [#"listen = """#] } }

  private func becomes(_ level: String, _ site: Site) async throws {
    let place = HTTPClient.Place.path(site.agent.dataDirectory + "/status.sock")
    let isSo = try await eventually(within: 20) {
      HTTPClient.get("/status.json", from: place)?.headers["holdfast-level"] == level
    }
    try #require(isSo, "\(level): \(site.agent.log)")
  }

  @Test(.timeLimit(.minutes(3)))
  func `the exit code tells health: fine, a link that is down, no agent`() async throws {
    let site = try site()
    try await site.start()
    try await becomes("fine", site)
    var result = try await status(site.agent, in: site.scratch)
    #expect(
      result.status == .code(0) && result.output.hasPrefix("Data is safe"),
      "\(result.output)"
    )
    #expect(result.output.split(separator: "\n").count <= 24)
    try await site.centralBroker.stop()
    try await becomes("attention", site)
    result = try await status(site.agent, in: site.scratch)
    #expect(result.status == .code(1), "\(result.output)")
    #expect(result.output.contains("upstream  central DOWN"))
    result = try await status(site.agent, ["--json"], in: site.scratch)
    #expect(result.status == .code(1) && JSONTree(result.output)?["level"]?.text == "attention")
    try await site.agent.stop()
    result = try await status(site.agent, in: site.scratch)
    #expect(result.status == .code(69) && result.output.hasPrefix("no agent answers"))
  }

  @Test(.timeLimit(.minutes(3)))
  func `top sorts by its keys in 80 by 24, and gives the terminal back however it ends`()
    async throws
  {
    let site = try site()
    guard access("/usr/bin/tmux", X_OK) == 0 else {
      Ledger.skip("holdfast top in a terminal", because: "there is no tmux")
      return
    }
    try await site.start()
    try site.sensors.start(rate: 200)
    let terminal = Terminal(in: site.scratch)
    defer { terminal.close() }
    let command = "\(Programs.holdfast) top --data-dir \(site.agent.dataDirectory)"
    try await terminal.open("echo before; \(command); echo ended $?; exec cat")
    try await terminal.shows { $0.contains("EVENTS/S*") && $0.contains("sensors/") }
    let lines = try await terminal.screen().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= 25 && lines.allSatisfy { $0.count <= 80 })
    for (key, title) in [
      ("b", "BYTES/S*"), ("d", "DROPPED*"), ("s", "SILENT*"), ("r", "EVENTS/S*"),
    ] {
      try await terminal.press(key)
      try await terminal.shows { $0.contains(title) }
    }
    try await terminal.press("q")
    try await terminal.shows {
      $0.contains("before") && $0.contains("ended 0") && !$0.contains("TOPIC")
    }
    // Typing is seen again: the terminal is as it was.
    try await terminal.press("visible")
    try await terminal.shows { $0.contains("visible") }

    terminal.close()
    try await terminal.open(
      "echo before; timeout --foreground 3 \(command); echo ended $?; exec cat"
    )
    try await terminal.shows { $0.contains("EVENTS/S*") }
    // SIGTERM.
    try await terminal.shows {
      $0.contains("before") && $0.contains("ended 124") && !$0.contains("TOPIC")
    }

    terminal.close()
    try await terminal.open("echo before; \(command); echo ended $?; exec cat")
    try await terminal.shows { $0.contains("EVENTS/S*") }
    // The agent goes: what is there stays, and says that it is old.
    try await site.sensors.stop()
    try await site.agent.stop()
    try await terminal.shows { $0.contains("no agent answers") && $0.contains("sensors/") }
    try await terminal.press("C-c")
    try await terminal.shows {
      $0.contains("before") && $0.contains("ended 0") && !$0.contains("TOPIC")
    }
  }

  @Test func `top without a terminal says so`() async throws {
    let scratch = try Scratch()
    let result = try await run(Programs.holdfast, ["top"], in: scratch)
    #expect(result.status == .code(64) && result.output.contains("needs a terminal"))
  }
}

/// A terminal of 80 by 24 that nobody sees: tmux, with a server of its own.
private final class Terminal {
  private let scratch: Scratch
  private var socket: String

  init(in scratch: Scratch) {
    self.scratch = scratch
    socket = scratch.newPath("tmux")
  }

  @discardableResult
  private func tmux(_ arguments: [String]) async throws -> String {
    let result = try await run("tmux", ["-S", socket, "-f", "/dev/null"] + arguments, in: scratch)
    guard result.status == .code(0) else {
      throw TestFailure("tmux \(arguments): \(result.output)")
    }
    return result.output
  }

  func open(_ command: String) async throws {
    // A server that was told to end may not have done so yet.
    socket = scratch.newPath("tmux")
    try await tmux(["new-session", "-d", "-x", "80", "-y", "24", "sh", "-c", command])
  }

  func press(_ key: String) async throws { try await tmux(["send-keys", key]) }

  func screen() async throws -> String { try await tmux(["capture-pane", "-p"]) }

  /// Waits until the screen is as it should be.
  func shows(within seconds: Double = 20, _ condition: (String) -> Bool) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(seconds)
    var last = ""
    while clock.now < deadline {
      last = try await screen()
      if condition(last) { return }
      try await pause(0.1)
    }
    throw TestFailure("the screen does not come to it:\n\(last)")
  }

  func close() {
    // The server goes with its socket.
    let child = try? ChildProcess(
      "tmux",
      ["-S", socket, "kill-server"],
      output: scratch.newPath("kill")
    )
    if let child { while child.status == nil { usleep(10_000) } }
  }
}
