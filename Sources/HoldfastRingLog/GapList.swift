internal import HoldfastEvent

/// The gap records that some upstream has not passed yet, in log order.
///
/// Records that cover numbers never overlap. Never more than ``countMax``; see ``coarsen(_:)``.
struct GapList: Equatable {
  /// Most records kept.
  static let countMax = 512
  /// Most of them that may stand for unused numbers.
  ///
  /// These can't be joined without giving up the events between them, so whoever would add one
  /// asks ``hasRoom(forUnused:of:)`` and goes another way where there is none.
  static let unusedCountMax = 192

  private(set) var records: [GapRecord] = []
  /// How many records were joined to others because there were too many.
  var joinCount: UInt64 = 0

  /// Adds a record; what it covers must not be covered yet.
  ///
  /// Adjacent records of one reason merge. A mark merges only where no upstream can have passed
  /// the one before it.
  ///
  /// - Parameters:
  ///   - record: the new one.
  ///   - places: every number that an upstream has reached or may begin at again.
  mutating func add(_ record: GapRecord, places: [SequenceNumber] = []) {
    let mayMerge = record.reason.coversNumbers || places.allSatisfy { record.first > $0 }
    insert(record, mayMerge: mayMerge)
    while records.count > Self.countMax, coarsen(places) { joinCount &+= 1 }
  }

  private mutating func insert(_ record: GapRecord, mayMerge: Bool) {
    var index = records.count
    while index > 0 && isBefore(record, records[index - 1]) { index -= 1 }
    if mayMerge && index > 0 && merge(record, into: index - 1) { return }
    records.insert(record, at: index)
    if mayMerge && index + 1 < records.count && merge(records[index + 1], into: index) {
      records.remove(at: index + 1)
    }
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

  /// Whether one more range of unused numbers may be added.
  func hasRoom(forUnused range: Range<SequenceNumber>, of log: LogID) -> Bool {
    var count = 0
    for record in records where record.reason == .unused {
      if record.log == log && (record.end == range.lowerBound || record.first == range.upperBound) {
        return true
      }
      count += 1
    }
    return count < Self.unusedCountMax
  }

  /// Makes one record less; false when there is nothing to join, which can't be while the list is
  /// over its bound: there are five reasons for marks, and at most ``unusedCountMax`` ranges that
  /// lost ones can't be joined across.
  ///
  /// What costs least goes first: two marks that no upstream stands between become one with an
  /// exact count; then two marks of one reason, whose count becomes unknown; last two ranges, and
  /// the fewest readable events are given up with them: a ring with so many separate damages is
  /// worth less than a bounded, exact account of it.
  private mutating func coarsen(_ places: [SequenceNumber]) -> Bool {
    joinMarks(isExact: true, places) || joinMarks(isExact: false, places) || joinRanges()
  }

  private mutating func joinMarks(isExact: Bool, _ places: [SequenceNumber]) -> Bool {
    var latest = [Int?](repeating: nil, count: 256)
    for (index, mark) in records.enumerated() where !mark.reason.coversNumbers {
      let reason = Int(mark.reason.rawValue)
      guard let before = latest[reason] else {
        latest[reason] = index
        continue
      }
      let earlier = records[before]
      let span = earlier.first...mark.first
      if isExact && places.contains(where: { span.contains($0) }) {
        latest[reason] = index
        continue
      }
      var joined = Self.joined(earlier, mark)
      if isExact {
        records[before] = joined
        records.remove(at: index)
        return true
      }
      // Some upstream may have passed the earlier one: it learns that there was more, and the
      // others that something is missing.
      (joined.log, joined.first, joined.end) = (mark.log, mark.first, mark.end)
      joined.count = nil
      records[index] = joined
      records.remove(at: before)
      return true
    }
    return false
  }

  private mutating func joinRanges() -> Bool {
    var best: (first: Int, second: Int, between: UInt64)?
    var earlier: Int?
    for (index, record) in records.enumerated() where record.reason.coversNumbers {
      if record.reason == .unused {
        earlier = nil
        continue
      }
      if let first = earlier {
        let between = record.first - records[first].end
        if best.map({ between < $0.between }) ?? true { best = (first, index, between) }
      }
      earlier = index
    }
    guard let best else { return false }
    absorb(through: best.second, into: best.first)
    return true
  }

  /// Makes one range of all from record `index` to record `later`; marks between move behind it.
  ///
  /// Where the reasons differ it takes that of the longer one.
  private mutating func absorb(through later: Int, into index: Int) {
    var range = records[index]
    let last = records[later]
    if last.end - last.first > range.end - range.first { range.reason = last.reason }
    range.end = last.end
    range.count = range.end - range.first
    for topic in last.topics { range.note(topic: topic) }
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
      insert(mark, mayMerge: false)
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
