internal import HoldfastEvent
internal import HoldfastPayload

/// `burst`: few events normally, all of them around a condition.
///
/// Normally at most one event per topic and interval goes. From when the condition holds until
/// `after` it last held all go, and before them those of the last `before` that were kept back: in
/// order, marked as historical, and never one that was sent. Times are those of the boot clock at
/// which events come to the stage; where it went back (a restart) what was kept back stays back, and
/// the topic begins anew.
///
/// Of what is kept back only the number is remembered. When the condition holds, the stage asks for
/// the events of those numbers: ``recallNumber`` names them one by one, ``recall(isGone:)`` takes
/// them off, and ``endRecall(_:_:)`` lets the event go on that asked for them. Meanwhile the step
/// stands still, see ``Pipeline/isRecalling``. Until then the log must keep them: from
/// ``recallFloor`` on.
///
/// A result of an earlier stage goes on at once.
struct BurstStage: StageKind {
  /// A boot time this far ahead of the log's time is another boot's, microseconds.
  private static let bootSlack: Int64 = 60 * microsecondsPerSecond

  private let settings: BurstSettings
  private var scanner: FieldScanner
  private var topics: TopicStates<BurstTopic>
  /// Names every held event, and those let go that are still in it, in the order of their coming.
  private var line = BurstLine()
  private(set) var heldCount = 0
  /// The topic whose held events are being asked for, and how many could not be had.
  private var recallSlot: Int?
  private var missingCount: UInt32 = 0
  /// Events forgotten for want of room before `before` was over; they stay filtered.
  private(set) var droppedEventCount: UInt64 = 0
  /// Events that the log could not give back; they stay filtered.
  private(set) var goneEventCount: UInt64 = 0
  var evictedTopicCount: UInt64 { topics.evictedCount }
  var notes: [StageNote: UInt64] { [.forgotten: droppedEventCount, .gone: goneEventCount] }

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
    if let evicted { heldCount -= evicted.value.held.count }
    let boot = pass.now.boot
    if boot < topics[slot].latestBoot { forget(slot) }
    topics[slot].latestBoot = boot
    while let first = topics[slot].held.first,
      boot.subtractingSaturated(first.boot) > settings.before
    { release(slot) }
    if holds {
      topics[slot].heldAtBoot = boot
      topics[slot].sentAtBoot = boot
      beginRecall(slot, event, &pass)
    } else if isNear(topics[slot].heldAtBoot, boot, settings.after)
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
  private mutating func release(_ slot: Int) -> HeldPosition? {
    guard let held = topics[slot].held.removeFirst() else { return nil }
    heldCount -= 1
    return held
  }

  // MARK: keeping back

  private mutating func keepBack(_ slot: Int, _ event: StageEvent, _ pass: borrowing StagePass) {
    // Without a time before, nothing would ever ask for it.
    if settings.before <= 0 { return }
    expire(pass.now.boot, pass.logByteCount)
    let position = HeldPosition(
      number: event.number,
      boot: pass.now.boot,
      logByteCount: pass.logByteCount,
      order: line.append(slot: slot)
    )
    topics[slot].held.append(position)
    heldCount += 1
    while heldCount > max(0, settings.heldCountMax), let oldest = oldestLive() { drop(oldest) }
    line.trim(liveCount: heldCount) { [topics] in
      topics[Int($0.slot)].held.contains(order: $0.order)
    }
  }

  /// The topic of the event that is held longest.
  private mutating func oldestLive() -> Int? {
    while let first = line.first {
      let slot = Int(first.slot)
      if topics[slot].held.first?.order == first.order { return slot }
      line.removeFirst()
    }
    return nil
  }

  /// Forgets an event that a burst might still have asked for.
  private mutating func drop(_ slot: Int) {
    guard let position = release(slot) else { return }
    topics[slot].noteForgotten(position, before: settings.before)
    droppedEventCount &+= 1
  }

