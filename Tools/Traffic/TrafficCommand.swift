import ArgumentParser
import CMosquitto
import Glibc

/// Traffic for the demo, the tests and the benchmarks.
///
/// * `publish` is a fleet of sensors; each payload bears a counter per topic.
/// * `collect` is the centre: it subscribes, and tallies what came, came twice, or is missing.
/// * `sink` is a central broker that only counts, for measuring how fast a backlog drains.
/// * `blast` is a sensors' broker that sends as fast as it is acknowledged.
@main
struct TrafficCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "traffic",
    abstract: "Sensor traffic with counters, and a collector that tallies it.",
    subcommands: [
      PublishCommand.self, CollectCommand.self, SinkCommand.self, BlastCommand.self,
      HostileCommand.self,
    ]
  )

  static func main() {
    mosquitto_lib_init()
    StopSignal.install()
    do {
      // Without /proc the arguments are empty, and parsing them shows the help.
      var command = try parseAsRoot()
      try command.run()
    } catch {
      exit(withError: error)
    }
  }
}

/// Prints a line at once, for whoever reads it through a pipe.
func say(_ line: String) {
  print(line)
  fflush(nil)
}

/// Writes a line to standard error.
func note(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
}

/// Something that went wrong, as one line for people.
struct TrafficError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}
