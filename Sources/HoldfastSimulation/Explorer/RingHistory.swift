internal import HoldfastEvent

/// What was ever handed to a ring log, by number: what a reader may see, and nothing else.
struct RingHistory {
  struct Event {
    let number: SequenceNumber
    let topic: [UInt8]
    let payload: [UInt8]
    /// Arrival in milliseconds since boot: what the log keeps of it.
    let milliseconds: Int64
    /// Differs where anything differs.
    let hash: UInt64

    init(number: SequenceNumber, topic: [UInt8], payload: [UInt8], milliseconds: Int64) {
      self.number = number
      self.topic = topic
      self.payload = payload
      self.milliseconds = milliseconds
      let bytes = (topic + [0] + payload).reduce(UInt64(0)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
      hash = [bytes, number, UInt64(bitPattern: milliseconds)].reduce(0) {
        SparseBytes.mixed($0 &+ SparseBytes.mixed($1 &+ 1))
      }
    }
  }

  /// In order of their numbers.
  var events: [Event] = []
  /// The first so many were acknowledged: a commit behind them returned.
  var acknowledgedCount = 0
  /// The numbers that oversize events stand before, and how many of these were acknowledged.
  var drops: [SequenceNumber] = []
  var acknowledgedDropCount = 0
  /// The next number when the current operation began.
  var next: SequenceNumber = 1
  /// The cursor as last saved, and as last set.
  var savedCursor: SequenceNumber = 1
  var cursor: SequenceNumber = 1
  /// Numbers below it may have made room.
  var evictedEnd: SequenceNumber = 0

  /// Found in the page cache by a new process after their sync had failed, never acknowledged.
  ///
  /// Nothing can tell it that the disk does not have them. A power cut may cost them, and they
  /// must be told then.
  var doubtful: [Range<SequenceNumber>] = []

  /// Index of the first event at or after a number.
  func index(of number: SequenceNumber) -> Int {
    var low = 0
    var high = events.count
    while low < high {
      let middle = (low + high) / 2
      if events[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// What a start must find at one moment: what was certain before the operation that the crash
/// interrupted, and at most what that operation was to do.
struct Expectation {
  var acknowledgedCount: Int
  var eventCount: Int
  var acknowledgedDropCount: Int
  var dropCount: Int
  var next: SequenceNumber
  var cursorMin: SequenceNumber
  var cursorMax: SequenceNumber
  var evictedEnd: SequenceNumber
  var byteCountMax: Int

  /// - Parameters:
  ///   - before: what had happened when the operation began.
  ///   - after: what had happened when it ended.
  ///   - byteCountMax: most bytes on disk.
  init(before: RingHistory, after: RingHistory, byteCountMax: Int) {
    acknowledgedCount = before.acknowledgedCount
    eventCount = after.events.count
    acknowledgedDropCount = before.acknowledgedDropCount
    dropCount = after.drops.count
    next = before.next
    cursorMin = before.savedCursor
    cursorMax = after.cursor
    evictedEnd = after.evictedEnd
    self.byteCountMax = byteCountMax
  }

  /// Differs where anything differs; the same in every run.
  var hash: UInt64 {
    let numbers = [
      UInt64(acknowledgedCount), UInt64(eventCount), UInt64(acknowledgedDropCount),
      UInt64(dropCount), next, cursorMin, cursorMax, evictedEnd, UInt64(byteCountMax),
    ]
    return numbers.reduce(0) { SparseBytes.mixed($0 &+ SparseBytes.mixed($1 &+ 1)) }
  }
}
