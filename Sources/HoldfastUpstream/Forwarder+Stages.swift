internal import HoldfastEvent
internal import HoldfastLink
internal import HoldfastPayload
internal import HoldfastRingLog
internal import HoldfastStage

// What leaves the stages is sent here, in order, as far as there is room.

extension Forwarder {
  /// Sends what leaves on account of the number at hand; what finds no room stays for later.
  ///
  /// Where a stage asks for earlier events they are read back, a part at a time.
  mutating func sendStaged(_ pass: inout FillPass, read: Read, keep: Keep) {
    while sendOutput(&pass, keep: keep) {
      guard stages.pipeline.isRecalling else {
        close(stages.number, of: stages.log, aggregatedCount: stages.pipeline.aggregatedCount)
        stages.close()
        return
      }
      if pass.budget <= 0 { return }
      let isRead = stages.recall(budget: &pass.budget, read)
      noteGone()
      guard isRead else {
        pass.isBlocked = true
        return
      }
    }
  }

  /// Sends what has left the stages so far.
  ///
  /// - Returns: whether that is all, and the number is still to be closed.
  private mutating func sendOutput(_ pass: inout FillPass, keep: Keep) -> Bool {
    let isEventFormat = configuration.format == .event
    let bytes = stages.pipeline.bytes
    while stages.setAsideCount < stages.pipeline.undecodable.count, hasRoom(for: pass) {
      let event = stages.pipeline.undecodable[stages.setAsideCount]
      stages.setAsideCount += 1
      cutOpenBatch(&pass, keep: keep)
      setAsideOpen(event, of: bytes, reason: "its payload can't be read", pass, keep: keep)
    }
    let output = stages.pipeline.output
    let isEnd = !stages.pipeline.isRecalling
    while stages.sentCount < output.count, hasRoom(for: pass) {
      if isBatchFull(pass) {
        cutBatch(&pass, keep: keep)
        continue
      }
      let event = output[stages.sentCount]
      stages.sentCount += 1
      pass.budget -= 1
      guard verdicts.isPublishable(bytes[event.row.topicRange]) else {
        cutOpenBatch(&pass, keep: keep)
        setAsideOpen(event, of: bytes, reason: "no valid topic can be made of it", pass, keep: keep)
        continue
      }
      let leaving = leaving(event)
      guard isEventFormat else {
        gather(leaving, of: bytes, cause: stages.number, &pass)
        continue
      }
      let isLast = isEnd && stages.sentCount == output.count
      publish(
        leaving,
        of: bytes,
        cause: stages.number,
        isOpen: !isLast,
        aggregatedCount: isLast ? stages.pipeline.aggregatedCount : 0,
        &pass,
        keep: keep
      )
      if isLast {
        stages.close()
        return false
      }
    }
    return stages.sentCount == output.count
      && stages.setAsideCount == stages.pipeline.undecodable.count
  }

  /// Says now and then which topic's payloads can't be read, and why.
  mutating func noteFaults(of topic: ArraySlice<UInt8>, now: Int64) {
    let faults = stages.pipeline.faults
    guard faults.count > stages.toldFaultCount else { return }
    stages.toldFaultCount = faults.count
    guard let suffix = undecodableLine.suffix(now: now) else { return }
    note(
      .warning,
      "a payload on topic \(quoted(topic)) can't be read: \(faults.last.rawValue)"
        + (configuration.undecodable == .pass ? "; it goes on unchanged" : "; it is set aside")
        + suffix
    )
  }

  private func leaving(_ event: StageEvent) -> Leaving {
    Leaving(
      row: event.row,
      number: event.number,
      log: stages.log,
      result: event.result,
      isHistorical: event.isHistorical || isBacklog,
      missingCount: event.missingCount
    )
  }

  /// What is set aside between two events of a batch stands between two batches.
  private mutating func cutOpenBatch(_ pass: inout FillPass, keep: Keep) {
    if !batchFormat.isEmpty { cutBatch(&pass, keep: keep) }
  }

  private mutating func setAsideOpen(
    _ event: StageEvent,
    of bytes: [UInt8],
    reason: String,
    _ pass: FillPass,
    keep: Keep
  ) {
    setAside(
      leaving(event),
      of: bytes,
      cause: stages.number,
      reason: reason,
      isOpen: true,
      pass,
      keep: keep
    )
  }
}
