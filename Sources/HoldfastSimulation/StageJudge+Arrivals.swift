internal import HoldfastEvent
internal import HoldfastStage
internal import HoldfastUpstream

// What comes to the upstream, and what its dead letters hold.

extension StageJudge {
  /// Something came to the upstream.
  func take(_ departure: Departure, _ mark: Evidence.Mark, world: World) {
    if !waiting.isEmpty || !settle(departure, mark, world: world) {
      waiting.append(.departure(departure, mark))
    }
  }

  /// A gap record came; `slot` tells whether it has come before.
  func take(_ gap: Evidence.Gap, slot: UInt64, world: World) {
    guard seenSlots.insert(slot).inserted, gap.log == log else { return }
    let record = GapRecord(
      log: gap.log,
      first: gap.numbers.lowerBound,
      end: gap.numbers.upperBound,
      count: gap.count,
      reason: gap.reason,
      wall: 0
    )
    if !waiting.isEmpty || !settle(record, world: world) { waiting.append(.gap(record)) }
  }

  /// The world may know more numbers now.
  func drainWaiting(world: World) {
    while let first = waiting.first {
      switch first {
      case .departure(let departure, let mark):
        if !settle(departure, mark, world: world) { return }
      case .gap(let record): if !settle(record, world: world) { return }
      }
      waiting.removeFirst()
    }
  }

  private func settle(_ record: GapRecord, world: World) -> Bool {
    let place = place(of: record.first)
    if views[place].isBlind || isLost { return true }
    if record.first < views[place].position || record.end > views[place].end {
      world.fail("upstream \(index): \(record) is told, read to \(views[place].position)")
      return true
    }
    switch advance(place, to: record.first, world: world) {
    case .later: return false
    case .blind: return true
    case .end:
      world.fail(
        "upstream \(index): \(record) is told, numbers end at \(views[place].position)"
      )
      return true
    case .done: break
    }
    views[place].pipeline.gap(record)
    views[place].position = max(views[place].position, record.end)
    note(Reading(number: record.first, kind: .gap(record)), place)
    return true
  }

  private func settle(_ departure: Departure, _ mark: Evidence.Mark, world: World) -> Bool {
    let key = Key(log: departure.log, number: departure.number, result: departure.result)
    if departure.log != log || isLost { return true }
    for (place, end) in parts(of: departure) {
      while true {
        if let item = find(key, departure.digest) {
          noteArrival(of: item, mark, world: world)
          checkHistorical(departure, world: world)
          return true
        }
        if views[place].position >= end { break }
        let progress = readOne(place, world: world)
        if progress == .later { return false }
        if progress == .blind { return true }
        if progress == .end { break }
      }
    }
    let others = (places[key] ?? []).map { "\(items[$0])" }
    world.fail(
      "upstream \(index) got \(Self.name(key)), which the stages do not make of the log;"
        + " known: \(others)"
    )
    return true
  }

  /// The parts of the log that may have made it, and how far each was read by then.
  ///
  /// What left before the log was divided is not marked, and comes before anything of the live part.
  private func parts(of departure: Departure) -> [(place: Int, end: SequenceNumber)] {
    let live = views.count - 1
    if departure.number > 0 { return [(place(of: departure.number), .max)] }
    if live == 0 { return [(0, .max)] }
    if departure.isHistorical { return [(live - 1, .max)] }
    return [(live - 1, historicalStart), (live, .max)]
  }

  /// What is read of a backlog behind live data is marked, and nothing else is unless a burst asks.
  private func checkHistorical(_ departure: Departure, world: World) {
    guard departure.number > 0, configuration.canBeDivided else { return }
    let isBacklog = place(of: departure.number) < views.count - 1
    let mustBe = isBacklog && departure.number >= historicalStart
    if departure.isHistorical && !isBacklog || mustBe && !departure.isHistorical {
      world.fail("upstream \(index): event \(departure.number) is marked wrongly")
    }
    if departure.isHistorical { world.report.historicalCount += 1 }
  }

  private func find(_ key: Key, _ digest: UInt64) -> Int? {
    places[key]?.first { items[$0].digest == digest && items[$0].viewCount > 0 }
  }

  private func noteArrival(of item: Int, _ mark: Evidence.Mark, world: World) {
    if items[item].marks.isEmpty {
      let place = place(of: items[item].cause)
      if items[item].place < views[place].newestPlace {
        world.fail("upstream \(index): \(Self.name(items[item].key)) comes out of order")
      }
      views[place].newestPlace = items[item].place
      if items[item].key.number == 0 { world.report.resultCount += 1 }
    }
    items[item].marks.formUnion(mark)
  }

  /// A dead letter holds it; false where nothing of that kind was ever about to leave.
  func setAside(_ key: Key, _ digest: UInt64) -> Bool {
    guard let item = places[key]?.first(where: { items[$0].digest == digest }) else { return false }
    items[item].marks.insert(.setAside)
    return true
  }

  /// The same for a letter that names its number only: an event, or a result by what made it leave.
  func setAside(number: SequenceNumber, log: LogID, _ digest: UInt64) -> Bool {
    for isUndecodable in [true, false] {
      let key = Key(log: log, number: number, isUndecodable: isUndecodable)
      if setAside(key, digest) { return true }
    }
    let item = items.firstIndex { $0.key.number == 0 && $0.digest == digest && $0.key.log == log }
    guard let item else { return false }
    items[item].marks.insert(.setAside)
    return true
  }
}
