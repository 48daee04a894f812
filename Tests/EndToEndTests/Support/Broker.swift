import Glibc

/// A Mosquitto of our own.
final class Broker {
  static let address = "127.0.0.1"

  let port: Int
  private let configuration: String
  private let log: String
  private let scratch: Scratch
  private var process: ChildProcess?

  init(_ name: String, in scratch: Scratch, settings: [String] = []) throws {
    self.scratch = scratch
    port = try Ports.take()
    log = scratch.newPath("\(name).log")
    configuration = scratch.newPath("\(name).conf")
    let directory = try scratch.makeDirectory(name, forMosquitto: true)
    // Only a network of its own lets it listen at all of its addresses.
    let listener = scratch.network == nil ? "\(port) \(Self.address)" : "\(port)"
    let lines =
      [
        "listener \(listener)", "allow_anonymous true", "persistence true",
        "persistence_location \(directory)/", "autosave_interval 1",
        // The default of 1000 acknowledges what it then drops.
        "max_queued_messages 1000000",
        "log_type error", "log_type warning", "log_type notice", "log_type information",
        "log_type subscribe",
      ] + settings
    try writeText(configuration, lines.joined(separator: "\n") + "\n")
  }

  var url: String { url(at: Self.address) }

  func url(at address: String) -> String { "mqtt://\(address):\(port)" }

  /// How often someone has subscribed to `filter` since it was first started.
  func subscriptionCount(to filter: String) -> Int { logCount(of: " 1 \(filter)\n") }

  /// How often `text` stands in its log.
  func logCount(of text: String) -> Int { readText(log).ranges(of: text).count }

  func start() async throws {
    let runningCount = logCount(of: Self.runningLine)
    let process = try ChildProcess(
      "mosquitto",
      ["-c", configuration],
      output: log,
      network: scratch.network
    )
    self.process = process
    let isUp = try await eventually(within: 20) {
      if process.status != nil { throw TestFailure("mosquitto ended: \(process.tail)") }
      return self.logCount(of: Self.runningLine) > runningCount
    }
    guard isUp else { throw TestFailure("mosquitto doesn't answer on \(port)") }
  }

  /// SIGTERM: it saves its sessions and what is queued for them.
  func stop() async throws {
    guard let process else { return }
    _ = try await process.stop()
    self.process = nil
  }

  /// SIGKILL: it forgets what it has not saved, acknowledged or not.
  func kill() async throws {
    try await process?.killAtOnce()
    process = nil
  }

  /// SIGSTOP: connections are taken by the kernel, and nobody answers.
  func pauseAnswers() async throws { try await process?.freeze() }

  func resumeAnswers() { process?.send(signal: SIGCONT) }

  /// SIGSTOP for a while: it neither answers nor closes.
  func freeze(seconds: Double) async throws {
    process?.send(signal: SIGSTOP)
    try await pause(seconds)
    process?.send(signal: SIGCONT)
  }

  /// What it logs when it listens.
  private static let runningLine = " running\n"
}
