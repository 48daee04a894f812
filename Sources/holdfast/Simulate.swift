import ArgumentParser
import HoldfastAgent
import HoldfastConfiguration
import HoldfastEvent
import HoldfastRingLog
import HoldfastStage
import HoldfastSystem

/// `holdfast simulate`: what the stages of a configuration would do to recorded events.
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tries a configuration's stages on what the ring log has recorded.",
    discussion: """
      Reads the ring log, beside a running agent too, lets its events go
      through the stages of the configuration, and tells what each upstream
      would have received: per stage, per topic, and in 30 days. Of deadband,
      swinging-door and downsample it tells how far a reader is from what was
      left out. Sends nothing, writes nothing, locks nothing.

      Bytes are those of topics and payloads; the protocol's own come on top.
      The stages begin as new with the first event; what they still hold at
      the end does not count as sent. What the agent has delivered and freed
      is not in the ring any more.

      EXAMPLES:
        holdfast simulate --config new.toml
        holdfast simulate --config new.toml --from 2h --upstream central
        holdfast simulate -c new.toml --from 2026-01-31T10:00:00Z --to 2026-01-31T11:00:00Z
        holdfast simulate --config new.toml --explain 'plant/1/temp' | less
        holdfast simulate --config new.toml --json | jq .upstreams[0].sent
      """
  )

  @OptionGroup var options: ConfigurationOptions

  @Option(help: ArgumentHelp("Goes before agent.data_dir of the file.", valueName: "directory"))
  var dataDir: String?

  @Option(
    help: ArgumentHelp(
      "Only events that arrived then or later: RFC 3339, or a span back from now such as 2h.",
      valueName: "time"
    ),
    transform: { try RecordedTime($0) }
  )
  var from: RecordedTime?

  @Option(
    help: ArgumentHelp("Only events that arrived before then; the same forms.", valueName: "time"),
    transform: { try RecordedTime($0) }
  )
  var to: RecordedTime?

  @Option(help: ArgumentHelp("Only this upstream.", valueName: "name"))
  var upstream: String?

  @Option(
    help: ArgumentHelp(
      "In place of the report: what each stage did to each event of matching topics, and why.",
      valueName: "filter"
    ),
    transform: topicFilter
  )
  var explain: TopicFilter?

  @Option(
    help: ArgumentHelp("So many topics are named, most bytes saved first.", valueName: "number")
  )
  var top = 20

  @Flag(help: "Writes JSON instead of text.")
  var json = false

  func validate() throws {
    if dataDir?.isEmpty == true { throw ValidationError("--data-dir must not be empty.") }
    if top < 0 { throw ValidationError("--top must not be negative.") }
    if json && explain != nil {
      throw ValidationError("--explain writes text; leave --json out.")
    }
    if let from, let to {
      let now = RecordedTime.now()
      if from.wall(now: now) >= to.wall(now: now) {
        throw ValidationError("--from must be earlier than --to.")
      }
    }
  }

  func run() throws {
    let candidate = Candidate(file: options.config, try options.load().configuration)
    let names = try candidate.chosenUpstreams(upstream)
    let place = RingPlace(path: dataDir ?? candidate.configuration.dataDirectory)
    let disk = place.disk()
    let ring = try place.inspect(disk)
    let now = RecordedTime.now()
    var recording = Recording(
      start: from?.wall(now: now) ?? .min,
      end: to?.wall(now: now) ?? .max,
      isAmongOutput: explain != nil
    )
    var run: CandidateRun? = candidate.run(
      over: ring,
      upstreams: names,
      isExplaining: explain != nil
    )
    if let explain {
      var explainer = StageExplainer(filter: explain, count: nil)
      try recording.read(ring) { try explainer.take($0, of: ring, through: &run) }
      try explainer.flush()
      return
    }
    try recording.read(ring) { item in
      switch item {
      case .events(let batch, let start):
        run?.beginBatch()
        for index in start..<batch.events.count {
          run?.step(
            batch.events.rows[index],
            of: batch.events.bytes,
            number: batch.first + UInt64(index),
            recall: { ring.recall($0) }
          )
        }
      case .gap(let gap): run?.gap(gap)
      case .released, .unreadable: break
      }
    }
    guard let run else { return }
    let report = SimulationReport(
      path: "\(place.path)/\(ring.directory)",
      isLive: disk.isHeld(),
      span: run.span,
      unreadableCount: recording.unreadableCount,
      sources: run.sources.compactMap { $0.map { ($0.name, $0.run.report) } },
      upstreams: run.upstreams.map { ($0.name, $0.run.report) },
      topicCount: top
    )
    var output = StandardOutput()
    try output.write(json ? "\(report.json)\n" : report.text)
    try output.flush()
  }
}

/// The part of a ring log that arrived within a time.
struct Recording {
  /// Microseconds since 1970.
  var start: Int64
  /// What arrived then or later is left out, microseconds since 1970.
  var end: Int64
  /// Numbers in it that can't be read, and no record says why.
  private(set) var unreadableCount: UInt64 = 0
  /// Whether the log's last event before the place at hand belongs to it.
  private var isWithin = false
  private var progress: Progress

  /// `isAmongOutput` as in ``Progress``.
  init(start: Int64, end: Int64, isAmongOutput: Bool) {
    self.start = start
    self.end = end
    progress = Progress("simulate", isAmongOutput: isAmongOutput)
  }

  /// Reads what the log holds now, in order; what a running agent adds meanwhile is left out.
  ///
  /// Gaps before its first event and behind its last are left out as well.
  mutating func read(_ ring: RingInspection, _ take: (RingWalk.Item) throws -> Void) throws {
    let last = ring.end
    let first = max(1, ring.oldest)
    var walk = RingWalk(position: first)
    var missing: [RingWalk.Item] = []
    defer { progress.clear() }
    while walk.position < last, let item = walk.next(in: ring) {
      progress.show(walk.position - first, of: last - min(last, first))
      switch item {
      case .events(let batch, let index):
        guard let part = part(of: batch, from: index, before: last) else { continue }
        for item in missing {
          if case .unreadable(let range) = item { unreadableCount += UInt64(range.count) }
          try take(item)
        }
        missing = []
        try take(.events(part, from: 0))
      case .gap, .unreadable:
        // A mark's place is between two events: it counts where both of them do.
        if isWithin { missing.append(item) }
      case .released: continue
      }
    }
  }

  /// The events of a batch that belong to it; nil: none.
  ///
  /// They stay in one piece: where a clock was set back within a batch, what lies between its first
  /// and its last is taken too.
  private mutating func part(
    of batch: StoredBatch,
    from index: Int,
    before last: SequenceNumber
  ) -> StoredBatch? {
    let rows = batch.events.rows
    let count = Int(min(UInt64(rows.count), last - min(last, batch.first)))
    let isWanted = { (row: Int) in rows[row].wall >= start && rows[row].wall < end }
    guard let low = (index..<max(index, count)).first(where: isWanted),
      let high = (low..<count).last(where: isWanted)
    else {
      isWithin = false
      return nil
    }
    isWithin = high == rows.count - 1
    if low == 0 && high == rows.count - 1 { return batch }
    var part = batch
    part.first += UInt64(low)
    part.events.rows = Array(rows[low...high])
    return part
  }
}
