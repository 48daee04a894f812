internal import HoldfastEvent

/// `throttle`: lets at most one event per topic and interval go on.
///
/// An interval begins with the first event after the one before. `first` lets that one go on.
/// `last` holds the newest event of the interval; it leaves when the log's time passes the end, or
/// with the topic's next event after it, whichever is seen first. Intervals go by the boot clock;
/// the end is looked for by the wall clock, so a step back of that one may delay it. Results are
/// not held: with `last` they go on.
struct ThrottleStage: StageKind {
  private struct Interval: Sendable {
    /// When it began, microseconds since boot.
    var boot: Int64 = 0
    var isOpen = false
    /// With `last`: the newest, while it is open; when to look at it; the number that asked.
    var held = HeldEvent.none
    var due: Int64 = 0
    var number: SequenceNumber = 0
  }

  private let interval: Int64
  private let pick: ThrottleSettings.Pick
  private var states: TopicStates<Interval>
  private var queue = DueQueue()

  init(_ settings: ThrottleSettings, topicCountMax: Int) {
    interval = settings.interval
    pick = settings.pick
    states = TopicStates(countMax: topicCountMax)
  }

  var evictedTopicCount: UInt64 { states.evictedCount }
  var dueAt: Int64 { queue.dueAt }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    if pick == .last && event.result != nil {
      pass.emit(event)
      return
    }
    let (slot, _, evicted) = states.slot(of: pass.topic(event), value: Interval())
    // What begins now takes the place of its time in the queue, too.
    if let evicted, pick == .last, evicted.value.isOpen {
      pass.emit(pass.take(evicted.value.held))
    }
    let isRunning =
      states[slot].isOpen && !isOver(interval, since: states[slot].boot, at: event.row.boot)
    if pick == .last {
      if !isRunning && states[slot].isOpen { pass.emit(pass.take(states[slot].held)) }
      states[slot].held.replace(with: event, of: pass)
    } else if !isRunning {
      pass.emit(event)
    }
    if !isRunning { begin(slot, event) }
  }

  private mutating func begin(_ slot: Int, _ event: StageEvent) {
    states[slot].isOpen = true
    states[slot].boot = event.row.boot
    if pick == .last { wait(slot, event.row.wall.addingSaturated(interval), event.number) }
  }

  private mutating func wait(_ slot: Int, _ due: Int64, _ number: SequenceNumber) {
    states[slot].due = due
    states[slot].number = number
    queue.set(slot, due: due, number: number)
  }

  mutating func advance(_ pass: inout StagePass) {
    while let slot = queue.slotDue(at: pass.now.wall) {
      let boot = states[slot].boot
      if isOver(interval, since: boot, at: pass.now.boot) {
        queue.remove(slot)
        states[slot].isOpen = false
        pass.emit(pass.take(states[slot].held))
      } else {
        // The wall clock went ahead of the boot clock.
        let rest = interval &- (pass.now.boot &- boot)
        wait(slot, pass.now.wall.addingSaturated(max(1, rest)), states[slot].number)
      }
    }
  }

  func save(into bytes: inout SnapshotWriter) {
    let pick = pick
    states.save(into: &bytes) { interval, bytes in
      bytes.append(interval.boot)
      bytes.append(interval.isOpen)
      guard interval.isOpen && pick == .last else { return }
      bytes.append(interval.due)
      bytes.append(interval.number)
      bytes.append(interval.held)
    }
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    let pick = pick
    queue = DueQueue()
    let isRestored = states.restore(from: &bytes) { bytes in
      guard let boot: Int64 = bytes.number(), let isOpen = bytes.bool() else { return nil }
      var interval = Interval(boot: boot, isOpen: isOpen)
      guard isOpen && pick == .last else { return interval }
      guard let due: Int64 = bytes.number(), let number: UInt64 = bytes.number(),
        let held = bytes.held()
      else { return nil }
      (interval.due, interval.number, interval.held) = (due, number, held)
      return interval
    }
    guard isRestored else { return false }
    for slot in 0..<states.count where pick == .last && states[slot].isOpen {
      queue.set(slot, due: states[slot].due, number: states[slot].number)
    }
    return true
  }
}
