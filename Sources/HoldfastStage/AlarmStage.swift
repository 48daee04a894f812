internal import HoldfastEvent
internal import HoldfastPayload

/// `alarm`: tells when a value goes beyond a threshold and when it comes back, with hysteresis.
///
/// The alarm begins once the value has stayed beyond `on` for the duration, and ends once it has
/// stayed beyond `off` on the other side for as long. Between the two nothing changes. The wait goes
/// by the boot clock; where that went back (a restart) it starts anew. A transition is
/// ```
/// {"state":"on","value":91.5,"since":"2026-01-31T10:00:00.000Z",
///  "id":{"stage":"0123456789abcdef","key":"plant/1","start":1769853600000000,"revision":0}}
/// ```
/// (in one line): `since` and `start` are the arrival of the event that went beyond the threshold
/// first, `value` is the latest. An event whose value is no number goes on and changes nothing.
struct AlarmStage: StageKind {
  /// A value that is beyond a threshold, but not long enough yet.
  private struct Wait: Sendable {
    /// Arrival of the event that began it, microseconds since 1970.
    var since: Int64
    /// When the wait started, microseconds since boot.
    var boot: Int64
    /// When it may be over, by the wall clock; an entry of the queue.
    var due: Int64
    var order: UInt64
  }

  private struct Topic: Sendable {
    var isOn = false
    var wait: Wait?
    /// The latest value during a wait.
    var value = NumberText()
    var floor: RevisionFloor
  }

  private let settings: AlarmSettings
  private let stage: UInt64
  private let resultTopic: ResultTopic
  private let duration: Int64
  private var scanner: FieldScanner
  private var topics: TopicStates<Topic>
  private var due = DueQueue()
  private var waitOrder: UInt64 = 0
  /// What identities were given to topics whose state was given up.
  private var floor = RevisionFloor()
  var evictedTopicCount: UInt64 { topics.evictedCount }

  init(
    _ settings: AlarmSettings,
    topics filters: [TopicFilter] = [],
    stageHash: UInt64,
    topicCountMax: Int
  ) {
    self.settings = settings
    stage = stageHash
    resultTopic = ResultTopic(settings.topic, filters: filters)
    duration = max(0, settings.duration)
    scanner = FieldScanner(paths: [settings.field])
    topics = TopicStates(countMax: topicCountMax)
  }

