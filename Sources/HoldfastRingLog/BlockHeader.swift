internal import HoldfastCodec
internal import HoldfastEvent

/// The bytes on disk, described in docs/format.md; a test compares both.
enum Format {
  /// `HFB1` in the file.
  static let blockMagic: UInt32 = 0x3142_4648
  /// A newer major version means that older readers must not touch the file.
  static let major: UInt8 = 1
  static let minor: UInt8 = 0
  /// Blocks begin at multiples of this; so does every write.
  static let alignment = 4096
  static let headerByteCount = 128
  /// Compact rows in a zstd frame that is flushed at the end of each block.
  static let codecRowsZstd: UInt8 = 1
  static let flagChainStart: UInt8 = 1
  static let flagSealed: UInt8 = 2
  /// Most raw bytes a block may claim; a reader refuses more before it allocates.
  static let rawByteCountMax = 8 << 20
  /// Most events in one block.
  static let eventCountMax = 65_536
  /// Most topics in one chain's table.
  static let topicCountMax = 4096
  /// Most topic bytes in one chain's table.
  static let topicByteCountMax = 1 << 20
  /// zstd may look back this far (base-2 logarithm).
  static let windowLog: Int32 = 20

  static func aligned(_ byteCount: Int) -> Int { (byteCount + alignment - 1) & ~(alignment - 1) }
}

/// The 128 bytes before each block: where it belongs and what its payload must be.
///
/// Header and payload have checksums of their own, so that a good header over a bad payload still
/// tells exactly which sequence numbers are gone.
struct BlockHeader: Equatable {
  var flags: UInt8
  /// Compressed bytes after the header.
  var payloadByteCount: Int
  /// Bytes after decompression.
  var rawByteCount: Int
  /// Changes at each reuse of the file, so that what an earlier life left is never read as new.
  var epoch: UInt64
  var log: LogID
  var first: SequenceNumber
  var eventCount: Int
  /// 0 at a chain's start, one more for each further block.
  var chainIndex: UInt32
  var ticksPerSecond: UInt32
  /// The first event's arrival by both clocks, microseconds, whole ticks.
  var wall: Int64
  var boot: Int64
  var bootID: UInt64
  /// What had been durable when this block was written: everything up to it was synced before.
  var durable: SequenceNumber
  var payloadChecksum: UInt32

  var isChainStart: Bool { flags & Format.flagChainStart != 0 }
  /// The number after the block's last event.
  var end: SequenceNumber { first &+ SequenceNumber(eventCount) }
  /// Header, payload and padding.
  var blockByteCount: Int { Format.aligned(Format.headerByteCount + payloadByteCount) }

  /// Writes the header over the first 128 bytes at `offset`.
  func encode(into bytes: inout [UInt8], at offset: Int) {
    var header: [UInt8] = []
    header.reserveCapacity(Format.headerByteCount)
    header.appendFixed(Format.blockMagic)
    header.append(Format.major)
    header.append(Format.minor)
    header.append(Format.codecRowsZstd)
    header.append(flags)
    header.appendFixed(UInt32(truncatingIfNeeded: payloadByteCount))
    header.appendFixed(UInt32(truncatingIfNeeded: rawByteCount))
    header.appendFixed(epoch)
    header.appendFixed(log.high)
    header.appendFixed(log.low)
    header.appendFixed(first)
    header.appendFixed(UInt32(truncatingIfNeeded: eventCount))
    header.appendFixed(chainIndex)
    header.appendFixed(ticksPerSecond)
    header.appendFixed(UInt32(0))
    header.appendFixed(wall)
    header.appendFixed(boot)
    header.appendFixed(bootID)
    header.appendFixed(durable)
    header.append(contentsOf: repeatElement(0, count: Format.headerByteCount - 8 - header.count))
    header.appendFixed(payloadChecksum)
    header.appendFixed(crc32c(header[...]))
    bytes.replaceSubrange(offset..<offset + Format.headerByteCount, with: header)
  }

  /// What stands at a place where a block could begin.
  enum Reading: Equatable {
    case header(BlockHeader)
    /// A header of a newer major version: not ours to read or to touch.
    case newer
    case nothing
  }

  /// Reads a header from the first 128 bytes of `bytes`; anything out of bounds is `.nothing`.
  static func read(_ bytes: ArraySlice<UInt8>) -> Reading {
    var reader = ByteReader(bytes.prefix(Format.headerByteCount))
    guard bytes.count >= Format.headerByteCount, reader.fixed() == Format.blockMagic,
      let major: UInt8 = reader.fixed(), reader.fixed(UInt8.self) != nil
    else { return .nothing }
    let checked = bytes.prefix(Format.headerByteCount - 4)
    var tail = ByteReader(bytes.dropFirst(Format.headerByteCount - 8).prefix(8))
    guard let payloadChecksum: UInt32 = tail.fixed(), tail.fixed() == crc32c(checked) else {
      return .nothing
    }
    // Checked first, in every version: a flipped bit must not pass for a newer format.
    if major > Format.major { return .newer }
    guard let codec: UInt8 = reader.fixed(), codec == Format.codecRowsZstd,
      let flags: UInt8 = reader.fixed(), let payload: UInt32 = reader.fixed(),
      let raw: UInt32 = reader.fixed(), let epoch: UInt64 = reader.fixed(),
      let high: UInt64 = reader.fixed(), let low: UInt64 = reader.fixed(),
      let first: UInt64 = reader.fixed(), let eventCount: UInt32 = reader.fixed(),
      let chainIndex: UInt32 = reader.fixed(), let ticks: UInt32 = reader.fixed(),
      reader.fixed(UInt32.self) != nil, let wall: Int64 = reader.fixed(),
      let boot: Int64 = reader.fixed(), let bootID: UInt64 = reader.fixed(),
      let durable: UInt64 = reader.fixed(), durable < UInt64.max >> 1,
      epoch < UInt64.max >> 1, Int(clamping: raw) <= Format.rawByteCountMax,
      // With 32 bits its end must be a number, too.
      UInt64(payload) <= UInt64(Int.max - Format.headerByteCount - Format.alignment),
      eventCount > 0, eventCount <= raw, Int(clamping: eventCount) <= Format.eventCountMax,
      first > 0,
      first < UInt64.max >> 1,
      ticks == 1_000 || ticks == 1_000_000
    else { return .nothing }
    return .header(
      BlockHeader(
        flags: flags,
        payloadByteCount: Int(payload),
        rawByteCount: Int(raw),
        epoch: epoch,
        log: LogID(high: high, low: low),
        first: first,
        eventCount: Int(eventCount),
        chainIndex: chainIndex,
        ticksPerSecond: ticks,
        wall: wall,
        boot: boot,
        bootID: bootID,
        durable: durable,
        payloadChecksum: payloadChecksum
      )
    )
  }
}
