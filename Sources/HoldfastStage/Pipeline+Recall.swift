public import HoldfastEvent

// A stage may ask for earlier events of the log. The step stands still then, until its owner has
// read them; what the stages let go of before that has left already.

extension Pipeline {
  /// A stage that waits for earlier events, and what waits to enter it.
  struct Pause: Sendable {
    var place: Int
    /// A bit for each stage that selects the event at hand.
    var selected: UInt64
    /// The event that asked, and those behind it.
    var waiting: [StageEvent]
    /// Bytes of the arena before what was read back.
    var byteCount: Int
  }

  /// Whether the step at hand is not done: the owner takes what left so far, reads the events of
  /// the numbers in ``recallNumber``, and goes on with ``resume()``.
  public var isRecalling: Bool { !pauses.isEmpty }

  /// The number of the event that is asked for next; nil: none, it is time for ``resume()``.
  public var recallNumber: SequenceNumber? {
    pauses.last.flatMap { stages.recallNumber($0.place) }
  }

  /// The lowest number that may be asked for at some later event: the log must keep it; nil: none.
  ///
  /// - Complexity: O(events kept back).
  public var recallFloor: SequenceNumber? { stages.recallFloor }

  /// When one of those events will not be asked for any more, if the log's time comes so far.
  ///
  /// - Parameter boot: the boot clock now: what another boot held is let go at once.
  /// - Returns: microseconds since boot; nil: there is none.
  /// - Complexity: O(topics).
  public func recallEndsAt(_ boot: Int64) -> Int64? { stages.recallEndsAt(boot) }

  /// Hands over the event of ``recallNumber`` as the log has it.
  ///
  /// - Parameters:
  ///   - row: the event's row.
  ///   - source: what the row points into.
  public mutating func recall(_ row: EventBatch.Row, of source: [UInt8]) {
    guard let pause = pauses.last, let number = recallNumber else { return }
    if recalled.isEmpty && !keepsOutput {
      pass.bytes.removeLast(max(0, pass.bytes.count - pause.byteCount))
    }
    var event = enter(row, of: source, number: number)
    for place in 0..<pause.place where stages.isMap(place) {
      guard selection.selects(place, topic: pass.bytes[event.row.topicRange]) else { continue }
      event = stages.remap(place, event, &pass)
    }
    event.isHistorical = true
    recalled.append(event)
    stages.recall(pause.place, isGone: false)
  }

  /// The log does not have the event of ``recallNumber`` any more.
  public mutating func recallGone() {
    if let pause = pauses.last { stages.recall(pause.place, isGone: true) }
  }

  /// Goes on with what was handed over, and with the event that asked for it once that was all.
  ///
  /// May be called earlier, so that the bytes of all need not stand in memory together: what
  /// leaves, and in which order, does not depend on it. ``output``, ``undecodable`` and ``bytes``
  /// begin anew, but for ``keepsOutput``.
  public mutating func resume() {
    guard let pause = pauses.popLast() else { return }
    let place = pause.place
    let left = keepsOutput ? output : []
    if !keepsOutput { undecodable.removeAll(keepingCapacity: true) }
    entering.removeAll(keepingCapacity: true)
    pass.out.removeAll(keepingCapacity: true)
    for event in recalled { pass.emit(event) }
    noteLeaving(from: 0, place)
    recalled.removeAll(keepingCapacity: true)
    if stages.recallNumber(place) != nil {
      pauses.append(pause)
    } else if let asking = pause.waiting.first {
      let count = pass.out.count
      stages.endRecall(place, asking, &pass)
      noteLeaving(from: count, place)
      entering.append(asking)
      if isTracing { noteStep(.filtered) }
      enterAll(pause.waiting.dropFirst(), place, pause.selected)
    }
    if isTracing { trace(place, 0) }
    swap(&entering, &pass.out)
    run(from: place + 1, pause.selected, isFirst: false)
    if keepsOutput { output = left + output }
  }

  private mutating func enterAll(
    _ events: ArraySlice<StageEvent>,
    _ place: Int,
    _ selected: UInt64
  ) {
    for index in events.indices {
      entering.append(events[index])
      if enter(place, events[index], selected) { continue }
      pause(place, events[index...], selected)
      return
    }
  }

  mutating func pause(_ place: Int, _ waiting: ArraySlice<StageEvent>, _ selected: UInt64) {
    pauses.append(
      Pause(
        place: place,
        selected: selected,
        waiting: Array(waiting),
        byteCount: pass.bytes.count
      )
    )
  }
}
