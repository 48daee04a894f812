import ArgumentParser
import HoldfastAgent
import HoldfastConfiguration
import HoldfastIntake
import HoldfastLink
import HoldfastSystem
import HoldfastUnpack
import HoldfastUpstream
import Logging

/// `--replays`.
enum ReplayPolicy: String, ExpressibleByArgument, CaseIterable {
  case pass
  case dedupe
}

/// `holdfast unpack`: the centre's side of batches.
struct Unpack: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "At the centre: turns batches back into single messages, each once.",
    discussion: """
      Takes batches from the file's one [[source]], in any format and
      compression, and publishes their events on their original topics to
      its one [[upstream]]; with --ndjson it writes them to standard output
      instead. What was passed on before is left out, as far as
      --seen-memory remembers it, across restarts too. A batch is
      acknowledged when all of it was.

      Several instances share the work by agent: each takes its part with
      --share, over the same topics, with a data directory of its own.

      EXAMPLES:
        holdfast unpack --config /etc/holdfast/unpack.toml
        holdfast unpack --config unpack.toml --share 1/4
        holdfast unpack --config unpack.toml --ndjson | my-consumer
      """
  )

  @OptionGroup var options: ConfigurationOptions

  @Option(
    help: ArgumentHelp("Goes before agent.data_dir of the file.", valueName: "directory")
  )
  var dataDir: String?

  @Option(
    help: ArgumentHelp("This instance's part of the agents: the i-th of n.", valueName: "i/n")
  )
  var share: String?

  @Flag(help: "Write events to standard output, one JSON object per line.")
  var ndjson = false

  @Option(
    help: ArgumentHelp(
      "What becomes of replays of events that were passed on before: pass, or dedupe: left out.",
      valueName: "pass|dedupe"
    )
  )
  var replays = ReplayPolicy.pass

  @Option(help: ArgumentHelp("Memory for what was passed on, 1 to 1024 MiB.", valueName: "MiB"))
  var seenMemory = 64

  func validate() throws {
    if dataDir?.isEmpty == true { throw ValidationError("--data-dir must not be empty.") }
    if !(1...1024).contains(seenMemory) {
      throw ValidationError("--seen-memory must be from 1 to 1024.")
    }
    if let share, Share(share) == nil {
      throw ValidationError("--share must be i/n, from 1/1 to \(Share.countMax)/\(Share.countMax).")
    }
  }

  func run() throws {
    let loaded = try options.load(for: .unpack)
    guard var source = loaded.sources.first, loaded.sources.count == 1 else {
      throw fault("unpack takes exactly one [[source]]: start one process for each")
    }
    guard loaded.upstreams.count == 1 || ndjson else {
      throw fault("unpack needs exactly one [[upstream]] to publish to, or --ndjson")
    }
    let upstream = ndjson ? nil : loaded.upstreams.first
    guard source.stages.isEmpty, upstream?.stages.isEmpty ?? true else {
      throw fault("unpack has no stages: they belong to the agent")
    }
    guard upstream.map({ $0.format == .event }) ?? true else {
      throw fault("unpack publishes single messages: set format = \"event\" in its [[upstream]]")
    }
    let part = share.flatMap { Share($0) }
    // Instances on one broker must not take each other's session.
    if let part { source.link.clientID += "-\(part.index + 1)of\(part.count)" }
    var configuration = UnpackConfiguration(source: source, upstream: upstream)
    configuration.share = part
    configuration.passesReplays = replays == .pass
    configuration.seenByteCountMax = seenMemory << 20
    if let upstream, ConfigurationFile.isSameBroker(upstream.link, source.link) {
      configuration.loopFilters = source.topics
    }
    LoggingSystem.bootstrap { _ in LineLogHandler() }
    throw ExitCode(
      runUnpack(
        configuration: configuration,
        dataDirectory: dataDir ?? loaded.dataDirectory,
        logger: Logger(label: "holdfast")
      )
    )
  }

  private func fault(_ text: String) -> ExitCode {
    complain("\(options.config): \(text)")
    return ExitCode(ExitStatus.configuration)
  }
}
