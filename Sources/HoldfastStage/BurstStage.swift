internal import HoldfastEvent
internal import HoldfastPayload

/// `burst`: few events normally, all of them around a condition.
///
/// Normally at most one event per topic and interval goes. From when the condition holds until
/// `after` it last held all go, and before them those of the last `before` that were kept back: in
/// order, marked as historical, and never one that was sent. Times go by the boot clock of arrival;
/// where that went back (a restart) what was kept back stays back, and the topic begins anew.
///
/// A result of an earlier stage goes on at once.
struct BurstStage: StageKind {
  private let settings: BurstSettings
  private var scanner: FieldScanner
  private var topics: TopicStates<BurstTopic>
  /// Names every held event, and those let go that are still in it, in the order of their arrival.
  private var line = BurstLine()
  private var heldCount = 0
  /// Memory of all events that are held, bytes.
  private(set) var heldByteCount = 0
  /// Events let go for want of room before `before` was over; they stay filtered.
  private(set) var droppedEventCount: UInt64 = 0
  var evictedTopicCount: UInt64 { topics.evictedCount }

  init(_ settings: BurstSettings, stageHash _: UInt64, topicCountMax: Int) {
    self.settings = settings
    scanner = FieldScanner(paths: settings.when.paths)
    topics = TopicStates(countMax: topicCountMax)
  }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    if event.result != nil {
      pass.emit(event)
      return
    }
    if scanner.pathCount > 0 && !pass.read(event, &scanner) {
      pass.setAside(event)
      return
    }
    let holds = settings.when.holds(for: event, in: pass)
    let (slot, _, evicted) = topics.slot(of: pass.topic(event), value: BurstTopic())
    if let evicted {
      heldCount -= evicted.value.held.count
      heldByteCount -= evicted.value.held.memoryByteCount
    }
    let boot = event.row.boot
    if boot < topics[slot].latestBoot { forget(slot) }
    topics[slot].latestBoot = boot
    while let first = topics[slot].held.first,
      boot.subtractingSaturated(first.row.boot) > settings.before
    { release(slot) }
    if holds {
      topics[slot].heldAtBoot = boot
      while var held = release(slot) {
        held.isHistorical = true
        pass.emit(pass.take(held))
      }
    }
    if holds || isNear(topics[slot].heldAtBoot, boot, settings.after)
      || !isSoon(topics[slot].sentAtBoot, boot)
    {
      topics[slot].sentAtBoot = boot
      pass.emit(event)
    } else {
      keepBack(slot, event, pass)
    }
  }

  /// Whether `boot` is at most `span` after an instant, if there was one.
  private func isNear(_ instant: Int64?, _ boot: Int64, _ span: Int64) -> Bool {
    guard let instant else { return false }
    return boot.subtractingSaturated(instant) <= span
  }

  /// Whether the interval since an instant is not over yet.
  private func isSoon(_ instant: Int64?, _ boot: Int64) -> Bool {
    guard let instant else { return false }
    return boot.subtractingSaturated(instant) < settings.interval
  }

  /// Forgets all of a topic.
  private mutating func forget(_ slot: Int) {
    while release(slot) != nil {}
    topics[slot] = BurstTopic()
  }

  /// Takes out the event of a topic that is held longest.
  @discardableResult
  private mutating func release(_ slot: Int) -> HeldEvent? {
    guard let held = topics[slot].held.removeFirst() else { return nil }
    heldCount -= 1
    heldByteCount -= held.memoryByteCount
    return held
  }

  private mutating func keepBack(_ slot: Int, _ event: StageEvent, _ pass: borrowing StagePass) {
    // Without a time before, nothing would ever ask for it.
    if settings.before <= 0 { return }
    if settings.heldCountMax <= 0 || event.memoryByteCount > settings.heldByteCountMax {
      droppedEventCount &+= 1
      return
    }
    if topics[slot].held.count >= settings.heldCountMax {
      droppedEventCount &+= 1
      release(slot)
    }
    let held = pass.hold(event)
    heldByteCount += held.memoryByteCount
    heldCount += 1
    topics[slot].held.append(held, order: line.append(slot: slot))
    while heldByteCount > settings.heldByteCountMax, let oldest = line.removeFirst() {
      guard topics[oldest.slot].held.firstOrder == oldest.order else { continue }
      droppedEventCount &+= 1
      release(oldest.slot)
    }
    line.trim(liveCount: heldCount) { [topics] in topics[$0.slot].held.contains(order: $0.order) }
  }

  func save(into bytes: inout SnapshotWriter) {
    topics.save(into: &bytes) { topic, bytes in topic.save(into: &bytes) }
    bytes.append(line.nextOrder)
    bytes.append(droppedEventCount)
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    let countMax = settings.heldCountMax
    guard topics.restore(from: &bytes, { BurstTopic(from: &$0, countMax: countMax) }),
      let nextOrder: UInt64 = bytes.number(), let droppedEventCount: UInt64 = bytes.number()
    else { return false }
    self.droppedEventCount = droppedEventCount
    (heldCount, heldByteCount) = (0, 0)
    var entries: [BurstLine.Entry] = []
    for slot in topics.slotsByUse {
      heldCount += topics[slot].held.count
      heldByteCount += topics[slot].held.memoryByteCount
      for order in topics[slot].held.orders { entries.append(.init(order: order, slot: slot)) }
    }
    line = BurstLine(entries, nextOrder: nextOrder)
    return true
  }
}
