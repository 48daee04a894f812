internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastUpstream

// Budgets that upstreams share, and who of them sends first.

extension Agent {
  /// Makes the budgets, full, and the order in which upstreams are stepped.
  mutating func arrangeBudgets() {
    let upstreams = configuration.upstreams
    budgets = upstreams.map { $0.budgetByteCount.map { ByteBudget(bytesPerSecond: $0) } }
    budgetOwners = upstreams.indices.map { index in
      guard let owner = upstreams[index].budgetOwner else { return index }
      return upstreams.firstIndex { $0.name == owner } ?? index
    }
    sendingOrder = upstreams.indices.sorted { first, second in
      let (one, other) = (upstreams[first].priority, upstreams[second].priority)
      return one == other ? first < second : one > other
    }
  }

  /// Gives an upstream the budget that it uses, for the time of a call.
  mutating func lendBudget(to index: Int) {
    let owner = budgetOwners[index]
    guard var budget = budgets[owner] else { return }
    budget.otherInFlightByteCount = 0
    for other in forwarders.indices where other != index && budgetOwners[other] == owner {
      budget.otherInFlightByteCount += forwarders[other].inFlightByteCount
    }
    forwarders[index].budget = budget
  }

  /// Takes it back.
  mutating func takeBudget(from index: Int) {
    budgets[budgetOwners[index]] = forwarders[index].budget
  }

  /// Tells the log what an upstream has not read yet.
  func noteUnread(_ index: Int) {
    if forwarders[index].hasBacklogLane {
      owner.ring.setUnread(index, forwarders[index].unread)
    } else {
      owner.ring.setUnread(index, from: forwarders[index].position)
    }
  }

  /// Says once that schedules wait for the clock.
  mutating func noteUnsetClock(now: ClockReading) {
    guard now.wall < SendSchedule.credibleWall,
      configuration.upstreams.contains(where: { !$0.schedule.isEmpty })
    else { return }
    lines.append(
      LogEntry(
        .warning,
        "the clock is not set: upstreams with a schedule wait for it until"
          + " \(durationText(SendSchedule.clockTime)) after boot, and then send at any hour"
      )
    )
  }
}
