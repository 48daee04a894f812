public import HoldfastEvent

// What people ask of the log, from sums that are at hand.

extension RingLog {
  /// When an event arrived, as far as the log can tell.
  public struct Arrival: Equatable, Sendable {
    /// Microseconds since 1970.
    public var wall: Int64
    /// Microseconds since boot; nil where the event, or what is known of it, may be of another boot.
    public var boot: Int64?
    /// Whether it is the event's own stamp; otherwise that of the first event of its segment, which
    /// arrived no later.
    public var isExact: Bool

    /// A stamp.
    public init(wall: Int64, boot: Int64?, isExact: Bool) {
      self.wall = wall
      self.boot = boot
      self.isExact = isExact
    }
  }

  /// Bytes that the newest events take on disk in the end, and how many they are.
  ///
  /// Segments that are not sealed count by their compressed bytes. Of what they take now most may be
  /// padding, as in those of few events a commit, and sealing takes it away once their room is needed.
  ///
  /// - Complexity: O(1): of 64 segments at most.
  public var segmentTotals: (byteCount: Int, eventCount: UInt64) {
    segments.suffix(64).reduce(into: (0, 0)) { sum, segment in
      sum.0 += segment.payloadByteCount ?? segment.dataByteCount
      sum.1 += segment.end - min(segment.first, segment.end)
    }
  }

  /// Events that upstream `index` has settled and no disk holds, while the disk fails.
  ///
  /// They come into its `offered` when every upstream has them, or the disk takes them.
  ///
  /// - Complexity: O(batches in memory).
  public func settledInMemoryCount(_ index: Int) -> UInt64 {
    guard isFailing else { return 0 }
    let cursor = upstream(index).cursor
    return pending.reduce(0) { sum, batch in
      cursor > batch.first ? sum + (min(cursor, batch.end) - batch.first) : sum
    }
  }

  /// When the event of a number arrived.
  ///
  /// Exact for what memory holds. For the rest the segment tells, whose first block is read once
  /// where its stamp is not known yet; nil where that can't be read.
  ///
  /// - Complexity: O(log segments + log batches).
  public mutating func arrival(of sequence: SequenceNumber) -> Arrival? {
    let held = tail.batch(holding: sequence) ?? pending.first { $0.index(of: sequence) != nil }
    if let held, let row = held.index(of: sequence) {
      return Arrival(
        wall: held.events.rows[row].wall,
        boot: held.events.rows[row].boot,
        isExact: true
      )
    }
    guard let place = segments.index(holding: sequence) else { return nil }
    var segment = segments[place]
    if segment.wall == nil {
      guard let file = try? disk.open(directory + "/" + segment.name, isWritable: false) else {
        return nil
      }
      defer { disk.close(file) }
      var bytes: [UInt8] = []
      guard (try? disk.read(file, at: 0, count: Format.headerByteCount, into: &bytes)) != nil,
        case .header(let header) = BlockHeader.read(bytes[...])
      else { return nil }
      segment.wall = header.wall
      segments[place] = segment
    }
    return segment.wall.map { Arrival(wall: $0, boot: nil, isExact: false) }
  }
}
