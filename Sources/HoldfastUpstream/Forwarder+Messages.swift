internal import HoldfastEvent
internal import HoldfastLink
internal import HoldfastRingLog

// Messages are made here: of one event, of a batch, or none where none can be sent.

extension Forwarder {
  /// Renders one event as one message.
  ///
  /// - Parameters:
  ///   - leaving: the event.
  ///   - bytes: what its row points into.
  ///   - cause: the number on account of which it leaves.
  ///   - isOpen: whether more may follow on that account.
  ///   - aggregatedCount: events that went into results on that account; 0 while it is open.
  ///   - pass: where the message goes.
  ///   - keep: takes it where it is too large to be sent.
  mutating func publish(
    _ leaving: Leaving,
    of bytes: [UInt8],
    cause: SequenceNumber,
    isOpen: Bool,
    aggregatedCount: Int = 0,
    _ pass: inout FillPass,
    keep: Keep
  ) {
    let offset = pass.out.bytes.count
    eventFormat.begin(log: leaving.log)
    eventFormat.append(leaving, of: bytes, tag: tag(of: inFlight.slots.endID), to: &pass.out)
    let row = pass.out.rows[pass.out.rows.count - 1]
    guard fits(row, in: pass.out.bytes, grant: pass.grant) else {
      pass.out.removeLast(from: offset)
      setAside(
        leaving,
        of: bytes,
        cause: cause,
        reason: tooLargeText(pass.grant),
        isOpen: isOpen,
        aggregatedCount: aggregatedCount,
        pass,
        keep: keep
      )
      return
    }
    let count: UInt64 = leaving.result == nil ? 1 : 0
    var slot = Slot(
      log: leaving.log,
      first: cause,
      end: isOpen ? cause : cause + 1,
      count: count,
      term: .delivered,
      state: .sent,
      resultCount: 1 - count,
      aggregatedCount: UInt64(aggregatedCount)
    )
    if isOpen { (slot.openCount, slot.openResultCount) = (slot.count, slot.resultCount) }
    appendSent(slot, pass)
  }

  /// Sets an event aside that was never sent: with its own topic and properties.
  mutating func setAside(
    _ leaving: Leaving,
    of bytes: [UInt8],
    cause: SequenceNumber? = nil,
    reason: String,
    isOpen: Bool,
    aggregatedCount: Int = 0,
    _ pass: FillPass,
    keep: Keep
  ) {
    let event = leaving.row
    let letter = DeadLetter(
      upstream: configuration.name,
      log: leaving.log,
      first: leaving.number,
      end: leaving.number + 1,
      count: 1,
      topic: Array(bytes[event.topicRange]),
      payload: Array(bytes[event.payloadRange]),
      properties: event.propertiesByteCount == 0 ? [] : Array(bytes[event.propertiesRange]),
      isRetained: event.flags.contains(.retained),
      reason: reason
    )
    let isKept = handOver(letter, now: pass.now, keep: keep)
    let count: UInt64 = leaving.result == nil ? 1 : 0
    let cause = cause ?? leaving.number
    var slot = Slot(
      log: leaving.log,
      first: cause,
      end: isOpen ? cause : cause + 1,
      count: count,
      term: isKept ? .deadLettered : .dropped,
      state: .settled,
      resultCount: 1 - count,
      aggregatedCount: UInt64(aggregatedCount)
    )
    if isOpen { (slot.openCount, slot.openResultCount) = (slot.count, slot.resultCount) }
    inFlight.append(slot)
  }

  /// Adds an event to the batch being gathered, which is cut before it when it grew too large.
  mutating func gather(
    _ leaving: Leaving,
    of bytes: [UInt8],
    cause: SequenceNumber,
    _ pass: inout FillPass
  ) {
    // A boot time ahead of the clock is another boot's: that event has waited long enough.
    let boot = leaving.row.boot
    let dueAt = boot > pass.now ? pass.now : boot.addingSaturated(configuration.batchAgeMax)
    batchFormat.append(leaving, of: bytes, cause: cause, dueAt: dueAt)
    guard batchFormat.count > 1, batchFormat.byteCount > pass.batchByteCountMax else { return }
    let slot = batchFormat.cutBeforeLast(tag: tag(of: inFlight.slots.endID), into: &pass.out)
    appendSent(slot, pass)
  }

  func isBatchFull(_ pass: FillPass) -> Bool {
    !batchFormat.isEmpty
      && (batchFormat.count >= configuration.batchEventCountMax
        || batchFormat.byteCount >= pass.batchByteCountMax)
  }

  /// Makes a message of the batch gathered.
  mutating func cutBatch(_ pass: inout FillPass, keep: Keep) {
    let first = batchFormat.first
    let offset = pass.out.bytes.count
    let byteCount = batchFormat.byteCount
    var slot = batchFormat.slot(as: .delivered, .sent)
    let last = slot.openCount + slot.openResultCount > 0 ? slot.end : max(slot.end - 1, first)
    batchFormat.cut(tag: tag(of: inFlight.slots.endID), into: &pass.out)
    let row = pass.out.rows[pass.out.rows.count - 1]
    noteCompression(of: byteCount, to: Int(row.payloadByteCount))
    guard fits(row, in: pass.out.bytes, grant: pass.grant) else {
      let bytes = pass.out.bytes
      let letter = DeadLetter(
        upstream: configuration.name,
        log: slot.log,
        first: first,
        end: last + 1,
        count: slot.count + slot.resultCount,
        topic: Array(bytes[row.topicRange]),
        payload: Array(bytes[row.payloadRange]),
        properties: Array(bytes[row.propertiesRange]),
        isRetained: false,
        reason: tooLargeText(pass.grant)
      )
      pass.out.removeLast(from: offset)
      let isKept = handOver(letter, now: pass.now, keep: keep)
      slot.term = isKept ? .deadLettered : .dropped
      slot.state = .settled
      inFlight.append(slot)
      return
    }
    appendSent(slot, pass)
  }

  /// Nothing leaves on account of a number any more.
  mutating func close(_ number: SequenceNumber, of log: LogID, aggregatedCount: Int = 0) {
    if batchFormat.isEmpty {
      inFlight.skip(
        number..<number + 1,
        of: log,
        as: .filtered,
        aggregatedCount: UInt64(aggregatedCount)
      )
    } else {
      batchFormat.close(number, aggregatedCount: aggregatedCount)
    }
  }

  /// Appends the slot of the message that was rendered last.
  mutating func appendSent(_ slot: Slot, _ pass: FillPass) {
    if inFlight.sentCount == 0 { quietSince = pass.now }
    var slot = slot
    slot.heldID = inFlight.nextHeldID
    slot.row = pass.out.rows.count - 1
    slot.sentAt = pass.now
    slot.byteCount = charge(pass.out.rows[slot.row], in: pass.out.bytes, grant: pass.grant)
    inFlight.append(slot)
  }

  func tooLargeText(_ grant: SessionGrant) -> String {
    "larger than the peer takes (\(grant.packetByteCountMax ?? 0) bytes)"
  }
}
