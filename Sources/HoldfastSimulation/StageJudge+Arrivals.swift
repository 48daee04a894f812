internal import HoldfastEvent
internal import HoldfastStage

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
    guard seenSlots.insert(slot).inserted, gap.log == view.log else { return }
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
    if view.isBlind { return true }
    if record.first < view.position {
      world.fail("upstream \(index): \(record) is told, read to \(view.position)")
      return true
    }
    switch advance(to: record.first, world: world) {
    case .later: return false
    case .blind: return true
    case .end:
      world.fail("upstream \(index): \(record) is told, numbers end at \(view.position)")
      return true
    case .done: break
    }
    view.pipeline.gap(record)
    view.position = max(view.position, record.end)
    note(Reading(number: record.first, kind: .gap(record)))
    return true
  }

  private func settle(_ departure: Departure, _ mark: Evidence.Mark, world: World) -> Bool {
    let key = Key(log: departure.log, number: departure.number, result: departure.result)
    if departure.log != view.log { return true }
    while true {
      if let item = find(key, departure.digest) {
        noteArrival(of: item, mark, world: world)
        return true
      }
      switch readOne(world: world) {
      case .done: continue
      case .later: return false
      case .blind: return true
      case .end:
        let others = (places[key] ?? []).map { "\(items[$0])" }
        world.fail(
          "upstream \(index) got \(Self.name(key)), which the stages do not make of the log;"
            + " known: \(others)"
        )
        return true
      }
    }
  }

  private func find(_ key: Key, _ digest: UInt64) -> Int? {
    places[key]?.first { items[$0].digest == digest && items[$0].viewCount > 0 }
  }

  private func noteArrival(of item: Int, _ mark: Evidence.Mark, world: World) {
    if items[item].marks.isEmpty {
      if items[item].place < view.newestPlace {
        world.fail("upstream \(index): \(Self.name(items[item].key)) comes out of order")
      }
      view.newestPlace = items[item].place
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
