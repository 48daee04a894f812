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
      SIGINT it commits and saves everything and ends with 0. At SIGHUP it
      reads its configuration and certificates again; a configuration that
      can't be used changes nothing.

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
    let configuration = placed(try options.load().configuration)
    LoggingSystem.bootstrap { _ in LineLogHandler() }
    let logger = Logger(label: "holdfast")
    let code = runAgent(
      configuration: configuration,
      version: Holdfast.configuration.version,
      logger: logger
    ) {
      do throws(ConfigurationError) {
        let loaded = try options.loaded { logger.warning("\($0)") }
        return .usable(placed(loaded.configuration))
      } catch {
        return .refused(error.lines)
      }
    }
    throw ExitCode(code)
  }

  private func placed(_ configuration: AgentConfiguration) -> AgentConfiguration {
    var configuration = configuration
    if let dataDir { configuration.dataDirectory = dataDir }
    return configuration
  }
}
