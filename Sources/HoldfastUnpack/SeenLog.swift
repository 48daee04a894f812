internal import HoldfastEvent

/// Numbers as ranges: disjoint, in order, none touching the next.
struct NumberRanges: Equatable, Sendable {
  private(set) var ranges: [Range<SequenceNumber>] = []

  /// How many ranges come at or before `number`: the one that may hold it is the last of them.
  private func count(upTo number: SequenceNumber) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].lowerBound <= number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// - Complexity: O(log ranges).
  func contains(_ number: SequenceNumber) -> Bool {
    let count = count(upTo: number)
    return count > 0 && ranges[count - 1].contains(number)
  }

  /// Adds a range, which may overlap what is there.
  ///
  /// - Complexity: O(1) behind the last range or touching it, else O(ranges).
  mutating func insert(_ new: Range<SequenceNumber>) {
    guard !new.isEmpty else { return }
    guard let last = ranges.last, new.lowerBound <= last.upperBound else {
      ranges.append(new)
      return
    }
    // All that overlap or touch it become one with it.
    var first = count(upTo: new.lowerBound)
    if first > 0, ranges[first - 1].upperBound >= new.lowerBound { first -= 1 }
    var end = first
    var merged = new
    while end < ranges.count, ranges[end].lowerBound <= new.upperBound {
      merged =
        min(
          merged.lowerBound,
          ranges[end].lowerBound
        )..<max(
          merged.upperBound,
          ranges[end].upperBound
        )
      end += 1
    }
    ranges.replaceSubrange(first..<end, with: CollectionOfOne(merged))
  }

  /// Forgets the ranges with the lowest numbers.
  mutating func forgetLowest(_ count: Int) { ranges.removeFirst(min(count, ranges.count)) }
}

/// What was passed on of one log of one agent.
struct SeenLog: Equatable, Sendable {
  /// Ranges of numbers kept; a log whose events all go on has one or two.
  ///
  /// More than an agent sends again after a crash: what it has in flight, 1000 messages, and
  /// 10,000 acknowledgements since its cursor was saved.
  static let rangeCountMax = 16_384
  /// Identities of results kept, the newest.
  static let resultCountMax = 16_384
  /// How much is forgotten at a time: an eighth.
  private static let forgottenCount = 2048

  private(set) var numbers = NumberRanges()
  /// In the order in which they came, and the same for looking up.
  private(set) var results: [[UInt8]] = []
  private var resultSet: Set<[UInt8]> = []
  private var resultByteCount = 0
  /// When it was last added to, in the table's count of its uses.
  var usedAt: UInt64 = 0

  func contains(_ name: EventIdentity.Name) -> Bool {
    switch name {
    case .number(let number): numbers.contains(number)
    case .result(let text): resultSet.contains(text)
    }
  }

  /// Adds numbers; returns how many ranges were forgotten for them.
  mutating func insert(_ range: Range<SequenceNumber>) -> Int {
    numbers.insert(range)
    guard numbers.ranges.count > Self.rangeCountMax else { return 0 }
    numbers.forgetLowest(Self.forgottenCount)
    return Self.forgottenCount
  }

  /// Adds a result; returns how many others were forgotten for it.
  mutating func insert(result: [UInt8]) -> Int {
    guard resultSet.insert(result).inserted else { return 0 }
    results.append(result)
    resultByteCount += result.count
    guard results.count > Self.resultCountMax else { return 0 }
    for old in results.prefix(Self.forgottenCount) {
      resultSet.remove(old)
      resultByteCount -= old.count
    }
    results.removeFirst(Self.forgottenCount)
    return Self.forgottenCount
  }

  /// Approximate memory held, in bytes.
  var memoryByteCount: Int {
    256 + numbers.ranges.count * 16 + results.count * 96 + resultByteCount * 2
  }
}
