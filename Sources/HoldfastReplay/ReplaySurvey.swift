public import HoldfastEvent
public import HoldfastRingLog
public import HoldfastUpstream

/// What a range of a log holds for an upstream, counted by reading it.
public struct ReplaySurvey: Equatable, Sendable {
  /// Events that the upstream's topics select.
  public var eventCount: UInt64 = 0
  /// Those that they don't, and marks of time that the log has for stages.
  public var filteredCount: UInt64 = 0
  /// Bytes of topics and payloads of those selected: the protocol's own come on top, compression
  /// takes some off.
  public var byteCount: UInt64 = 0
  /// Gap records in it.
  public var gapCount: UInt64 = 0
  /// Numbers that gap records cover: lost, or never given to an event.
  public var gapNumberCount: UInt64 = 0
  /// Numbers that can't be read and that no record explains, as ranges.
  public var gone: [Range<SequenceNumber>] = []
  /// Arrival of its first event and of its last, microseconds since 1970.
  public var walls: ClosedRange<Int64>?

  /// Reads the range.
  ///
  /// - Parameters:
  ///   - numbers: the range.
  ///   - ring: the log.
  ///   - upstream: whose topics select.
  ///   - progress: told how far it has read, of how much.
  /// - Complexity: O(bytes of the range).
  public init(
    of numbers: Range<SequenceNumber>,
    in ring: RingInspection,
    for upstream: UpstreamConfiguration,
    progress: (UInt64, UInt64) -> Void = { _, _ in }
  ) {
    var walk = ReplayWalk(position: numbers.lowerBound)
    while walk.position < numbers.upperBound {
      let start = walk.position
      guard let item = walk.next(in: ring) else {
        gone.append(start..<numbers.upperBound)
        break
      }
      let end = min(walk.position, numbers.upperBound)
      progress(end - numbers.lowerBound, numbers.upperBound - numbers.lowerBound)
      switch item {
      case .events(let batch, let row):
        for (index, event) in batch.events.rows.enumerated().dropFirst(row)
        where batch.first + UInt64(index) < end {
          count(event, of: batch.events.bytes, for: upstream)
        }
      case .gap(let record):
        gapCount += 1
        if record.reason.coversNumbers { gapNumberCount += end - start }
      case .released, .unreadable: gone.append(start..<end)
      case .end: break
      }
    }
  }

  private mutating func count(
    _ event: EventBatch.Row,
    of bytes: [UInt8],
    for upstream: UpstreamConfiguration
  ) {
    let topic = bytes[event.topicRange]
    guard !event.flags.contains(.tick), upstream.topics.contains(where: { $0.matches(topic) }),
      !upstream.exceptTopics.contains(where: { $0.matches(topic) })
    else {
      filteredCount += 1
      return
    }
    eventCount += 1
    byteCount += UInt64(event.topicByteCount) + UInt64(event.payloadByteCount)
    let (low, high) = (walls?.lowerBound ?? event.wall, walls?.upperBound ?? event.wall)
    walls = min(low, event.wall)...max(high, event.wall)
  }
}
