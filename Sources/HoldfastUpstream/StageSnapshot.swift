internal import HoldfastEvent
internal import HoldfastStage

/// The stages of a lane of an upstream as they stood before a number of the log.
///
/// Most often there is one lane; where live data goes ahead of a backlog there are two pictures in
/// the file, that of the backlog first.
struct StageSnapshot: Equatable, Sendable {
  /// Of an only lane whose stages began with the log, and of any other.
  static let versions: (whole: UInt8, divided: UInt8) = (2, 3)

  var log: LogID
  /// Everything of the lane below it went in, and nothing else.
  var position: SequenceNumber
  /// How many numbers of the lane had been lost to the upstream by then, all in all.
  var lostCount: UInt64
  /// How many had been read by then, those lost among them.
  var readCount: UInt64
  /// The lowest number that the log must keep for it: a stage may ask for what lies before the
  /// position.
  var needed: SequenceNumber
  /// See `Pipeline.origin`.
  var origin: SequenceNumber = 0
  /// Where the lane ends; `.max`: it does not.
  var end = SequenceNumber.max
  /// None: too large to be kept.
  var state: [UInt8]

  private var isWhole: Bool { origin == 0 && end == .max }

  /// The bytes of a record.
  ///
  /// `u8` version | upstream | log | position | lost | read | needed | state, and behind it origin and
  /// end in version 3; checksums are the file's.
  func encoded(for upstream: String) -> [UInt8] {
    var writer = SnapshotWriter()
    writer.append(isWhole ? Self.versions.whole : Self.versions.divided)
    writer.append(bytes: Array(upstream.utf8)[...])
    for number in [log.high, log.low, position, lostCount, readCount, needed] {
      writer.append(number)
    }
    writer.append(bytes: state[...])
    if !isWhole { for number in [origin, end] { writer.append(number) } }
    return writer.bytes
  }

  init(
    log: LogID,
    position: SequenceNumber,
    lostCount: UInt64,
    readCount: UInt64,
    needed: SequenceNumber,
    origin: SequenceNumber = 0,
    end: SequenceNumber = .max,
    state: [UInt8]
  ) {
    self.log = log
    self.position = position
    self.lostCount = lostCount
    self.readCount = readCount
    self.needed = needed
    self.origin = origin
    self.end = end
    self.state = state
  }

  /// Nil where the bytes are none of these versions', or another upstream's.
  init?(_ bytes: ArraySlice<UInt8>, for upstream: String) {
    var reader = SnapshotReader(bytes)
    guard let version = reader.number(UInt8.self),
      version == Self.versions.whole || version == Self.versions.divided,
      reader.bytes() == Array(upstream.utf8)[...],
      let high: UInt64 = reader.number(),
      let low: UInt64 = reader.number(), let position: UInt64 = reader.number(),
      let lostCount: UInt64 = reader.number(), let readCount: UInt64 = reader.number(),
      let needed: UInt64 = reader.number(), needed <= position,
      let state = reader.bytes()
    else { return nil }
    self.init(
      log: LogID(high: high, low: low),
      position: position,
      lostCount: lostCount,
      readCount: readCount,
      needed: needed,
      state: Array(state)
    )
    if version == Self.versions.divided {
      guard let origin: UInt64 = reader.number(), let end: UInt64 = reader.number(),
        origin <= position, position <= end
      else { return nil }
      (self.origin, self.end) = (origin, end)
    }
    guard reader.isAtEnd else { return nil }
  }
}

/// How far the stages of a lane have been computed again.
struct StageReplay: Sendable {
  /// Where the picture stood.
  let start: SequenceNumber
  /// Where the numbers end that were settled.
  let end: SequenceNumber
  /// What the picture counts.
  let countsBefore: (lost: UInt64, read: UInt64)
  var position: SequenceNumber
  /// Gap records right before it that went in.
  var passedGaps = 0
  /// Lost numbers met so far.
  var lostCount: UInt64 = 0
  /// Numbers met so far that were given to events, those lost among them.
  var readCount: UInt64 = 0
  /// A stage asked for an earlier event that the log does not have any more: whether it did when
  /// that was computed first nobody knows.
  var hasMissed = false

  init(
    from start: SequenceNumber,
    to end: SequenceNumber,
    after countsBefore: (lost: UInt64, read: UInt64) = (0, 0)
  ) {
    self.start = start
    self.end = max(start, end)
    self.countsBefore = countsBefore
    position = start
  }

  /// Whether each number was met as an event: then nothing can have been different before.
  var isWhole: Bool { lostCount == 0 && readCount == end - start }
}
