import HoldfastCodec
import HoldfastEvent
import HoldfastSimulation

@testable import HoldfastRingLog

/// Blocks of any content whose checksums are right, whatever they say.
///
/// So the checksums stop nothing, and every rule behind them is tried.
func fuzzBlocks(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  let isSealed = input.bool()
  let first = UInt64(1 + input.number(below: 40))
  let end = first + UInt64(1 + input.number(below: 600))
  let file = forgedSegment(&input)
  let segment = segment(file, isSealed: isSealed, first: first, end: end)
  _ = try readAll(file, segment)
}

/// A file that is written block by block as the input says.
func forgedSegment(_ input: inout FuzzInput) -> [UInt8] {
  var compressor = ChainCompressor(level: 1, windowLog: Format.windowLog)
  var file: [UInt8] = []
  var number: UInt64 = 1
  var chainIndex: UInt32 = 0
  while !input.isEmpty && file.count < 256 << 10 {
    let control = input.byte()
    if control & 0x80 != 0 {
      file += [UInt8](repeating: 0, count: Format.alignment * (1 + Int(control & 3)))
      continue
    }
    var header = blockHeader(first: number, eventCount: 1 + Int(input.byte() & 31))
    if control & 1 != 0 {
      compressor.beginChain()
      chainIndex = 0
    } else {
      header.flags = 0
    }
    if control & 2 != 0 { header.first = UInt64(1 + input.number(below: 700)) }
    if control & 4 != 0 { header.epoch = UInt64(input.byte() & 3) }
    if control & 8 != 0 { header.durable = UInt64(input.number(below: 700)) }
    if control & 16 != 0 { (header.boot, header.wall) = (input.signed(), input.signed()) }
    header.chainIndex = chainIndex
    chainIndex += 1
    var payload: [UInt8] = []
    let raw = input.part()
    header.rawByteCount = raw.count
    if control & 32 != 0 {
      // Rows in a frame that is none.
      payload = raw
      header.rawByteCount = input.number(below: 9000)
    } else {
      _ = compressor.flush(raw, into: &payload)
      if control & 64 != 0 { header.rawByteCount = input.number(below: 300) }
    }
    append(header, payload, to: &file)
    number = header.end
  }
  return file
}

private func append(_ header: BlockHeader, _ payload: [UInt8], to file: inout [UInt8]) {
  var header = header
  header.payloadByteCount = payload.count
  header.payloadChecksum = crc32c(payload[...])
  let start = file.count
  file += [UInt8](repeating: 0, count: Format.headerByteCount)
  file += payload
  header.encode(into: &file, at: start)
  file += [UInt8](repeating: 0, count: Format.aligned(file.count) - file.count)
}

/// A whole file as it is; by the first byte the checksums of what looks like a block are mended.
func fuzzSegmentFile(_ bytes: [UInt8]) throws(Finding) {
  var file = Array(bytes.dropFirst(3))
  let control = bytes.first ?? 0
  if control & 1 == 0 { mendChecksums(&file) }
  let first = UInt64(1 + Int(bytes.dropFirst().first ?? 0) % 40)
  let end = first + 1 + UInt64(bytes.dropFirst(2).first ?? 0)
  let segment = segment(file, isSealed: control & 2 != 0, first: first, end: end)
  _ = try readAll(file, segment)
}

/// Makes both checksums of every block right that lies within the file.
func mendChecksums(_ file: inout [UInt8]) {
  var offset = 0
  while offset + Format.headerByteCount <= file.count {
    var reader = ByteReader(file[offset...])
    var step = Format.alignment
    if reader.fixed() == Format.blockMagic {
      var sizes = ByteReader(file[(offset + 8)...])
      let payloadByteCount = Int(sizes.fixed(UInt32.self) ?? 0)
      let start = offset + Format.headerByteCount
      if start + payloadByteCount <= file.count {
        file.store(crc32c(file[start..<(start + payloadByteCount)]), at: start - 8)
        step = Format.aligned(Format.headerByteCount + payloadByteCount)
      }
      file.store(crc32c(file[offset..<(start - 4)]), at: start - 4)
    }
    offset += step
  }
}

