import Glibc

/// What a test sets; the rest stays at its default.
struct AgentSettings {
  var sourceURL: String
  var upstreamURL: String
  var ringSize = "64MiB"
  var whenFull = "drop-oldest"
  var commitInterval = "50ms"
  /// What starts the agent, if not the test itself: a program that replaces itself by another.
  var launcher: String?
  var agentLines: [String] = []
  var ringLines: [String] = []
  /// Where its status page is; by default nowhere, as many agents run side by side.
  var statusLines = [#"listen = """#, #"socket = """#]
  var sourceLines: [String] = []
  var upstreamLines: [String] = []

  var text: String {
    let head =
      [
        "[agent]", #"id = "edge""#,
      ] + agentLines + [
        "[ring]", #"size = "\#(ringSize)""#, #"when_full = "\#(whenFull)""#,
        #"commit_interval = "\#(commitInterval)""#,
      ] + ringLines + ["[status]"]
    let source = [
      "[[source]]", #"name = "floor""#, #"url = "\#(sourceURL)""#,
      #"topics = ["sensors/#"]"#, #"backoff_max = "1s""#,
    ]
    let upstream = [
      "[[upstream]]", #"name = "central""#, #"url = "\#(upstreamURL)""#,
      #"backoff_max = "1s""#,
    ]
    let lines = head + statusLines + source + sourceLines + upstream + upstreamLines
    return lines.joined(separator: "\n") + "\n"
  }
}

/// The agent, started, killed and started again over one data directory.
final class HoldfastProcess {
  let dataDirectory: String
  let logPath: String
  let configuration: String
  private let launcher: String?
  private let scratch: Scratch
  private var process: ChildProcess?

  init(_ settings: AgentSettings, dataDirectory: String, in scratch: Scratch) throws {
    self.dataDirectory = dataDirectory
    self.scratch = scratch
    configuration = scratch.newPath("holdfast.toml")
    launcher = settings.launcher
    logPath = scratch.newPath("holdfast.log")
    try writeText(configuration, settings.text)
  }

  var log: String { readText(logPath) }
  var isRunning: Bool { process.map { $0.status == nil } ?? false }

  /// 0 while it doesn't run.
  var processID: Int32 { process.map { $0.status == nil ? $0.processID : 0 } ?? 0 }

  /// Bytes of memory in use now; 0 while it doesn't run.
  var residentByteCount: Int {
    guard let process, process.status == nil else { return 0 }
    let lines = readText("/proc/\(process.processID)/status").split(separator: "\n")
    let line = lines.first { $0.hasPrefix("VmRSS:") } ?? ""
    return (Int(line.filter { $0.isNumber }) ?? 0) << 10
  }

  func start(environment: [(String, String)] = []) throws {
    var arguments = ["run", "--config", configuration, "--data-dir", dataDirectory]
    if launcher != nil { arguments.insert(Programs.holdfast, at: 0) }
    process = try ChildProcess(
      launcher ?? Programs.holdfast,
      arguments,
      output: logPath,
      environment: environment,
      network: scratch.network
    )
  }

  /// Another configuration; it counts from the next start or reload.
  func configure(_ settings: AgentSettings) throws { try writeText(configuration, settings.text) }

  /// How often `text` stands in the log.
  func logCount(of text: String) -> Int { log.ranges(of: text).count }

  /// SIGHUP; returns when the log says what came of it.
  func reload(expecting line: String = "running with the new configuration") async throws {
    let count = logCount(of: line)
    send(signal: SIGHUP)
    let isDone = try await eventually(within: 30) { self.logCount(of: line) > count }
    guard isDone else { throw TestFailure("no \(line) after SIGHUP:\n\(log)") }
  }

  func send(signal: Int32) { process?.send(signal: signal) }

  /// See ``ChildProcess/freeze()``.
  func freeze() async throws {
    guard let process else { throw TestFailure("holdfast was not started") }
    try await process.freeze()
  }

  func kill() async throws {
    try await process?.killAtOnce()
    process = nil
  }

  /// SIGTERM, which must end it with 0.
  func stop() async throws {
    guard let process else { return }
    let status = try await process.stop()
    self.process = nil
    guard status == .code(0) else {
      throw TestFailure("SIGTERM ended holdfast with \(status):\n\(process.tail)")
    }
  }

  /// Waits for its end and returns how it ended.
  func ended(within seconds: Double) async throws -> ExitStatus {
    guard let process else { throw TestFailure("holdfast was not started") }
    return try await process.ended(within: seconds)
  }

  /// `ring verify`, which must find the law kept.
  func verify() async throws -> String {
    let result = try await verification()
    guard result.status == .code(0) else {
      throw TestFailure("ring verify ended with \(result.status):\n\(result.output)")
    }
    return result.output
  }

  /// The counters as saved last, while it runs, too.
  func account() async throws -> TallyReport {
    try TallyReport(try await verification().output)
  }

  private func verification() async throws -> (status: ExitStatus, output: String) {
    try await run(
      Programs.holdfast,
      ["ring", "verify", "--data-dir", dataDirectory, "--json"],
      in: scratch
    )
  }
}
