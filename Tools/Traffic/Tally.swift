/// An event's identity, as Holdfast carries it.
struct EventIdentity: Hashable {
  /// Agent and log, as a small number.
  var log: Int
  var sequence: UInt64
}

/// Numbers in half-open ranges; adding one twice changes nothing.
struct NumberRanges {
  private(set) var ranges: [Range<UInt64>] = []

  var count: UInt64 { ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } }

  mutating func insert(_ range: Range<UInt64>) {
    guard !range.isEmpty else { return }
    var merged = range
    ranges.removeAll { other in
      guard other.lowerBound <= merged.upperBound, merged.lowerBound <= other.upperBound else {
        return false
      }
      merged = min(other.lowerBound, merged.lowerBound)..<max(other.upperBound, merged.upperBound)
      return true
    }
    ranges.append(merged)
  }
}

/// What came from the centre, counted: once, twice, out of order, or as a gap record.
///
/// An event is its topic and counter. The same event with the same identity again is Holdfast's
/// duplicate; with another identity, the sensors' broker had delivered it to Holdfast twice.
struct Tally {
  /// Topics and counters beyond these are counted as foreign and otherwise left alone.
  private static let topicCountMax = 1_000_000
  private static let counterMax = 10_000_000

  private struct TopicTally {
    /// Fingerprint of each counter's payload; 0: not seen.
    var fingerprints: [UInt64] = []
    var highest = 0

    mutating func note(counter: Int, fingerprint: UInt64) -> Sighting {
      while fingerprints.count <= counter { fingerprints.append(0) }
      guard fingerprints[counter] == 0 else {
        return fingerprints[counter] == fingerprint ? .again : .againOtherwise
      }
      fingerprints[counter] = fingerprint
      defer { highest = max(highest, counter) }
      return counter < highest ? .late : .first
    }
  }

  private enum Sighting {
    case first
    /// The first time, but after a later one of its topic.
    case late
    case again
    /// Seen before with another payload.
    case againOtherwise
  }

  private var topics: [[UInt8]: TopicTally] = [:]
  private var identities: Set<EventIdentity> = []
  private var logs: [String: Int] = [:]
  private var highestSequences: [UInt64] = []
  private var gaps: [String: NumberRanges] = [:]
  private var gapIdentities: Set<String> = []

  private(set) var receivedCount = 0
  private(set) var distinctCount = 0
  private(set) var duplicateByAgentCount = 0
  private(set) var duplicateBySourceCount = 0
  private(set) var duplicateUnidentifiedCount = 0
  private(set) var markedRedeliveredCount = 0
  private(set) var orderInversionCount = 0
  private(set) var sequenceInversionCount = 0
  private(set) var foreignCount = 0
  private(set) var differentCount = 0
  private(set) var unreadableCount = 0
  private(set) var gapRecordCount = 0
  /// Ranges of numbers that a crash left unused: nothing is missing there.
  private(set) var unusedRangeCount = 0
  /// Events missing by the gap records' own account, per reason.
  private(set) var gapCounts: [String: UInt64] = [:]
  /// Gap records that don't know how many events they stand for, per reason.
  private(set) var gapUnknownCounts: [String: Int] = [:]

  /// Topics with the counters that were seen, for comparing with what was sent.
  func fingerprints(of topic: [UInt8]) -> [UInt64] { topics[topic]?.fingerprints ?? [] }

  var topicCount: Int { topics.count }
  var logCount: Int { logs.count }

  mutating func logNumber(agent: String, log: String) -> Int {
    let key = agent + "\u{0}" + log
    if let number = logs[key] { return number }
    let number = logs.count
    logs[key] = number
    highestSequences.append(0)
    return number
  }

  mutating func countUnreadable() { unreadableCount += 1 }

  mutating func add(
    topic: [UInt8],
    payload: some RandomAccessCollection<UInt8>,
    identity: EventIdentity?,
    isMarkedRedelivered: Bool
  ) {
    receivedCount += 1
    if isMarkedRedelivered { markedRedeliveredCount += 1 }
    let isKnownIdentity = identity.map { !identities.insert($0).inserted } ?? false
    if isKnownIdentity { duplicateByAgentCount += 1 }
    if let identity, !isKnownIdentity {
      if identity.sequence < highestSequences[identity.log] {
        sequenceInversionCount += 1
      } else {
        highestSequences[identity.log] = identity.sequence
      }
    }
    guard let number = counter(in: payload), (1...Self.counterMax).contains(number),
      topics.count < Self.topicCountMax || topics[topic] != nil
    else {
      if !isKnownIdentity { foreignCount += 1 }
      return
    }
    // In place, so that the array isn't copied for each event.
    let sighting = topics[topic, default: TopicTally()].note(
      counter: number,
      fingerprint: fingerprint(payload) | 1
    )
    switch sighting {
    case .first: distinctCount += 1
    case .late: (distinctCount, orderInversionCount) = (distinctCount + 1, orderInversionCount + 1)
    case .again, .againOtherwise:
      if sighting == .againOtherwise { differentCount += 1 }
      if isKnownIdentity { return }
      if identity == nil { duplicateUnidentifiedCount += 1 } else { duplicateBySourceCount += 1 }
    }
  }

  mutating func add(gap: GapMessage) {
    let reach = gap.last.map(String.init) ?? "-"
    let identity = "\(gap.agent)|\(gap.log)|\(gap.first)|\(reach)|\(gap.reason)"
    guard gapIdentities.insert(identity).inserted else { return }
    guard gap.reason != "unused" else {
      unusedRangeCount += 1
      return
    }
    gapRecordCount += 1
    guard let count = gap.count else {
      gapUnknownCounts[gap.reason, default: 0] += 1
      return
    }
    if let last = gap.last, last >= gap.first, ["evicted", "corrupt"].contains(gap.reason) {
      let key = "\(gap.agent)|\(gap.log)|\(gap.reason)"
      let before = gaps[key]?.count ?? 0
      gaps[key, default: NumberRanges()].insert(gap.first..<(last + 1))
      gapCounts[gap.reason, default: 0] += (gaps[key]?.count ?? 0) - before
    } else {
      gapCounts[gap.reason, default: 0] += count
    }
  }
}
