internal import HoldfastEvent
internal import HoldfastPayload

/// `changed`: lets an event go on when its value differs from the one that went on last on its topic.
///
/// The value is the payload, byte for byte, or kind and bytes of the chosen fields: `1` and `1.0`
/// differ. A field that is missing differs from one that is null. Up to ``valueByteCountMax`` bytes
/// of it are kept and compared; of a longer value two hashes are, see ``Fingerprint``.
struct ChangedStage: StageKind {
  /// Most bytes of a value that are kept per topic.
  static let valueByteCountMax = 256

  private struct Sent: Sendable {
    /// Of a value that is short enough; the first bytes of a longer one would tell nothing.
    var value: [UInt8] = []
    var fingerprint: Fingerprint?
    /// When it arrived, microseconds since boot.
    var boot: Int64 = 0
  }

  private let intervalMax: Int64?
  private var scanner: FieldScanner
  private var states: TopicStates<Sent>
  /// The chosen fields of the event at hand, one behind the other.
  private var value: [UInt8] = []

  init(_ settings: ChangedSettings, topicCountMax: Int) {
    intervalMax = settings.intervalMax
    scanner = FieldScanner(paths: settings.fields)
    states = TopicStates(countMax: topicCountMax)
  }

  var evictedTopicCount: UInt64 { states.evictedCount }

  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    value.removeAll(keepingCapacity: true)
    if scanner.pathCount == 0 {
      value.append(contentsOf: pass.payload(event))
    } else {
      guard pass.read(event, &scanner) else {
        pass.setAside(event)
        return
      }
      for field in pass.fields { append(field, of: event, pass) }
    }
    let (slot, isNew, _) = states.slot(of: pass.topic(event), value: Sent())
    if isNew || isDue(slot, event) || !isSent(slot) {
      remember(slot, event)
      pass.emit(event)
    }
  }

  private mutating func append(_ field: Field, of event: StageEvent, _ pass: StagePass) {
    let bytes = pass.bytes(of: field, in: event)
    value.append(field.kind.rawValue)
    // Binary formats keep small numbers and booleans in the head, which is not among the bytes.
    for number in [field.number.bitPattern, UInt64(bytes.count)] { appendNumber(number) }
    value.append(contentsOf: bytes)
  }

  private mutating func appendNumber(_ number: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      value.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  private func isDue(_ slot: Int, _ event: StageEvent) -> Bool {
    guard let intervalMax else { return false }
    return isOver(intervalMax, since: states[slot].boot, at: event.row.boot)
  }

  private func isSent(_ slot: Int) -> Bool {
    if value.count <= Self.valueByteCountMax {
      return states[slot].fingerprint == nil && states[slot].value == value
    }
    return states[slot].fingerprint == Fingerprint(value[...])
  }

  private mutating func remember(_ slot: Int, _ event: StageEvent) {
    states[slot].boot = event.row.boot
    states[slot].value.removeAll(keepingCapacity: true)
    if value.count <= Self.valueByteCountMax {
      states[slot].value.append(contentsOf: value)
      states[slot].fingerprint = nil
    } else {
      states[slot].fingerprint = Fingerprint(value[...])
    }
  }

  func save(into bytes: inout SnapshotWriter) {
    states.save(into: &bytes) { sent, bytes in
      bytes.append(sent.boot)
      bytes.append(bytes: sent.value[...])
      bytes.append(sent.fingerprint != nil)
      sent.fingerprint?.save(into: &bytes)
    }
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    states.restore(from: &bytes) { bytes in
      guard let boot: Int64 = bytes.number(), let value = bytes.bytes(),
        value.count <= Self.valueByteCountMax, let isLong = bytes.bool()
      else { return nil }
      var sent = Sent(value: Array(value), boot: boot)
      if isLong {
        guard let fingerprint = Fingerprint(from: &bytes) else { return nil }
        sent.fingerprint = fingerprint
      }
      return sent
    }
  }
}
