import ArgumentParser
import HoldfastConfiguration

/// `holdfast check`: what `run` would say about the configuration, without running.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tells whether a configuration can be used, or all that is wrong with it.",
    discussion: """
      Prints a summary to standard output and ends with 0, or one line per
      error, with file and line, to standard error and ends with 1.
      Warnings go to standard error too and don't change the end.

      EXAMPLES:
        holdfast check --config /etc/holdfast/holdfast.toml
        holdfast check -c new.toml && cp new.toml /etc/holdfast/holdfast.toml
        holdfast check --print-effective
      """
  )

  @OptionGroup var options: ConfigurationOptions

  @Flag(help: "Print what all files make together: with defaults, secrets masked, as TOML.")
  var printEffective = false

  @Flag(help: "Print the JSON Schema of the configuration, and check nothing.")
  var printSchema = false

  func run() throws {
    if printSchema {
      print(ConfigurationSchema.text, terminator: "")
      return
    }
    let loaded: LoadedConfiguration
    do {
      loaded = try options.loaded()
    } catch {
      complain(error.description)
      throw ExitCode(ExitStatus.invalid)
    }
    if printEffective {
      print(loaded.effective, terminator: "")
      return
    }
    print("\(options.config): ok")
    if loaded.files.count > 1 {
      print("  with      \(loaded.files.dropFirst().joined(separator: ", "))")
    }
    print(loaded.summary)
  }
}
