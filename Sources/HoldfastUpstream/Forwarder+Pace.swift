internal import HoldfastEvent
internal import HoldfastLink

// How fast, and when: the budget of bytes, the schedule.

extension Forwarder {
  /// What a TLS record adds to what it carries: header, inner type and tag of TLS 1.3.
  ///
  /// What other versions add beyond it is charged when the shell reports it.
  static let recordOverheadByteCount = 22
  /// Most bytes that one TLS record carries.
  private static let recordByteCountMax = 16_384
  /// How long what is in flight is waited for when the schedule closes, microseconds.
  static let closingTime: Int64 = 10 * microsecondsPerSecond

  /// Unanswered bytes on this link; counted under a budget alone.
  public var inFlightByteCount: Int { inFlight.sentByteCount }

  /// The shell has handed so many bytes to this link's socket since it was made: the handshakes,
  /// pings and whatever else the charges did not foresee are spent now.
  public mutating func handedOver(_ totalByteCount: UInt64) {
    guard budget != nil, link.isUp, totalByteCount > chargedByteCount else { return }
    budget?.spend(Int(clamping: totalByteCount - chargedByteCount))
    chargedByteCount = totalByteCount
  }

  /// Charges a message, and answers with its size on the wire; 0 without a budget.
  mutating func charge(
    _ row: MessageBatch.Row,
    in bytes: [UInt8],
    grant: SessionGrant
  ) -> Int {
    guard budget != nil else { return 0 }
    var byteCount = packetByteCount(row, in: bytes, version: grant.protocolVersion)
    if configuration.link.tls != nil {
      let recordCount = (byteCount + Self.recordByteCountMax - 1) / Self.recordByteCountMax
      byteCount += recordCount * Self.recordOverheadByteCount
    }
    budget?.spend(byteCount)
    chargedByteCount &+= UInt64(byteCount)
    lastChargedByteCount = byteCount
    return byteCount
  }

  /// Whether budget and permission let one more message of the lane that is read go.
  mutating func isPermitted(now: Int64) -> Bool {
    if isBacklog && permission < .everything { return false }
    let time = givesWay ? ByteBudget.inFlightTime / 2 : ByteBudget.inFlightTime
    return isPermitted(now: now, inFlightTime: time)
  }

  /// The same for one that was sent before, whichever lane it came from: all waits for it.
  mutating func isPermittedAgain(now: Int64) -> Bool {
    isPermitted(now: now, inFlightTime: ByteBudget.inFlightTime)
  }

  private mutating func isPermitted(now: Int64, inFlightTime: Int64) -> Bool {
    if permission == .nothing { return false }
    guard let budget else { return true }
    let limit = budget.byteCount(inFlightTime) - lastChargedByteCount
    let unanswered = inFlight.sentByteCount + budget.otherInFlightByteCount
    if unanswered > 0 && unanswered > limit { return false }
    return self.budget?.allows(at: now) ?? true
  }

  /// Messages that may be in flight when one of backlog is sent: live data finds a place.
  func backlogWindow(_ window: Int) -> Int {
    guard givesWay else { return window }
    return max(1, window - max(1, window / Self.liveWindowPart))
  }

  /// Bytes before compression that a batch may have under the budget, by how well the last one was
  /// compressed.
  var budgetBatchByteCountMax: Int {
    guard let budget else { return .max }
    // A live event waits for what is being sent: for a batch of backlog half as long.
    let limit = budget.byteCount(givesWay ? ByteBudget.messageTime / 2 : ByteBudget.messageTime)
    guard configuration.compression != .none else { return limit }
    return limit * compressionSixteenths / 16
  }

  /// Takes over how well a batch was compressed, with a quarter kept for a worse one.
  mutating func noteCompression(of byteCount: Int, to compressedByteCount: Int) {
    guard budget != nil, compressedByteCount > 0 else { return }
    compressionSixteenths = min(max(16, byteCount * 12 / compressedByteCount), 16 * 32)
  }

  /// Closes the link where the schedule wants it, once what is in flight had its time.
  mutating func keepToSchedule(now: Int64, into actions: inout [Action]) {
    guard isWanted else { return }
    if permission > .nothing {
      closesAt = nil
      guard isScheduledOut else { return }
      isScheduledOut = false
      // A fleet with one schedule must not come back in one instant.
      let jitter = Int64.random(in: 0...max(0, configuration.link.backoffMax), using: &startJitter)
      link.start(now: now.addingSaturated(jitter))
      return
    }
    if isScheduledOut { return }
    let due = closesAt ?? now.addingSaturated(Self.closingTime)
    closesAt = due
    if link.isUp && inFlight.sentCount > 0 && now < due { return }
    isScheduledOut = true
    closesAt = nil
    if link.requestClose("outside its schedule", isRetrying: false, now: now, log: &lines) {
      actions.append(.disconnect)
    }
  }
}
