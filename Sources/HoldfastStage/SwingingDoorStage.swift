internal import HoldfastEvent
internal import HoldfastPayload

/// `swinging-door`: lets those events go on which a line has to be drawn through, so that it stays
/// within the deviation of every event in between.
///
/// From the last point that went on (the anchor), each later value allows the line certain slopes:
/// the door. The newest event is held; when the one after it lies outside the door of all those
/// before, the held one goes on and becomes the anchor. So a line between two points that went on,
/// over the boot clock, passes every event between them in the stream within the deviation (but for
/// rounding: a few units in the last place of the values). That is checked for each end point itself,
/// which the historians' usual form of the method (two pivots) does not guarantee.
///
/// - Of events with one stamp, those within the deviation of the first are left out; one outside it
///   closes the door: both go on.
/// - Where the boot clock goes back, and at a value that is missing, no number or not finite, the
///   door closes: the held event goes on, and the new one.
/// - `max_interval`: points that go on lie no further apart while there are events between them; and
///   the held event leaves when the log's time passes it. Without it a topic that went silent keeps
///   its last event held, until the topic makes room for another.
/// - Results are not held: they go on.
struct SwingingDoorStage: StageKind {
  /// A time by the boot clock, microseconds, and the value at it.
  private struct Point: Sendable {
    var boot: Int64
    var value: Double
  }

  private struct Door: Sendable {
    /// Nil before the first number, and after an event without one.
    var anchor: Point?
    /// When the anchor arrived, microseconds since 1970.
    var anchorWall: Int64 = 0
    /// The slopes that stay within the deviation so far, per microsecond.
    var low = -Double.infinity
    var high = Double.infinity
    /// The newest event, and its point; nil: the anchor is the newest.
    var last: Point?
    var held = HeldEvent.none
    /// When to look at it, and the number that asked; counts while something is held.
    var due: Int64 = .max
    var number: SequenceNumber = 0
  }

  private let deviation: Double
  private let intervalMax: Int64?
  private var scanner: FieldScanner
  private var states: TopicStates<Door>
  private var queue = DueQueue()

  init(_ settings: SwingingDoorSettings, topicCountMax: Int) {
    deviation = settings.deviation
    intervalMax = settings.intervalMax
    scanner = FieldScanner(paths: [settings.field])
    states = TopicStates(countMax: topicCountMax)
  }

