public import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink
internal import HoldfastRingLog
internal import HoldfastUpstream

extension Agent {
  /// Commits, releases, saves and lets go.
  mutating func stop(now: ClockReading, effects: inout [Effect]) {
    isStopping = true
    var isSaved = false
    do throws(RingLogError) {
      try owner.ring.commit(now: now)
      for index in forwarders.indices { owner.ring.settle(index, forwarders[index].ledger) }
      try owner.ring.close(now: now)
      isSaved = true
    } catch {
      lines.append(LogEntry(.error, "stopping without a disk: \(RingLog.describe(error))"))
    }
    for index in intakes.indices {
      if intakes[index].link.requestClose(
        "closing",
        isRetrying: false,
        now: now.boot,
        log: &lines
      ) {
        effects.append(.disconnectSource(source: index, releasing: isSaved))
      }
    }
    for index in forwarders.indices {
      forwarders[index].stop(now: now.boot, into: &actions)
      for action in actions {
        if case .disconnect = action { effects.append(.disconnectUpstream(upstream: index)) }
      }
      actions.removeAll()
    }
    flushLines(into: &effects)
    effects.append(.stopped)
  }

  /// Whether events are refused or given up for want of room, or the next ones will be.
  ///
  /// Under `drop-oldest` it also lasts until each upstream that lost events has come to where
  /// they are missing: until then the outage that cost them is not over.
  private var isFull: Bool {
    let evicted = LossReason.evicted.rawValue
    return owner.ring.isFull || owner.ring.isOutOfRoom
      || intakes.indices.contains { owner.ring.source($0).isPaused }
      || forwarders.indices.contains { owner.ring.pendingLoss($0)[evicted] > 0 }
  }

  /// A picture for the status line, commands and tests.
  ///
  /// - Complexity: O(sources + upstreams + gaps).
  public func status(now: ClockReading) -> AgentStatus {
    var status = AgentStatus()
    status.health = owner.ring.isFailing ? .failing : isFull ? .full : .good
    status.log = owner.ring.id
    status.durable = owner.ring.durable
    status.memoryByteCount = owner.ring.memoryByteCount
    for index in forwarders.indices {
      status.memoryByteCount += forwarders[index].memoryByteCount
    }
    status.ringByteCount = owner.ring.byteCount
    status.ringKeptByteCount = owner.ring.keptByteCount
    status.ringByteCountMax = configuration.ring.byteCountMax
    for index in intakes.indices {
      var source = AgentStatus.Source(ledger: owner.ring.source(index))
      source.isConnected = intakes[index].grant != nil
      status.sources.append(source)
    }
    for index in forwarders.indices {
      var ledger = owner.ring.upstream(index)
      let loss = owner.ring.pendingLoss(index)
      let lost = loss.reduce(0, +)
      // Counted by numbers, so that it can disagree with `offered` where the accounts are wrong.
      let span = owner.ring.unsettledCount(index)
      for (reason, count) in loss.enumerated() { ledger.lost[reason] += count }
      var upstream = AgentStatus.Upstream(ledger: ledger)
      upstream.isConnected = forwarders[index].isConnected
      upstream.inFlightCount = forwarders[index].inFlightCount
      upstream.silentSeconds = Int(
        forwarders[index].silence(now: now.boot) / microsecondsPerSecond
      )
      upstream.refusalCount = forwarders[index].refusalCount
      upstream.refusalText = forwarders[index].refusalText
      upstream.unheardCount = forwarders[index].unheardCount
      upstream.isUnheard = forwarders[index].isUnheard
      upstream.stages = forwarders[index].stageCounts
      upstream.undecodable = forwarders[index].undecodableCounts
      upstream.undecodableTopics = forwarders[index].undecodableTopics
      upstream.lagEventCount = span &- lost
      status.upstreams.append(upstream)
    }
    return status
  }

  /// The same with what a status page asks for.
  ///
  /// Reads the head of a segment where nothing else tells when its events arrived, once for each.
  ///
  /// - Complexity: O(sources + upstreams + gaps).
  public func detailedStatus(now: ClockReading) -> AgentStatus {
    var status = status(now: now)
    var detail = AgentStatus.Detail()
    detail.agentID = configuration.agentID
    detail.isRecovered = owner.ring.isRecovered
    detail.whenFull = configuration.ring.whenFull
    detail.pendingCount = owner.ring.pendingCount
    detail.gapCount = owner.ring.waitingGapCount
    (detail.segmentByteCount, detail.segmentEventCount) = owner.ring.segmentTotals
    for intake in intakes {
      var link = AgentStatus.Link()
      link.url = intake.link.url
      link.state = intake.link.state
      detail.sources.append(link)
    }
    for (index, forwarder) in forwarders.enumerated() {
      var link = AgentStatus.Link()
      link.url = forwarder.url
      link.place = forwarder.brokerPlace
      link.brokerCount = forwarder.brokerCount
      link.state = forwarder.linkState
      link.pendingLoss = owner.ring.pendingLoss(index)
      link.settledInMemoryCount = owner.ring.settledInMemoryCount(index)
      if status.upstreams[index].lagEventCount > 0 {
        link.oldestArrival = owner.ring.arrival(of: status.upstreams[index].ledger.cursor)
      }
      detail.upstreams.append(link)
    }
    status.detail = detail
    return status
  }

  /// Most bytes that ``AgentStatus/memoryByteCount`` may come to: what each part may hold, and one
  /// batch more, which is taken before it is counted.
  public static func memoryByteCountMax(_ configuration: AgentConfiguration) -> Int {
    let batches = configuration.upstreams.reduce(0) {
      $0 + Forwarder.inFlightByteCountMax + 3 * $1.batchByteCountMax
        + ($1.stages.isEmpty ? 0 : 2 * snapshotShare(configuration))
    }
    return RingLog.failingByteCountMax + configuration.ring.tailByteCountMax + batches
  }
}
