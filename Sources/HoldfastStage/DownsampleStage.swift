internal import HoldfastEvent
internal import HoldfastPayload

/// `downsample`: few events per topic and window that keep the shape of the curve, byte for byte.
///
/// Windows go by arrival. Where the clock went back, the window at hand ends and another one
/// begins, so that what a topic sends stays in order. An event whose value is no number goes on at
/// once, and so does a result of an earlier stage.
struct DownsampleStage: StageKind {
  private struct Topic: Sendable {
    var m4 = M4Window()
    var lttb = LTTBCurve()
    /// When time alone will decide about it; `.max`: never.
    var due = Int64.max
    var order: UInt64 = 0

    var memoryByteCount: Int { m4.memoryByteCount + lttb.memoryByteCount }
  }

  private let method: DownsampleSettings.Method
  private let heldByteCountMax: Int
  private let grid: WindowGrid
  private var scanner: FieldScanner
  private var topics: TopicStates<Topic>
  private var due = DueQueue()
  private var dueCount: UInt64 = 0
  /// Memory of all events that are held, bytes.
  private(set) var heldByteCount = 0
  /// Windows that ended early: too many events or bytes held.
  private(set) var cutWindowCount: UInt64 = 0
  var evictedTopicCount: UInt64 { topics.evictedCount }

  init(_ settings: DownsampleSettings, stageHash _: UInt64, topicCountMax: Int) {
    method = settings.method
    heldByteCountMax = settings.heldByteCountMax
    grid = WindowGrid(size: settings.size)
    scanner = FieldScanner(paths: [settings.field])
    topics = TopicStates(countMax: topicCountMax)
  }

  var dueAt: Int64 { due.dueAt }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    if event.result != nil {
      pass.emit(event)
      return
    }
    if !pass.read(event, &scanner) {
      pass.setAside(event)
      return
    }
    guard let field = pass.fields.first, let value = pass.number(field, of: event),
      let start = grid.start(of: event.row.wall)
    else {
      pass.emit(event)
      return
    }
    let (slot, _, evicted) = topics.slot(of: pass.topic(event), value: Topic())
    if var evicted {
      due.remove(slot)
      giveUp(&evicted.value, &pass)
    }
    heldByteCount -= topics[slot].memoryByteCount
    switch method {
    case .m4: addM4(slot, event, value, start, &pass)
    case .lttb: addLTTB(slot, event, value, start, &pass)
    }
    heldByteCount += topics[slot].memoryByteCount
    if heldByteCount > heldByteCountMax { cut(slot, &pass) }
    arm(slot)
  }

  private mutating func addM4(
    _ slot: Int,
    _ event: StageEvent,
    _ value: Double,
    _ start: Int64,
    _ pass: inout StagePass
  ) {
    if !topics[slot].m4.isEmpty && topics[slot].m4.start != start { sendM4(slot, &pass) }
    topics[slot].m4.start = start
    topics[slot].m4.add(event, value, pass)
  }

  private mutating func addLTTB(
    _ slot: Int,
    _ event: StageEvent,
    _ value: Double,
    _ start: Int64,
    _ pass: inout StagePass
  ) {
    if topics[slot].lttb.isNew {
      topics[slot].lttb.begin(event, value)
      pass.emit(event)
      return
    }
    let grid = self.grid
    let outcome = topics[slot].lttb.add(
      event,
      value,
      start: start,
      end: { grid.end(of: $0) },
      &pass
    )
    if outcome == .cut { cutWindowCount &+= 1 }
  }

  private mutating func sendM4(_ slot: Int, _ pass: inout StagePass) {
    for held in topics[slot].m4.takeAll() { pass.emit(pass.take(held)) }
  }

  /// Ends the window at hand of a topic for want of memory, and the one before if that is not enough.
  private mutating func cut(_ slot: Int, _ pass: inout StagePass) {
    cutWindowCount &+= 1
    heldByteCount -= topics[slot].memoryByteCount
    sendM4(slot, &pass)
    topics[slot].lttb.choose(&pass)
    if heldByteCount + topics[slot].memoryByteCount > heldByteCountMax {
      topics[slot].lttb.choose(&pass)
    }
    heldByteCount += topics[slot].memoryByteCount
  }

  /// Sends what a topic holds that had to make room.
  private mutating func giveUp(_ topic: inout Topic, _ pass: inout StagePass) {
    heldByteCount -= topic.memoryByteCount
    for held in topic.m4.takeAll() { pass.emit(pass.take(held)) }
    while !topic.lttb.isEmpty { topic.lttb.choose(&pass) }
  }

  /// Enters in the queue when time alone will decide about a topic.
  private mutating func arm(_ slot: Int) {
    let grid = self.grid
    let due: Int64
    switch method {
    case .m4: due = topics[slot].m4.isEmpty ? .max : grid.end(of: topics[slot].m4.start)
    case .lttb: due = topics[slot].lttb.due { grid.end(of: $0) }
    }
    if due == topics[slot].due { return }
    topics[slot].due = due
    topics[slot].order = dueCount
    dueCount &+= 1
    enter(slot)
  }

  /// Lets the queue know of a topic's time; the end of time never comes.
  private mutating func enter(_ slot: Int) {
    let (time, order) = (topics[slot].due, topics[slot].order)
    if time == .max { due.remove(slot) } else { due.set(slot, due: time, number: order) }
  }

  mutating func advance(_ pass: inout StagePass) {
    while let slot = due.slotDue(at: pass.now.wall) {
      heldByteCount -= topics[slot].memoryByteCount
      sendM4(slot, &pass)
      topics[slot].lttb.choose(&pass)
      heldByteCount += topics[slot].memoryByteCount
      arm(slot)
    }
  }

  func save(into bytes: inout SnapshotWriter) {
    topics.save(into: &bytes) { topic, bytes in
      topic.m4.save(into: &bytes)
      topic.lttb.save(into: &bytes)
      bytes.append(topic.due)
      bytes.append(topic.order)
    }
    bytes.append(dueCount)
    bytes.append(cutWindowCount)
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    let isRead = topics.restore(from: &bytes) { bytes in
      guard let m4 = M4Window(from: &bytes), let lttb = LTTBCurve(from: &bytes),
        let due: Int64 = bytes.number(), let order: UInt64 = bytes.number()
      else { return nil }
      return Topic(m4: m4, lttb: lttb, due: due, order: order)
    }
    guard isRead, let dueCount: UInt64 = bytes.number(), let cutWindowCount: UInt64 = bytes.number()
    else { return false }
    self.dueCount = dueCount
    self.cutWindowCount = cutWindowCount
    due = DueQueue()
    heldByteCount = 0
    for slot in topics.slotsByUse {
      heldByteCount += topics[slot].memoryByteCount
      enter(slot)
    }
    return true
  }
}
