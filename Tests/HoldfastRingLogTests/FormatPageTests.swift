import Glibc
import HoldfastCodec
import HoldfastEvent
import HoldfastSimulation
import Testing

@testable import HoldfastRingLog

/// `docs/format.md` and the encoder say the same.
@Suite struct FormatPageTests {
  @Test func `the block of the page is what the encoder writes`() throws {
    let output = try block()
    let header = try header(output)
    let used = Format.headerByteCount + header.payloadByteCount
    try expectPage("block", shows: Array(output[..<used]))
    #expect(output.count == Format.alignment)
    #expect(output[used...].allSatisfy { $0 == 0 })
  }

  @Test func `the rows of the page are what the block's payload holds`() throws {
    let output = try block()
    let header = try header(output)
    var decompressor = ChainDecompressor(windowLogMax: Format.windowLog)
    decompressor.beginChain()
    var rows: [UInt8] = []
    let payload = output[Format.headerByteCount...].prefix(header.payloadByteCount)
    let isWhole = decompressor.decompress(
      payload,
      rawByteCount: header.rawByteCount,
      into: &rows
    )
    #expect(isWhole)
    try expectPage("rows", shows: rows)
  }

  @Test func `the state of the page is what the encoder writes`() throws {
    var state = State(log: LogID(high: 1, low: 2), machine: 3)
    state.generation = 4
    state.epoch = 5
    state.floor = 6
    state.durable = 20
    state.reserved = 21
    state.isClean = true
    var source = SourceLedger(name: "s")
    source.received = 15
    source.stored = 14
    source.dropped[SourceDropReason.oversize.rawValue] = 1
    state.sources = [source]
    var upstream = UpstreamLedger(name: "u", cursor: 9)
    upstream.offered = 14
    upstream.delivered = 2
    state.upstreams = [upstream]
    state.gaps.add(
      GapRecord(
        log: state.log,
        first: 10,
        end: 12,
        count: 2,
        reason: .evicted,
        topics: [Array("a".utf8)],
        wall: 1_700_000_000_000_000
      )
    )
    try expectPage("state", shows: state.encoded)
  }

