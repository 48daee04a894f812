import HoldfastCodec
import HoldfastEvent

@testable import HoldfastRingLog

/// Header fields, then the raw rows of one block.
func fuzzRows(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  var header = blockHeader(first: 7, eventCount: 1 + input.number(below: 400))
  header.ticksPerSecond = input.bool() ? 1_000_000 : 1_000
  header.boot = input.signed()
  header.wall = input.signed()
  let raw = input.rest
  header.rawByteCount = raw.count
  var decoder = RowDecoder()
  decoder.beginChain()
  guard let events = decoder.decode(raw, header: header) else { return }
  try check(events.count == header.eventCount, "\(events.count) events")
  try check(events.bytes.count == raw.count, "a single block needs no further bytes")
  try checkRanges(events)
  // The same block once more in the chain finds its topics in the table.
  if let again = decoder.decode(raw, header: header) {
    try checkRanges(again)
    try check(images(again) == images(events), "a block says something else when read again")
  }
  guard isRegular(events, header) else { return }
  let written = encoded(events, ticksPerSecond: Int64(header.ticksPerSecond))
  try check(written.count == 1, "regular rows fill \(written.count) blocks")
  try check(decoded(written) == images(events), "rows change when they are written again")
}

/// Whether one block can hold the rows: their times rise, far from the ends of the range.
private func isRegular(_ events: EventBatch, _ header: BlockHeader) -> Bool {
  let unit = 1_000_000 / Int64(header.ticksPerSecond)
  let far = Int64.max / 4
  return (-far...far).contains(header.wall)
    && header.boot % unit == 0 && (0...far).contains(header.boot)
    && events.rows.allSatisfy { (header.boot...far).contains($0.boot) }
    && zip(events.rows, events.rows.dropFirst()).allSatisfy { $0.boot <= $1.boot }
    // Decoders take any table; an encoder begins a chain when its own is full.
    && events.rows.reduce(0) { $0 + Int($1.topicByteCount) } < Format.topicByteCountMax / 2
}

/// Events; whatever they are, what was written is read.
func fuzzRowEncoder(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  let ticksPerSecond: Int64 = input.bool() ? 1_000_000 : 1_000
  var events = input.events(countMax: 400)
  if input.bool() && !events.isEmpty {
    // One event from a clock gone mad.
    let index = input.number(below: events.count)
    events.rows[index].wall = input.signed()
    events.rows[index].boot = input.signed()
  }
  var stamper = RowStamper(ticksPerSecond: ticksPerSecond)
  stamper.stamp(&events)
  let written = encoded(events, ticksPerSecond: ticksPerSecond)
  let read = decoded(written)
  try check(read.map(\.content) == images(events).map(\.content), "what was written is not read")
  try check(read == images(events), "a reader sees other times than the writer said")
}

/// What an event must be when it is read back.
struct EventImage: Equatable {
  struct Content: Equatable {
    var topic: [UInt8]
    var payload: [UInt8]
    var properties: [UInt8]
    var source: UInt8
    var flags: UInt8
  }

  var content: Content
  var boot: Int64
  var wall: Int64
}

func images(_ events: EventBatch) -> [EventImage] {
  events.rows.indices.map { index in
    let row = events.rows[index]
    return EventImage(
      content: EventImage.Content(
        topic: Array(events.topic(index)),
        payload: Array(events.payload(index)),
        properties: row.propertiesByteCount == 0 ? [] : Array(events.properties(index)),
        source: row.source,
        flags: row.flags.rawValue
      ),
      boot: row.boot,
      wall: row.wall
    )
  }
}

/// Every part of every row lies within the batch's bytes.
func checkRanges(_ events: EventBatch) throws(Finding) {
  for row in events.rows {
    let end = max(
      row.topicRange.upperBound,
      row.payloadRange.upperBound,
      row.propertiesByteCount == 0 ? 0 : row.propertiesRange.upperBound
    )
    try check(end <= events.bytes.count, "a row ends at \(end) of \(events.bytes.count)")
  }
}

func blockHeader(first: SequenceNumber, eventCount: Int) -> BlockHeader {
  BlockHeader(
    flags: Format.flagChainStart,
    payloadByteCount: 0,
    rawByteCount: 0,
    epoch: 1,
    log: LogID(high: 1, low: 2),
    first: first,
    eventCount: eventCount,
    chainIndex: 0,
    ticksPerSecond: 1_000,
    wall: 0,
    boot: 0,
    bootID: 1,
    durable: 0,
    payloadChecksum: 0
  )
}

