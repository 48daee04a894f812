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
      guard isPermittedAgain(now: now) else { break }
      let (messages, row) = inFlight.message(of: slot)
      guard fits(row, in: messages.bytes, grant: grant) else {
        setAside(id, reason: tooLargeText(grant), now: now, keep: keep)
        continue
      }
      out.append(row, of: messages.bytes, tag: tag(of: id))
      noteSending(now: now)
      let byteCount = charge(row, in: messages.bytes, grant: grant)
      inFlight.noteSent(id, at: now, byteCount: byteCount)
    }
    if !out.isEmpty { actions.append(.publish(out)) }
  }

  private func beginPass(grant: SessionGrant, now: Int64) -> FillPass {
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
        budgetBatchByteCountMax,
        (grant.packetByteCountMax ?? .max) - batchFormat.overheadByteCount - packetOverheadMax
      )
    )
    return pass
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
    var pass = beginPass(grant: grant, now: now)
    reading: while pass.budget > 0, hasRoom(for: pass) {
      if isBatchFull(pass) {
        cutBatch(&pass, keep: keep)
        continue
      }
      if pass.isBlocked {
        // The log can't be read for the moment.
        end = .noMore
        break
      }
      if stages.isOpen {
        sendStaged(&pass, read: read, keep: keep)
        continue
      }
      if position >= readingEnd {
        if !batchFormat.isEmpty {
          cutBatch(&pass, keep: keep)
          continue
        }
        end = position >= laneEnd ? .laneEnd : .noMore
        break reading
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
        take(batch, from: row, &pass, read: read, keep: keep)
      }
    }
    if !pass.out.isEmpty {
      inFlight.hold(pass.out)
      actions.append(.publish(pass.out))
    }
    return pass.budget <= 0 ? .paused : end
  }

  /// Whether one more message may be made.
  mutating func hasRoom(for pass: FillPass) -> Bool {
    if inFlight.slots.count >= Forwarder.slotCountMax { inFlight.pass(into: &ledger) }
    let sentCount = inFlight.sentCount
    let window = isBacklog ? backlogWindow(pass.window) : pass.window
    return sentCount < window && inFlight.slots.count < Forwarder.slotCountMax
      && (sentCount == 0
        || inFlight.heldByteCount + pass.out.bytes.count < Forwarder.inFlightByteCountMax)
      && isPermitted(now: pass.now)
  }

  private mutating func noteSending(now: Int64) {
    if inFlight.sentCount == 0 { quietSince = now }
  }

  private mutating func take(
    _ batch: StoredBatch,
    from start: Int,
    _ pass: inout FillPass,
    read: Read,
    keep: Keep
  ) {
    verdicts.begin()
    stages.beginBatch()
    let rows = batch.events.rows
    var index = start
    let readingEnd = readingEnd
    while index < rows.count, position < readingEnd, pass.budget > 0, hasRoom(for: pass) {
      if isBatchFull(pass) {
        cutBatch(&pass, keep: keep)
        continue
      }
      let event = rows[index]
      let verdict = self.verdict(on: event, in: batch.events.bytes)
      let leaving = Leaving(
        row: event,
        number: position,
        log: batch.log,
        isHistorical: isBacklog
      )
      index += 1
      position += 1
      passedGaps = 0
      pass.budget -= 1
      readCount &+= 1
      switch verdict {
      case .filtered:
        stages.willTake(marks: false)
        stages.pass(over: event)
        close(leaving.number, of: batch.log)
      case .publishable, .unpublishable:
        if stages.isEmpty {
          send(leaving, of: batch.events.bytes, isPublishable: verdict == .publishable, &pass, keep)
        } else {
          stages.step(leaving, of: batch.events.bytes)
          noteFaults(of: batch.events.bytes[event.topicRange], now: pass.now)
          sendStaged(&pass, read: read, keep: keep)
          if stages.isOpen { return }
        }
      }
    }
  }

  /// What is to be done with an event; stages see every tick, and nobody else sees one.
  mutating func verdict(on event: EventBatch.Row, in bytes: [UInt8]) -> TopicVerdict {
    if event.flags.contains(.tick) { return stages.isEmpty ? .filtered : .publishable }
    return verdicts.verdict(on: event, in: bytes)
  }

  /// Sends an event that no stage has seen.
  private mutating func send(
    _ leaving: Leaving,
    of bytes: [UInt8],
    isPublishable: Bool,
    _ pass: inout FillPass,
    _ keep: Keep
  ) {
    guard isPublishable else {
      setAside(
        leaving,
        of: bytes,
        reason: "no valid topic can be made of it",
        isOpen: false,
        pass,
        keep: keep
      )
      return
    }
    if configuration.format == .event {
      publish(leaving, of: bytes, cause: leaving.number, isOpen: false, &pass, keep: keep)
    } else {
      gather(leaving, of: bytes, cause: leaving.number, &pass)
      batchFormat.close(leaving.number)
    }
  }

  /// Passes a gap record on; its numbers are lost whether or not anybody is told.
  private mutating func take(_ record: GapRecord, _ pass: inout FillPass) {
    let record = record.clipped(from: position)?.clipped(to: readingEnd) ?? record
    let coversNumbers = record.reason.coversNumbers && record.end > position
    stages.willTake(marks: !coversNumbers)
    stages.gap(record)
    var range = position..<position
    if coversNumbers {
      range = position..<record.end
      if record.reason != .unused {
        readLostCount &+= record.end - position
        readCount &+= record.end - position
      }
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
      Slot(
        log: record.log,
        first: range.lowerBound,
        end: range.upperBound,
        count: range.upperBound - range.lowerBound,
        term: term,
        state: .sent
      ),
      pass
    )
  }
}

/// Why `fill` stopped.
enum FillEnd {
  /// The window or the memory for it is full: acknowledgements move things on.
  case noRoom
  /// The log has nothing more that is durable.
  case noMore
  /// All of the lane was read.
  case laneEnd
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
  /// The log can't be read for the moment.
  var isBlocked = false

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
    if row.keyByteCount > 0 { bytes += source[row.keyRange] }
    rows.append(copy)
  }

  /// Takes back the message appended at that offset.
  mutating func removeLast(from offset: Int) {
    bytes.removeSubrange(offset...)
    rows.removeLast()
  }
}
