public import HoldfastEvent

// Which events the log can't hold.

extension RingLog {
  /// Whether a whole batch can be stored, whatever its events compress to.
  ///
  /// Under `drop-oldest` room is made, so that only memory can be short while the disk fails.
  ///
  /// - Complexity: O(events + segments that nobody needs).
  public func hasRoom(for events: EventBatch) -> Bool {
    if isFailing {
      return next + UInt64(events.count) < state.reserved
        && pendingMemoryByteCount + events.memoryByteCount <= Self.failingByteCountMax
    }
    guard configuration.whenFull == .refuseNewest else { return true }
    let segmentCount = writer.segmentCountBound(
      events,
      payloadByteCountMax: configuration.payloadByteCountMax,
      room: active.map { configuration.segmentByteCount - $0.offset } ?? 0,
      segmentByteCount: configuration.segmentByteCount
    )
    return segmentCount <= segmentCountFree
  }

  /// How many segments can be begun before one is refused.
  private var segmentCountFree: Int {
    var byteCount = byteCountLimit - self.byteCount
    for file in newerFiles { byteCount += file.byteCount }
    if configuration.keepDelivered != nil {
      return spares.count + max(0, byteCount + keptByteCount) / configuration.segmentByteCount
    }
    for segment in segments {
      guard isReleasable(segment) else { break }
      byteCount += segment.byteCount
    }
    return spares.count + max(0, byteCount) / configuration.segmentByteCount
  }

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