  var evictedTopicCount: UInt64 { states.evictedCount }
  var dueAt: Int64 { queue.dueAt }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    if event.result != nil {
      pass.emit(event)
      return
    }
    guard pass.read(event, &scanner) else {
      pass.setAside(event)
      return
    }
    let value = pass.fields.first.flatMap { pass.number($0, of: event) }
    let (slot, _, evicted) = states.slot(of: pass.topic(event), value: Door())
    if let evicted {
      queue.remove(slot)
      if evicted.value.last != nil { pass.emit(pass.take(evicted.value.held)) }
    }
    guard let value else {
      emitHeld(slot, &pass)
      states[slot].anchor = nil
      pass.emit(event)
      return
    }
    step(event, Point(boot: event.row.boot, value: value), slot, &pass)
  }

  private mutating func step(
    _ event: StageEvent,
    _ point: Point,
    _ slot: Int,
    _ pass: inout StagePass
  ) {
    guard let anchor = states[slot].anchor, let newest = states[slot].last ?? states[slot].anchor,
      point.boot >= newest.boot
    else {
      begin(event, point, slot, &pass)
      return
    }
    if point.boot == newest.boot {
      guard (point.value - newest.value).magnitude <= deviation else {
        begin(event, point, slot, &pass)
        return
      }
      if states[slot].last != nil { narrow(slot, from: anchor, by: point) }
      return
    }
    if states[slot].last != nil,
      !isInside(slot, from: anchor, point) || isBeyond(point, of: anchor)
    {
      emitHeld(slot, &pass)
    }
    guard let from = states[slot].anchor else { return }
    if let intervalMax, point.boot.subtractingSaturated(from.boot) >= intervalMax {
      // The point is inside the door, or nothing lies between: it may end the line.
      states[slot].last = nil
      begin(event, point, slot, &pass)
      return
    }
    if states[slot].last == nil, let intervalMax {
      let end = states[slot].anchorWall.addingSaturated(intervalMax)
      wait(slot, end.addingSaturated(1), event.number)
    }
    narrow(slot, from: from, by: point)
    states[slot].last = point
    states[slot].held.replace(with: event, of: pass)
  }

  private func isInside(_ slot: Int, from anchor: Point, _ point: Point) -> Bool {
    let slope = (point.value - anchor.value) / elapsed(anchor, point)
    return slope.isFinite && slope >= states[slot].low && slope <= states[slot].high
  }

  private func isBeyond(_ point: Point, of anchor: Point) -> Bool {
    guard let intervalMax else { return false }
    return point.boot.subtractingSaturated(anchor.boot) > intervalMax
  }

  private func elapsed(_ start: Point, _ end: Point) -> Double {
    Double(end.boot.subtractingSaturated(start.boot))
  }

  private mutating func narrow(_ slot: Int, from anchor: Point, by point: Point) {
    let (elapsed, rise) = (elapsed(anchor, point), point.value - anchor.value)
    states[slot].low = max(states[slot].low, (rise - deviation) / elapsed)
    states[slot].high = min(states[slot].high, (rise + deviation) / elapsed)
  }

  /// Ends the line at the event that is held, and lets a new one begin at the event at hand.
  private mutating func begin(
    _ event: StageEvent,
    _ point: Point,
    _ slot: Int,
    _ pass: inout StagePass
  ) {
    emitHeld(slot, &pass)
    pass.emit(event)
    anchor(slot, at: point, wall: event.row.wall)
  }

  private mutating func emitHeld(_ slot: Int, _ pass: inout StagePass) {
    guard let last = states[slot].last else { return }
    pass.emit(pass.take(states[slot].held))
    anchor(slot, at: last, wall: states[slot].held.row.wall)
  }

  private mutating func anchor(_ slot: Int, at point: Point, wall: Int64) {
    queue.remove(slot)
    states[slot].anchor = point
    states[slot].last = nil
    states[slot].anchorWall = wall
    states[slot].low = -.infinity
    states[slot].high = .infinity
  }

  private mutating func wait(_ slot: Int, _ due: Int64, _ number: SequenceNumber) {
    states[slot].due = due
    states[slot].number = number
    queue.set(slot, due: due, number: number)
  }

  mutating func advance(_ pass: inout StagePass) {
    while let slot = queue.slotDue(at: pass.now.wall) {
      guard let intervalMax, let anchor = states[slot].anchor, states[slot].last != nil else {
        queue.remove(slot)
        continue
      }
      // An event right at the end may still take the held one's place.
      let patience = intervalMax.addingSaturated(1)
      if isOver(patience, since: anchor.boot, at: pass.now.boot) {
        emitHeld(slot, &pass)
      } else {
        // The wall clock went ahead of the boot clock.
        let rest = patience &- (pass.now.boot &- anchor.boot)
        wait(slot, pass.now.wall.addingSaturated(max(1, rest)), states[slot].number)
      }
    }
  }

  func save(into bytes: inout SnapshotWriter) {
    states.save(into: &bytes) { door, bytes in
      bytes.append(door.anchor != nil)
      guard let anchor = door.anchor else { return }
      bytes.append(anchor.boot)
      bytes.append(anchor.value)
      bytes.append(door.anchorWall)
      bytes.append(door.last != nil)
      guard let last = door.last else { return }
      bytes.append(last.boot)
      bytes.append(last.value)
      bytes.append(door.low)
      bytes.append(door.high)
      bytes.append(door.due)
      bytes.append(door.number)
      bytes.append(door.held)
    }
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    queue = DueQueue()
    guard states.restore(from: &bytes, Self.door) else { return false }
    guard intervalMax != nil else { return true }
    for slot in 0..<states.count where states[slot].last != nil {
      queue.set(slot, due: states[slot].due, number: states[slot].number)
    }
    return true
  }

  private static func door(from bytes: inout SnapshotReader) -> Door? {
    var door = Door()
    guard let hasAnchor = bytes.bool() else { return nil }
    guard hasAnchor else { return door }
    guard let boot: Int64 = bytes.number(), let value = bytes.double(),
      let wall: Int64 = bytes.number(), let isHolding = bytes.bool()
    else { return nil }
    door.anchor = Point(boot: boot, value: value)
    door.anchorWall = wall
    guard isHolding else { return door }
    guard let lastBoot: Int64 = bytes.number(), let lastValue = bytes.double(),
      let low = bytes.double(), let high = bytes.double(), let due: Int64 = bytes.number(),
      let number: UInt64 = bytes.number(), let held = bytes.held()
    else { return nil }
    door.last = Point(boot: lastBoot, value: lastValue)
    (door.low, door.high) = (low, high)
    (door.due, door.number, door.held) = (due, number, held)
    return door
  }
}
