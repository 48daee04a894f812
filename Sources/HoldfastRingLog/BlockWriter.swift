internal import HoldfastCodec
internal import HoldfastEvent

/// What a block's header says besides its contents.
struct BlockStamp {
  var epoch: UInt64
  var log: LogID
  var bootID: UInt64
  var durable: SequenceNumber
}

/// Gathers events into finished, aligned blocks for one segment after another.
///
/// Rows → chain → block: a block is closed at a commit, when it is large, or when the clocks'
/// offset changes; a chain ends when its raw bytes or its topic table are full, and with the
/// segment. Nothing here touches a disk; `output` is what the owner writes.
struct BlockWriter: ~Copyable {
  struct Limits {
    var chainRawByteCount: Int
    var blockRawByteCount: Int
    var blockEventCount: Int
  }

  private var encoder: RowEncoder
  private var compressor: ChainCompressor
  private let limits: Limits
  private let flags: UInt8
  private let ticksPerSecond: Int64
  private var chainRawByteCount = 0
  private var chainIndex: UInt32 = 0
  private var blockFirst: SequenceNumber = 0
  /// Closed blocks, one after another, ready to be written at an aligned offset.
  private(set) var output: [UInt8] = []
  /// Compressed bytes in `output`, headers and padding left out.
  private(set) var outputPayloadByteCount = 0
  /// Bytes out per byte in of the latest blocks: an estimate for what is still raw.
  private var ratio = 0.5

  init(
    limits: Limits,
    level: Int32,
    isSealed: Bool,
    ticksPerSecond: Int64,
    contexts: CodecContexts = CodecContexts()
  ) {
    encoder = RowEncoder(ticksPerSecond: ticksPerSecond)
    compressor = ChainCompressor(
      level: level,
      windowLog: Format.windowLog,
      contexts: contexts
    )
    self.limits = limits
    self.ticksPerSecond = ticksPerSecond
    flags = isSealed ? Format.flagSealed : 0
    beginSegment()
  }

  /// Forgets what is pending; the next event begins a chain.
  mutating func beginSegment() {
    output.removeAll(keepingCapacity: true)
    outputPayloadByteCount = 0
    beginChain()
  }

  private mutating func beginChain() {
    encoder.beginChain()
    compressor.beginChain()
    chainRawByteCount = 0
    chainIndex = 0
  }

  /// Forgets `output` after its owner has written it.
  mutating func removeOutput() {
    output.removeAll(keepingCapacity: true)
    outputPayloadByteCount = 0
  }

  /// About how many compressed bytes wait, closed or not.
  var pendingByteCountEstimate: Int {
    outputPayloadByteCount + Int(Double(encoder.raw.count) * ratio)
  }

  /// Takes events from `index` on until one does not fit into `room` bytes of output.
  ///
  /// - Parameters:
  ///   - events: with the times that a reader will see, see ``RowStamper``.
  ///   - index: the first event to take.
  ///   - first: the sequence number of event `index`.
  ///   - room: bytes left in the segment, `output` not yet taken off.
  ///   - stamp: for the headers of blocks closed meanwhile.
  /// - Returns: the index after the last event taken; nil when compression failed.
  /// - Complexity: O(bytes taken).
  mutating func append(
    _ events: EventBatch,
    from index: Int,
    first: SequenceNumber,
    room: Int,
    stamp: BlockStamp
  ) -> Int? {
    let count = events.rows.count
    var index = index
    var number = first
    while index < count {
      let row = events.rows[index]
      let bound = RowEncoder.byteCountBound(row)
      let isFull =
        encoder.raw.count + bound > limits.blockRawByteCount
        || encoder.eventCount >= limits.blockEventCount || !encoder.accepts(row)
      if encoder.eventCount > 0 && (isFull || !fits(encoder.raw.count + bound, room)) {
        guard closeBlock(stamp) else { return nil }
      }
      if encoder.eventCount == 0 {
        if chainRawByteCount >= limits.chainRawByteCount || encoder.needsNewChain(for: row) {
          beginChain()
        }
        guard fits(bound, room) else { return index }
        blockFirst = number
      }
      unsafe events.bytes.withUnsafeBytes { unsafe encoder.append(row, $0) }
      index += 1
      number += 1
    }
    return index
  }

  /// The most further segments that events can need, after `room` bytes of the one being written.
  ///
  /// Every block counts as if nothing could be compressed. A chain that ends for its topics costs a
  /// block more than is counted here: rare, and the disk says so then.
  ///
  /// - Complexity: O(events).
  func segmentCountBound(
    _ events: EventBatch,
    payloadByteCountMax: Int,
    room: Int,
    segmentByteCount: Int
  ) -> Int {
    var count = 0
    var room = room - output.count
    var rawByteCount = encoder.raw.count
    var eventCount = encoder.eventCount
    var previous: EventBatch.Row?
    for row in events.rows where Int(row.payloadByteCount) <= payloadByteCountMax {
      let bound = RowEncoder.byteCountBound(row)
      // What came earlier bears other times.
      let isFull =
        rawByteCount + bound > limits.blockRawByteCount || eventCount >= limits.blockEventCount
        || previous.map { $0.boot != row.boot || $0.wall != row.wall } ?? (eventCount > 0)
      if eventCount > 0 && (isFull || Self.byteCountBound(rawByteCount + bound) > room) {
        room -= Self.byteCountBound(rawByteCount)
        rawByteCount = 0
        eventCount = 0
      }
      if eventCount == 0 && Self.byteCountBound(bound) > room {
        count += 1
        room = segmentByteCount
      }
      rawByteCount += bound
      eventCount += 1
      previous = row
    }
    return count
  }

  /// The most bytes of a block.
  private static func byteCountBound(_ rawByteCount: Int) -> Int {
    Format.aligned(Format.headerByteCount + ChainCompressor.byteCountBound(rawByteCount))
  }

  private func fits(_ rawByteCount: Int, _ room: Int) -> Bool {
    output.count + Self.byteCountBound(rawByteCount) <= room
  }

  /// Compresses the pending rows into a block at the end of `output`; false when zstd fails.
  mutating func closeBlock(_ stamp: BlockStamp) -> Bool {
    guard encoder.eventCount > 0 else { return true }
    let start = output.count
    output.append(contentsOf: repeatElement(0, count: Format.headerByteCount))
    guard compressor.flush(encoder.raw, into: &output) else { return false }
    let payloadStart = start + Format.headerByteCount
    let payloadByteCount = output.count - payloadStart
    let header = BlockHeader(
      flags: flags | (chainIndex == 0 ? Format.flagChainStart : 0),
      payloadByteCount: payloadByteCount,
      rawByteCount: encoder.raw.count,
      epoch: stamp.epoch,
      log: stamp.log,
      first: blockFirst,
      eventCount: encoder.eventCount,
      chainIndex: chainIndex,
      ticksPerSecond: UInt32(ticksPerSecond),
      wall: encoder.wall,
      boot: encoder.boot,
      bootID: stamp.bootID,
      durable: stamp.durable,
      payloadChecksum: crc32c(output[payloadStart...])
    )
    header.encode(into: &output, at: start)
    let padding = Format.aligned(output.count) - output.count
    output.append(contentsOf: repeatElement(0, count: padding))
    outputPayloadByteCount += payloadByteCount
    ratio = 0.75 * ratio + 0.25 * Double(payloadByteCount) / Double(max(1, encoder.raw.count))
    chainRawByteCount += encoder.raw.count
    chainIndex += 1
    encoder.beginBlock()
    return true
  }
}
