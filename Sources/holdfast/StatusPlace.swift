import ArgumentParser
import HoldfastAgent
import HoldfastConfiguration
import HoldfastSystem

/// Where the commands that ask a running agent find it.
struct StatusPlace: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The agent's configuration file, for where it listens.", valueName: "file")
  )
  var config: String?

  @Option(
    help: ArgumentHelp(
      "The data directory (default: \(RingPlace.defaultPath); with a configuration, its own).",
      valueName: "directory"
    )
  )
  var dataDir: String?

  func validate() throws {
    if dataDir?.isEmpty == true { throw ValidationError("--data-dir must not be empty.") }
  }

  /// Asks the Unix socket, and then the TCP port.
  ///
  /// Where nobody answers the command ends with 69, and says what it tried.
  func get(_ path: String, isQuiet: Bool = false) throws -> StatusClient.Answer {
    var failures: [String] = []
    for place in try places() {
      do {
        let answer = try StatusClient.get(path, from: place)
        if answer.code == 200 { return answer }
        failures.append("\(place.description): answers with \(answer.code)")
      } catch {
        failures.append(error.words)
      }
    }
    let tried =
      failures.isEmpty
      ? "its configuration has no [status] address" : failures.joined(separator: "; ")
    if !isQuiet { complain("no agent answers: \(tried)") }
    throw ExitCode(ExitStatus.unavailable)
  }

  private func places() throws -> [StatusClient.Place] {
    var settings = StatusConfiguration()
    var directory = RingPlace.defaultPath
    if let config {
      var options = ConfigurationOptions()
      options.config = config
      let loaded = try options.load().configuration
      settings = loaded.status
      directory = loaded.dataDirectory
    }
    if let dataDir { directory = dataDir }
    var places: [StatusClient.Place] = []
    if let path = settings.socketPath {
      places.append(.socket(path: path.hasPrefix("/") ? path : "\(directory)/\(path)"))
    }
    // Of a directory that was named, only its own agent is meant.
    if let listener = settings.listener, listener.port > 0, config != nil || dataDir == nil {
      places.append(.address(listener.address, port: listener.port))
    }
    return places
  }
}
