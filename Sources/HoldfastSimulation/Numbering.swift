internal import HoldfastEvent

/// What names an event for ever.
struct Identity: Hashable {
  var log: LogID
  var number: SequenceNumber
}

/// Which event each number names, as the world works it out for itself.
///
/// A log numbers what it stores in order and without gaps, so from the number after a start on
/// every event that was handed over and stored has a number that the world can foretell. Only
/// when a batch was refused it can't, until the next commit shows where the log stands.
struct Numbering {
  /// One number and the event it names.
  struct Place {
    var identity: Identity
    var message: Int
    /// When it was handed over; nil where the world learned the number from an upstream.
    var handedAt: Int64?
    /// The message that an upstream's bytes named, before the world could tell.
    var learned: Int?
    /// Both clocks as it was handed over; nil where the world learned the number.
    var clock: ClockReading?
    /// It was durable once: from then on nothing may take it away without a record.
    var isCertain = false
  }

  private(set) var places: [Place] = []
  private var indices: [Identity: Int] = [:]
  /// The log that numbers now.
  private(set) var log = LogID(high: 0, low: 0)
  /// The number of the next event; nil while unknown.
  private(set) var next: SequenceNumber?
  /// Events stored since a refusal, which will turn out to have the latest numbers.
  private var unnumbered: [(message: Int, handedAt: Int64, clock: ClockReading?)] = []
  /// Whether some events were stored under numbers that nobody can tell.
  private(set) var hasUnknown = false
  /// Places before it are certain, or were given by an earlier process.
  private var firstUncertain = 0
  /// What this process was last known to have made durable.
  private var certain: SequenceNumber = 0

  /// A process has started, or has opened its log again.
  mutating func begin(_ log: LogID, next: SequenceNumber) {
    if !unnumbered.isEmpty { hasUnknown = true }
    unnumbered.removeAll()
    self.log = log
    self.next = next
    firstUncertain = places.count
    certain = 0
  }

  /// Nobody knows which numbers a refused batch has used up, nor which part of it was stored.
  mutating func lose(storingPart: Bool) {
    if storingPart || !unnumbered.isEmpty { hasUnknown = true }
    unnumbered.removeAll()
    next = nil
  }

  /// Everything is durable up to that number: the latest events have the latest numbers.
  ///
  /// - Returns: places that could not be given before.
  mutating func settle(through durable: SequenceNumber) -> [Int] {
    guard next == nil else { return [] }
    next = durable + 1 - min(durable, UInt64(unnumbered.count))
    let events = unnumbered
    unnumbered.removeAll()
    return events.flatMap { give([$0.message], now: $0.handedAt, clock: $0.clock) }
  }

  /// Everything given by this process up to a number is durable.
  mutating func makeCertain(through number: SequenceNumber) {
    certain = max(certain, number)
    while firstUncertain < places.count, places[firstUncertain].identity.number <= number {
      if places[firstUncertain].identity.log == log { places[firstUncertain].isCertain = true }
      firstUncertain += 1
    }
  }

  /// Nobody knows which numbers a refused batch has used up.
  mutating func lose() { next = nil }

  /// Events that were stored, in order; returns their places, none while numbers are unknown.
  mutating func give(_ messages: [Int], now: Int64, clock: ClockReading? = nil) -> [Int] {
    guard var number = next else {
      unnumbered += messages.map { ($0, now, clock) }
      return []
    }
    var given: [Int] = []
    for message in messages {
      let identity = Identity(log: log, number: number)
      number += 1
      if let place = indices[identity] {
        // An upstream has shown it before.
        places[place].message = message
        places[place].handedAt = now
        places[place].clock = clock
        given.append(place)
        continue
      }
      indices[identity] = places.count
      given.append(places.count)
      places.append(Place(identity: identity, message: message, handedAt: now, clock: clock))
    }
    next = number
    return given
  }

  /// The place of an identity.
  func place(of identity: Identity) -> Int? { indices[identity] }

  /// An upstream got a number that could not be foretold.
  mutating func learn(_ identity: Identity, _ message: Int) -> Int {
    indices[identity] = places.count
    var place = Place(identity: identity, message: message, learned: message)
    place.isCertain = identity.log == log && identity.number <= certain
    places.append(place)
    return places.count - 1
  }
}

/// A set of numbers, as ranges that are sorted and apart from each other.
struct NumberRanges: Equatable {
  private(set) var ranges: [Range<SequenceNumber>] = []

  /// No number, or those of one range.
  init(_ range: Range<SequenceNumber> = 0..<0) { insert(range) }

  var count: UInt64 { ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } }

  /// How many numbers from `start` on are in the set.
  func count(from start: SequenceNumber) -> UInt64 {
    ranges.reduce(0) { $0 + ($1.upperBound - min($1.upperBound, max(start, $1.lowerBound))) }
  }

  func contains(_ number: SequenceNumber) -> Bool {
    let index = firstIndex(endingAfter: number)
    return index < ranges.count && ranges[index].lowerBound <= number
  }

  mutating func insert(_ range: Range<SequenceNumber>) {
    if range.isEmpty { return }
    // All that overlap or touch become one.
    let start = firstIndex(endingAfter: range.lowerBound == 0 ? 0 : range.lowerBound - 1)
    var end = start
    var joined = range
    while end < ranges.count && ranges[end].lowerBound <= joined.upperBound {
      joined =
        min(
          joined.lowerBound,
          ranges[end].lowerBound
        )..<max(
          joined.upperBound,
          ranges[end].upperBound
        )
      end += 1
    }
    ranges.replaceSubrange(start..<end, with: [joined])
  }

  /// The numbers of `range` that are not in the set.
  func missing(from range: Range<SequenceNumber>) -> [Range<SequenceNumber>] {
    var parts: [Range<SequenceNumber>] = []
    var start = range.lowerBound
    for known in ranges where known.upperBound > start && known.lowerBound < range.upperBound {
      if known.lowerBound > start { parts.append(start..<known.lowerBound) }
      start = max(start, known.upperBound)
    }
    if start < range.upperBound { parts.append(start..<range.upperBound) }
    return parts
  }

  private func firstIndex(endingAfter number: SequenceNumber) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension LogID {
  /// Reads 32 hexadecimal digits.
  init?(digits: ArraySlice<UInt8>) {
    guard digits.count == 32 else { return nil }
    var words: [UInt64] = [0, 0]
    for (index, digit) in digits.enumerated() {
      let value: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
      default: return nil
      }
      words[index / 16] = words[index / 16] << 4 | UInt64(value)
    }
    self.init(high: words[0], low: words[1])
  }
}
