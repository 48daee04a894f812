internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastUpstream

/// The terms of an upstream's account, as a set: those that a number may stand in.
struct Terms: OptionSet {
  var rawValue: UInt8
  static let delivered = Terms(rawValue: 1)
  static let filtered = Terms(rawValue: 2)
  static let deadLettered = Terms(rawValue: 4)
  static let dropped = Terms(rawValue: 8)
  static let evicted = Terms(rawValue: 16)
  static let corrupt = Terms(rawValue: 32)
  static let all: [Terms] = [
    .delivered, .filtered, .deadLettered, .dropped, .evicted, .corrupt,
  ]

  init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// How many numbers must stand in each term, and how many may.
struct TermBounds {
  private(set) var least = [UInt64](repeating: 0, count: Terms.all.count)
  private(set) var most = [UInt64](repeating: 0, count: Terms.all.count)
  /// How many were added.
  private(set) var count: UInt64 = 0

  mutating func add(_ terms: Terms, count: UInt64 = 1) {
    self.count += count
    let isOnly = terms.rawValue.nonzeroBitCount == 1
    for (index, term) in Terms.all.enumerated() where terms.contains(term) {
      most[index] += count
      if isOnly { least[index] += count }
    }
  }

  func allow(_ ledger: UpstreamLedger) -> Bool {
    let counts = [
      ledger.delivered, ledger.filtered, ledger.deadLettered, ledger.dropped.reduce(0, +),
      ledger.lost[LossReason.evicted.rawValue], ledger.lost[LossReason.corrupt.rawValue],
    ]
    return counts.indices.allSatisfy { least[$0] <= counts[$0] && counts[$0] <= most[$0] }
  }
}

// The law, to the event, when everything has drained:
// offered = delivered + filtered + dead-lettered + dropped + lost, each number in one term.

extension World {
  /// Where a number may stand, by what the upstream itself knows of it.
  ///
  /// Mostly that is one term. After a crash a number may be sent again and end another way: the
  /// account then has it in one of two.
  func terms(of place: Int, at index: Int) -> Terms {
    let (identity, id) = (numbering.places[place].identity, numbering.places[place].message)
    let evidence = upstreams[index].evidence
    let marks = evidence.marks(place)
    var terms: Terms = []
    if evidence.isTold(identity, as: .evicted) { terms.insert(.evicted) }
    if evidence.isTold(identity, as: .corrupt) { terms.insert(.corrupt) }
    if !isSelected(id, by: index) {
      terms.insert(.filtered)
      return terms
    }
    if marks.contains(.delivered) { terms.insert(.delivered) }
    if marks.contains(.setAside) { terms.insert(.deadLettered) }
    if marks.contains(.rejected) || isUnsendable(id, to: index) {
      terms.formUnion([.deadLettered, .dropped])
    }
    if upstreams[index].judge?.hasRead(identity, world: self) ?? false { terms.insert(.filtered) }
    return terms
  }

  func isSelected(_ id: Int, by index: Int) -> Bool {
    messages[id].selectedBy & UInt32(1) << UInt32(index) != 0
  }

  /// Whether the agent may set it aside without a try, as too large.
  private func isUnsendable(_ id: Int, to index: Int) -> Bool {
    // How much a packet adds to a payload the world need not know: from a third on it may.
    plan.packetByteCountMax[index].map { messages[id].fillerByteCount > $0 / 3 } ?? false
  }

  /// Compares every account with what the world knows.
  func checkLaw() {
    guard let process else { return fail("no process at the end") }
    let status = process.agent.status(now: reading)
    guard status.log == mainLog, status.upstreams.count == upstreams.count else {
      return fail("the log is another one at the end")
    }
    let end = status.durable + 1
    var named = NumberRanges()
    for place in numbering.places where place.identity.log == mainLog {
      named.insert(place.identity.number..<place.identity.number + 1)
    }
    for index in upstreams.indices {
      let ledger = status.upstreams[index].ledger
      upstreams[index].judge?.check(ledger, world: self)
      readDeadLetters(of: index)
      checkNumbers(ledger, at: index, end: end, named: named)
      checkMessages(at: index)
      checkMarks(status, at: index)
      report.evictedCount += ledger.lost[LossReason.evicted.rawValue]
      report.corruptCount += ledger.lost[LossReason.corrupt.rawValue]
      report.deadLetterCount += ledger.deadLettered
      if !mayEvict && ledger.lost[LossReason.evicted.rawValue] > 0 {
        fail("upstream \(index): evicted although nothing may be")
      }
      if !mayBeUnreadable && ledger.lost[LossReason.corrupt.rawValue] > 0 {
        fail("upstream \(index): corrupt although nothing rots: \(ledger)")
      }
    }
  }

