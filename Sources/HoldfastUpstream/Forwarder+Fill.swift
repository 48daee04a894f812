internal import HoldfastEvent
internal import HoldfastLink
internal import HoldfastRingLog

// What is sent: first again what an earlier link or a refusal left, then what the log holds next.

extension Forwarder {
  /// Sends slots that are ready, in order, as far as the window reaches.
  mutating func resend(
    grant: SessionGrant,
    now: Int64,
    keep: Keep,
    into actions: inout [Action]
  ) {
    guard inFlight.readyCount > 0 else { return }
    let window = window(grant)
    var out = MessageBatch()
    var id = inFlight.slots.firstID
    while inFlight.readyCount > 0, inFlight.sentCount < window, inFlight.slots.contains(id) {
      defer { id &+= 1 }
      let slot = inFlight[id]
      guard slot.state == .ready else { continue }
      let (messages, row) = inFlight.message(of: slot)
      guard fits(row, in: messages.bytes, grant: grant) else {
        setAside(id, reason: tooLargeText(grant), now: now, keep: keep)
        continue
      }
      out.append(row, of: messages.bytes, tag: tag(of: id))
      noteSending(now: now)
      inFlight.noteSent(id, at: now)
    }
    if !out.isEmpty { actions.append(.publish(out)) }
  }

  /// Reads on in the log while there is room.
  mutating func fill(
    grant: SessionGrant,
    now: Int64,
    read: Read,
    keep: Keep,
    into actions: inout [Action]
  ) -> FillEnd {
    var end = FillEnd.noRoom
    var pass = FillPass(
      grant: grant,
      now: now,
      window: window(grant),
      budget: Forwarder.scanCountMax
    )
    pass.batchByteCountMax = max(
      1,
      min(
        configuration.batchByteCountMax,
        (grant.packetByteCountMax ?? .max) - batchFormat.overheadByteCount - packetOverheadMax
      )
    )
    reading: while pass.budget > 0, hasRoom(for: pass) {
      if isBatchFull(pass) {
        cutBatch(&pass, keep: keep)
        continue
      }
      switch read(position, passedGaps) {
      case .end:
        if !batchFormat.isEmpty && now >= batchFormat.dueAt { cutBatch(&pass, keep: keep) }
        end = .noMore
        break reading
      case .gap(let record):
        pass.budget -= 1
        if batchFormat.isEmpty {
          take(record, &pass)
        } else {
          cutBatch(&pass, keep: keep)
        }
      case .events(let batch, _):
        guard let row = batch.index(of: position) else { break reading }
        if !batchFormat.isEmpty && batchFormat.log != batch.log {
          cutBatch(&pass, keep: keep)
          continue
        }
        take(batch, from: row, &pass, keep: keep)
      }
    }
    if !pass.out.isEmpty {
      inFlight.hold(pass.out)
      actions.append(.publish(pass.out))
    }
    return pass.budget <= 0 ? .paused : end
  }

  /// Whether one more message may be made.
  private mutating func hasRoom(for pass: FillPass) -> Bool {
    if inFlight.slots.count >= Forwarder.slotCountMax { inFlight.pass(into: &ledger) }
    let sentCount = inFlight.sentCount
    return sentCount < pass.window && inFlight.slots.count < Forwarder.slotCountMax
      && (sentCount == 0
        || inFlight.heldByteCount + pass.out.bytes.count < Forwarder.inFlightByteCountMax)
  }

  private mutating func noteSending(now: Int64) {
    if inFlight.sentCount == 0 { quietSince = now }
  }

