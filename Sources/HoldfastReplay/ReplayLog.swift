internal import HoldfastEvent
internal import HoldfastRingLog

/// A range of a log that is looked at, read as a `Forwarder` reads the log of its agent.
///
/// What was recycled or can't be read becomes a gap record, and stays one: a number is sent or gone,
/// never both, even where the forwarder goes back to numbers it has read.
final class ReplayLog {
  let ring: RingInspection
  let numbers: Range<SequenceNumber>
  private let wall: Int64
  /// Ascending, apart from each other.
  private(set) var gone: [Range<SequenceNumber>] = []
  /// Numbers that records say were never given to an event; as ``gone``.
  private(set) var unused: [Range<SequenceNumber>] = []

  /// - Parameters:
  ///   - ring: the log, opened for looking at it.
  ///   - numbers: the range.
  ///   - wall: the time that gap records of its own bear, microseconds since 1970.
  init(_ ring: RingInspection, _ numbers: Range<SequenceNumber>, wall: Int64) {
    self.ring = ring
    self.wall = wall
    self.numbers = numbers
  }

  /// What stands at a number of the range; `.end` behind it.
  func read(_ number: SequenceNumber, passedGaps: Int) -> ReadResult {
    guard number < numbers.upperBound else { return .end }
    if let range = gone.first(where: { $0.contains(number) }) {
      return .gap(record(number..<range.upperBound, reason: .evicted))
    }
    // The agent may have let the record go since it was told first.
    if let range = unused.first(where: { $0.contains(number) }) {
      return .gap(record(number..<range.upperBound, reason: .unused))
    }
    // What was told to be gone stays gone, even where it can be read by now.
    let nextGone = gone.first { $0.lowerBound > number }?.lowerBound
    let limit = min(numbers.upperBound, nextGone ?? .max)
    switch ring.read(from: number, passedGaps: passedGaps) {
    case .events(let batch, let row):
      guard batch.end > limit else { return .events(batch, row: row) }
      var part = batch
      part.events.rows.removeSubrange(Int(limit - batch.first)...)
      return .events(part, row: row)
    case .gap(let record):
      let end = min(record.end, limit)
      if record.reason == .unused, end > number { Self.insert(number..<end, into: &unused) }
      return .gap(record.clipped(to: limit) ?? record)
    case .released(let end): return lose(number..<min(end, numbers.upperBound), .evicted)
    case .unreadable(let end): return lose(number..<min(end, numbers.upperBound), .corrupt)
    case .end: return lose(number..<numbers.upperBound, .corrupt)
    }
  }

  private func lose(_ range: Range<SequenceNumber>, _ reason: GapReason) -> ReadResult {
    var range = range
    // What is known to be gone behind it is told by itself.
    if let next = gone.first(where: { $0.lowerBound > range.lowerBound }) {
      range = range.lowerBound..<min(range.upperBound, next.lowerBound)
    }
    Self.insert(range, into: &gone)
    return .gap(record(range, reason: reason))
  }

  private func record(_ range: Range<SequenceNumber>, reason: GapReason) -> GapRecord {
    GapRecord(
      log: ring.account?.log ?? LogID(high: 0, low: 0),
      first: range.lowerBound,
      end: range.upperBound,
      count: reason == .unused ? 0 : range.upperBound - range.lowerBound,
      reason: reason,
      wall: wall
    )
  }

  /// Adds a range, which may overlap or touch what is there.
  private static func insert(
    _ range: Range<SequenceNumber>,
    into ranges: inout [Range<SequenceNumber>]
  ) {
    var joined = range
    ranges.removeAll { other in
      guard other.lowerBound <= joined.upperBound, joined.lowerBound <= other.upperBound else {
        return false
      }
      joined =
        min(joined.lowerBound, other.lowerBound)..<max(joined.upperBound, other.upperBound)
      return true
    }
    let index = ranges.firstIndex { $0.lowerBound > joined.lowerBound } ?? ranges.count
    ranges.insert(joined, at: index)
  }

  /// How many numbers of ranges lie before a number.
  static func count(
    _ ranges: [Range<SequenceNumber>],
    before end: SequenceNumber
  ) -> UInt64 {
    ranges.reduce(0) { $0 + (min($1.upperBound, end) - min($1.lowerBound, end)) }
  }
}
