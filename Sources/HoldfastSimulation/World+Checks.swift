internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastUpstream

extension World {
  /// Whether events may be given up to make room.
  var mayEvict: Bool { plan.configuration.ring.whenFull == .dropOldest }

  /// What is cheap enough to be checked after each step.
  func checkStep() {
    guard let process else { return }
    if disk.writtenByteCount != checkedByteCount {
      checkedByteCount = disk.writtenByteCount
      if disk.byteCount > plan.configuration.ring.byteCountMax {
        let known = process.agent.status(now: reading).ringByteCount
        fail("\(disk.byteCount) bytes on disk, \(known) known")
      }
    }
    checkCount += 1
    if checkCount % 4 == 0 { checkAccounts(process.agent.status(now: reading)) }
  }

  private func checkAccounts(_ status: AgentStatus) {
    if status.health == .failing {
      if failingSince == nil { failingSince = now }
      return
    }
    failingSince = nil
    for (index, source) in status.sources.enumerated() where !source.ledger.isBalanced {
      fail("source \(index) is not balanced: \(source.ledger)")
    }
    for (index, upstream) in status.upstreams.enumerated() {
      let ledger = upstream.ledger
      if ledger.offered != ledger.settled &+ upstream.lagEventCount {
        fail("upstream \(index): lag \(upstream.lagEventCount) and \(ledger)")
      }
      if ledger.delivered > UInt64(upstreams[index].identities.count) {
        fail(
          "upstream \(index) got \(upstreams[index].identities.count) numbers, the cursor says "
            + "\(ledger.delivered)"
        )
      }
    }
  }

  /// One number of one log names one event, whoever gets it and whenever.
  func checkIdentity(_ event: Arrival) -> Bool {
    if event.identity.number == 0 || event.identity.log.isEmpty {
      fail("message \(event.id) came without an identity")
      return false
    }
    if let known = identities[event.identity], known != event.id {
      fail("\(event.identity) names message \(known) and \(event.id)")
      return false
    }
    identities[event.identity] = event.id
    return true
  }

  /// Nothing is left to do, and has not been for a while.
  var isDrained: Bool {
    guard let process, sources.allSatisfy(\.isDrained) else {
      drainedAt = nil
      return false
    }
    let status = process.agent.status(now: reading)
    let isIdle =
      status.health == .good
      && status.upstreams.allSatisfy { $0.lagEventCount == 0 && $0.inFlightCount == 0 }
    if !isIdle { drainedAt = nil } else if drainedAt == nil { drainedAt = now }
    return drainedAt.map { now - $0 > 10 * microsecondsPerSecond } ?? false
  }

  var drainText: String {
    var text = sources.map(\.text).joined(separator: "; ")
    if let process { text += "; \(process.agent.status(now: reading))" }
    return text
  }

  /// Every event whose PUBACK left is at every upstream that selects it, or accounted for.
  func checkEnd() {
    guard let process else { return fail("no process at the end") }
    let status = process.agent.status(now: reading)
    checkAccounts(status)
    for index in upstreams.indices {
      guard status.upstreams.indices.contains(index) else { return }
      let ledger = status.upstreams[index].ledger
      readDeadLetters(of: index)
      let filters = plan.configuration.upstreams[index].topics
      let bit = UInt8(1) << UInt8(index)
      var missing: [Int] = []
      for (id, message) in messages.enumerated() {
        let isOwed = message.isQoS1 ? message.isAcknowledged : message.handedAt != nil
        guard isOwed, !message.isExcused || message.isQoS1,
          (message.delivered | message.setAside) & bit == 0,
          filters.contains(where: { $0.matches(topic(of: message)[...]) })
        else { continue }
        missing.append(id)
      }
      let evicted = ledger.lost[LossReason.evicted.rawValue]
      let corrupt = ledger.lost[LossReason.corrupt.rawValue]
      report.evictedCount += evicted
      let accounted = ledger.lost.reduce(0, +) + ledger.dropped.reduce(0, +)
      if UInt64(missing.count) > accounted {
        fail(
          "upstream \(index) lacks \(missing.count) events (\(missing.prefix(5)), of them "
            + "\(missing.filter { !messages[$0].isQoS1 }.count) at QoS 0), accounted for: "
            + "\(accounted)"
        )
      }
      if !mayEvict && evicted > 0 { fail("upstream \(index): \(evicted) evicted") }
      // The disk of this world never rots: what can't be read back was never durable.
      if corrupt > 0 { fail("upstream \(index): \(corrupt) corrupt") }
      let told = toldLossCount(of: index)
      if told < evicted + corrupt {
        fail("upstream \(index): \(evicted + corrupt) lost, gap records name \(told)")
      }
    }
  }

  private func readDeadLetters(of index: Int) {
    let name = Agent.deadLetterName(plan.configuration.upstreams[index].name)
    let file = RecordFile(disk: disk, name: name, byteCountMax: 64 << 20)
    for record in (try? file.records()) ?? [] {
      guard let letter = DeadLetter(record: record), letter.count > 0 else { continue }
      let arrivals = events(
        letter.topic,
        letter.payload[...],
        letter.properties[...],
        isBatch: plan.configuration.upstreams[index].format != .event
      )
      for event in arrivals { messages[event.id].setAside |= 1 << UInt8(index) }
    }
  }

  /// How many numbers the gap records that an upstream got name as lost.
  private func toldLossCount(of index: Int) -> UInt64 {
    let lost = upstreams[index].gaps.filter { $0.reason == "evicted" || $0.reason == "corrupt" }
      .sorted { ($0.log, $0.first) < ($1.log, $1.first) }
    var sum: UInt64 = 0
    var log = ""
    var end: UInt64 = 0
    for gap in lost {
      if gap.log != log { (log, end) = (gap.log, 0) }
      let first = max(gap.first, end)
      if gap.last + 1 > first { sum += gap.last + 1 - first }
      end = max(end, gap.last + 1)
    }
    return sum
  }
}