  private mutating func take(
    _ batch: StoredBatch,
    from start: Int,
    _ pass: inout FillPass,
    keep: Keep
  ) {
    verdicts.begin()
    eventFormat.begin(log: batch.log)
    let rows = batch.events.rows
    let isEventFormat = configuration.format == .event
    var index = start
    while index < rows.count, pass.budget > 0, hasRoom(for: pass) {
      if isBatchFull(pass) {
        cutBatch(&pass, keep: keep)
        continue
      }
      let event = rows[index]
      let verdict = verdicts.verdict(on: event, in: batch.events.bytes)
      switch (verdict, isEventFormat) {
      case (.filtered, _):
        if batchFormat.isEmpty {
          inFlight.skip(position..<position + 1, of: batch.log, as: .filtered)
        } else {
          batchFormat.skip(position)
        }
      case (.unpublishable, _):
        setAside(event, of: batch, reason: "no valid topic can be made of it", pass, keep: keep)
      case (.publishable, true):
        publish(event, of: batch, &pass, keep: keep)
      case (.publishable, false):
        gather(event, of: batch, &pass, keep: keep)
      }
      index += 1
      position += 1
      passedGaps = 0
      pass.budget -= 1
    }
  }

  private mutating func publish(
    _ event: EventBatch.Row,
    of batch: StoredBatch,
    _ pass: inout FillPass,
    keep: Keep
  ) {
    let offset = pass.out.bytes.count
    eventFormat.append(
      event,
      of: batch.events.bytes,
      number: position,
      tag: tag(of: inFlight.slots.endID),
      to: &pass.out
    )
    let row = pass.out.rows[pass.out.rows.count - 1]
    guard fits(row, in: pass.out.bytes, grant: pass.grant) else {
      pass.out.removeLast(from: offset)
      setAside(event, of: batch, reason: tooLargeText(pass.grant), pass, keep: keep)
      return
    }
    appendSent(log: batch.log, position..<position + 1, count: 1, as: .delivered, pass)
  }

  /// Sets an event aside that was never sent: with its own topic and properties.
  private mutating func setAside(
    _ event: EventBatch.Row,
    of batch: StoredBatch,
    reason: String,
    _ pass: FillPass,
    keep: Keep
  ) {
    let bytes = batch.events.bytes
    let letter = DeadLetter(
      upstream: configuration.name,
      log: batch.log,
      first: position,
      end: position + 1,
      count: 1,
      topic: Array(bytes[event.topicRange]),
      payload: Array(bytes[event.payloadRange]),
      properties: event.propertiesByteCount == 0 ? [] : Array(bytes[event.propertiesRange]),
      isRetained: event.flags.contains(.retained),
      reason: reason
    )
    let isKept = handOver(letter, now: pass.now, keep: keep)
    inFlight.skip(
      position..<position + 1,
      of: batch.log,
      as: isKept ? .deadLettered : .dropped
    )
  }

  /// Adds an event to the batch being gathered, which is cut before it when it grew too large.
  private mutating func gather(
    _ event: EventBatch.Row,
    of batch: StoredBatch,
    _ pass: inout FillPass,
    keep: Keep
  ) {
    // A boot time ahead of the clock is another boot's: that event has waited long enough.
    let dueAt =
      event.boot > pass.now
      ? pass.now : event.boot.addingSaturated(configuration.batchAgeMax)
    batchFormat.append(
      event,
      of: batch.events.bytes,
      number: position,
      log: batch.log,
      dueAt: dueAt
    )
    guard batchFormat.count > 1, batchFormat.byteCount > pass.batchByteCountMax else { return }
    let first = batchFormat.first
    let count = UInt64(batchFormat.count - 1)
    batchFormat.cutBeforeLast(tag: tag(of: inFlight.slots.endID), into: &pass.out)
    appendSent(log: batch.log, first..<position, count: count, as: .delivered, pass)
  }

  private func isBatchFull(_ pass: FillPass) -> Bool {
    !batchFormat.isEmpty
      && (batchFormat.count >= configuration.batchEventCountMax
        || batchFormat.byteCount >= pass.batchByteCountMax)
  }