  /// The log has come to another time and place: what can't be asked for any more is forgotten, and
  /// what the log need not keep so long.
  mutating func expire(_ boot: Int64, _ logByteCount: UInt64) {
    let byteCountMax = UInt64(clamping: settings.heldByteCountMax)
    while let slot = oldestLive(), let first = topics[slot].held.first {
      let age = boot.subtractingSaturated(first.boot)
      if age > settings.before || age < -Self.bootSlack {
        release(slot)
      } else if logByteCount &- first.logByteCount > byteCountMax {
        drop(slot)
      } else {
        return
      }
    }
  }

  // MARK: reading back

  private mutating func beginRecall(_ slot: Int, _ event: StageEvent, _ pass: inout StagePass) {
    let topic = topics[slot]
    let isRecent = pass.now.boot.subtractingSaturated(topic.forgottenBoot) <= settings.before
    missingCount = isRecent ? topic.forgottenCount : 0
    topics[slot].forgottenCount = 0
    topics[slot].forgottenBoot = .min
    recallSlot = slot
    if topics[slot].held.count > 0 {
      pass.isRecalling = true
    } else {
      endRecall(event, &pass)
    }
  }

  /// The number of the event that is asked for; nil: none any more.
  var recallNumber: SequenceNumber? { recallSlot.flatMap { topics[$0].held.first?.number } }

  /// The event asked for was taken; or the log does not have it any more.
  mutating func recall(isGone: Bool) {
    guard let recallSlot else { return }
    release(recallSlot)
    guard isGone else { return }
    goneEventCount &+= 1
    missingCount = missingCount == .max ? .max : missingCount + 1
  }

  /// Lets the event go on for which others were asked for.
  mutating func endRecall(_ event: StageEvent, _ pass: inout StagePass) {
    var event = event
    event.missingCount = missingCount
    missingCount = 0
    recallSlot = nil
    pass.emit(event)
  }

  /// The lowest number that may be asked for; nil: none.
  ///
  /// - Complexity: O(events held).
  var recallFloor: SequenceNumber? {
    var floor: SequenceNumber?
    for slot in 0..<topics.count {
      for position in topics[slot].held.all { floor = min(floor ?? .max, position.number) }
    }
    return floor
  }

  /// When the log's time lets go of the event that is held longest, microseconds since boot; nil:
  /// none is held.
  ///
  /// - Complexity: O(topics).
  func recallEndsAt(_ boot: Int64) -> Int64? {
    var end: Int64?
    for slot in 0..<topics.count {
      guard let first = topics[slot].held.first else { continue }
      let isOtherBoot = boot.subtractingSaturated(first.boot) < -Self.bootSlack
      end = min(end ?? .max, isOtherBoot ? boot : first.boot.addingSaturated(settings.before))
    }
    return end
  }

  func save(into bytes: inout SnapshotWriter) {
    topics.save(into: &bytes) { topic, bytes in topic.save(into: &bytes) }
    bytes.append(line.nextOrder)
    bytes.append(droppedEventCount)
    bytes.append(goneEventCount)
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    let countMax = settings.heldCountMax
    guard topics.restore(from: &bytes, { BurstTopic(from: &$0, countMax: countMax) }),
      let nextOrder: UInt64 = bytes.number(), let droppedEventCount: UInt64 = bytes.number(),
      let goneEventCount: UInt64 = bytes.number()
    else { return false }
    self.droppedEventCount = droppedEventCount
    self.goneEventCount = goneEventCount
    heldCount = 0
    var entries: [BurstLine.Entry] = []
    for slot in topics.slotsByUse {
      heldCount += topics[slot].held.count
      for position in topics[slot].held.all {
        entries.append(.init(order: position.order, slot: Int32(truncatingIfNeeded: slot)))
      }
    }
    line = BurstLine(entries, nextOrder: nextOrder)
    return heldCount <= max(0, countMax)
  }
}
