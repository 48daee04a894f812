import HoldfastEvent
import HoldfastRingLog

/// Reads on in a ring log, from number to number.
struct RingWalk {
  /// What stands in the log, in its order.
  enum Item {
    /// Events from a row on.
    case events(StoredBatch, from: Int)
    case gap(GapRecord)
    /// Freed before it could be read.
    case released(Range<SequenceNumber>)
    /// Not readable, and no record says why.
    case unreadable(Range<SequenceNumber>)
  }

  /// The number to go on with.
  var position: SequenceNumber
  /// Marks right before it that were passed already.
  var passedGaps = 0

  /// What comes next, and goes past it; nil where nothing is there yet.
  mutating func next(in ring: RingInspection) -> Item? {
    let start = position
    switch ring.read(from: start, passedGaps: passedGaps) {
    case .end:
      return nil
    case .gap(let gap):
      if gap.reason.coversNumbers { pass(gap.end) } else { passedGaps += 1 }
      return .gap(gap)
    case .released(let next):
      pass(next)
      return .released(start..<next)
    case .unreadable(let next):
      pass(next)
      return .unreadable(start..<next)
    case .events(let batch, let row):
      pass(batch.end)
      return .events(batch, from: row)
    }
  }

  private mutating func pass(_ next: SequenceNumber) {
    position = next
    passedGaps = 0
  }
}