  /// Makes a message of the batch gathered.
  private mutating func cutBatch(_ pass: inout FillPass, keep: Keep) {
    let (log, range) = (batchFormat.log, batchFormat.first..<batchFormat.end)
    let count = UInt64(batchFormat.count)
    let offset = pass.out.bytes.count
    batchFormat.cut(tag: tag(of: inFlight.slots.endID), into: &pass.out)
    let row = pass.out.rows[pass.out.rows.count - 1]
    guard fits(row, in: pass.out.bytes, grant: pass.grant) else {
      let bytes = pass.out.bytes
      let letter = DeadLetter(
        upstream: configuration.name,
        log: log,
        first: range.lowerBound,
        end: range.upperBound,
        count: count,
        topic: Array(bytes[row.topicRange]),
        payload: Array(bytes[row.payloadRange]),
        properties: Array(bytes[row.propertiesRange]),
        isRetained: false,
        reason: tooLargeText(pass.grant)
      )
      pass.out.removeLast(from: offset)
      let isKept = handOver(letter, now: pass.now, keep: keep)
      inFlight.append(
        Slot(
          log: log,
          first: range.lowerBound,
          end: range.upperBound,
          count: count,
          term: isKept ? .deadLettered : .dropped,
          state: .settled
        )
      )
      return
    }
    appendSent(log: log, range, count: count, as: .delivered, pass)
  }

  /// Passes a gap record on; its numbers are lost whether or not anybody is told.
  private mutating func take(_ record: GapRecord, _ pass: inout FillPass) {
    let record = record.clipped(from: position) ?? record
    var range = position..<position
    if record.reason.coversNumbers, record.end > position {
      range = position..<record.end
      position = record.end
      passedGaps = 0
    } else {
      passedGaps += 1
    }
    let term: Slot.Term =
      switch record.reason {
      case .evicted: .evicted
      case .corrupt, .newerFormat: .corrupt
      default: .none
      }
    if gapFormat.topic.isEmpty {
      inFlight.skip(range, of: record.log, as: term)
      return
    }
    gapFormat.append(record, tag: tag(of: inFlight.slots.endID), to: &pass.out)
    appendSent(
      log: record.log,
      range,
      count: range.upperBound - range.lowerBound,
      as: term,
      pass
    )
  }

  /// Appends the slot of the message that was rendered last.
  private mutating func appendSent(
    log: LogID,
    _ range: Range<SequenceNumber>,
    count: UInt64,
    as term: Slot.Term,
    _ pass: FillPass
  ) {
    noteSending(now: pass.now)
    inFlight.append(
      Slot(
        log: log,
        first: range.lowerBound,
        end: range.upperBound,
        count: count,
        term: term,
        state: .sent,
        heldID: inFlight.nextHeldID,
        row: pass.out.rows.count - 1,
        sentAt: pass.now
      )
    )
  }

  private func tooLargeText(_ grant: SessionGrant) -> String {
    "larger than the peer takes (\(grant.packetByteCountMax ?? 0) bytes)"
  }
}

/// Why `fill` stopped.
enum FillEnd {
  /// The window or the memory for it is full: acknowledgements move things on.
  case noRoom
  /// The log has nothing more that is durable.
  case noMore
  /// Only to let others work.
  case paused
}

/// What one call of `fill` carries along.
struct FillPass {
  var out = MessageBatch()
  let grant: SessionGrant
  let now: Int64
  let window: Int
  /// Events and gap records that may still be looked at.
  var budget: Int
  var batchByteCountMax = 1

  init(grant: SessionGrant, now: Int64, window: Int, budget: Int) {
    self.grant = grant
    self.now = now
    self.window = window
    self.budget = budget
  }
}

extension MessageBatch {
  /// Appends a copy of another batch's message under another tag.
  mutating func append(_ row: Row, of source: [UInt8], tag: UInt64) {
    var copy = row
    copy.tag = tag
    copy.topicOffset = UInt32(bytes.count)
    bytes += source[row.topicRange]
    copy.payloadOffset = UInt32(bytes.count)
    bytes += source[row.payloadRange]
    copy.propertiesOffset = UInt32(bytes.count)
    bytes += source[row.propertiesRange]
    rows.append(copy)
  }

  /// Takes back the message appended at that offset.
  mutating func removeLast(from offset: Int) {
    bytes.removeSubrange(offset...)
    rows.removeLast()
  }
}
