internal import HoldfastEvent
internal import HoldfastPayload

/// `window`: one result per topic and time span, in place of the events.
///
/// A window is closed when the log's arrival time reaches its end and the lateness allowed. An event
/// is late if it arrived at or after that instant by its own stamp, whatever the stage has seen; so
/// a clock that was set back makes no event late, it opens the window once more (see ``RevisionFloor``).
///
/// An event none of whose fields is a number, one whose time lies where no window can, and a
/// historical one without a time of its own go on as they came.
struct WindowStage: StageKind {
  private let settings: WindowSettings
  private let plan: AggregatePlan
  private let grid: WindowGrid
  private let format: WindowResultFormat
  private var scanner: FieldScanner
  /// One for each field: its value in the event at hand, not a number where it has none.
  private var values: [Double]

  private var topics: TopicStates<TopicWindows>
  private var due = DueQueue()
  private var openedCount: UInt64 = 0
  /// What identities were given to topics whose state was given up.
  private var floor = RevisionFloor()
  private var gap = WindowGap()

  /// Events that came after their window was closed.
  private(set) var lateEventCount: UInt64 = 0
  /// Late events that no result shows: by policy, or because the window was not kept.
  private(set) var uncorrectedEventCount: UInt64 = 0
  /// Windows closed before their time: more than ``TopicWindows/openCountMax``, or an evicted topic.
  private(set) var earlyWindowCount: UInt64 = 0
  /// Windows closed before their time because all together took too much memory.
  private(set) var crowdedWindowCount: UInt64 = 0
  /// Memory of all windows, bytes.
  private(set) var heldByteCount = 0
  /// Events whose field did not say their time: their arrival counted.
  private(set) var timelessEventCount: UInt64 = 0
  var evictedTopicCount: UInt64 { topics.evictedCount }
  var notes: [StageNote: UInt64] {
    [
      .late: lateEventCount, .uncorrected: uncorrectedEventCount, .early: earlyWindowCount,
      .crowded: crowdedWindowCount, .timeless: timelessEventCount,
    ]
  }

  init(
    _ settings: WindowSettings,
    topics filters: [TopicFilter] = [],
    stageHash: UInt64,
    topicCountMax: Int
  ) {
    self.settings = settings
    plan = AggregatePlan(settings.aggregates)
    grid = WindowGrid(size: settings.size, offset: settings.offset)
    format = WindowResultFormat(
      settings,
      topics: filters,
      stageHash: stageHash,
      plan: plan,
      grid: grid
    )
    var paths = settings.fields
    if case .field(let path) = settings.time { paths.append(path) }
    scanner = FieldScanner(paths: paths)
    values = Array(repeating: .nan, count: settings.fields.count)
    topics = TopicStates(countMax: topicCountMax)
  }

  var dueAt: Int64 { due.dueAt }

  /// Whether windows go by the event's own time, so that a historical value has its place in them.
  var takesHistorical: Bool { settings.time != .arrival }

