internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

// Reading on in the log, and what leaves the stages.

extension StageJudge {
  func note(_ reading: Reading, _ place: Int) {
    views[place].readings.append(reading)
    let count = views[place].readings.count
    if count % 512 == 0 { views[place].checkpoints.append((count, views[place].pipeline)) }
  }

  /// Takes an event into the pipeline; false where nobody can name it.
  func step(_ view: Int, _ number: SequenceNumber, world: World) -> Bool {
    let identity = Identity(log: log, number: number)
    guard let place = world.numbering.place(of: identity),
      let clock = world.numbering.places[place].clock
    else { return false }
    let id = world.numbering.places[place].message
    if world.messages[id].isTick {
      views[view].pipeline.tick(clock, number: number)
      return true
    }
    let event = world.storedEvent(id, clock)
    guard world.isSelected(id, by: index) else {
      views[view].pipeline.pass(over: event.rows[0])
      return true
    }
    views[view].pipeline.beginBatch()
    views[view].pipeline.step(event.rows[0], of: event.bytes, number: number)
    return recall(view, for: number, world: world)
  }

  /// Gives stages the earlier events that they ask for; false where nobody can tell which of them
  /// the agent had.
  private func recall(_ view: Int, for cause: SequenceNumber, world: World) -> Bool {
    let gone = gone[cause] ?? (count: 0, end: 0)
    var goneCount = 0
    while views[view].pipeline.isRecalling {
      while let number = views[view].pipeline.recallNumber {
        let identity = Identity(log: log, number: number)
        let place = world.numbering.place(of: identity).map { world.numbering.places[$0] }
        if number >= gone.end, let place, let clock = place.clock {
          let event = world.storedEvent(place.message, clock)
          views[view].pipeline.recall(event.rows[0], of: event.bytes)
          world.report.recalledCount += 1
        } else {
          views[view].pipeline.recallGone()
          goneCount += 1
        }
      }
      views[view].pipeline.resume()
    }
    return goneCount == gone.count
  }

  /// The agent says that events which a stage asked for were gone.
  func noteGone(_ count: Int, before cause: SequenceNumber, end: SequenceNumber, world: World) {
    let view = views[place(of: cause)]
    if view.position > cause && !view.isBlind {
      world.fail("upstream \(index): events before \(cause) are gone, read to \(view.position)")
    }
    let known = gone[cause] ?? (count: 0, end: 0)
    gone[cause] = (known.count + count, max(known.end, end))
    world.report.goneCount += count
  }

  enum Progress {
    case done, later, blind, end
  }

  /// Reads on in a part, as events, up to a number.
  func advance(_ view: Int, to end: SequenceNumber, world: World) -> Progress {
    while views[view].position < min(end, views[view].end) {
      let progress = readOne(view, world: world)
      if progress != .done { return progress }
    }
    return .done
  }

  /// The same in each part, as far as it is settled.
  func advance(through ledger: UpstreamLedger, world: World) {
    for place in views.indices {
      _ = advance(place, to: settledEnd(of: place, ledger), world: world)
    }
  }

  func readOne(_ view: Int, world: World) -> Progress {
    if views[view].isBlind { return .blind }
    let number = views[view].position
    if number >= views[view].end { return .end }
    let identity = Identity(log: log, number: number)
    let known = world.numbering.place(of: identity).map { world.numbering.places[$0] }
    guard known?.clock != nil else {
      if world.numbering.log == log {
        guard let next = world.numbering.next else { return .later }
        if number >= next { return .end }
      }
      views[view].isBlind = true
      wasBlind = true
      return .blind
    }
    let id = known?.message ?? 0
    let isSelected = world.isSelected(id, by: index) || world.messages[id].isTick
    guard step(view, number, world: world) else {
      views[view].isBlind = true
      wasBlind = true
      return .blind
    }
    views[view].position += 1
    var reading = Reading(number: number, kind: .event)
    if isSelected {
      let pipeline = views[view].pipeline
      reading.aggregatedCount = pipeline.aggregatedCount
      for event in pipeline.undecodable { produce(view, event, isUndecodable: true, number, world) }
      for event in pipeline.output { produce(view, event, isUndecodable: false, number, world) }
    }
    note(reading, view)
    return .done
  }

  private func produce(
    _ view: Int,
    _ event: StageEvent,
    isUndecodable: Bool,
    _ cause: SequenceNumber,
    _ world: World
  ) {
    let bytes = views[view].pipeline.bytes
    let key = Key(
      log: log,
      number: event.result == nil ? event.number : 0,
      result: event.result.map(Self.text) ?? [],
      isUndecodable: isUndecodable
    )
    let digest = Self.digest(bytes[event.row.topicRange], bytes[event.row.payloadRange])
    var item: Int?
    for known in places[key] ?? [] {
      if items[known].digest == digest { item = known }
      if items[known].viewCount > 0 && items[known].epoch == epoch {
        world.fail("upstream \(index): \(Self.name(key)) leaves twice, at \(cause)")
      }
    }
    let found: Int
    if let item {
      found = item
    } else {
      found = items.count
      places[key, default: []].append(found)
      items.append(
        Item(
          key: key,
          digest: digest,
          byteCount: Int(event.row.payloadByteCount) + Int(event.row.topicByteCount),
          cause: cause
        )
      )
    }
    items[found].viewCount += 1
    items[found].epoch = epoch
    items[found].cause = cause
    items[found].place = views[view].produced.count
    views[view].produced.append((found, cause))
  }
}
