internal import HoldfastEvent

/// Rewriting of one full hot segment without padding, a block at a time.
///
/// Larger blocks, a higher level and no padding: what 2,048 commits spread over 8 MiB becomes a
/// fraction of it. The hot file is freed only after the sealed one is durable under its name.
struct Sealer {
  var source: Segment
  let reader: SegmentReader
  /// The next number to copy.
  var position: SequenceNumber
  var file: DiskFile
  var writer: SealedWriter
  var writtenByteCount = 0
  var eventCount = 0
  /// The stamp of the open block and the number after its last event.
  var openStamp: BlockStamp?
  var openEnd: SequenceNumber = 0

  static let temporaryName = "sealing.tmp"
  /// Raw bytes and events of one sealed block: what one damaged sector can cost.
  static let blockRawByteCount = 1 << 20
  static let blockEventCount = 32_768
}

/// A block writer with a place on the heap, as the sealer around it is optional and copyable.
final class SealedWriter {
  var writer: BlockWriter

  init(ticksPerSecond: Int64) {
    writer = BlockWriter(
      limits: BlockWriter.Limits(
        // Each block is a chain of its own.
        chainRawByteCount: 1,
        blockRawByteCount: Sealer.blockRawByteCount,
        blockEventCount: Sealer.blockEventCount
      ),
      level: 3,
      isSealed: true,
      ticksPerSecond: ticksPerSecond
    )
  }
}

extension RingLog {
  /// Begins sealing the oldest full hot segment that is worth it; false if there is none.
  mutating func beginSeal(now: ClockReading) throws(DiskError) -> Bool {
    let isActiveCounted = active != nil && segments.newest?.isWorthSealing == true
    guard segments.sealableCount > Self.unsealedCountMax + (isActiveCounted ? 1 : 0),
      let source = segments.firstSealable()
    else { return false }
    guard byteCount + (source.payloadByteCount ?? source.byteCount) <= byteCountLimit
    else { return false }
    let path = directory + "/" + Sealer.temporaryName
    do throws(DiskError) { try disk.remove(path) } catch {
      // Most often it is not there.
    }
    let file = try disk.create(path)
    sealer = Sealer(
      source: source,
      reader: SegmentReader(disk: disk, contexts: contexts),
      position: source.first,
      file: file,
      // Not what is configured by now: times must stay as they are.
      writer: SealedWriter(
        ticksPerSecond: source.ticksPerSecond ?? configuration.ticksPerSecond
      )
    )
    return true
  }

  /// Copies one block, or finishes; false when there is nothing left to do.
  mutating func sealStep(now: ClockReading) throws(DiskError) {
    guard var current = sealer else { return }
    if let gap = state.gaps.covering(current.position) {
      current.position = gap.end
    } else if current.position < current.source.end {
      switch try current.reader.read(current.position, in: current.source, directory: directory) {
      case .missing(let end):
        addGap(
          current.position..<min(end, current.source.end),
          reason: .corrupt,
          now: now
        )
        current.position = min(end, current.source.end)
      case .newer:
        // Only a sealed file is ever read so.
        throw DiskError(.read, current.source.name, errno: Self.invalid)
      case .events(let batch):
        try copy(batch, into: &current)
      }
    }
    sealer = current
    if current.position >= current.source.end { try finishSeal(now: now) }
  }

  /// Appends the part of `batch` from the position up to the next gap.
  private func copy(_ batch: StoredBatch, into current: inout Sealer) throws(DiskError) {
    guard let row = batch.index(of: current.position) else {
      current.position = batch.end
      return
    }
    let end = min(batch.end, state.gaps.nextPlace(after: current.position) ?? batch.end)
    var part = batch.events
    part.rows = Array(part.rows[row..<Int(end - batch.first)])
    let stamp = BlockStamp(
      epoch: current.source.epoch ?? 0,
      log: batch.log,
      bootID: bootID,
      durable: durable
    )
    // A block holds one log and consecutive numbers only.
    if let open = current.openStamp,
      open.log != batch.log || current.openEnd != current.position
    {
      guard current.writer.writer.closeBlock(open) else {
        throw DiskError(.write, Sealer.temporaryName, errno: Self.noMemory)
      }
    }
    let taken = current.writer.writer.append(
      part,
      from: 0,
      first: current.position,
      room: Int.max >> 1,
      stamp: stamp
    )
    guard taken == part.count else {
      throw DiskError(.write, Sealer.temporaryName, errno: Self.noMemory)
    }
    current.openStamp = stamp
    current.openEnd = end
    current.eventCount += part.count
    current.position = end
    try flush(&current)
  }

  private func flush(_ current: inout Sealer) throws(DiskError) {
    let output = current.writer.writer.output
    if output.isEmpty { return }
    try disk.write(current.file, at: current.writtenByteCount, output[...])
    current.writtenByteCount += output.count
    current.writer.writer.removeOutput()
  }

  /// Makes the sealed file durable under its name, then frees the hot one.
  private mutating func finishSeal(now: ClockReading) throws(DiskError) {
    guard var current = sealer else { return }
    let source = current.source
    guard let place = segments.index(holding: source.first),
      segments[place].name == source.name
    else {
      abandonSeal()
      return
    }
    if current.eventCount == 0 {
      abandonSeal()
      segments.remove(at: place)
      isStateDirty = true
      free(source)
      return
    }
    if let stamp = current.openStamp {
      guard current.writer.writer.closeBlock(stamp) else {
        throw DiskError(.write, Sealer.temporaryName, errno: Self.noMemory)
      }
    }
    try flush(&current)
    sealer = current
    try disk.sync(current.file)
    let name = Segment.sealedName(first: source.first, end: source.end)
    try disk.rename(directory + "/" + Sealer.temporaryName, to: directory + "/" + name)
    try disk.syncDirectory(directory)
    // Not before: whoever gives up sealing after a failure closes the file, and only once.
    disk.close(current.file)
    current.reader.reset()
    sealer = nil
    segments[place] = Segment(
      name: name,
      isSealed: true,
      epoch: nil,
      first: source.first,
      end: source.end,
      byteCount: current.writtenByteCount,
      dataByteCount: current.writtenByteCount,
      payloadByteCount: current.writtenByteCount,
      wall: source.wall,
      lastWall: source.lastWall,
      endedAt: source.endedAt
    )
    for reader in allReaders { reader.forget(source.name) }
    free(source)
  }

  /// Gives up sealing; the hot segment stays as it is.
  mutating func abandonSeal() {
    guard let current = sealer else { return }
    current.reader.reset()
    disk.close(current.file)
    sealer = nil
    discard(Sealer.temporaryName)
  }

  /// EINVAL.
  private static var invalid: Int32 { 22 }
  /// ENOMEM.
  private static var noMemory: Int32 { 12 }
}