/// Events are written by the real writer; then bytes change, and no checksum is mended.
///
/// Whatever is read must be what was written under that number.
func fuzzSegmentDamage(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  var damages: [(kind: UInt8, place: Int, value: UInt8)] = []
  for _ in 0..<input.number(below: 6) {
    damages.append((input.byte() & 3, Int(input.unsigned() & 0xffff_ffff), input.byte()))
  }
  let events = input.events(countMax: 200)
  if events.isEmpty { return }
  let (written, model) = segmentFile(events)
  var file = written
  for damage in damages { apply(damage, to: &file) }
  let segment = segment(file, isSealed: false, first: 1, end: UInt64(model.count + 1))
  let read = try readAll(file, segment)
  for (number, image) in read {
    try check(model[Int(number) - 1] == image, "event \(number) is another one")
  }
  if file == written { try check(read.count == model.count, "\(read.count) of \(model.count)") }
}

/// The events in blocks of a few each, as the agent would write them, and as a reader must see them.
func segmentFile(_ events: EventBatch) -> (file: [UInt8], model: [EventImage]) {
  var events = events
  var writer = BlockWriter(
    limits: BlockWriter.Limits(
      chainRawByteCount: 1500,
      blockRawByteCount: 400,
      blockEventCount: 16
    ),
    level: 1,
    isSealed: false,
    ticksPerSecond: 1_000
  )
  let stamp = BlockStamp(epoch: 1, log: LogID(high: 1, low: 2), bootID: 1, durable: 0)
  var stamper = RowStamper(ticksPerSecond: 1_000)
  stamper.stamp(&events)
  _ = writer.append(events, from: 0, first: 1, room: 16 << 20, stamp: stamp)
  _ = writer.closeBlock(stamp)
  return (writer.output, images(events))
}

private func apply(_ damage: (kind: UInt8, place: Int, value: UInt8), to file: inout [UInt8]) {
  guard !file.isEmpty else { return }
  let place = damage.place % file.count
  switch damage.kind {
  case 0: file[place] ^= damage.value
  case 1: file.removeLast(file.count - place)
  case 2:
    let sector = place / 512 * 512
    for index in sector..<min(sector + 512, file.count) { file[index] = 0 }
  default:
    // A block's copy stands in another block's place.
    let source = Int(damage.value) * Format.alignment
    let target = place / Format.alignment * Format.alignment
    for index in 0..<Format.alignment
    where source + index < file.count && target + index < file.count {
      file[target + index] = file[source + index]
    }
  }
}

func segment(_ file: [UInt8], isSealed: Bool, first: UInt64, end: UInt64) -> Segment {
  Segment(
    name: "hot-00000001.seg",
    isSealed: isSealed,
    epoch: isSealed ? nil : 1,
    first: first,
    end: end,
    byteCount: file.count,
    dataByteCount: file.count,
    payloadByteCount: nil,
    wall: nil
  )
}

/// Everything that a reader finds, checked for what a caller relies on.
func readAll(
  _ file: [UInt8],
  _ segment: Segment
) throws(Finding) -> [SequenceNumber: EventImage] {
  let disk = SimulatedDisk(seed: 1)
  disk.setContents("ring/\(segment.name)", file)
  let reader = SegmentReader(disk: disk)
  var found: [SequenceNumber: EventImage] = [:]
  var position = segment.first
  while position < segment.end {
    guard let outcome = try? reader.read(position, in: segment, directory: "ring") else {
      throw Finding("a file in memory can't be read")
    }
    switch outcome {
    case .missing(let next):
      try check(next > position && next <= segment.end, "missing to \(next) from \(position)")
      position = next
    case .newer:
      return found
    case .events(let batch):
      guard let row = batch.index(of: position) else {
        throw Finding("\(position) is not in \(batch.first)..<\(batch.end)")
      }
      try check(batch.end <= segment.end, "events beyond the segment's end")
      try checkRanges(batch.events)
      for (offset, image) in images(batch.events)[row...].enumerated() {
        found[position + UInt64(offset)] = image
      }
      position = batch.end
    }
  }
  return found
}
