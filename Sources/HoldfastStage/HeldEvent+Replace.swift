internal import HoldfastEvent

extension HeldEvent {
  /// Nothing held, with room for later.
  static let none = HeldEvent(
    row: EventBatch.Row(
      boot: 0,
      wall: 0,
      topicOffset: 0,
      topicByteCount: 0,
      payloadOffset: 0,
      payloadByteCount: 0,
      source: 0,
      flags: []
    ),
    number: 0,
    bytes: []
  )

  /// Holds another event in the same memory.
  mutating func replace(with event: StageEvent, of pass: StagePass) {
    row = event.row
    row.topicOffset = 0
    row.payloadOffset = UInt32(row.topicByteCount)
    row.propertiesOffset = 0
    number = event.number
    isHistorical = event.isHistorical
    bytes.removeAll(keepingCapacity: true)
    bytes.append(contentsOf: pass.bytes[event.row.topicRange])
    bytes.append(contentsOf: pass.bytes[event.row.payloadRange])
    if event.row.propertiesByteCount > 0 {
      bytes.append(contentsOf: pass.bytes[event.row.propertiesRange])
    }
  }
}
