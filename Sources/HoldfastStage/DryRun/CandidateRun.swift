public import HoldfastEvent

/// Runs all stages of a configuration over recorded events: each source's own first, then those of
/// each upstream on what is left.
public struct CandidateRun: Sendable {
  /// The stages of one source or upstream.
  public struct Part: Sendable {
    /// As the configuration names it.
    public var name: String
    /// Its stages.
    public var run: DryRun
    /// Whether the last event came as far as to its stages.
    public internal(set) var isReached = false

    /// Made of its parts.
    public init(name: String, run: DryRun) {
      self.name = name
      self.run = run
    }
  }

  /// By the slot that stored events name their source by; nil: without stages, or unknown.
  public private(set) var sources: [Part?]
  /// In the configuration's order.
  public private(set) var upstreams: [Part]
  /// What went in.
  public private(set) var span = RecordedSpan()

  /// Made of its parts.
  public init(sources: [Part?], upstreams: [Part]) {
    self.sources = sources
    self.upstreams = upstreams
  }

  /// Whether reasons are kept, see ``DryRun/isExplaining``.
  public var isExplaining: Bool {
    get { upstreams.contains { $0.run.isExplaining } }
    set {
      for slot in sources.indices { sources[slot]?.run.isExplaining = newValue }
      for place in upstreams.indices { upstreams[place].run.isExplaining = newValue }
    }
  }

  /// Begins another stored batch.
  public mutating func beginBatch() {
    for slot in sources.indices { sources[slot]?.run.beginBatch() }
    for place in upstreams.indices { upstreams[place].run.beginBatch() }
  }

  /// Takes the next event or tick of the log; parameters as of ``DryRun/step(_:of:number:recall:)``.
  public mutating func step(
    _ row: EventBatch.Row,
    of bytes: [UInt8],
    number: SequenceNumber,
    recall: DryRun.Recall = { _ in nil }
  ) {
    span.note(row, number)
    for slot in sources.indices { sources[slot]?.isReached = false }
    for place in upstreams.indices { upstreams[place].isReached = false }
    let slot = Int(row.source)
    // Before the log there are no ticks.
    if slot < sources.count, sources[slot] != nil, !row.flags.contains(.tick) {
      sources[slot]?.run.step(row, of: bytes, number: number)
      sources[slot]?.isReached = true
      // Only stages that let an event through as it is, or not at all, stand before the log.
      if sources[slot]?.run.output.isEmpty != false { return }
    }
    for place in upstreams.indices {
      upstreams[place].isReached = upstreams[place].run.step(
        row,
        of: bytes,
        number: number,
        recall: recall
      )
    }
  }

  /// Numbers are missing here, or events that never got one.
  public mutating func gap(_ record: GapRecord) {
    span.note(record)
    for place in upstreams.indices { upstreams[place].run.gap(record) }
  }
}

/// Which part of the log a run has seen.
public struct RecordedSpan: Equatable, Sendable {
  /// A month, for what a volume comes to: 30 days, microseconds.
  public static let month: Int64 = 30 * 86_400 * microsecondsPerSecond
  /// Less than this says nothing about a month, microseconds.
  public static let elapsedMin: Int64 = microsecondsPerSecond

  /// All events that went in.
  public private(set) var volume = Volume()
  /// The first number; nil while there is none.
  public private(set) var first: SequenceNumber?
  /// The last number.
  public private(set) var last: SequenceNumber = 0
  /// When the first event arrived, microseconds since 1970.
  public private(set) var firstWall: Int64 = 0
  /// When the last event arrived, microseconds since 1970.
  public private(set) var lastWall: Int64 = 0
  /// From the first event to the last, microseconds: by the boot clock, and by the wall clock over
  /// a restart of the device.
  public private(set) var elapsed: Int64 = 0
  /// Gap records in it that name something missing.
  public private(set) var gapCount: UInt64 = 0
  /// Events that those name; such as don't know their number count for none.
  public private(set) var missingCount: UInt64 = 0
  private var lastBoot: Int64 = 0

  /// Nothing yet.
  public init() {}

  /// What so many come to in ``month``; nil where the span is too short to tell.
  public func perMonth(_ count: UInt64) -> Double? {
    elapsed < Self.elapsedMin ? nil : Double(count) * (Double(Self.month) / Double(elapsed))
  }

  mutating func note(_ row: EventBatch.Row, _ number: SequenceNumber) {
    if first == nil {
      first = number
      firstWall = row.wall
    } else {
      let boot = row.boot.subtractingSaturated(lastBoot)
      let step = boot >= 0 ? boot : max(0, row.wall.subtractingSaturated(lastWall))
      elapsed = elapsed.addingSaturated(step)
    }
    last = number
    lastBoot = row.boot
    lastWall = row.wall
    if !row.flags.contains(.tick) { volume.add(row) }
  }

  mutating func note(_ record: GapRecord) {
    if record.reason == .unused { return }
    gapCount &+= 1
    missingCount &+= record.count ?? 0
  }
}
