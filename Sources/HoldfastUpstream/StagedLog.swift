internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage

/// An upstream's stages, and how far they have come in the log.
///
/// What leaves the stages depends on the log alone, so after a crash it is computed again: from the
/// newest snapshot on, silently up to the cursor, because what left on account of the numbers
/// before it has been settled; after that everything is sent once more, with the same identity.
struct StagedLog: Sendable {
  /// Most events that are read back at a time, and bytes of their payloads beyond which no more are.
  static let recallCountMax = 128
  static let recallByteCountMax = 256 << 10

  private(set) var pipeline: Pipeline
  /// The log that is being read; meaningless before the first event.
  var log = LogID(high: 0, low: 0)
  /// The number at hand, on account of which the pipeline's output leaves.
  private(set) var number: SequenceNumber = 0
  /// Whether something of that number's is still to be sent, or it is still to be closed.
  private(set) var isOpen = false
  /// How much of the output, and of what is set aside, was taken.
  var sentCount = 0
  var setAsideCount = 0
  /// Payloads that could not be read, of which something was said or left out.
  var toldFaultCount: UInt64 = 0

  /// Events asked for on account of the number at hand that the log does not have any more, and the
  /// number after the last of them; nothing was said of them yet.
  var goneCount = 0
  var goneEnd: SequenceNumber = 0

  /// What is being computed again, after a start; nil: nothing.
  var replay: StageReplay?
  /// A picture of the stages that waits for the cursor to reach it, and then to be saved.
  private(set) var pendingSnapshot: StageSnapshot?
  /// The stages before the marks that stand right before the next number were told to them: a start
  /// reads those once more.
  private var beforeMarks: Pipeline?
  /// The segment in which the last picture was taken.
  private var snapshotSegment: SequenceNumber?

  init(_ pipeline: Pipeline, log: LogID = LogID(high: 0, low: 0)) {
    self.pipeline = pipeline
    self.log = log
  }

  /// See `Pipeline.origin`.
  var origin: SequenceNumber { pipeline.origin }

  /// Whether a picture may be taken: no number is half done.
  var isAtRest: Bool { !isOpen && replay == nil }

  /// Whether it is time for a picture, when a reader stands in that segment.
  func wantsSnapshot(in segment: SequenceNumber?) -> Bool {
    guard let last = snapshotSegment else { return true }
    return segment != nil && segment != last
  }

  /// Takes a picture of the stages as they stand before `position`.
  mutating func takeSnapshot(
    _ place: LanePlace,
    lostCount: UInt64,
    readCount: UInt64,
    _ segment: SequenceNumber?
  ) {
    snapshotSegment = segment ?? 0
    let position = place.position
    pendingSnapshot = StageSnapshot(
      log: log,
      position: position,
      lostCount: lostCount,
      readCount: readCount,
      needed: min(position, (beforeMarks ?? pipeline).recallFloor ?? position),
      origin: origin,
      end: place.end,
      state: (beforeMarks ?? pipeline).snapshot()
    )
  }

  /// The picture is saved, or can't be.
  mutating func clearSnapshot() { pendingSnapshot = nil }

  /// The next picture is wanted at once.
  mutating func wantSnapshot() {
    snapshotSegment = nil
    pendingSnapshot = nil
  }

  /// What is gone, of which nothing was said yet; nil: nothing.
  mutating func takeGone() -> (count: Int, end: SequenceNumber)? {
    defer { goneCount = 0 }
    return goneCount == 0 ? nil : (goneCount, goneEnd)
  }

  /// Forgets all that was computed.
  mutating func reset(_ fresh: Pipeline) {
    pipeline = fresh
    beforeMarks = nil
    replay = nil
    snapshotSegment = nil
    toldFaultCount = 0
  }

  /// Computes an event again, whose output has left long ago.
  mutating func recompute(_ row: EventBatch.Row, of bytes: [UInt8], _ number: SequenceNumber) {
    if row.flags.contains(.tick) {
      pipeline.tick(ClockReading(boot: row.boot, wall: row.wall), number: number)
    } else {
      pipeline.step(row, of: bytes, number: number)
    }
  }

  /// A number goes by that is none of the upstream's topics.
  mutating func pass(over row: EventBatch.Row) { pipeline.pass(over: row) }

  /// Reads earlier events that a stage asks for, as many as fit into memory together, and goes on.
  ///
  /// - Parameters:
  ///   - budget: how many events may still be looked at; those read are taken off.
  ///   - read: reads the log.
  /// - Returns: false where the log can't be read for the moment.
  mutating func recall(budget: inout Int, _ read: Forwarder.Read) -> Bool {
    var byteCount = 0
    var count = 0
    while let number = pipeline.recallNumber, byteCount < Self.recallByteCountMax,
      count < Self.recallCountMax
    {
      switch read(number, Forwarder.recalling) {
      case .events(let batch, let row):
        pipeline.recall(batch.events.rows[row], of: batch.events.bytes)
        byteCount += Int(batch.events.rows[row].payloadByteCount)
      case .gap:
        pipeline.recallGone()
        goneCount += 1
        goneEnd = number + 1
      case .end: return false
      }
      count += 1
    }
    budget -= count
    pipeline.resume()
    sentCount = 0
    setAsideCount = 0
    return true
  }

  var isEmpty: Bool { pipeline.isEmpty }

  mutating func beginBatch() { if !isEmpty { pipeline.beginBatch() } }

  /// Takes an event or a tick of the log.
  mutating func step(_ leaving: Leaving, of bytes: [UInt8]) {
    beforeMarks = nil
    recompute(leaving.row, of: bytes, leaving.number)
    log = leaving.log
    number = leaving.number
    isOpen = true
    sentCount = 0
    setAsideCount = 0
  }

  mutating func gap(_ record: GapRecord) { if !isEmpty { pipeline.gap(record) } }

  /// Numbers, or marks right before the next one, follow: the latter are no part of a picture.
  mutating func willTake(marks isMark: Bool) {
    if isEmpty { return }
    if !isMark { beforeMarks = nil } else if beforeMarks == nil { beforeMarks = pipeline }
  }

  mutating func close() { isOpen = false }

  /// What went through the stages of a lane that has ended counts here from now on.
  mutating func addCounts(of other: StagedLog) {
    pipeline.addCounts(of: other.pipeline)
    toldFaultCount &+= other.toldFaultCount
  }

  mutating func restore(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard pipeline.restore(bytes) else { return false }
    toldFaultCount = pipeline.faults.count
    return true
  }
}
