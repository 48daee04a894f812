import ArgumentParser
import Glibc
import HoldfastAgent
import HoldfastConfiguration
import HoldfastEvent
import HoldfastRingLog
import HoldfastStage
import HoldfastSystem

/// `holdfast tail`: what arrives now.
struct Tail: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes events as they arrive, until Ctrl-C.",
    discussion: """
      Follows the ring log of a running agent. Shows what is written, which is
      up to one commit before it is durable. What the agent forwards and frees
      between two looks, a fifth of a second apart, is passed over with a line.

      With --config or --upstream it shows under each event what every stage of
      that upstream does to it, and why. The stages begin as new, with the first
      event that is read: for a while they may decide otherwise than those of
      the agent, which remember what came before. Nothing is sent or changed.

      EXAMPLES:
        holdfast tail
        holdfast tail 'sensors/+/temperature' --json
        holdfast tail --count 1 --data-dir /tmp/holdfast-demo
        holdfast tail 'plant/1/temp' --upstream central
        holdfast tail --config new.toml
      """
  )

  /// Between two looks, microseconds.
  private static let pollInterval: UInt32 = 200_000

  @Argument(
    help: "Only events whose topic matches this MQTT filter.",
    transform: topicFilter
  )
  var filter: TopicFilter?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Shows what the stages of this configuration do (default with --upstream:"
        + " \(ConfigurationOptions.defaultPath)).",
      valueName: "file"
    )
  )
  var config: String?

  @Option(
    help: ArgumentHelp("Shows what the stages of this upstream do.", valueName: "name")
  )
  var upstream: String?

  @Option(
    help: ArgumentHelp(
      "The data directory (default: \(RingPlace.defaultPath); with a configuration, its own).",
      valueName: "directory"
    )
  )
  var dataDir: String?

  @Flag(help: "Writes JSON instead of text.")
  var json = false

  @Option(help: ArgumentHelp("Ends after so many events.", valueName: "number"))
  var count: Int?

  private var showsStages: Bool { config != nil || upstream != nil }

  func validate() throws {
    if dataDir?.isEmpty == true { throw ValidationError("--data-dir must not be empty.") }
    if let count, count < 0 { throw ValidationError("--count must not be negative.") }
    if json && showsStages {
      throw ValidationError("--json shows events alone; leave it out to see what stages do.")
    }
  }

  func run() throws {
    if showsStages {
      try followStages()
    } else {
      let place = RingPlace(path: dataDir ?? RingPlace.defaultPath)
      var printer = EventPrinter(filter: filter, isJSON: json, count: count)
      printer.isFollowing = true
      try follow(place) { ring, walk in
        try printer.drain(ring, &walk)
        return printer.rest > 0
      }
    }
  }

  private func followStages() throws {
    var options = ConfigurationOptions()
    options.config = config ?? ConfigurationOptions.defaultPath
    let candidate = Candidate(file: options.config, try options.load().configuration)
    let name = try candidate.chosenUpstream(upstream)
    let place = RingPlace(path: dataDir ?? candidate.configuration.dataDirectory)
    var run: CandidateRun?
    var explainer = StageExplainer(filter: filter, count: count)
    try follow(place) { ring, walk in
      if run == nil { run = candidate.run(over: ring, upstreams: [name], isExplaining: true) }
      while explainer.rest > 0, let item = walk.next(in: ring) {
        try explainer.take(item, of: ring, through: &run)
      }
      try explainer.flush()
      return explainer.rest > 0
    }
  }

  /// Looks again and again, from the end of the log on, until `show` wants no more.
  private func follow(
    _ place: RingPlace,
    _ show: (RingInspection, inout RingWalk) throws -> Bool
  ) throws {
    let disk = place.disk()
    let ring = try place.inspect(disk)
    if !disk.isHeld() { complain("no agent runs on \(place.path); waiting for one") }
    var walk = RingWalk(position: ring.end)
    // Marks that stand there already are old news.
    walk.passedGaps =
      ring.account?.gaps.count { $0.first == walk.position && !$0.reason.coversNumbers } ?? 0
    while try show(ring, &walk) {
      usleep(Self.pollInterval)
      do throws(RingInspectionError) { try ring.advance() } catch {
        throw place.failure(error)
      }
      // A new log in place of the one before.
      if ring.end < walk.position { walk = RingWalk(position: ring.end) }
    }
  }
}
