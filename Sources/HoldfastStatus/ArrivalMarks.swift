public import HoldfastEvent

/// When numbers became durable, in fixed memory: a second apart at first, a few percent of their age
/// later on.
///
/// It tells the age of an event that memory no longer holds, by the boot clock, however the wall
/// clock has jumped since.
public struct ArrivalMarks: Equatable, Sendable {
  /// Most marks.
  static let countMax = 512

  private struct Mark: Equatable {
    var durable: SequenceNumber
    var boot: Int64
  }

  private var marks: [Mark] = []

  /// None yet.
  public init() {}

  /// Everything up to `durable` is durable now.
  ///
  /// - Complexity: O(marks); to be called every second or so.
  public mutating func note(_ durable: SequenceNumber, now: Int64) {
    guard let last = marks.last else {
      marks.append(Mark(durable: durable, boot: now))
      return
    }
    if durable < last.durable {
      // Another log.
      marks = [Mark(durable: durable, boot: now)]
      return
    }
    if durable == last.durable {
      // Nothing came: what comes next is younger than this look.
      marks[marks.count - 1].boot = now
      return
    }
    marks.append(Mark(durable: durable, boot: now))
    if marks.count > Self.countMax { removeLeastMissed(now: now) }
  }

  /// Removes the mark whose neighbours lie closest together for their age, so that what is left is
  /// right to a few percent of an age, whatever the age.
  private mutating func removeLeastMissed(now: Int64) {
    var (best, least) = (1, Double.infinity)
    for index in 1..<marks.count - 1 {
      let gap = Double(marks[index + 1].boot - marks[index - 1].boot)
      let worth = gap / Double(max(1, now - marks[index].boot))
      if worth < least { (best, least) = (index, worth) }
    }
    marks.remove(at: best)
  }

  /// When the event of a number became durable at the earliest, by boot clock; nil where it was
  /// durable before the first mark.
  ///
  /// - Complexity: O(log marks).
  public func arrival(of sequence: SequenceNumber) -> Int64? {
    var low = 0
    var high = marks.count
    while low < high {
      let middle = (low + high) / 2
      if marks[middle].durable < sequence { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? marks[low - 1].boot : nil
  }
}
