internal import HoldfastEvent

/// Reads the compact rows of one chain, block after block in order.
struct RowDecoder {
  private struct Topic {
    var source: UInt8
    var arenaOffset: Int
    var byteCount: UInt16
    /// Where the topic stands in the current batch's bytes, if `batchIndex` is the current one.
    var batchOffset: UInt32
    var batchIndex: UInt32
  }

  private var topics: [Topic] = []
  private var arena: [UInt8] = []
  private var batchIndex: UInt32 = 0

  mutating func beginChain() {
    topics.removeAll(keepingCapacity: true)
    arena.removeAll(keepingCapacity: true)
  }

  /// Decodes the block's events.
  ///
  /// - Parameters:
  ///   - raw: the decompressed rows; becomes the batch's bytes, so payloads are not copied.
  ///   - header: the block's header.
  /// - Returns: nil when the rows are not what the header says.
  mutating func decode(_ raw: consuming [UInt8], header: BlockHeader) -> EventBatch? {
    batchIndex &+= 1
    var rows: [EventBatch.Row] = []
    rows.reserveCapacity(header.eventCount)
    var bytes = raw
    let rawByteCount = bytes.count
    let unit = microsecondsPerSecond / Int64(header.ticksPerSecond)
    var tick = header.boot / unit
    let offset = header.wall &- header.boot
    var position = 0
    for _ in 0..<header.eventCount {
      guard var number = Self.variable(bytes, &position, rawByteCount) else { return nil }
      if number == 0 {
        guard takeTopic(bytes, &position, rawByteCount) else { return nil }
        number = UInt64(topics.count)
      }
      guard number <= UInt64(topics.count), position < rawByteCount else { return nil }
      let flags = bytes[position]
      position += 1
      guard let delta = Self.variable(bytes, &position, rawByteCount), delta <= Self.deltaMax,
        let payloadByteCount = Self.length(bytes, &position, rawByteCount)
      else { return nil }
      let payloadOffset = position
      position += payloadByteCount
      var propertiesByteCount = 0
      if flags & RowEncoder.flagProperties != 0 {
        guard let count = Self.length(bytes, &position, rawByteCount) else { return nil }
        propertiesByteCount = count
      }
      let propertiesOffset = position
      position += propertiesByteCount
      let topic = place(Int(number) - 1, into: &bytes)
      tick &+= Int64(delta)
      let boot = tick &* unit
      rows.append(
        EventBatch.Row(
          boot: boot,
          wall: boot &+ offset,
          topicOffset: topic.batchOffset,
          topicByteCount: topic.byteCount,
          payloadOffset: UInt32(payloadOffset),
          payloadByteCount: UInt32(payloadByteCount),
          propertiesOffset: UInt32(propertiesOffset),
          propertiesByteCount: UInt32(propertiesByteCount),
          source: topic.source,
          flags: EventFlags(rawValue: flags & ~RowEncoder.flagProperties)
        )
      )
    }
    return position == rawByteCount ? EventBatch(bytes: bytes, rows: rows) : nil
  }

  /// Ticks between two rows are bounded, so that sums can't overflow (over 100 years of ms).
  static let deltaMax: UInt64 = 1 << 42

  /// Reads a new topic's source and text and remembers both.
  private mutating func takeTopic(
    _ bytes: [UInt8],
    _ position: inout Int,
    _ limit: Int
  ) -> Bool {
    guard position < limit, topics.count < Format.topicCountMax else { return false }
    let source = bytes[position]
    position += 1
    guard let count = Self.length(bytes, &position, limit), count <= Int(UInt16.max),
      arena.count + count <= Format.topicByteCountMax
    else { return false }
    topics.append(
      Topic(
        source: source,
        arenaOffset: arena.count,
        byteCount: UInt16(count),
        batchOffset: UInt32(position),
        batchIndex: batchIndex
      )
    )
    arena.append(contentsOf: bytes[position..<position + count])
    position += count
    return true
  }

  /// The topic, with its text standing somewhere in `bytes`; appended once per batch if need be.
  @inline(__always)
  private mutating func place(_ index: Int, into bytes: inout [UInt8]) -> Topic {
    if topics[index].batchIndex != batchIndex {
      let start = topics[index].arenaOffset
      topics[index].batchOffset = UInt32(bytes.count)
      topics[index].batchIndex = batchIndex
      bytes.append(contentsOf: arena[start..<start + Int(topics[index].byteCount)])
    }
    return topics[index]
  }

  @inline(__always)
  private static func variable(
    _ bytes: [UInt8],
    _ position: inout Int,
    _ limit: Int
  ) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < limit && shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }

  /// A byte count that must fit into what is left.
  @inline(__always)
  private static func length(_ bytes: [UInt8], _ position: inout Int, _ limit: Int) -> Int? {
    guard let value = variable(bytes, &position, limit), value <= UInt64(limit - position) else {
      return nil
    }
    return Int(value)
  }
}
