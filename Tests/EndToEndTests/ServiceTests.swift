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
    // In tenths: 10.0 is everything open, 2.0 the most that this service needs.
    let security = try await run(
      "systemd-analyze",
      ["security", "--offline=true", "--threshold=20", "--no-pager", path],
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

/// Takes what a service tells systemd.
private final class NotifySocket {
  let path: String
  private let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)

  init(_ path: String) throws {
    self.path = path
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    var isStamped: Int32 = 1
    let stamped = setsockopt(
      descriptor,
      SOL_SOCKET,
      SO_TIMESTAMP,
      &isStamped,
      socklen_t(MemoryLayout<Int32>.size)
    )
    guard bound == 0, stamped == 0 else { throw TestFailure("can't bind \(path)") }
  }

  deinit { close(descriptor) }

  /// The next message, if there is one.
  func next() -> String? { nextStamped()?.text }

  /// The same with when the kernel took it from its sender, by wall clock: this process may be
  /// late to look.
  func nextStamped() -> (text: String, sentAt: Duration)? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    // A control message of 16 bytes of header, then a timeval: the layout of 64-bit Linux.
    var control = [Int64](repeating: 0, count: 8)
    let count = bytes.withUnsafeMutableBytes { bytes in
      control.withUnsafeMutableBytes { control in
        var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &part) { part in
          var message = msghdr()
          message.msg_iov = part
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
          return recvmsg(descriptor, &message, 0)
        }
      }
    }
    guard count >= 0 else { return nil }
    let sentAt = Duration.seconds(control[2]) + .microseconds(control[3])
    return (String(decoding: bytes.prefix(count), as: UTF8.self), sentAt)
  }
}