  var dueAt: Int64 { due.dueAt }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    if !pass.read(event, &scanner) {
      pass.setAside(event)
      return
    }
    guard let field = pass.fields.first, let value = pass.number(field, of: event) else {
      pass.emit(event)
      return
    }
    let (slot, _, evicted) = topics.slot(of: pass.topic(event), value: Topic(floor: floor))
    if let evicted {
      due.remove(slot)
      floor.note(evicted.value.floor)
    }
    if isBeyond(value, isOn: topics[slot].isOn) {
      topics[slot].value.set(pass.bytes(of: field, in: event), value)
      wait(slot, since: event.row.wall, pass.now)
      if isOver(slot, pass.now) { change(slot, &pass) }
    } else if topics[slot].wait != nil {
      topics[slot].wait = nil
      due.remove(slot)
    }
    if settings.passesEvents {
      pass.emit(event)
    } else {
      pass.settle(event, as: .filtered)
    }
  }

  /// Whether a value is beyond the threshold that would change the state.
  private func isBeyond(_ value: Double, isOn: Bool) -> Bool {
    let isBelow = settings.off > settings.on
    if isOn { return isBelow ? value > settings.off : value < settings.off }
    return isBelow ? value < settings.on : value > settings.on
  }

  /// Starts a wait, or starts it anew where the boot clock went back.
  private mutating func wait(_ slot: Int, since: Int64, _ now: ClockReading) {
    let former = topics[slot].wait
    if let former, former.boot <= now.boot { return }
    arm(
      slot,
      since: former?.since ?? since,
      boot: now.boot,
      due: now.wall.addingSaturated(duration)
    )
  }

  private mutating func arm(_ slot: Int, since: Int64, boot: Int64, due: Int64) {
    topics[slot].wait = Wait(since: since, boot: boot, due: due, order: waitOrder)
    if duration > 0 { self.due.set(slot, due: due, number: waitOrder) }
    waitOrder &+= 1
  }

  private func isOver(_ slot: Int, _ now: ClockReading) -> Bool {
    guard let wait = topics[slot].wait, now.boot >= wait.boot else { return false }
    return now.boot.subtractingSaturated(wait.boot) >= duration
  }

  /// Ends a wait with a transition.
  private mutating func change(_ slot: Int, _ pass: inout StagePass) {
    guard let wait = topics[slot].wait else { return }
    topics[slot].wait = nil
    due.remove(slot)
    topics[slot].isOn.toggle()
    let key = topics.topic(slot)
    let identity = ResultIdentity(
      stage: stage,
      key: key,
      start: wait.since,
      revision: topics[slot].floor.revision(at: wait.since)
    )
    topics[slot].floor.note(start: identity.start, revision: identity.revision)
    var json = ResultText()
    json.append("{\"state\":\"\(topics[slot].isOn ? "on" : "off")\",\"value\":")
    json.append(topics[slot].value.bytes)
    json.append(",\"since\":")
    json.append(instant: wait.since)
    json.append(",\"id\":")
    json.append(identity)
    json.append("}")
    pass.emitResult(
      json,
      topic: resultTopic.filled(with: key),
      wall: pass.now.wall,
      identity: identity
    )
  }

  /// Ends the waits that are over by the boot clock; the wall clock may have jumped.
  mutating func advance(_ pass: inout StagePass) {
    while let slot = due.slotDue(at: pass.now.wall) {
      guard let wait = topics[slot].wait else {
        due.remove(slot)
        continue
      }
      if isOver(slot, pass.now) {
        change(slot, &pass)
        continue
      }
      let boot = min(wait.boot, pass.now.boot)
      let left = duration.subtractingSaturated(pass.now.boot.subtractingSaturated(boot))
      arm(slot, since: wait.since, boot: boot, due: pass.now.wall.addingSaturated(max(1, left)))
    }
  }

  func save(into bytes: inout SnapshotWriter) {
    topics.save(into: &bytes) { topic, bytes in
      bytes.append(topic.isOn)
      bytes.append(bytes: topic.value.bytes[...])
      topic.floor.save(into: &bytes)
      bytes.append(topic.wait != nil)
      guard let wait = topic.wait else { return }
      for time in [wait.since, wait.boot, wait.due] { bytes.append(time) }
      bytes.append(wait.order)
    }
    bytes.append(waitOrder)
    floor.save(into: &bytes)
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    let isRead = topics.restore(from: &bytes) { bytes in
      guard let isOn = bytes.bool() else { return nil }
      var value = NumberText()
      guard value.restore(from: &bytes), let floor = RevisionFloor(from: &bytes),
        let isWaiting = bytes.bool()
      else { return nil }
      var topic = Topic(isOn: isOn, wait: nil, value: value, floor: floor)
      guard isWaiting else { return topic }
      guard let since: Int64 = bytes.number(), let boot: Int64 = bytes.number(),
        let due: Int64 = bytes.number(), let order: UInt64 = bytes.number()
      else { return nil }
      topic.wait = Wait(since: since, boot: boot, due: due, order: order)
      return topic
    }
    guard isRead, let waitOrder: UInt64 = bytes.number(), let floor = RevisionFloor(from: &bytes)
    else { return false }
    self.waitOrder = waitOrder
    self.floor = floor
    due = DueQueue()
    for slot in topics.slotsByUse {
      guard let wait = topics[slot].wait else { continue }
      if duration > 0 { due.set(slot, due: wait.due, number: wait.order) }
    }
    return true
  }
}