/// One block of rows with its header.
struct WrittenBlock {
  var header: BlockHeader
  var raw: [UInt8]
}

/// The events as the blocks of one chain, cut where the encoder asks for it.
func encoded(_ events: EventBatch, ticksPerSecond: Int64) -> [WrittenBlock] {
  var encoder = RowEncoder(ticksPerSecond: ticksPerSecond)
  encoder.beginChain()
  var blocks: [WrittenBlock] = []
  var start = 0
  func close(before end: Int) {
    guard encoder.eventCount > 0 else { return }
    var header = blockHeader(first: UInt64(start + 1), eventCount: encoder.eventCount)
    header.rawByteCount = encoder.raw.count
    header.boot = encoder.boot
    header.wall = encoder.wall
    header.ticksPerSecond = UInt32(ticksPerSecond)
    header.chainIndex = UInt32(blocks.count)
    header.flags = blocks.isEmpty ? Format.flagChainStart : 0
    blocks.append(WrittenBlock(header: header, raw: encoder.raw))
    encoder.beginBlock()
    start = end
  }
  for index in events.rows.indices {
    if !encoder.accepts(events.rows[index]) { close(before: index) }
    events.bytes.withUnsafeBytes { encoder.append(events.rows[index], $0) }
  }
  close(before: events.count)
  return blocks
}

func decoded(_ blocks: [WrittenBlock]) -> [EventImage] {
  var decoder = RowDecoder()
  decoder.beginChain()
  return blocks.flatMap { block in
    decoder.decode(block.raw, header: block.header).map(images) ?? []
  }
}

/// 128 bytes, with their checksum made right or left as it is.
func fuzzBlockHeader(_ bytes: [UInt8]) throws(Finding) {
  var header = Array(bytes.dropFirst().prefix(Format.headerByteCount))
  if (bytes.first ?? 0) & 1 == 0, header.count == Format.headerByteCount {
    header.store(crc32c(header[..<(Format.headerByteCount - 4)]), at: Format.headerByteCount - 4)
  }
  guard case .header(let read) = BlockHeader.read(header[...]) else { return }
  try check(read.first > 0 && read.first < UInt64.max >> 1, "first \(read.first)")
  try check(read.end > read.first, "the numbers wrap")
  try check((1...Format.eventCountMax).contains(read.eventCount), "\(read.eventCount) events")
  try check((0...Format.rawByteCountMax).contains(read.rawByteCount), "\(read.rawByteCount) bytes")
  try check(read.blockByteCount % Format.alignment == 0, "a block of \(read.blockByteCount)")
  try check(read.blockByteCount > read.payloadByteCount, "a block smaller than its payload")
  var again = [UInt8](repeating: 0, count: Format.headerByteCount)
  read.encode(into: &again, at: 0)
  try check(BlockHeader.read(again[...]) == .header(read), "a header changes when written again")
}

/// A claimed size, then any bytes as pieces of a zstd frame.
func fuzzDecompression(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  let byteCount = input.number(below: 65_536)
  let level = Int32(1 + input.number(below: 3))
  var decompressor = ChainDecompressor(windowLogMax: Format.windowLog + 1)
  var output: [UInt8] = []
  let first = input.part()
  for piece in [first, input.rest] {
    let isGood = decompressor.decompress(piece[...], rawByteCount: byteCount, into: &output)
    try check(output.count <= byteCount + 1, "\(output.count) bytes for \(byteCount)")
    try check(!isGood || output.count == byteCount, "good, and \(output.count) bytes")
  }
  if let whole = zstdDecompressed(bytes[...], byteCountMax: 4096) {
    try check(whole.count <= 4096, "\(whole.count) bytes above the limit")
  }
  // What was compressed, in whatever pieces, comes back.
  var compressor = ChainCompressor(level: level, windowLog: Format.windowLog)
  decompressor.beginChain()
  for piece in [first, input.rest, first] {
    var packed: [UInt8] = []
    try check(compressor.flush(piece, into: &packed), "compression fails")
    try check(
      packed.count <= ChainCompressor.byteCountBound(piece.count),
      "\(piece.count) bytes became \(packed.count)"
    )
    let isGood = decompressor.decompress(packed[...], rawByteCount: piece.count, into: &output)
    try check(isGood && output == piece, "\(piece.count) bytes don't come back")
  }
}
