/// What a start had to do: for those who prove that every one of these is tried.
public struct RecoverySteps: OptionSet, Hashable, Sendable {
  /// As a set of bits.
  public var rawValue: UInt32

  /// Made of its bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// There was nothing, and a new log began.
  public static let newLog = RecoverySteps(rawValue: 1 << 0)
  /// Neither slot of the state file could be read, or there was none beside segments.
  public static let unreadableState = RecoverySteps(rawValue: 1 << 1)
  /// One slot of the state file was spoiled; the other one counted.
  public static let spoiledSlot = RecoverySteps(rawValue: 1 << 2)
  /// The last stop was an orderly one.
  public static let cleanStop = RecoverySteps(rawValue: 1 << 3)
  /// A file claimed numbers that were never given out.
  public static let incredibleFile = RecoverySteps(rawValue: 1 << 4)
  /// A segment lay below the floor and was freed.
  public static let freedBelowFloor = RecoverySteps(rawValue: 1 << 5)
  /// A hot segment was freed because a sealed one holds the same.
  public static let freedSealedCopy = RecoverySteps(rawValue: 1 << 6)
  /// The newest segment lacked its first block, and none of it was acknowledged.
  public static let freedHeadless = RecoverySteps(rawValue: 1 << 7)
  /// The newest segment held no event that counts.
  public static let freedEmpty = RecoverySteps(rawValue: 1 << 8)
  /// The log ended at a block that can't be read, with others behind it.
  public static let tornTail = RecoverySteps(rawValue: 1 << 9)
  /// Events were counted that became durable after the last save.
  public static let recounted = RecoverySteps(rawValue: 1 << 10)
  /// Numbers were passed by that may have been given out.
  public static let passedUnused = RecoverySteps(rawValue: 1 << 11)
  /// Numbers that were durable could not be read.
  public static let lostCorrupt = RecoverySteps(rawValue: 1 << 12)
  /// A file between others was gone.
  public static let missedFile = RecoverySteps(rawValue: 1 << 13)
  /// Numbers below the floor were ahead of a cursor.
  public static let evictedInFlight = RecoverySteps(rawValue: 1 << 14)
  /// An unfinished file was removed.
  public static let removedTemporary = RecoverySteps(rawValue: 1 << 15)
  /// A hot file too short for a block was removed.
  public static let removedEmpty = RecoverySteps(rawValue: 1 << 16)
  /// A hot file without a block became a spare.
  public static let foundSpare = RecoverySteps(rawValue: 1 << 17)
  /// A hot file without a block, of a wrong size or one too many, was removed.
  public static let removedSpare = RecoverySteps(rawValue: 1 << 18)
  /// A file went to quarantine.
  public static let quarantined = RecoverySteps(rawValue: 1 << 19)
  /// A cursor stood beyond the log's end.
  public static let setBackCursor = RecoverySteps(rawValue: 1 << 20)

  /// A segment was freed that had been given up after a failed write.
  public static let freedGivenUp = RecoverySteps(rawValue: 1 << 21)

  /// The newest events could not be synced where they were, and were written once more.
  public static let rewroteTail = RecoverySteps(rawValue: 1 << 22)

  /// Each with its name, in order.
  public static let names: [(step: RecoverySteps, name: String)] = [
    (.newLog, "new log"), (.unreadableState, "state unreadable"),
    (.spoiledSlot, "one state slot spoiled"), (.cleanStop, "orderly stop"),
    (.incredibleFile, "file claims numbers never given out"),
    (.freedBelowFloor, "segment below the floor freed"),
    (.freedSealedCopy, "hot copy of a sealed segment freed"),
    (.freedHeadless, "headless segment freed"), (.freedEmpty, "empty segment freed"),
    (.tornTail, "torn tail"), (.recounted, "events counted from the log"),
    (.passedUnused, "numbers passed by as unused"), (.lostCorrupt, "durable numbers lost"),
    (.missedFile, "segment missing"), (.evictedInFlight, "evicted ahead of a cursor"),
    (.removedTemporary, "unfinished file removed"), (.removedEmpty, "empty hot file removed"),
    (.foundSpare, "spare found"), (.removedSpare, "unusable spare removed"),
    (.quarantined, "file quarantined"), (.setBackCursor, "cursor set back"),
    (.freedGivenUp, "given-up segment freed"), (.rewroteTail, "unsynced tail written once more"),
  ]
}
