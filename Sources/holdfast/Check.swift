import ArgumentParser
import HoldfastConfiguration

/// `holdfast check`: what `run` would say about the configuration, without running.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tells whether a configuration can be used, or all that is wrong with it.",
    discussion: """
      Prints a summary to standard output and ends with 0, or one line per
      error, with file and line, to standard error and ends with 78.
      Warnings go to standard error too and don't change the end.

      EXAMPLES:
        holdfast check --config /etc/holdfast/holdfast.toml
        holdfast check -c new.toml && cp new.toml /etc/holdfast/holdfast.toml
      """
  )

  @OptionGroup var options: ConfigurationOptions

  func run() throws {
    let loaded = try options.load()
    print("\(options.config): ok")
    print(loaded.summary)
  }
}
