internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

// The law of upstreams with stages.

extension World {
  /// How something that left may have ended.
  func terms(of item: StageJudge.Item, at index: Int) -> Terms {
    var terms: Terms = []
    if item.key.isUndecodable { return [.deadLettered, .dropped] }
    if item.marks.contains(.delivered) { terms.insert(.delivered) }
    if item.marks.contains(.setAside) { terms.insert(.deadLettered) }
    let isLarge = plan.packetByteCountMax[index].map { item.byteCount > $0 / 3 } ?? false
    if item.marks.contains(.rejected) || isLarge { terms.formUnion([.deadLettered, .dropped]) }
    return terms
  }

  /// Compares the account of an upstream with stages with what they make of the log.
  func checkStagedLaw(_ ledger: UpstreamLedger, at index: Int, end: SequenceNumber) {
    guard let judge = upstreams[index].judge else { return }
    judge.check(ledger, world: self)
    if report.failure != nil { return }
    if judge.wasBlind || judge.position != end {
      report.blindUpstreamCount += 1
      return
    }
    report.judgedUpstreamCount += 1
    if judge.views.count > 1 { report.dividedUpstreamCount += 1 }
    var events = TermBounds()
    var results = TermBounds()
    var eventCount: UInt64 = 0
    for (item, _) in judge.views.flatMap(\.produced) {
      let item = judge.items[item]
      if item.key.number == 0 {
        results.add(terms(of: item, at: index))
      } else {
        events.add(terms(of: item, at: index))
        eventCount += 1
      }
    }
    var lost = [UInt64](repeating: 0, count: LossReason.allCases.count)
    var aggregatedCount: UInt64 = 0
    for reading in judge.views.flatMap(\.readings) {
      aggregatedCount += UInt64(reading.aggregatedCount)
      guard case .gap(let record) = reading.kind else { continue }
      if record.reason == .evicted {
        lost[LossReason.evicted.rawValue] += record.end - record.first
      }
      if record.reason == .corrupt {
        lost[LossReason.corrupt.rawValue] += record.end - record.first
      }
    }
    let filteredCount = ledger.offered &- eventCount &- aggregatedCount &- lost.reduce(0, +)
    let counts = [ledger.delivered, ledger.deadLettered, ledger.dropped.reduce(0, +)]
    let derived = [ledger.derivedDelivered, ledger.derivedDeadLettered, ledger.derivedDropped]
    if !events.allow(counts, as: [0, 2, 3]) || !results.allow(derived, as: [0, 2, 3])
      || counts.reduce(0, +) != eventCount || derived.reduce(0, +) != UInt64(results.count)
      || ledger.aggregated != aggregatedCount || ledger.filtered != filteredCount
      || ledger.lost != lost
    {
      fail(
        "upstream \(index): \(ledger), known: \(eventCount) events \(events), \(results.count)"
          + " results \(results), \(aggregatedCount) aggregated, \(filteredCount) filtered, \(lost)"
      )
    }
    report.aggregatedCount += aggregatedCount
  }

  /// Notes what a dead letter of an upstream with stages holds.
  func take(_ letter: DeadLetter, judge: StageJudge) {
    let (topic, payload) = (letter.topic[...], letter.payload[...])
    let digest = StageJudge.digest(topic, payload)
    if letter.count == 1, letter.properties[...].value(of: Array("log".utf8)) == nil {
      if judge.setAside(number: letter.first, log: letter.log, digest) { return }
      return noteUnknown(letter, judge: judge)
    }
    let isBatch = judge.configuration.format != .event
    guard
      let departures = departures(topic, payload, letter.properties[...], isBatch: isBatch),
      UInt64(departures.count) == letter.count
    else { return fail("upstream \(judge.index): a dead letter holds foreign bytes") }
    for departure in departures {
      let key = StageJudge.Key(
        log: departure.log,
        number: departure.number,
        result: departure.result
      )
      if !judge.setAside(key, departure.digest) { noteUnknown(letter, judge: judge) }
    }
  }

  /// What was set aside by a reading that nobody knows: a crash took it back, and its events went.
  private func noteUnknown(_ letter: DeadLetter, judge: StageJudge) {
    let evidence = upstreams[judge.index].evidence
    let isGone =
      letter.log != mainLog
      || (letter.first..<max(letter.end, letter.first + 1)).contains {
        evidence.isTold(Identity(log: letter.log, number: $0))
      }
    if isGone || judge.wasBlind || report.freshStartCount > 0 { return }
    fail(
      "upstream \(judge.index): a dead letter of \(letter.first)..<\(letter.end) holds what the"
        + " stages do not make of the log"
    )
  }
}

extension TermBounds {
  /// Whether these counts of some terms can be.
  func allow(_ counts: [UInt64], as places: [Int]) -> Bool {
    zip(counts, places).allSatisfy { least[$1] <= $0 && $0 <= most[$1] }
  }
}
