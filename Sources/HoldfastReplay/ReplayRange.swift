public import HoldfastEvent
public import HoldfastRingLog

/// Where a range of a log begins or ends.
public enum ReplayPlace: Equatable, Sendable {
  case number(SequenceNumber)
  /// Arrival, microseconds since 1970.
  case time(Int64)
}

/// A range of a log's numbers, as asked for by numbers or by times of arrival.
public struct ReplayRange: Equatable, Sendable {
  /// The numbers; empty where nothing of the log lies in it.
  public var numbers: Range<SequenceNumber>
  /// When the log's oldest event arrived, where a range by time begins before it: what arrived
  /// earlier is gone, and nobody can tell how much that was.
  public var oldestWall: Int64?

  /// Finds the range in a log; what the log's agent adds meanwhile is left out, and what is not known
  /// to be durable: a power cut could still take it.
  ///
  /// A range by time reaches from the first event that arrived within it to the last one. So all is
  /// sent that it asks for, and no range has a hole where the clock was set while it was recorded:
  /// what arrived between the two, by whatever clock, belongs to it.
  ///
  /// - Parameters:
  ///   - ring: the log.
  ///   - start: the first number or instant.
  ///   - end: the first number or instant that no longer belongs to it; nil: the log's end now.
  ///   - progress: told how far it has read, of how much.
  /// - Complexity: O(1) for numbers; for a time, O(bytes of the log).
  public init(
    in ring: RingInspection,
    from start: ReplayPlace,
    to end: ReplayPlace?,
    progress: (UInt64, UInt64) -> Void = { _, _ in }
  ) {
    var first = max(1, ring.oldest)
    var last = ring.account.map { min(ring.end, $0.durable + 1) } ?? ring.end
    var times = Int64.min..<Int64.max
    if case .number(let number) = start { first = max(1, number) }
    if case .number(let number)? = end { last = min(last, number) }
    if case .time(let wall) = start { times = min(wall, Int64.max - 1)..<Int64.max }
    if case .time(let wall)? = end { times = times.lowerBound..<max(times.lowerBound, wall) }
    last = max(first, last)
    numbers = first..<last
    guard times != Int64.min..<Int64.max else { return }
    var found: Range<SequenceNumber>?
    var oldest: Int64?
    var place = ReplayWalk(position: first)
    while place.position < last, let item = place.next(in: ring) {
      progress(min(place.position, last) - first, last - first)
      guard case .events(let batch, let row) = item else { continue }
      for (index, event) in batch.events.rows.enumerated().dropFirst(row) {
        let number = batch.first + UInt64(index)
        if number >= last { break }
        if oldest == nil { oldest = event.wall }
        if !times.contains(event.wall) { continue }
        found = (found?.lowerBound ?? number)..<number + 1
      }
    }
    guard let found else {
      numbers = last..<last
      return
    }
    if case .time(let wall) = start {
      numbers = found.lowerBound..<last
      if first > 1, let oldest, wall < oldest { oldestWall = oldest }
    }
    if case .time? = end { numbers = numbers.lowerBound..<found.upperBound }
  }
}

/// Reads on in a log that is looked at, from number to number.
struct ReplayWalk {
  var position: SequenceNumber
  /// Marks right before it that were passed already.
  var passedGaps = 0

  init(position: SequenceNumber) { self.position = position }

  /// What stands at the position, and goes past it; nil where nothing is there yet.
  mutating func next(in ring: RingInspection) -> RingInspection.Entry? {
    let entry = ring.read(from: position, passedGaps: passedGaps)
    switch entry {
    case .end: return nil
    case .events(let batch, _): pass(batch.end)
    case .released(let end), .unreadable(let end): pass(end)
    case .gap(let gap):
      if gap.reason.coversNumbers { pass(gap.end) } else { passedGaps += 1 }
    }
    return entry
  }

  private mutating func pass(_ next: SequenceNumber) {
    position = max(position + 1, next)
    passedGaps = 0
  }
}
