import HoldfastEvent
import HoldfastSimulation

@testable import HoldfastRingLog

/// Files in a ring beside a state, or without one: what the start says, the next number, the
/// events that can be read, the files afterwards.
let hostileRingFiles = HostileArea<[(name: String, bytes: [UInt8])]>("ring files") { files in
  let disk = SimulatedDisk(seed: 1)
  for file in files { disk.setContents("ring/\(file.name)", file.bytes) }
  return describeRing(disk)
}.rows([
  (
    "none", [],
    "|next 1|events []|"
  ),
  (
    "a whole segment", [("hot-00000001.seg", wholeSegment)],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "an empty segment", [("hot-00000001.seg", [])],
    "hot-00000001.seg is empty; removed|next 1|events []|"
  ),
  (
    "one byte", [("hot-00000001.seg", [0x48])],
    "hot-00000001.seg is empty; removed|next 1|events []|"
  ),
  (
    "a header alone", [("hot-00000001.seg", Array(wholeSegment.prefix(128)))],
    "hot-00000001.seg is empty; removed|next 1|events []|"
  ),
  (
    "zeros", [("hot-00000001.seg", [UInt8](repeating: 0, count: 8192))],
    "|next 1|events []|"
  ),
  (
    "ones", [("hot-00000001.seg", [UInt8](repeating: 0xff, count: 8192))],
    "|next 1|events []|"
  ),
  (
    "another program's file", [("hot-00000001.seg", Array("#!/bin/sh\n".utf8))],
    "hot-00000001.seg is empty; removed|next 1|events []|"
  ),
  (
    "a wrong magic", [("hot-00000001.seg", changed(0, 0x49))],
    "|next 1|events []|"
  ),
  (
    "a newer version", [("hot-00000001.seg", mended { $0[4] = 2 })],
    "hot-00000001.seg has a newer format; kept while there is room|next 1|events []|hot-00000001.seg"
  ),
  (
    "a newer version, by a flipped bit", [("hot-00000001.seg", changed(4, 3))],
    "|next 1|events []|"
  ),
  (
    "an unknown codec", [("hot-00000001.seg", mended { $0[6] = 9 })],
    "|next 1|events []|"
  ),
  (
    "a payload of 4 GiB", [("hot-00000001.seg", mended { $0.store(UInt32.max, at: 8) })],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435457|events []|
    """
  ),
  (
    "raw bytes of 4 GiB", [("hot-00000001.seg", mended { $0.store(UInt32.max, at: 12) })],
    "|next 1|events []|"
  ),
  (
    "an epoch of 2^64-1", [("hot-00000001.seg", mended { $0.store(UInt64.max, at: 16) })],
    "|next 1|events []|"
  ),
  (
    "number 0", [("hot-00000001.seg", mended { $0.store(UInt64(0), at: 40) })],
    "|next 1|events []|"
  ),
  (
    "number 2^64-1", [("hot-00000001.seg", mended { $0.store(UInt64.max, at: 40) })],
    "|next 1|events []|"
  ),
  (
    "number 2^63-2", [("hot-00000001.seg", mended { $0.store(UInt64.max >> 1 - 1, at: 40) })],
    """
    the state file can't be read; counters begin at 0, what is stored is sent again; \
    hot-00000001.seg claims numbers that were never given out; moved to quarantine|next 1|\
    events []|quarantine/hot-00000001.seg
    """
  ),
  (
    "no events", [("hot-00000001.seg", mended { $0.store(UInt32(0), at: 48) })],
    "|next 1|events []|"
  ),
  (
    "4 billion events", [("hot-00000001.seg", mended { $0.store(UInt32.max, at: 48) })],
    "|next 1|events []|"
  ),
  (
    "an event too many", [("hot-00000001.seg", mended { $0.store(UInt32(5), at: 48) })],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again; 5 events (1-5) can't be read; recorded as a gap|next 268435462|events []|
    """
  ),
  (
    "a chain from its middle", [("hot-00000001.seg", mended { $0[52] = 7 })],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again; 4 events (1-4) can't be read; recorded as a gap|next 268435461|events []|
    """
  ),
  (
    "no ticks per second", [("hot-00000001.seg", mended { $0.store(UInt32(0), at: 56) })],
    "|next 1|events []|"
  ),
  (
    "durable to 2^64-1", [("hot-00000001.seg", mended { $0.store(UInt64.max, at: 88) })],
    "|next 1|events []|"
  ),
  (
    "durable far ahead", [("hot-00000001.seg", mended { $0.store(UInt64(1000), at: 88) })],
    """
    the state file can't be read; counters begin at 0, what is stored is sent again; \
    996 events (5-1000) can't be read; recorded as a gap|next 268436457|events [1, 2, \
    3, 4]|hot-00000001.seg
    """
  ),
  (
    "a flipped bit in a payload", [("hot-00000001.seg", changed(130, 1))],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435457|events []|
    """
  ),
  (
    "the same segment twice",
    [("hot-00000001.seg", wholeSegment), ("hot-00000002.seg", wholeSegment)],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a sealed file of nothing", [(sealed(1, 5), [])],
    """
    sealed-0000000000000001-0000000000000005.seg is empty; moved to quarantine|next \
    1|events []|quarantine/sealed-0000000000000001-0000000000000005.seg
    """
  ),
  (
    "a sealed file of zeros", [(sealed(1, 5), [UInt8](repeating: 0, count: 8192))],
    """
    the state file can't be read; counters begin at 0, what is stored is sent again; 4 \
    events (1-4) can't be read; recorded as a gap|next 268435461|events \
    []|sealed-0000000000000001-0000000000000005.seg
    """
  ),
  (
    "a sealed name that runs backwards", [(sealed(5, 1), wholeSegment)],
    """
    unknown file ring/sealed-0000000000000005-0000000000000001.seg; left alone|next \
    1|events []|sealed-0000000000000005-0000000000000001.seg
    """
  ),
  (
    "a sealed name up to 2^64-1", [(sealed(1, .max), wholeSegment)],
    """
    unknown file ring/sealed-0000000000000001-ffffffffffffffff.seg; left alone|next \
    1|events []|sealed-0000000000000001-ffffffffffffffff.seg
    """
  ),
  (
    "a sealed name in capitals", [("sealed-000000000000000A-000000000000000B.seg", wholeSegment)],
    """
    unknown file ring/sealed-000000000000000A-000000000000000B.seg; left alone|next \
    1|events []|sealed-000000000000000A-000000000000000B.seg
    """
  ),
  (
    "a hot name with a sign", [("hot-+0000001.seg", wholeSegment)],
    "unknown file ring/hot-+0000001.seg; left alone|next 1|events []|hot-+0000001.seg"
  ),
  (
    "a foreign file", [("notes.txt", [1])],
    "unknown file ring/notes.txt; left alone|next 1|events []|notes.txt"
  ),
  (
    "a name with a line break", [("a\nb", [1])],
    "unknown file ring/a\nb; left alone|next 1|events []|a\nb"
  ),
  (
    "what an earlier start left", [("sealing.tmp", [1]), ("state.new", [2])],
    "|next 1|events []|"
  ),
])

