internal import HoldfastEvent

// What stages need that ask for earlier events of the log: `burst` alone does.

extension StageTable {
  private func burst(_ place: Int) -> Int? {
    if case .burst(let index) = places[place] { index } else { nil }
  }

  /// Whether any stage asks for earlier events.
  var recalls: Bool { !bursts.isEmpty }

  /// See ``BurstStage``; so are those that follow.
  mutating func expire(_ boot: Int64, _ logByteCount: UInt64) {
    for index in bursts.indices { bursts[index].expire(boot, logByteCount) }
  }

  var recallFloor: SequenceNumber? { bursts.compactMap(\.recallFloor).min() }

  func recallEndsAt(_ boot: Int64) -> Int64? { bursts.compactMap { $0.recallEndsAt(boot) }.min() }

  func recallNumber(_ place: Int) -> SequenceNumber? {
    burst(place).flatMap { bursts[$0].recallNumber }
  }

  mutating func recall(_ place: Int, isGone: Bool) {
    if let index = burst(place) { bursts[index].recall(isGone: isGone) }
  }

  mutating func endRecall(_ place: Int, _ event: StageEvent, _ pass: inout StagePass) {
    if let index = burst(place) { bursts[index].endRecall(event, &pass) }
  }

  /// Changes an event of the log as a `map` did when it first passed, and counts nothing.
  ///
  /// Only this type changes events, and what it makes of one depends on nothing else.
  mutating func remap(_ place: Int, _ event: StageEvent, _ pass: inout StagePass) -> StageEvent {
    guard case .map(let index) = places[place] else { return event }
    return maps[index].remapped(event, &pass)
  }

  func isMap(_ place: Int) -> Bool {
    if case .map = places[place] { true } else { false }
  }
}

extension StageTable {
  /// What a stage counted besides what came and what left.
  func notes(_ place: Int) -> [StageNote: UInt64] {
    switch places[place] {
    case .map(let index): maps[index].notes
    case .window(let index): windows[index].notes
    case .burst(let index): bursts[index].notes
    default: [:]
    }
  }
}

extension MapStage {
  /// What ``step(_:_:)`` makes of an event, without counting it.
  mutating func remapped(_ event: StageEvent, _ pass: inout StagePass) -> StageEvent {
    let (unapplied, invalidTopic) = (unappliedCount, invalidTopicCount)
    let (decoder, verdict) = (pass.decoder, pass.verdict)
    let count = pass.out.count
    step(event, &pass)
    let mapped = pass.out.count > count ? pass.out[count] : event
    pass.out.removeSubrange(count...)
    (unappliedCount, invalidTopicCount) = (unapplied, invalidTopic)
    (pass.decoder, pass.verdict) = (decoder, verdict)
    return mapped
  }
}