  private var mayBeUnreadable: Bool { hasRotted || plan.hasReadFaults }

  /// Each number up to the end is in the one term that its fate at this upstream says.
  private func checkNumbers(
    _ ledger: UpstreamLedger,
    at index: Int,
    end: SequenceNumber,
    named: NumberRanges
  ) {
    let evidence = upstreams[index].evidence
    let unused = evidence.ranges(.unused, mainLog)
    var bounds = TermBounds()
    for (place, entry) in numbering.places.enumerated()
    where entry.identity.log == mainLog && entry.identity.number < end {
      report.numberCount += 1
      if unused.contains(entry.identity.number) {
        // While the disk failed it may have passed through memory, delivered and not stored.
        if entry.isCertain && terms(of: place, at: index).isEmpty {
          fail("upstream \(index): \(entry.identity.number) was durable and is told as unused")
        }
        continue
      }
      let terms = terms(of: place, at: index)
      if terms.isEmpty {
        fail(
          "upstream \(index): number \(entry.identity.number), message \(entry.message), is missing"
        )
      }
      bounds.add(terms)
    }
    addUnnamed(to: &bounds, at: index, end: end, named: named)
    if ledger.offered != end - 1 - (unused.count - unused.count(from: end)) {
      fail("upstream \(index): \(ledger.offered) offered of \(end - 1), unused \(unused.ranges)")
    }
    if upstreams[index].judge != nil {
      checkStagedLaw(ledger, at: index, end: end)
    } else if !bounds.allow(ledger) {
      fail("upstream \(index): \(ledger), known: \(bounds)")
    }
    if ledger.settled != ledger.offered {
      fail("upstream \(index): \(ledger), known: \(bounds)")
    }
  }

  /// Numbers whose events nobody can name any more: lost ones, by their records.
  private func addUnnamed(
    to bounds: inout TermBounds,
    at index: Int,
    end: SequenceNumber,
    named: NumberRanges
  ) {
    let evidence = upstreams[index].evidence
    let unused = evidence.ranges(.unused, mainLog)
    let evicted = evidence.ranges(.evicted, mainLog)
    let corrupt = evidence.ranges(.corrupt, mainLog)
    for hole in named.missing(from: 1..<end).flatMap(unused.missing(from:)) {
      for part in evicted.missing(from: hole).flatMap(corrupt.missing(from:)) {
        if !numbering.hasUnknown {
          fail("upstream \(index): nothing is known of the numbers \(part)")
        }
        bounds.add([.filtered, .deadLettered, .dropped], count: part.upperBound - part.lowerBound)
      }
      if hole.upperBound - hole.lowerBound > 1_000_000 {
        return fail("upstream \(index): gap records name \(hole) as lost")
      }
      for number in hole {
        var terms: Terms = []
        if evicted.contains(number) { terms.insert(.evicted) }
        if corrupt.contains(number) { terms.insert(.corrupt) }
        if !terms.isEmpty { bounds.add(terms) }
      }
    }
  }

  /// Every event whose PUBACK left is at the upstream if that selects it, or accounted for there.
  private func checkMessages(at index: Int) {
    for (id, message) in messages.enumerated()
    where message.isAcknowledged && message.kind.isStored && isSelected(id, by: index)
      && !message.isFilteredAtSource
    {
      let isKnown = message.places.contains { !terms(of: $0, at: index).isEmpty }
      if !isKnown && !(message.places.isEmpty && numbering.hasUnknown) {
        fail("upstream \(index) lacks message \(id), which was acknowledged")
      }
    }
  }

  /// What never got a number is told by marks, none of them left out.
  private func checkMarks(_ status: AgentStatus, at index: Int) {
    if hasRotted { return }
    for (drop, reason) in [
      (SourceDropReason.oversize, GapReason.oversize), (.invalid, .invalid),
      (.diskFailed, .diskFailed),
    ] {
      let dropped = status.sources.reduce(0) { $0 + $1.ledger.dropped[drop.rawValue] }
      let told = upstreams[index].evidence.gaps.reduce(0) {
        $0 + ($1.reason == reason ? $1.count ?? 0 : 0)
      }
      if told < dropped {
        fail("upstream \(index): \(dropped) \(reason), gap records name \(told)")
      }
    }
  }

  private func readDeadLetters(of index: Int) {
    let name = Agent.deadLetterName(configuration.upstreams[index].name)
    let file = RecordFile(disk: disk, name: name, byteCountMax: 64 << 20)
    for record in (try? file.records()) ?? [] {
      guard let letter = DeadLetter(record: record) else {
        fail("upstream \(index): a dead letter can't be read")
        continue
      }
      upstreams[index].take(letter, world: self)
    }
  }
}
