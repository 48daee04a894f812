internal import HoldfastEvent

// Which events the log can't hold.

extension RingLog {
  /// Whether every event can be stored as it is.
  static func isPlain(
    _ events: EventBatch,
    from source: UInt8,
    _ payloadByteCountMax: Int
  ) -> Bool {
    unsafe events.bytes.withUnsafeBytes { bytes in
      events.rows.allSatisfy { row in
        unsafe row.source == source && fault(row, bytes, payloadByteCountMax) == nil
      }
    }
  }

  /// Why an event can't be stored; nil when it can.
  @inline(__always)
  static func fault(
    _ row: EventBatch.Row,
    _ bytes: UnsafeRawBufferPointer,
    _ payloadByteCountMax: Int
  ) -> (drop: SourceDropReason, gap: GapReason)? {
    if Int(row.payloadByteCount) > payloadByteCountMax
      || Int(row.propertiesByteCount) > propertiesByteCountMax
    {
      return (.oversize, .oversize)
    }
    let topic = unsafe UnsafeRawBufferPointer(rebasing: bytes[row.topicRange])
    return unsafe isTopicName(topic) ? nil : (.invalid, .invalid)
  }

  /// Most bytes of an event's encoded properties.
  private static var propertiesByteCountMax: Int { 64 << 10 }
}
