internal import HoldfastCodec
internal import HoldfastEvent

/// Reads one segment's blocks in order; keeps its place, so that reading on costs no search.
///
/// Damage never ends reading: a bad payload costs the rest of its chain, a bad header is passed
/// in steps of 4 KiB until a chain begins. What is missing is told by number, never guessed.
final class SegmentReader {
  enum Outcome {
    /// The number asked for is in there.
    case events(StoredBatch)
    /// The numbers from the one asked for up to this one can't be read.
    case missing(until: SequenceNumber)
    /// A newer version wrote this sealed file, or what follows in it.
    case newer
  }

  private let disk: any Disk
  private var segment: Segment?
  private var file: DiskFile?
  /// Where the next block may begin.
  private var offset = 0
  /// Index of the block that continues the open chain; nil while no chain is open.
  private var chainIndex: UInt32?
  private var decompressor: ChainDecompressor
  private var decoder = RowDecoder()
  private var current: StoredBatch?
  private var raw: [UInt8] = []
  private var window: [UInt8] = []
  private var windowOffset = 0
  /// The latest failure to read, during the current call.
  private var readError: DiskError?
  /// What can't be read counts as damage, instead of being an error that may pass.
  var isForgiving = false
  /// Since when reading has failed, microseconds by boot clock; kept by the owner.
  var failingSince: Int64?

  init(disk: any Disk, contexts: CodecContexts = CodecContexts()) {
    self.disk = disk
    decompressor = ChainDecompressor(windowLogMax: Format.windowLog + 1, contexts: contexts)
  }

  /// Lets go of the file; the next read searches anew.
  func reset() {
    if let file { disk.close(file) }
    file = nil
    segment = nil
    current = nil
    chainIndex = nil
    window.removeAll()
  }

  /// Lets go of a file that is about to be freed.
  func forget(_ name: String) {
    if segment?.name == name { reset() }
  }

  /// Reads the block that holds `sequence`, which lies within `target`.
  ///
  /// - Throws: when the file can't be opened or, unless ``isForgiving``, read: the bus may be at
  ///   fault, and an intact block must not be given up for it.
  /// - Complexity: O(block) when reading on, O(blocks in the segment) after a jump.
  func read(
    _ sequence: SequenceNumber,
    in target: Segment,
    directory: String
  ) throws(DiskError) -> Outcome {
    if let current, segment?.name == target.name, segment?.epoch == target.epoch,
      current.index(of: sequence) != nil
    {
      return .events(current)
    }
    readError = nil
    let isSame = segment?.name == target.name && segment?.epoch == target.epoch
    if !isSame || file == nil || sequence < (current?.end ?? .max) {
      reset()
      file = try disk.open(directory + "/" + target.name, isWritable: false)
      segment = target
      offset = try chainStart(before: sequence)
    }
    segment = target
    let outcome = try readOn(to: sequence, in: target)
    try checkReading()
    return outcome
  }

  /// Forgets the place and throws when something could not be read.
  private func checkReading() throws(DiskError) {
    guard let error = readError, !isForgiving else { return }
    reset()
    throw error
  }

  private func readOn(
    to sequence: SequenceNumber,
    in target: Segment
  ) throws(DiskError) -> Outcome {
    while offset < target.dataByteCount {
      guard let header = header(at: offset), header.first < target.end else {
        try checkReading()
        if isNewer(at: offset) { return .newer }
        chainIndex = nil
        offset += Format.alignment
        continue
      }
      let start = offset
      offset += header.blockByteCount
      if header.isChainStart { beginChain() }
      guard let payload = payload(of: header, at: start) else {
        // The header may be another block's, and its size with it.
        chainIndex = nil
        offset = start + Format.alignment
        continue
      }
      guard var events = decode(header, payload) else {
        chainIndex = nil
        continue
      }
      if header.end <= sequence { continue }
      // What follows in the block was taken back, or stands in the next segment as well.
      if header.end > target.end { events.rows.removeLast(Int(header.end - target.end)) }
      current = StoredBatch(log: header.log, first: header.first, events: events)
      if header.first > sequence { return .missing(until: header.first) }
      return current.map { .events($0) } ?? .missing(until: target.end)
    }
    return .missing(until: target.end)
  }

