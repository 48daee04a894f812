internal import HoldfastEvent
internal import HoldfastLink
internal import HoldfastPayload
internal import HoldfastRingLog
internal import HoldfastStage

// What leaves the stages is sent here, in order, as far as there is room.

extension Forwarder {
  /// Sends what leaves on account of the number at hand; what finds no room stays for later.
  mutating func sendStaged(_ pass: inout FillPass, keep: Keep) {
    let isEventFormat = configuration.format == .event
    let bytes = stages.pipeline.bytes
    while stages.setAsideCount < stages.pipeline.undecodable.count, hasRoom(for: pass) {
      let event = stages.pipeline.undecodable[stages.setAsideCount]
      stages.setAsideCount += 1
      cutOpenBatch(&pass, keep: keep)
      setAsideOpen(event, of: bytes, reason: "its payload can't be read", pass, keep: keep)
    }
    let output = stages.pipeline.output
    let aggregatedCount = stages.pipeline.aggregatedCount
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
      let isLast = stages.sentCount == output.count
      publish(
        leaving,
        of: bytes,
        cause: stages.number,
        isOpen: !isLast,
        aggregatedCount: isLast ? aggregatedCount : 0,
        &pass,
        keep: keep
      )
      if isLast {
        stages.close()
        return
      }
    }
    guard stages.sentCount == output.count,
      stages.setAsideCount == stages.pipeline.undecodable.count
    else { return }
    close(stages.number, of: stages.log, aggregatedCount: aggregatedCount)
    stages.close()
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
      isHistorical: event.isHistorical
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
