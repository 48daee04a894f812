import ArgumentParser
import Glibc
import HoldfastAgent
import HoldfastConfiguration
import HoldfastEvent
import HoldfastIntake
import HoldfastReplay
import HoldfastRingLog
import HoldfastSystem
import HoldfastUpstream

/// `holdfast replay`: a range of the log once more.
struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sends a recorded range to an upstream again, marked as replay.",
    discussion: """
      For a centre that lost data. Beside a running agent: it reads the ring log,
      changes nothing in it, and publishes over a connection of its own, in the
      upstream's format, with the identities of the first time and the mark
      replay. What the ring holds of delivered data, ring.keep_delivered decides.

      A place is a sequence number, RFC 3339, or a span back from now. Times are
      those of arrival; --to is not included. What is sent is one range of
      numbers; it can be stopped with Ctrl-C, and says where to go on.

      At the end stands an account of the range: each number was delivered,
      refused, filtered by the upstream's topics, lost before (its gap record
      was sent), never used, or is gone from the ring.

      EXAMPLES:
        holdfast replay --upstream central --from 3h --to 2h --dry-run
        holdfast replay --upstream central --from 3h --to 2h --budget 64kbit/s
        holdfast replay --upstream central --from 120000 --to 130000 --json
      """
  )

  @OptionGroup var options: ConfigurationOptions

  @Option(help: ArgumentHelp("Goes before agent.data_dir of the file.", valueName: "directory"))
  var dataDir: String?

  @Option(help: ArgumentHelp("The upstream, as the configuration names it.", valueName: "name"))
  var upstream: String

  @Option(
    help: ArgumentHelp("The place to begin with.", valueName: "place"),
    transform: RecordedPlace.init
  )
  var from: RecordedPlace

  @Option(
    help: ArgumentHelp("The place to end before (default: the log's end).", valueName: "place"),
    transform: RecordedPlace.init
  )
  var to: RecordedPlace?

  @Option(
    help: ArgumentHelp("Bytes handed to the socket, such as 64kbit/s.", valueName: "rate")
  )
  var budget: String?

  @Flag(help: "The upstream has stages: send the events as they were stored, before any stage.")
  var raw = false

  @Flag(help: "Send although nothing can mark it: format \"event\" over MQTT 3.1.1.")
  var unmarked = false

  @Flag(help: "Tells what would be sent, and sends nothing.")
  var dryRun = false

  @Flag(help: "Writes JSON instead of text.")
  var json = false

  func validate() throws {
    if dataDir?.isEmpty == true { throw ValidationError("--data-dir must not be empty.") }
    if let budget, bytesPerSecond(ofRate: budget) == nil {
      throw ValidationError("--budget must be a rate such as 64kbit/s.")
    }
    if case .number(let first) = from, case .number(let end)? = to, first >= end {
      throw ValidationError("--from must be lower than --to.")
    }
  }

  func run() throws {
    let configuration = try options.load().configuration
    let settings = try chosen(configuration)
    let place = RingPlace(path: dataDir ?? configuration.dataDirectory)
    let disk = place.disk()
    let ring = try place.inspect(disk)
    try waitForSave(ring, disk, place)
    let now = RecordedTime.now()
    var bar = Progress("search")
    let range = ReplayRange(
      in: ring,
      from: from.replayPlace(now: now),
      to: to?.replayPlace(now: now),
      progress: { bar.show($0, of: $1) }
    )
    bar.clear()
    if let wall = range.oldestWall {
      complain(
        "the ring's oldest event arrived at \(rfc3339(wallMicroseconds: wall)):"
          + " what was before is gone"
      )
    }
    if range.numbers.isEmpty {
      complain("\(place.path): nothing in the ring lies in this range")
      throw ExitCode(ExitStatus.noInput)
    }
    var replay = ReplayConfiguration(
      settings,
      agentID: configuration.agentID,
      numbers: range.numbers,
      sources: (ring.account?.sources.map(\.name)) ?? configuration.sources.map(\.name),
      clientID: "\(configuration.agentID)-replay-\(getpid())",
      budgetByteCount: budget.flatMap { bytesPerSecond(ofRate: $0) }
    )
    replay.mayGoUnmarked = unmarked
    replay.wall = now
    if dryRun {
      try tell(survey(replay, ring))
      return
    }
    try send(replay, ring)
  }

  /// A running agent says within a second what has become durable: a range that ends there should
  /// not end before it.
  private func waitForSave(
    _ ring: RingInspection,
    _ disk: PosixDisk,
    _ place: RingPlace
  ) throws {
    guard let account = ring.account, ring.end > account.durable + 1, disk.isHeld() else { return }
    usleep(Self.saveInterval)
    do throws(RingInspectionError) { try ring.refresh() } catch { throw place.failure(error) }
  }

  /// Longer than an agent waits before it saves its state, microseconds.
  private static let saveInterval: UInt32 = 1_500_000

  /// The upstream's settings; ends the command with 78 where it can't be replayed to like this.
  private func chosen(_ configuration: AgentConfiguration) throws -> UpstreamConfiguration {
    guard let settings = configuration.upstreams.first(where: { $0.name == upstream }) else {
      let names = configuration.upstreams.map { "\"\($0.name)\"" }.joined(separator: ", ")
      throw fault("there is no upstream \"\(upstream)\" (there are \(names))")
    }
    if !settings.stages.isEmpty && !raw {
      throw fault(
        "upstream \"\(upstream)\" has stages, which would begin anew within the range and make"
          + " other results of it: --raw sends the events as they were stored"
      )
    }
    if settings.kafka != nil && budget != nil {
      throw fault(
        "upstream \"\(upstream)\" is a Kafka cluster, whose sockets are not counted:"
          + " leave --budget out"
      )
    }
    let hasBudget = settings.budgetByteCount != nil || settings.budgetOwner != nil
    if hasBudget && budget == nil && !dryRun {
      throw fault(
        "upstream \"\(upstream)\" has a budget, which a replay does not share: give it its own"
          + " with --budget, such as a quarter of it"
      )
    }
    return settings
  }

  private func fault(_ text: String) -> ExitCode {
    complain("\(options.config): \(text)")
    return ExitCode(ExitStatus.configuration)
  }

  private func survey(_ replay: ReplayConfiguration, _ ring: RingInspection) -> ReplayReport {
    var bar = Progress("count")
    let survey = ReplaySurvey(
      of: replay.numbers,
      in: ring,
      for: replay.upstream,
      progress: { bar.show($0, of: $1) }
    )
    bar.clear()
    return ReplayReport(replay, survey)
  }

  private func tell(_ report: ReplayReport) throws {
    var output = StandardOutput()
    try output.write(json ? "\(report.json)\n" : report.text)
    try output.flush()
  }

  private func send(_ replay: ReplayConfiguration, _ ring: RingInspection) throws {
    var bar = Progress("replay")
    let outcome = runReplay(
      replay,
      ring: ring,
      progress: { bar.show($0, of: $1) },
      log: { entry in
        guard entry.level >= .warning else { return }
        bar.clear()
        complain(entry.message)
      }
    )
    bar.clear()
    let report = ReplayReport(replay, outcome)
    for line in report.complaints { complain(line) }
    try tell(report)
    if report.status != 0 { throw ExitCode(report.status) }
  }
}

extension RecordedPlace {
  /// The same for a replay, seen from `now`.
  fileprivate func replayPlace(now: Int64) -> ReplayPlace {
    switch self {
    case .number(let number): .number(number)
    case .time(let time): .time(time.wall(now: now))
    }
  }
}
