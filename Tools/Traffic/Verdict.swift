/// What was sent, held against what came.
struct Verdict {
  /// Events whose PUBACK the sensors had; each must arrive or be named by a gap record.
  private(set) var expectedCount = 0
  private(set) var missingCount = 0
  /// Events that arrived with other bytes than were sent.
  private(set) var alteredCount = 0
  /// The first few missing ones, for people.
  private(set) var missingExamples: [String] = []
  /// Events of the fleet that arrived without having been sent.
  private(set) var unsentCount = 0

  init(tally: Tally, sent: TrafficState) {
    let fleet = sent.fleet
    for index in 0..<fleet.topicCount {
      let topic = fleet.topic(index)
      let seen = tally.fingerprints(of: Array(topic.utf8))
      for number in 1..<max(seen.count, sent.acknowledged[index] + 1, 1) {
        let isExpected = number <= sent.acknowledged[index]
        if isExpected { expectedCount += 1 }
        guard number < seen.count, seen[number] != 0 else {
          guard isExpected else { continue }
          missingCount += 1
          if missingExamples.count < 5 { missingExamples.append("\(topic) \(number)") }
          continue
        }
        if number > sent.published[index] { unsentCount += 1 }
        let payload = fleet.payload(topic: index, counter: number)
        if fingerprint(payload) | 1 != seen[number] { alteredCount += 1 }
      }
    }
  }

  /// Whether gap records with a known count name as many events as are missing.
  func isAccounted(_ tally: Tally) -> Bool {
    UInt64(missingCount) <= tally.gapCounts.values.reduce(0, +)
  }

  /// Whether every missing event is named by a gap record, and nothing is wrong with the rest.
  func isGood(_ tally: Tally) -> Bool {
    (isAccounted(tally) || !tally.gapUnknownCounts.isEmpty) && alteredCount == 0
      && unsentCount == 0 && tally.orderInversionCount == 0 && tally.differentCount == 0
  }
}

extension Tally {
  /// One line of JSON; `verdict` where it is known what was sent.
  func json(_ verdict: Verdict?) -> String {
    var members = [
      ("received", "\(receivedCount)"), ("distinct", "\(distinctCount)"),
      ("topics", "\(topicCount)"), ("duplicates_by_agent", "\(duplicateByAgentCount)"),
      ("duplicates_by_source", "\(duplicateBySourceCount)"),
      ("duplicates_unidentified", "\(duplicateUnidentifiedCount)"),
      ("marked_redelivered", "\(markedRedeliveredCount)"),
      ("order_inversions", "\(orderInversionCount)"),
      ("sequence_inversions", "\(sequenceInversionCount)"),
      ("different", "\(differentCount)"), ("foreign", "\(foreignCount)"),
      ("unreadable", "\(unreadableCount)"), ("logs", "\(logCount)"),
      ("unused_ranges", "\(unusedRangeCount)"),
      ("gap_records", "\(gapRecordCount)"), ("gap_counts", Self.object(gapCounts)),
      ("gap_unknown", Self.object(gapUnknownCounts)),
    ]
    if let verdict {
      members += [
        ("expected", "\(verdict.expectedCount)"), ("missing", "\(verdict.missingCount)"),
        ("altered", "\(verdict.alteredCount)"), ("unsent", "\(verdict.unsentCount)"),
      ]
    }
    return "{" + members.map { #""\#($0.0)":\#($0.1)"# }.joined(separator: ",") + "}"
  }

  /// A table for people.
  func table(_ verdict: Verdict?) -> String {
    var rows: [(String, String)] = []
    if let verdict {
      rows.append(("acknowledged to the sensors", "\(verdict.expectedCount)"))
      rows.append(("missing at the centre", "\(verdict.missingCount)"))
      rows.append(("altered on the way", "\(verdict.alteredCount)"))
    }
    rows += [
      ("messages received", "\(receivedCount)"), ("distinct events", "\(distinctCount)"),
      ("topics", "\(topicCount)"),
      ("out of order within a topic", "\(orderInversionCount)"),
      ("sent twice by Holdfast (same identity)", "\(duplicateByAgentCount)"),
      ("delivered twice to Holdfast (other identity)", "\(duplicateBySourceCount)"),
      ("gap records", "\(gapRecordCount)"),
    ]
    if unusedRangeCount > 0 {
      rows.append(("numbers left unused by a crash, in ranges", "\(unusedRangeCount)"))
    }
    if duplicateUnidentifiedCount > 0 {
      rows.append(("twice, without identity", "\(duplicateUnidentifiedCount)"))
    }
    if unreadableCount > 0 { rows.append(("unreadable messages", "\(unreadableCount)")) }
    for (reason, count) in gapCounts.sorted(by: { $0.key < $1.key }) {
      rows.append(("  events gone: \(reason)", "\(count)"))
    }
    for (reason, count) in gapUnknownCounts.sorted(by: { $0.key < $1.key }) {
      rows.append(("  gaps of unknown size: \(reason)", "\(count)"))
    }
    let lines = rows.map { name, value in
      let dots = String(repeating: ".", count: max(2, 48 - name.count))
      return "  \(name) \(dots) \(String(repeating: " ", count: max(0, 10 - value.count)))\(value)"
    }
    let examples = verdict?.missingExamples.map { "  missing: \($0)" } ?? []
    return (lines + examples).joined(separator: "\n")
  }

  private static func object(_ counts: [String: some BinaryInteger]) -> String {
    let members = counts.sorted { $0.key < $1.key }.map { #""\#($0.key)":\#($0.value)"# }
    return "{" + members.joined(separator: ",") + "}"
  }
}