  private func beginChain() {
    chainIndex = 0
    decompressor.beginChain()
    decoder.beginChain()
  }

  /// The compressed bytes behind a header; nil when they are not what it says.
  private func payload(of header: BlockHeader, at offset: Int) -> ArraySlice<UInt8>? {
    let payload = bytes(at: offset + Format.headerByteCount, count: header.payloadByteCount)
    let isWhole =
      payload.count == header.payloadByteCount && crc32c(payload) == header.payloadChecksum
    return isWhole ? payload : nil
  }

  /// The block's events; nil when it does not continue the open chain.
  private func decode(_ header: BlockHeader, _ payload: ArraySlice<UInt8>) -> EventBatch? {
    guard let expected = chainIndex, header.chainIndex == expected else { return nil }
    chainIndex = expected &+ 1
    guard
      decompressor.decompress(payload, rawByteCount: header.rawByteCount, into: &raw)
    else { return nil }
    // The decoder keeps `raw` as the batch's bytes; the next block gets a buffer of its own.
    let rows = raw
    raw = []
    return decoder.decode(rows, header: header)
  }

  /// Offset of the last chain that begins at or before `sequence`.
  private func chainStart(before sequence: SequenceNumber) throws(DiskError) -> Int {
    guard let segment else { return 0 }
    var start = 0
    var probe = 0
    while probe < segment.dataByteCount {
      guard let header = header(at: probe) else {
        try checkReading()
        probe += Format.alignment
        continue
      }
      if header.first > sequence { break }
      if header.isChainStart { start = probe }
      probe += header.blockByteCount
    }
    return start
  }

  /// The header at `offset`, if it is one of this segment's life.
  private func header(at offset: Int) -> BlockHeader? {
    guard let segment else { return nil }
    let slice = bytes(at: offset, count: Format.headerByteCount)
    guard case .header(let header) = BlockHeader.read(slice) else { return nil }
    if let epoch = segment.epoch, header.epoch != epoch { return nil }
    // The zeros up to the next multiple may be cut off.
    let end = offset + Format.headerByteCount + header.payloadByteCount
    return end <= segment.dataByteCount ? header : nil
  }

  /// Whether a newer version wrote what stands at `offset`.
  ///
  /// Only in a sealed file: in a hot one it is left over from an earlier life.
  private func isNewer(at offset: Int) -> Bool {
    guard segment?.epoch == nil else { return false }
    return BlockHeader.read(bytes(at: offset, count: Format.headerByteCount)) == .newer
  }

  /// Up to `count` bytes at `offset`, never beyond what is durable; short when unreadable.
  private func bytes(at offset: Int, count: Int) -> ArraySlice<UInt8> {
    guard let segment, let file else { return [] }
    let end = min(offset + count, segment.dataByteCount)
    guard offset < end else { return [] }
    if offset < windowOffset || end > windowOffset + window.count {
      let wanted = min(max(count, Self.windowByteCount), segment.dataByteCount - offset)
      windowOffset = offset
      do throws(DiskError) {
        try disk.read(file, at: offset, count: wanted, into: &window)
      } catch {
        window.removeAll(keepingCapacity: true)
        return smaller(file, at: offset, count: end - offset)
      }
    }
    let start = offset - windowOffset
    return window[min(start, window.count)..<min(end - windowOffset, window.count)]
  }

  /// Reads no more than asked for, so that one bad sector costs only the block it lies in.
  private func smaller(_ file: DiskFile, at offset: Int, count: Int) -> ArraySlice<UInt8> {
    do throws(DiskError) {
      try disk.read(file, at: offset, count: count, into: &window)
      return window[...]
    } catch {
      readError = error
      window.removeAll(keepingCapacity: true)
      return []
    }
  }

  /// Bytes read ahead.
  private static let windowByteCount = 128 << 10
}
