internal import HoldfastEvent
internal import HoldfastPayload

/// `deadband`: lets an event go on when its value is further than the threshold from the one that
/// went on last on its topic.
///
/// Further means more than the threshold: a value exactly at it stays. An event whose field is
/// missing, no number or not finite goes on, as its state is worth seeing, and so does the next
/// number after it.
struct DeadbandStage: StageKind {
  private struct Sent: Sendable {
    /// Nil after an event without a number.
    var value: Double?
    /// When it arrived, microseconds since boot.
    var boot: Int64 = 0
  }

  private let threshold: DeadbandSettings.Threshold
  private let intervalMax: Int64?
  private var scanner: FieldScanner
  private var states: TopicStates<Sent>

  init(_ settings: DeadbandSettings, topicCountMax: Int) {
    threshold = settings.threshold
    intervalMax = settings.intervalMax
    scanner = FieldScanner(paths: [settings.field])
    states = TopicStates(countMax: topicCountMax)
  }

  var evictedTopicCount: UInt64 { states.evictedCount }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    guard pass.read(event, &scanner) else {
      pass.setAside(event)
      return
    }
    let value = pass.fields.first.flatMap { pass.number($0, of: event) }
    let slot = states.slot(of: pass.topic(event), value: Sent()).slot
    if let value, let last = states[slot].value, !isFar(value, from: last),
      !isDue(slot, event)
    {
      return
    }
    states[slot] = Sent(value: value, boot: event.row.boot)
    pass.emit(event)
  }

  private func isFar(_ value: Double, from last: Double) -> Bool {
    let distance = (value - last).magnitude
    switch threshold {
    case .absolute(let limit): return distance > limit
    case .fractionOfLast(let fraction): return distance > fraction * last.magnitude
    case .fractionOfSpan(let fraction, let span): return distance > fraction * span
    }
  }

  private func isDue(_ slot: Int, _ event: StageEvent) -> Bool {
    guard let intervalMax else { return false }
    return isOver(intervalMax, since: states[slot].boot, at: event.row.boot)
  }

  func save(into bytes: inout SnapshotWriter) {
    states.save(into: &bytes) { sent, bytes in
      bytes.append(sent.boot)
      bytes.append(sent.value != nil)
      bytes.append(sent.value ?? 0)
    }
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    states.restore(from: &bytes) { bytes in
      guard let boot: Int64 = bytes.number(), let isNumber = bytes.bool(),
        let value = bytes.double()
      else { return nil }
      return Sent(value: isNumber ? value : nil, boot: boot)
    }
  }
}
