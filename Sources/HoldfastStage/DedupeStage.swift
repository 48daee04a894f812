internal import HoldfastEvent

/// `dedupe`: leaves out an event whose payload went on on its topic within the span before.
///
/// Only what went on is remembered, so a payload that keeps coming leaves once per span. Of a
/// payload its size and two hashes are kept, see ``Fingerprint``; when a topic has more different
/// payloads within the span than are remembered, the one that went on first makes room.
struct DedupeStage: StageKind {
  private struct Sent: Sendable {
    var payload: Fingerprint
    /// When it arrived, microseconds since boot.
    var boot: Int64
  }

  private let span: Int64
  private let payloadCountMax: Int
  /// In the order in which they went on.
  private var states: TopicStates<[Sent]>

  init(_ settings: DedupeSettings, topicCountMax: Int) {
    span = settings.span
    payloadCountMax = max(1, settings.payloadCountMax)
    states = TopicStates(countMax: topicCountMax)
  }

  var evictedTopicCount: UInt64 { states.evictedCount }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    let payload = Fingerprint(pass.payload(event))
    let slot = states.slot(of: pass.topic(event), value: []).slot
    for place in states[slot].indices where states[slot][place].payload == payload {
      if !isOver(span, since: states[slot][place].boot, at: event.row.boot) { return }
      states[slot].remove(at: place)
      break
    }
    if states[slot].count >= payloadCountMax { states[slot].removeFirst() }
    states[slot].append(Sent(payload: payload, boot: event.row.boot))
    pass.emit(event)
  }

  func save(into bytes: inout SnapshotWriter) {
    states.save(into: &bytes) { sent, bytes in
      bytes.append(UInt32(truncatingIfNeeded: sent.count))
      for one in sent {
        one.payload.save(into: &bytes)
        bytes.append(one.boot)
      }
    }
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    let payloadCountMax = payloadCountMax
    return states.restore(from: &bytes) { bytes in
      guard let count: UInt32 = bytes.number(), count <= payloadCountMax else { return nil }
      var sent: [Sent] = []
      for _ in 0..<count {
        guard let payload = Fingerprint(from: &bytes), let boot: Int64 = bytes.number() else {
          return nil
        }
        sent.append(Sent(payload: payload, boot: boot))
      }
      return sent
    }
  }
}
