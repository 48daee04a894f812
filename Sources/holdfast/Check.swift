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
        holdfast check --json -c new.toml | jq -r '.problems[].what'
      """
  )

  @OptionGroup var options: ConfigurationOptions

  @Flag(help: "Print what all files make together: with defaults, secrets masked, as TOML.")
  var printEffective = false

  @Flag(help: "Print the JSON Schema of the configuration, and check nothing.")
  var printSchema = false

  @Flag(help: "Write the outcome as JSON, errors and warnings included, to standard output.")
  var json = false

  func validate() throws {
    if json && (printEffective || printSchema) {
      throw ValidationError("--json goes with neither --print-effective nor --print-schema.")
    }
  }

  func run() throws {
    if printSchema {
      print(ConfigurationSchema.text, terminator: "")
      return
    }
    if json {
      try tellAsJSON()
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

  private func tellAsJSON() throws {
    var files = [options.config]
    var problems: [JSONValue] = []
    var isUsable = true
    do {
      let loaded = try options.loaded(warn: { _ in })
      files = loaded.files
      problems = loaded.warnings.map { entry($0, severity: "warning") }
    } catch {
      isUsable = false
      problems = error.problems.map { entry($0, severity: "error") }
    }
    print(
      JSONValue.object([
        ("ok", .bool(isUsable)), ("files", .list(files.map { .text($0) })),
        ("problems", .list(problems)),
      ])
    )
    if !isUsable { throw ExitCode(ExitStatus.invalid) }
  }

  private func entry(_ problem: ConfigurationProblem, severity: String) -> JSONValue {
    .object([
      ("severity", .text(severity)), ("file", .text(problem.file ?? options.config)),
      ("line", .number(problem.line)), ("key", .text(problem.key)), ("what", .text(problem.what)),
      ("remedy", .text(problem.remedy)),
      ("nearest", problem.nearest.map { .text($0) } ?? .null),
    ])
  }
}
