import Glibc

/// A Mosquitto of our own.
final class Broker {
  let port: Int
  private let configuration: String
  private let log: String
  private var process: ChildProcess?

  init(_ name: String, in scratch: Scratch, settings: [String] = []) throws {
    port = try Ports.take()
    log = scratch.newPath("\(name).log")
    configuration = scratch.newPath("\(name).conf")
    let directory = try scratch.makeDirectory(name, forMosquitto: true)
    let lines =
      [
        "listener \(port) 127.0.0.1", "allow_anonymous true", "persistence true",
        "persistence_location \(directory)/", "autosave_interval 1",
        // The default of 1000 acknowledges what it then drops.
        "max_queued_messages 1000000",
        "log_type error", "log_type warning", "log_type notice", "log_type information",
        "log_type subscribe",
      ] + settings
    try writeText(configuration, lines.joined(separator: "\n") + "\n")
  }

  var url: String { "mqtt://127.0.0.1:\(port)" }

  /// How often someone has subscribed to `filter` since it was first started.
  func subscriptionCount(to filter: String) -> Int {
    readText(log).ranges(of: " 1 \(filter)\n").count
  }

  func start() async throws {
    let process = try ChildProcess("mosquitto", ["-c", configuration], output: log)
    self.process = process
    let isUp = try await eventually(within: 20) {
      if process.status != nil { throw TestFailure("mosquitto ended: \(process.tail)") }
      return Ports.answers(self.port)
    }
    guard isUp else { throw TestFailure("mosquitto doesn't answer on \(port)") }
  }

  /// SIGTERM: it saves its sessions and what is queued for them.
  func stop() async throws {
    guard let process else { return }
    _ = try await process.stop()
    self.process = nil
  }
}