  /// When a window is closed, microseconds since 1970.
  private func closing(of start: Int64) -> Int64 {
    grid.end(of: start).addingSaturated(max(0, settings.lateness))
  }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    if scanner.pathCount > 0 && !pass.read(event, &scanner) {
      pass.setAside(event)
      return
    }
    gap.settle(at: pass.now.wall, grid)
    guard readValues(of: event, pass), let start = start(of: event, pass) else {
      pass.emit(event)
      return
    }
    pass.settle(event, as: .aggregated)
    let (slot, _, evicted) = topics.slot(of: pass.topic(event), value: TopicWindows(floor: floor))
    if let evicted {
      due.remove(slot)
      heldByteCount -= evicted.value.memoryByteCount
      earlyWindowCount &+= UInt64(evicted.value.open.count)
      floor.note(evicted.value.floor)
      floor.note(closeAll(evicted.value, key: evicted.topic, &pass))
    }
    if event.row.wall >= closing(of: start) {
      correct(slot, start, event, &pass)
    } else {
      let place = openWindow(slot, start, &pass)
      if plan.needsSketch {
        heldByteCount -= topics[slot].open[place].sketchByteCount
        topics[slot].open[place].add(event, values: values, pass, plan)
        heldByteCount += topics[slot].open[place].sketchByteCount
      } else {
        topics[slot].open[place].add(event, values: values, pass, plan)
      }
    }
    if heldByteCount > settings.heldByteCountMax { makeRoom(besides: slot, &pass) }
  }

  /// Sends the windows of the topics used least recently, until an eighth of the room is free.
  ///
  /// - Complexity: O(topics), amortized over what was gathered since the last time.
  private mutating func makeRoom(besides current: Int, _ pass: inout StagePass) {
    let byteCountMax = settings.heldByteCountMax - settings.heldByteCountMax / 8
    for slot in topics.slotsByUse {
      if heldByteCount <= byteCountMax { return }
      let windows = topics[slot]
      if slot == current || windows.open.isEmpty && windows.kept.isEmpty { continue }
      due.remove(slot)
      heldByteCount -= windows.memoryByteCount
      crowdedWindowCount &+= UInt64(windows.open.count)
      var floor = windows.floor
      floor.note(closeAll(windows, key: topics.topic(slot), &pass))
      topics[slot] = TopicWindows(floor: floor)
    }
  }

  /// False where there are fields and none is a number.
  private mutating func readValues(of event: StageEvent, _ pass: borrowing StagePass) -> Bool {
    var isAny = values.isEmpty
    for place in values.indices {
      let value = place < pass.fields.count ? pass.number(pass.fields[place], of: event) : nil
      values[place] = value ?? .nan
      if value != nil { isAny = true }
    }
    return isAny
  }

  /// Where the event's window begins; nil where none can.
  private mutating func start(of event: StageEvent, _ pass: borrowing StagePass) -> Int64? {
    if case .field = settings.time {
      var time: Int64?
      if let field = pass.fields.last {
        if field.kind == .text { time = instant(ofRFC3339: pass.bytes(of: field, in: event)) }
        if time == nil && field.kind != .boolean {
          time = pass.number(field, of: event).flatMap(instant(ofUnixTime:))
        }
      }
      if let start = time.flatMap(grid.start(of:)) { return start }
      // Its arrival says nothing of when it was.
      if pass.isHistorical(event) { return nil }
      timelessEventCount &+= 1
    }
    return grid.start(of: event.row.wall)
  }

  /// The place of a topic's window among its open ones; opens it if need be.
  private mutating func openWindow(_ slot: Int, _ start: Int64, _ pass: inout StagePass) -> Int {
    for place in topics[slot].open.indices.reversed() where topics[slot].open[place].start == start
    {
      return place
    }
    if topics[slot].open.count >= TopicWindows.openCountMax {
      earlyWindowCount &+= 1
      if let first = topics[slot].firstOpen { close(slot, first, isEarly: true, &pass) }
    }
    var window = Window(
      start: start,
      order: openedCount,
      revision: topics[slot].floor.revision(at: start),
      fieldCount: settings.fields.count
    )
    if let kept = topics[slot].kept.firstIndex(where: { $0.start == start }) {
      // Closed early, or the clock went back: it goes on where it was.
      window = topics[slot].kept.remove(at: kept)
      heldByteCount -= window.memoryByteCount
      window.order = openedCount
      window.revision &+= 1
    }
    if start <= gap.wall && !window.isPartial { window.note(missing: gap.count) }
    openedCount &+= 1
    heldByteCount += window.memoryByteCount
    topics[slot].open.append(window)
    waitForFirst(slot)
    return topics[slot].open.count - 1
  }

  /// Enters the window of a topic that is closed next.
  private mutating func waitForFirst(_ slot: Int) {
    guard let first = topics[slot].firstOpen else {
      due.remove(slot)
      return
    }
    let window = topics[slot].open[first]
    let closing = closing(of: window.start)
    // What would be closed at the end of time is never closed.
    if closing == .max {
      due.remove(slot)
    } else {
      due.set(slot, due: closing, number: window.order)
    }
  }

  /// Takes a late event.
  private mutating func correct(
    _ slot: Int,
    _ start: Int64,
    _ event: StageEvent,
    _ pass: inout StagePass
  ) {
    lateEventCount &+= 1
    guard settings.late == .emitCorrection else {
      uncorrectedEventCount &+= 1
      return
    }
    var window: Window
    let place = topics[slot].kept.firstIndex { $0.start == start }
    if let place {
      window = topics[slot].kept.remove(at: place)
      heldByteCount -= window.memoryByteCount
      window.revision &+= 1
    } else if topics[slot].floor.revision(at: start) == 0 {
      // Later than all that was sent: there was no result for this window yet.
      window = Window(
        start: start,
        order: openedCount,
        revision: 0,
        fieldCount: settings.fields.count
      )
      openedCount &+= 1
      if start <= gap.wall { window.note(missing: gap.count) }
    } else {
      uncorrectedEventCount &+= 1
      return
    }
    window.add(event, values: values, pass, plan)
    format.emit(window, key: topics.topic(slot), isEarly: false, &pass)
    topics[slot].floor.note(start: start, revision: window.revision)
    guard let place else {
      keep(window, slot)
      return
    }
    // A correction makes it none that was closed later.
    heldByteCount += window.memoryByteCount
    topics[slot].kept.insert(window, at: place)
  }

  /// Keeps a window that was closed.
  private mutating func keep(_ window: Window, _ slot: Int) {
    heldByteCount += window.memoryByteCount
    if let dropped = topics[slot].keep(window) { heldByteCount -= dropped.memoryByteCount }
  }

  mutating func advance(_ pass: inout StagePass) {
    gap.settle(at: pass.now.wall, grid)
    while let slot = due.slotDue(at: pass.now.wall) {
      guard let first = topics[slot].firstOpen else {
        due.remove(slot)
        continue
      }
      close(slot, first, isEarly: false, &pass)
      waitForFirst(slot)
    }
  }

  /// Sends an open window, and keeps it if it may be corrected.
  private mutating func close(
    _ slot: Int,
    _ place: Int,
    isEarly: Bool,
    _ pass: inout StagePass
  ) {
    let window = topics[slot].open.remove(at: place)
    heldByteCount -= window.memoryByteCount
    format.emit(window, key: topics.topic(slot), isEarly: isEarly, &pass)
    topics[slot].floor.note(start: window.start, revision: window.revision)
    if settings.late == .emitCorrection { keep(window, slot) }
  }

  /// Sends what is open of a topic that has to make room.
  ///
  /// - Returns: what identities that took.
  private func closeAll(
    _ windows: TopicWindows,
    key: [UInt8],
    _ pass: inout StagePass
  ) -> RevisionFloor {
    var floor = RevisionFloor()
    for window in windows.open.sorted(by: { $0.start < $1.start }) {
      format.emit(window, key: key, isEarly: true, &pass)
      floor.note(start: window.start, revision: window.revision)
    }
    return floor
  }

  /// Concerns every open window, those which open before the first event behind the gap, and, as
  /// late events may be missing too, those that can still be corrected: which topics are missing is
  /// not known in full.
  mutating func gap(count: UInt64?, topics named: [[UInt8]]) {
    gap.note(missing: count)
    for slot in topics.slotsByUse {
      for place in topics[slot].open.indices { topics[slot].open[place].note(missing: count) }
      for place in topics[slot].kept.indices { topics[slot].kept[place].note(missing: count) }
    }
  }

  func save(into bytes: inout SnapshotWriter) {
    topics.save(into: &bytes) { windows, bytes in windows.save(into: &bytes) }
    bytes.append(openedCount)
    floor.save(into: &bytes)
    gap.save(into: &bytes)
    for count in [
      lateEventCount, uncorrectedEventCount, earlyWindowCount, timelessEventCount,
      crowdedWindowCount,
    ] {
      bytes.append(count)
    }
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    let fieldCount = settings.fields.count
    guard
      topics.restore(from: &bytes, { TopicWindows(from: &$0, fieldCount: fieldCount) }),
      let openedCount: UInt64 = bytes.number(), let floor = RevisionFloor(from: &bytes),
      let gap = WindowGap(from: &bytes), let lateEventCount: UInt64 = bytes.number(),
      let uncorrectedEventCount: UInt64 = bytes.number(),
      let earlyWindowCount: UInt64 = bytes.number(),
      let timelessEventCount: UInt64 = bytes.number(),
      let crowdedWindowCount: UInt64 = bytes.number()
    else { return false }
    self.crowdedWindowCount = crowdedWindowCount
    self.openedCount = openedCount
    self.floor = floor
    self.gap = gap
    self.lateEventCount = lateEventCount
    self.uncorrectedEventCount = uncorrectedEventCount
    self.earlyWindowCount = earlyWindowCount
    self.timelessEventCount = timelessEventCount
    due = DueQueue()
    heldByteCount = 0
    for slot in topics.slotsByUse {
      waitForFirst(slot)
      heldByteCount += topics[slot].memoryByteCount
    }
    return true
  }
}
