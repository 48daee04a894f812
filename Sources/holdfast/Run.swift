import ArgumentParser
import HoldfastAgent
import HoldfastConfiguration
import HoldfastSystem
import Logging

/// `holdfast run`: the agent itself, until SIGTERM or SIGINT.
struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs the agent until it is asked to stop.",
    discussion: """
      Stays in the foreground and logs to standard error. At SIGTERM or
      SIGINT it commits and saves everything and ends with 0.

      EXAMPLES:
        holdfast run --config /etc/holdfast/holdfast.toml
        holdfast run --config config/demo.toml --data-dir /tmp/holdfast-demo
      """
  )

  @OptionGroup var options: ConfigurationOptions

  @Option(
    help: ArgumentHelp("Goes before agent.data_dir of the file.", valueName: "directory")
  )
  var dataDir: String?

  func validate() throws {
    if dataDir?.isEmpty == true { throw ValidationError("--data-dir must not be empty.") }
  }

  func run() throws {
    var configuration = try options.load().configuration
    if let dataDir { configuration.dataDirectory = dataDir }
    LoggingSystem.bootstrap { _ in LineLogHandler() }
    throw ExitCode(runAgent(configuration: configuration, logger: Logger(label: "holdfast")))
  }
}