/// Opens the log in a disk, and says what it made of it.
func describeRing(_ disk: SimulatedDisk) -> String {
  var configuration = RingConfiguration()
  configuration.segmentByteCountMin = 64 << 10
  configuration.byteCountMax = 32 << 20
  let now = ClockReading(boot: 1_000_000, wall: 1_700_000_000_000_000)
  var ring = RingLog(
    disk: disk,
    configuration: configuration,
    sources: ["floor"],
    upstreams: ["central"],
    machine: 7,
    bootID: 1,
    newLog: LogID(high: 1, low: 2),
    now: now
  )
  var found: [SequenceNumber] = []
  var position = ring.upstream(0).cursor
  walk: while found.count < 100 {
    switch ring.read(0, from: position, passedGaps: 0, now: now) {
    case .end: break walk
    case .gap(let gap): position = max(gap.end, position + 1)
    case .events(let batch, let row):
      found += (row..<batch.events.count).map { batch.first + UInt64($0) }
      position = batch.end
    }
  }
  let said = ring.log.filter { $0.level >= .warning }.map { $0.message.dropFirst(10) }
  let names = disk.fileNames.filter { $0 != "ring/state" }.map { $0.dropFirst(5) }
  return "\(said.joined(separator: "; "))|next \(ring.next)|events \(found)|"
    + names.joined(separator: " ")
}

/// Four events, numbers 1 to 4, in one block.
let wholeSegment: [UInt8] = {
  var events = EventBatch()
  let clock = ClockReading(boot: 1_000_000, wall: 1_700_000_000_000_000)
  for value in 0..<4 { events.append(topic: [0x61], payload: [UInt8(value)], clock: clock) }
  return segmentFile(events).file
}()

private func changed(_ offset: Int, _ mask: UInt8) -> [UInt8] {
  var bytes = wholeSegment
  bytes[offset] ^= mask
  return bytes
}

/// The segment with a change under right checksums.
private func mended(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
  var bytes = wholeSegment
  change(&bytes)
  mendChecksums(&bytes)
  return bytes
}

private func sealed(_ first: UInt64, _ end: UInt64) -> String {
  Segment.sealedName(first: first, end: end)
}
