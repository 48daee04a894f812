public import HoldfastEvent

// What an upstream has settled beyond its cursor: live data goes ahead of a backlog.

extension UpstreamLedger {
  /// Most ranges settled beyond the cursor: who would begin one more must not.
  public static let aheadCountMax = 64

  /// Counts numbers as settled: the cursor moves over them, or they are remembered as a range of
  /// their own until it comes there.
  ///
  /// - Complexity: O(ranges); O(1) where there are none and the numbers follow the cursor.
  public mutating func settle(_ numbers: Range<SequenceNumber>) {
    guard numbers.lowerBound <= cursor else {
      if !numbers.isEmpty { insert(numbers) }
      return
    }
    cursor = max(cursor, numbers.upperBound)
    while let first = ahead.first, first.lowerBound <= cursor {
      cursor = max(cursor, first.upperBound)
      ahead.removeFirst()
    }
  }

  /// Notes that what follows a number is sent apart from what lies before it, although nothing of it
  /// is settled: a later start must still know.
  public mutating func divide(at number: SequenceNumber) {
    guard number > cursor else { return }
    let isInside = ahead.contains { $0.lowerBound <= number && number <= $0.upperBound }
    if !isInside { insert(number..<number) }
  }

  private mutating func insert(_ numbers: Range<SequenceNumber>) {
    var joined = numbers
    var index = ahead.count
    while index > 0, ahead[index - 1].upperBound >= numbers.lowerBound { index -= 1 }
    while index < ahead.count, ahead[index].lowerBound <= joined.upperBound {
      joined =
        min(
          joined.lowerBound,
          ahead[index].lowerBound
        )..<max(
          joined.upperBound,
          ahead[index].upperBound
        )
      ahead.remove(at: index)
    }
    ahead.insert(joined, at: index)
  }

  /// The numbers that are not settled, in order: those between cursor and the ranges ahead, and at
  /// last all that follow.
  public var pending: [Range<SequenceNumber>] {
    var ranges: [Range<SequenceNumber>] = []
    var start = cursor
    for range in ahead {
      ranges.append(start..<range.lowerBound)
      start = range.upperBound
    }
    ranges.append(start..<SequenceNumber.max)
    return ranges
  }

  /// The number behind all that is settled.
  public var settledEnd: SequenceNumber { ahead.last?.upperBound ?? cursor }

  /// The parts of `numbers` that are not settled, in order.
  public func pending(in numbers: Range<SequenceNumber>) -> [Range<SequenceNumber>] {
    if ahead.isEmpty {
      let start = max(cursor, numbers.lowerBound)
      return start < numbers.upperBound ? [start..<numbers.upperBound] : []
    }
    return pending.map { $0.clamped(to: numbers) }.filter { !$0.isEmpty }
  }

  /// The settled parts of `numbers`, in order.
  func settled(in numbers: Range<SequenceNumber>) -> [Range<SequenceNumber>] {
    ([0..<cursor] + ahead).map { $0.clamped(to: numbers) }.filter { !$0.isEmpty }
  }

  /// Forgets what lies at or beyond a number that does not exist.
  mutating func clip(to end: SequenceNumber) {
    cursor = min(cursor, end)
    ahead = ahead.filter { $0.lowerBound < end }.map { $0.clamped(to: $0.lowerBound..<end) }
  }

  /// Whether the ranges are what ``settle(_:)`` makes: apart, in order, beyond the cursor.
  var areRangesOrderly: Bool {
    var end = cursor
    for range in ahead {
      if range.lowerBound <= end { return false }
      end = range.upperBound
    }
    return ahead.count <= Self.aheadCountMax
  }
}