  @Test func `the record of the page is what the encoder writes`() throws {
    let disk = SimulatedDisk(seed: 1)
    var file = RecordFile(disk: disk, name: "ring/dead-letter-x", byteCountMax: 4096)
    let isKept = file.append(Array("abc".utf8))
    #expect(isKept)
    try expectPage("record", shows: try #require(disk.contents("ring/dead-letter-x")))
  }

  @Test func `every field of the header stands where the page says`() throws {
    let header = BlockHeader(
      flags: 0x71,
      payloadByteCount: 0x7273_7475,
      rawByteCount: 0x0072_7374,
      epoch: 0x0102_0304_0506_0708,
      log: LogID(high: 0x1112_1314_1516_1718, low: 0x2122_2324_2526_2728),
      first: 0x3132_3334_3536_3738,
      eventCount: 0x4142,
      chainIndex: 0x4344_4546,
      ticksPerSecond: 1_000_000,
      wall: 0x5152_5354_5556_5758,
      boot: 0x6162_6364_6566_6768,
      bootID: 0x8182_8384_8586_8788,
      durable: 0x1192_9394_9596_9798,
      payloadChecksum: 0xA1A2_A3A4
    )
    var bytes = [UInt8](repeating: 0xEE, count: Format.headerByteCount)
    header.encode(into: &bytes, at: 0)
    #expect(BlockHeader.read(bytes[...]) == .header(header))
    let values: [String: UInt64] = [
      "magic": UInt64(Format.blockMagic), "major": 1, "minor": 0, "codec": 1, "flags": 0x71,
      "payload bytes": 0x7273_7475, "raw bytes": 0x0072_7374, "epoch": header.epoch,
      "log, high": header.log.high, "log, low": header.log.low, "first": header.first,
      "events": 0x4142, "chain index": 0x4344_4546, "ticks per second": 1_000_000,
      "reserved": 0, "wall": 0x5152_5354_5556_5758, "boot": 0x6162_6364_6566_6768,
      "boot id": header.bootID, "durable": header.durable, "zeros": 0,
      "payload checksum": 0xA1A2_A3A4, "header checksum": UInt64(crc32c(bytes[..<124])),
    ]
    let rows = try FormatPage().headerRows
    #expect(rows.count == values.count)
    var end = 0
    for row in rows {
      #expect(row.offset == end, "\(row)")
      end = row.offset + row.byteCount
      let stored = bytes[row.offset..<end].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      #expect(values[row.field] == stored, "\(row)")
    }
    #expect(end == Format.headerByteCount)
  }

  private func header(_ output: [UInt8]) throws -> BlockHeader {
    guard case .header(let header) = BlockHeader.read(output[...]) else {
      throw PageFault("the encoder wrote no header")
    }
    return header
  }

  /// The three events that the page describes, as a block.
  private func block() throws -> [UInt8] {
    var events = EventBatch()
    let start = ClockReading(boot: 5_000_000, wall: 1_700_000_000_000_000)
    events.append(topic: Array("a".utf8), payload: Array("21".utf8), clock: start)
    let later = ClockReading(boot: start.boot + 250_000, wall: start.wall + 250_000)
    events.append(
      topic: Array("a".utf8),
      payload: Array("22".utf8),
      clock: later,
      flags: [.qos1, .retained]
    )
    events.append(
      topic: Array("b/c".utf8),
      payload: Array("on".utf8),
      properties: EventProperties(pairs: [.init(name: Array("k".utf8), value: Array("v".utf8))])
        .encoded,
      clock: later
    )
    var writer = BlockWriter(
      limits: .init(chainRawByteCount: 1 << 18, blockRawByteCount: 1 << 18, blockEventCount: 100),
      level: 1,
      isSealed: false,
      ticksPerSecond: 1000
    )
    let stamp = BlockStamp(epoch: 3, log: LogID(high: 1, low: 2), bootID: 9, durable: 6)
    let taken = writer.append(events, from: 0, first: 7, room: 1 << 20, stamp: stamp)
    let isClosed = writer.closeBlock(stamp)
    #expect(taken == 3 && isClosed)
    return writer.output
  }
}

/// The page must hold exactly this dump; what it should be is told.
private func expectPage(
  _ name: String,
  shows bytes: [UInt8],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let expected = "```\(name)\n\(dumpText(bytes))\n```"
  let dump = try FormatPage().dump(name)
  #expect(dump == bytes, "the page should hold\n\(expected)", sourceLocation: sourceLocation)
}

/// As `hexdump -C` writes it.
private func dumpText(_ bytes: [UInt8]) -> String {
  let digits = { (value: Int, count: Int) in
    let text = String(value, radix: 16)
    return String(repeating: "0", count: count - text.count) + text
  }
  return stride(from: 0, to: bytes.count, by: 16).map { start in
    let part = bytes[start...].prefix(16)
    let text = part.map { (0x20..<0x7f).contains($0) ? String(UnicodeScalar($0)) : "." }.joined()
    var line = digits(start, 8)
    for index in 0..<16 {
      if index % 8 == 0 { line += " " }
      line += index < part.count ? " " + digits(Int(part[start + index]), 2) : "   "
    }
    return line + "  |\(text)|"
  }
  .joined(separator: "\n")
}

private struct PageFault: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// The page's tables and dumps.
private struct FormatPage {
  private let lines: [Substring]

  init() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    guard let file = fopen("/\(root)/docs/format.md", "r") else {
      throw PageFault("docs/format.md can't be opened")
    }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    let count = fread(&bytes, 1, bytes.count, file)
    lines = String(decoding: bytes[..<count], as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// The bytes of a dump: an offset, then bytes in hexadecimal, up to `|`.
  func dump(_ name: String) throws -> [UInt8] {
    guard let start = lines.firstIndex(of: "```\(name)") else {
      throw PageFault("the page has no dump \"\(name)\"")
    }
    var bytes: [UInt8] = []
    for line in lines[(start + 1)...].prefix(while: { $0 != "```" }) {
      let words = line.prefix { $0 != "|" }.split(separator: " ")
      guard let offset = words.first, Int(offset, radix: 16) == bytes.count else {
        throw PageFault("wrong offset: \(line)")
      }
      bytes += words.dropFirst().compactMap { UInt8($0, radix: 16) }
    }
    return bytes
  }

  /// The rows of the block header's table.
  var headerRows: [(offset: Int, byteCount: Int, field: String)] {
    guard let start = lines.firstIndex(of: "| offset | bytes | field | meaning |") else {
      return []
    }
    return lines[(start + 2)...].prefix { $0.hasPrefix("|") }.compactMap { line in
      let cells = line.split(separator: "|").map { cell in
        String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
      }
      guard cells.count == 4, let offset = Int(cells[0]), let count = Int(cells[1]) else {
        return nil
      }
      return (offset, count, cells[2])
    }
  }
}
