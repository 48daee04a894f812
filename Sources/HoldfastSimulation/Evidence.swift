internal import HoldfastEvent

/// What one upstream knows of each number: the world's own account, to compare the agent's with.
struct Evidence {
  /// What happened to a number here.
  struct Mark: OptionSet {
    var rawValue: UInt8
    /// The upstream took it.
    static let delivered = Mark(rawValue: 1)
    /// The upstream refused it with a reason that lasts, or closed because of it.
    static let rejected = Mark(rawValue: 2)
    /// It stands in the dead-letter file.
    static let setAside = Mark(rawValue: 4)
    /// The upstream refused it at least once, so that later ones may have come before it.
    static let deferred = Mark(rawValue: 8)
  }

  /// One gap record as it came.
  struct Gap {
    var log: LogID
    var numbers: Range<SequenceNumber>
    var reason: GapReason
    var count: UInt64?
    var isRefused: Bool
  }

  /// By place in ``Numbering``.
  private var marks: [Mark] = []
  private(set) var gaps: [Gap] = []
  /// What gap records name, by reason and log.
  private var told: [(reason: GapReason, log: LogID, numbers: NumberRanges)] = []
  /// Per topic: the latest of the numbers that came for the first time.
  var newest: [Int: Identity] = [:]
  /// Per topic: the latest of the messages that came for the first time.
  var newestMessage: [Int: Int] = [:]
  /// Places before it have been found in order when the cursor passed them.
  var checkedPlace = 0
  /// How many different numbers were taken.
  private(set) var deliveredCount = 0

  func marks(_ place: Int) -> Mark { place < marks.count ? marks[place] : [] }

  mutating func add(_ mark: Mark, to place: Int) {
    while marks.count <= place { marks.append([]) }
    if mark.contains(.delivered) && !marks[place].contains(.delivered) { deliveredCount += 1 }
    marks[place].formUnion(mark)
  }

  mutating func add(_ gap: Gap) {
    gaps.append(gap)
    guard gap.reason.coversNumbers else { return }
    let place = told.firstIndex { $0.reason == gap.reason && $0.log == gap.log }
    if let place {
      told[place].numbers.insert(gap.numbers)
    } else {
      told.append((gap.reason, gap.log, NumberRanges(gap.numbers)))
    }
  }

  /// The numbers that records of one reason name.
  func ranges(_ reason: GapReason, _ log: LogID) -> NumberRanges {
    told.first { $0.reason == reason && $0.log == log }?.numbers ?? NumberRanges()
  }

  func isTold(_ identity: Identity, as reason: GapReason) -> Bool {
    for row in told where row.reason == reason && row.log == identity.log {
      return row.numbers.contains(identity.number)
    }
    return false
  }

  /// Whether some record names the number as missing.
  func isTold(_ identity: Identity) -> Bool {
    isTold(identity, as: .evicted) || isTold(identity, as: .corrupt)
      || isTold(identity, as: .unused)
  }
}
