internal import HoldfastEvent

/// `sample`: lets every n-th event of a topic go on, the first one included.
struct SampleStage: StageKind {
  private let every: UInt64
  /// How many of the next are left out.
  private var states: TopicStates<UInt64>

  init(_ settings: SampleSettings, topicCountMax: Int) {
    every = max(1, settings.every)
    states = TopicStates(countMax: topicCountMax)
  }

  var evictedTopicCount: UInt64 { states.evictedCount }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    let slot = states.slot(of: pass.topic(event), value: 0).slot
    if states[slot] == 0 {
      states[slot] = every - 1
      pass.emit(event)
    } else {
      states[slot] -= 1
    }
  }

  func save(into bytes: inout SnapshotWriter) {
    states.save(into: &bytes) { rest, bytes in bytes.append(rest) }
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    let every = every
    return states.restore(from: &bytes) { bytes in
      guard let rest: UInt64 = bytes.number(), rest < every else { return nil }
      return rest
    }
  }
}
