internal import HoldfastCodec
internal import HoldfastEvent

/// What the headers of the newest segment say of where the log ends.
///
/// A block counts by its header and its payload's checksum, whether or not the chain before it
/// can still be decompressed: an event that was acknowledged and can't be read is lost, not
/// unused. Each look goes on from where the one before ended.
struct TailScan {
  let name: String
  let epoch: UInt64?
  private let first: SequenceNumber
  private var offset = 0
  /// Whole blocks, by number.
  private var blocks: [Range<SequenceNumber>] = []
  /// The highest number that some block says was durable before it.
  private(set) var proven: SequenceNumber = 0

  init(of segment: Segment) {
    name = segment.name
    epoch = segment.epoch
    first = segment.first
  }

  /// Reads on to the end of the file; blocks that may not be durable must be whole.
  ///
  /// - Parameters:
  ///   - file: the segment's, open for reading.
  ///   - disk: where it lies.
  ///   - byteCount: its size.
  ///   - durable: everything up to it is known to have been durable.
  ///   - isForgiving: what can't be read counts as damage.
  /// - Throws: when the file can't be read.
  mutating func advance(
    in file: DiskFile,
    on disk: any Disk,
    byteCount: Int,
    durable: SequenceNumber,
    isForgiving: Bool = false
  ) throws(DiskError) {
    var bytes: [UInt8] = []
    var place = offset
    while place < byteCount {
      do throws(DiskError) {
        try disk.read(file, at: place, count: Format.headerByteCount, into: &bytes)
        guard case .header(let header) = BlockHeader.read(bytes[...]), header.epoch == epoch else {
          place += Format.alignment
          continue
        }
        // Its writer knew so much, whatever became of the payload.
        proven = max(proven, header.durable)
        if header.end > durable + 1,
          try !Self.isWhole(header, at: place, of: file, on: disk)
        {
          place += Format.alignment
          continue
        }
        place += header.blockByteCount
        offset = place
        blocks.append(header.first..<header.end)
      } catch {
        guard isForgiving else { throw error }
        place += Format.alignment
      }
    }
  }

  private static func isWhole(
    _ header: BlockHeader,
    at offset: Int,
    of file: DiskFile,
    on disk: any Disk
  ) throws(DiskError) -> Bool {
    var payload: [UInt8] = []
    try disk.read(
      file,
      at: offset + Format.headerByteCount,
      count: header.payloadByteCount,
      into: &payload
    )
    return payload.count == header.payloadByteCount
      && crc32c(payload[...]) == header.payloadChecksum
  }

  /// Where the log ends: past what is proven, only an unbroken run of whole blocks counts.
  ///
  /// - Parameters:
  ///   - durable: the newest number known to be durable.
  ///   - gaps: tell numbers that no block needs to hold.
  /// - Returns: `written`: the number after the last block that counts; `end`: the number after
  ///   the last event that is there or is known to have been there.
  func end(
    durable: SequenceNumber,
    gaps: GapList
  ) -> (written: SequenceNumber, end: SequenceNumber) {
    let known = max(durable, proven)
    var written = first
    for block in blocks {
      let start = max(written, known + 1)
      if block.lowerBound > start,
        gaps.coveredCount(start..<block.lowerBound, reason: .unused) < block.lowerBound - start
      {
        break
      }
      written = max(written, block.upperBound)
    }
    return (written, max(known + 1, written))
  }
}
