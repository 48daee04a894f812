import Glibc
import Testing

/// Bars of work that takes a while.
@Suite struct ProgressTests {
  @Test func `long work shows a bar on a terminal and takes it away; elsewhere there is none`()
    async throws
  {
    let scratch = try Scratch()
    guard let calls = try await FailingCalls(in: scratch) else { return }
    let agent = try await filledAgent(in: scratch)
    // A card so slow that the little there is takes seconds.
    calls.slow(.pread)
    for (title, command) in [
      ("verify", "ring verify"), ("export", "ring export"),
      ("simulate", "simulate --config \(agent.configuration)"),
    ] {
      let terminal = try PseudoTerminal()
      let line = "holdfast \(command) --data-dir \(agent.dataDirectory)"
      let file = scratch.newPath("output")
      try await shell("\(line) > \(file) 2> \(terminal.path)", calls, in: scratch)
      let shown = terminal.output
      #expect(!readText(file).isEmpty && !readText(file).contains("\u{1b}"), "\(command)")
      try expectBar(title, shown)

      let errors = scratch.newPath("errors")
      try await shell("\(line) > \(file) 2> \(errors)", calls, in: scratch)
      #expect(readText(errors).isEmpty, "\(command): \(readText(errors))")
    }
    let verify = "holdfast ring verify --data-dir \(agent.dataDirectory)"
    let passed = scratch.newPath("passed")
    try await shell("\(verify) 2>&1 > \(passed).out | cat > \(passed)", calls, in: scratch)
    #expect(readText(passed).isEmpty && !readText(passed + ".out").isEmpty)
    // A bar would stand within its lines.
    let terminal = try PseudoTerminal()
    let export = "holdfast ring export --topic none --data-dir \(agent.dataDirectory)"
    try await shell("\(export) > \(terminal.path) 2>&1", calls, in: scratch)
    #expect(terminal.output.isEmpty)
  }

  /// It moves, fits a terminal of 80 columns, and leaves an empty line behind.
  private func expectBar(_ title: String, _ shown: String) throws {
    let pictures = shown.split(separator: "\r").filter { $0.hasPrefix(title) }
    #expect(pictures.count > 1, "\(shown)")
    let shares = pictures.map { picture in
      Int(picture.split(separator: "]").last?.filter { $0.isNumber } ?? "")
    }
    let percents = shares.compactMap(\.self)
    #expect(percents.count == pictures.count && percents == percents.sorted(), "\(shown)")
    #expect((percents.last ?? 0) > (percents.first ?? 0), "it stands still: \(shown)")
    #expect(pictures.allSatisfy { $0.count < 80 && $0.hasSuffix("\u{1b}[K") }, "\(shown)")
    #expect(shown.hasSuffix("\r\u{1b}[K") && !shown.contains("\n"), "\(shown)")
  }

  /// An agent that has stored enough for many chains, which is as far as one step reads, and ended.
  private func filledAgent(in scratch: Scratch) async throws -> HoldfastProcess {
    let broker = try Broker("sensors", in: scratch)
    try await broker.start()
    var settings = AgentSettings(
      sourceURL: broker.url,
      upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
    )
    settings.upstreamLines = [
      "[[upstream.stage]]", #"type = "sample""#, #"topics = ["sensors/#"]"#, "every = 2",
    ]
    let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
    try agent.start()
    let isUp = try await eventually(within: 30) { broker.subscriptionCount(to: "sensors/#") > 0 }
    try #require(isUp, "\(agent.log)")
    let sensors = Sensors(url: broker.url, in: scratch, ["--padding", "20000"])
    try sensors.start(rate: 400)
    try await pause(1.5)
    try await sensors.stop()
    try await agent.stop()
    return agent
  }

  private func shell(_ line: String, _ calls: FailingCalls, in scratch: Scratch) async throws {
    let variables = calls.environment.map { "\($0.0)=\($0.1)" }.joined(separator: " ")
    let command = "env \(variables) \(Programs.holdfast) \(line.dropFirst("holdfast ".count))"
    let result = try await run("sh", ["-c", command], in: scratch)
    try #require(result.status == .code(0), "\(line): \(result.output)")
  }
}

/// A terminal that nobody sees; what was written to it can be read afterwards.
private final class PseudoTerminal {
  /// Where a program finds it.
  let path: String
  private let master: Int32
  /// Kept open, so that what a program wrote is still there when it has ended.
  private let slave: Int32

  init() throws {
    // What posix_openpt(3) and its kin do, which Swift's view of the C library lacks: TIOCSPTLCK
    // and TIOCGPTN of ioctl_tty(2).
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var number: Int32 = 0
    guard master >= 0, ioctl(master, 0x4004_5431, &number) == 0,
      ioctl(master, 0x8004_5430, &number) == 0
    else { throw TestFailure("no terminal: \(errorText())") }
    path = "/dev/pts/\(number)"
    slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard slave >= 0 else { throw TestFailure("\(path): \(errorText())") }
    _ = fcntl(master, F_SETFL, O_NONBLOCK)
  }

  deinit {
    close(slave)
    close(master)
  }

  var output: String {
    var all: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(master, &piece, piece.count)
      if count <= 0 { return String(decoding: all, as: UTF8.self) }
      all += piece[..<count]
    }
  }
}
