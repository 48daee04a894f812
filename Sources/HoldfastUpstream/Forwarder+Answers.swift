internal import HoldfastEvent
public import HoldfastLink
internal import HoldfastRingLog

// What the peer answers: acknowledgements, refusals, and closing the connection.

extension Forwarder {
  /// Acknowledgements arrived; those of an earlier link are passed over.
  public mutating func acknowledged(_ acknowledgements: [Acknowledgement], now: Int64) {
    for acknowledgement in acknowledgements {
      guard let id = slot(of: acknowledgement.tag) else { continue }
      quietSince = now
      hasAnswered = true
      suspicion.answered()
      ramp.answered(
        after: now.subtractingSaturated(inFlight[id].sentAt),
        limit: configuration.inFlightMax
      )
      if acknowledgement.reasonCode >= 0x80 {
        refused(id, reasonCode: acknowledgement.reasonCode, now: now)
      } else {
        inFlight.set(id, .acknowledged)
        link.noteProgress()
        if inFlight[id].term == .delivered { refusal.hasAccepted = true }
        if refusal.probe == id {
          refusal.probe = nil
          refusal.backoff.reset()
        }
        isUnheard = acknowledgement.reasonCode == 0x10
        if isUnheard { noteNobodyListens() }
      }
    }
    inFlight.pass(into: &ledger)
  }

  /// The primary answered the question whether it is there, or did not; nil: it is.
  public mutating func asked(_ failure: LinkFailure?, now: Int64) {
    link.asked(failure, now: now, log: &lines)
  }

  /// Asks the primary when that is due, and leaves for it once nothing is in flight.
  mutating func goHome(now: Int64, into actions: inout [Action]) {
    if let version = link.ask(now: now, log: &lines) { actions.append(.ask(version)) }
    guard link.isLeaving, inFlight.sentCount == 0 || now >= (link.wakeAt ?? now) else { return }
    if link.goHome(now: now, log: &lines) { actions.append(.disconnect) }
  }

  private func slot(of tag: UInt64) -> UInt64? {
    let first = inFlight.slots.firstID
    let id = first &+ ((tag &- first) & Forwarder.slotMask)
    guard inFlight.slots.contains(id), self.tag(of: id) == tag, inFlight[id].state == .sent
    else { return nil }
    return id
  }

  private mutating func refused(_ id: UInt64, reasonCode: UInt8, now: Int64) {
    refusalCount &+= 1
    refusal.lastReason = reasonCode
    // Only the first refusal of a round is followed by a wait of its own.
    inFlight.noteRefused(id, reasonCode: reasonCode, countsAsTry: !refusal.isDraining)
    let slot = inFlight[id]
    let kind = RefusalKind(reasonCode: reasonCode)
    if kind == .permanent {
      inFlight.set(id, .condemned)
      return
    }
    if kind == .topicRefused {
      let (messages, row) = inFlight.message(of: slot)
      let topic = Array(messages.bytes[row.topicRange])
      if refusal.isDenied(topic) || slot.refusalCount >= configuration.refusalTryCountMax {
        if sendsByTopic { refusal.deny(topic) }
        inFlight.set(id, .condemned)
        return
      }
    }
    if kind == .messageRefused && slot.refusalCount >= configuration.refusalTryCountMax {
      inFlight.set(id, .condemned)
      return
    }
    if refusal.isDraining { return }
    refusal.isDraining = true
    if kind == .busy { ramp.collapse() }
    let delay = refusal.delay(after: kind, now: now)
    refusal.resumeAt = now.addingSaturated(delay)
    let tries =
      kind != .retryable
      ? ", try \(slot.refusalCount) of \(configuration.refusalTryCountMax)" : ""
    note(
      .warning,
      "number \(slot.first) on topic \(topicText(of: slot)) refused: \(reasonText(reasonCode))"
        + "\(tries); sending goes on there in \(durationText(delay))"
    )
  }

  /// The window has drained: all from the refused number on is sent again.
  mutating func resumeAtRefused() {
    refusal.isDraining = false
    refusal.probe = inFlight.rewindToRefused() ?? refusal.probe
  }

  /// Looks at whether a message in flight may be why the link closed; true if it may.
  mutating func judgeClose(_ failure: LinkFailure, now: Int64) -> Bool {
    guard failure.kind == .closed, let head = inFlight.first(in: .sent),
      let last = inFlight.last(in: .sent),
      now.subtractingSaturated(inFlight[head].sentAt) <= Forwarder.suspectTime
    else { return false }
    switch suspicion.closed(head: head, last: last) {
    case .none:
      break
    case .sendAlone:
      let slot = inFlight[head]
      note(
        .warning,
        "the peer closes again and again after number \(slot.first) on topic"
          + " \(topicText(of: slot)): sending one message at a time to find out which it is"
      )
    case .condemn:
      inFlight.set(head, .condemned)
    }
    return true
  }

  /// Turns condemned slots into dead letters.
  mutating func setAsideCondemned(now: Int64, keep: Keep) {
    while inFlight.condemnedCount > 0, let id = inFlight.first(in: .condemned) {
      let slot = inFlight[id]
      let reason =
        slot.reasonCode >= 0x80
        ? "the peer refused it: \(reasonText(slot.reasonCode))"
        : "the peer closed the connection each time it was sent"
      setAside(id, reason: reason, now: now, keep: keep)
    }
  }

  /// Gives up on a slot's message; a gap record's numbers keep their own term.
  mutating func setAside(_ id: UInt64, reason: String, now: Int64, keep: Keep) {
    let slot = inFlight[id]
    let (messages, row) = inFlight.message(of: slot)
    let isEvents = slot.term == .delivered
    let letter = DeadLetter(
      upstream: configuration.name,
      log: slot.log,
      first: slot.first,
      end: slot.end,
      count: isEvents ? slot.count + slot.resultCount : 0,
      topic: Array(messages.bytes[row.topicRange]),
      payload: Array(messages.bytes[row.payloadRange]),
      properties: Array(messages.bytes[row.propertiesRange]),
      isRetained: row.isRetained,
      reason: reason
    )
    let isKept = handOver(letter, now: now, keep: keep)
    if refusal.probe == id { refusal.probe = nil }
    inFlight.settle(id, as: isEvents ? (isKept ? .deadLettered : .dropped) : slot.term)
  }

  /// Hands a dead letter over and says so; returns whether it was kept.
  mutating func handOver(_ letter: DeadLetter, now: Int64, keep: Keep) -> Bool {
    let isKept = keep(letter)
    if let suffix = setAsideLine.suffix(now: now) {
      note(
        .error,
        "number \(letter.first) on topic \(quoted(letter.topic[...]))"
          + (isKept ? " set aside as a dead letter: " : " dropped, no room for dead letters: ")
          + letter.reason + suffix
      )
    }
    return isKept
  }

  private mutating func noteNobodyListens() {
    unheardCount &+= 1
    if hasToldNobodyListens { return }
    hasToldNobodyListens = true
    note(.notice, "the peer takes events but has no subscriber for them (reason 0x10)")
  }

  private func topicText(of slot: Slot) -> String {
    guard slot.hasMessage else { return "\"\"" }
    let (messages, row) = inFlight.message(of: slot)
    return quoted(messages.bytes[row.topicRange])
  }
}
