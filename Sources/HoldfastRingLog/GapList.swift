internal import HoldfastEvent

/// The gap records that some upstream has not passed yet, in log order.
///
/// Records that cover numbers never overlap. Bounded by ``countMax``; see ``add(_:)``.
struct GapList: Equatable {
  /// Most records kept.
  static let countMax = 512

  private(set) var records: [GapRecord] = []

  /// Adds a record; what it covers must not be covered yet.
  ///
  /// Adjacent records of one reason merge.
  ///
  /// Beyond ``countMax`` records are joined, see ``coarsen()``.
  /// A mark merges only where no upstream can have passed the one before it: `frontier` is the
  /// furthest number that any upstream has reached.
  mutating func add(_ record: GapRecord, frontier: SequenceNumber = 0) {
    let mayMerge = record.reason.coversNumbers || record.first > frontier
    var index = records.count
    while index > 0 && isBefore(record, records[index - 1]) { index -= 1 }
    if mayMerge && index > 0 && merge(record, into: index - 1) { return }
    records.insert(record, at: index)
    if mayMerge && index + 1 < records.count && merge(records[index + 1], into: index) {
      records.remove(at: index + 1)
    }
    if records.count > Self.countMax { coarsen() }
  }

  /// By place; a mark comes before the range that begins there, so that the ranges on both sides of
  /// it never join and take a reader past it.
  private func isBefore(_ record: GapRecord, _ other: GapRecord) -> Bool {
    if record.first != other.first { return record.first < other.first }
    return !record.reason.coversNumbers && other.reason.coversNumbers
  }

  /// Joins `record` to the one before it when both say the same of adjoining places.
  private mutating func merge(_ record: GapRecord, into index: Int) -> Bool {
    let earlier = records[index]
    guard earlier.reason == record.reason, earlier.log == record.log, earlier.end == record.first
    else { return false }
    records[index] = Self.joined(earlier, record)
    return true
  }

  private static func joined(_ earlier: GapRecord, _ later: GapRecord) -> GapRecord {
    var joined = earlier
    joined.end = max(earlier.end, later.reason.coversNumbers ? later.end : earlier.end)
    if let count = earlier.count, let more = later.count {
      joined.count = count &+ more
    } else {
      joined.count = nil
    }
    for topic in later.topics { joined.note(topic: topic) }
    joined.wall = later.wall
    return joined
  }

  /// Makes room for one record without making any count inexact.
  ///
  /// Two marks of one reason become one at the older place. Where there are none, the two oldest
  /// ranges of one reason become one, and the readable events between them are given up with
  /// them: a ring with so many separate damages is worth less than a bounded account of it.
  private mutating func coarsen() {
    for index in records.indices {
      let reason = records[index].reason
      if reason == .unused { continue }
      for later in records.indices[(index + 1)...] where records[later].log == records[index].log {
        if reason.coversNumbers && records[later].reason == .unused { break }
        guard records[later].reason == reason else { continue }
        if reason.coversNumbers {
          absorb(through: later, into: index)
        } else {
          records[index] = Self.joined(records[index], records[later])
          records.remove(at: later)
        }
        return
      }
    }
  }

  /// Makes one range of all from record `index` to record `later`; marks between move behind it.
  private mutating func absorb(through later: Int, into index: Int) {
    var range = records[index]
    range.end = records[later].end
    range.count = range.end - range.first
    for topic in records[later].topics { range.note(topic: topic) }
    var marks: [GapRecord] = []
    for record in records[index...later] where !record.reason.coversNumbers {
      var mark = record
      mark.first = range.end
      mark.end = range.end
      marks.append(mark)
    }
    records.replaceSubrange(index...later, with: [range] + marks)
  }

  /// Moves the marks within a range that has become a gap to its end: a reader passes it in one
  /// step.
  mutating func moveMarks(within range: Range<SequenceNumber>) {
    let isInside = { (record: GapRecord) in
      !record.reason.coversNumbers && record.first > range.lowerBound
        && record.first < range.upperBound
    }
    let marks = records.filter(isInside)
    if marks.isEmpty { return }
    records.removeAll(where: isInside)
    for var mark in marks {
      mark.first = range.upperBound
      mark.end = range.upperBound
      add(mark, frontier: .max)
    }
  }

  /// Forgets records that every upstream has passed.
  mutating func removeAll(before cursor: SequenceNumber) {
    records.removeAll { $0.end < cursor || ($0.end == cursor && $0.reason.coversNumbers) }
  }

  /// The record whose range holds `sequence`.
  ///
  /// - Complexity: O(log records + records at one place).
  func covering(_ sequence: SequenceNumber) -> GapRecord? {
    var index = lowerBound(sequence &+ 1)
    while index > 0 {
      index -= 1
      let record = records[index]
      if record.reason.coversNumbers { return sequence < record.end ? record : nil }
    }
    return nil
  }

  /// The `passed`-th mark that stands right before number `sequence`.
  func standing(before sequence: SequenceNumber, passed: Int) -> GapRecord? {
    var index = lowerBound(sequence)
    var skipped = 0
    while index < records.count && records[index].first == sequence {
      if !records[index].reason.coversNumbers {
        if skipped == passed { return records[index] }
        skipped += 1
      }
      index += 1
    }
    return nil
  }

  /// The first place after `sequence` where a record stands or begins.
  func nextPlace(after sequence: SequenceNumber) -> SequenceNumber? {
    let index = lowerBound(sequence &+ 1)
    return index < records.count ? records[index].first : nil
  }

  /// The parts of `range` that no record covers.
  func uncovered(_ range: Range<SequenceNumber>) -> [Range<SequenceNumber>] {
    var parts: [Range<SequenceNumber>] = []
    var start = range.lowerBound
    for record in records where record.reason.coversNumbers && record.end > start {
      if record.first >= range.upperBound { break }
      if record.first > start { parts.append(start..<record.first) }
      start = max(start, record.end)
    }
    if start < range.upperBound { parts.append(start..<range.upperBound) }
    return parts
  }

  /// How many numbers of `range` the records of one reason cover.
  func coveredCount(_ range: Range<SequenceNumber>, reason: GapReason) -> UInt64 {
    records.reduce(0) { sum, record in
      guard record.reason == reason, record.reason.coversNumbers else { return sum }
      let low = max(record.first, range.lowerBound)
      let high = min(record.end, range.upperBound)
      return low < high ? sum + (high - low) : sum
    }
  }

  /// Index of the first record at or after `sequence`.
  private func lowerBound(_ sequence: SequenceNumber) -> Int {
    var low = 0
    var high = records.count
    while low < high {
      let middle = (low + high) / 2
      if records[middle].first < sequence { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
