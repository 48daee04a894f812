import Glibc
import HoldfastEvent
import HoldfastSimulation
import HoldfastSystem

@testable import HoldfastRingLog

/// Files in a ring beside a state, or without one: what the start says, the next number, the
/// events that can be read, the files afterwards.
let hostileRingFiles = HostileArea<[(name: String, bytes: [UInt8])]>("ring files") { files in
  let disk = SimulatedDisk(seed: 1)
  for file in files { disk.setContents("ring/\(file.name)", file.bytes) }
  return describe(disk)
}.rows([
  (
    "none", [],
    "|next 1|events []|"
  ),
  (
    "a whole segment", [("hot-00000001.seg", whole)],
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
    "a header alone", [("hot-00000001.seg", Array(whole.prefix(128)))],
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
    "hot-00000001.seg has a newer format; left alone|next 1|events []|hot-00000001.seg"
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
    files that claim numbers never given out; left alone|next 1|events \
    []|hot-00000001.seg
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
    again|next 268435457|events []|
    """
  ),
  (
    "a chain from its middle", [("hot-00000001.seg", mended { $0[52] = 7 })],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435457|events []|
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
    "the same segment twice", [("hot-00000001.seg", whole), ("hot-00000002.seg", whole)],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000002.seg
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
    "a sealed name that runs backwards", [(sealed(5, 1), whole)],
    """
    unknown file ring/sealed-0000000000000005-0000000000000001.seg; left alone|next \
    1|events []|sealed-0000000000000005-0000000000000001.seg
    """
  ),
  (
    "a sealed name up to 2^64-1", [(sealed(1, .max), whole)],
    """
    unknown file ring/sealed-0000000000000001-ffffffffffffffff.seg; left alone|next \
    1|events []|sealed-0000000000000001-ffffffffffffffff.seg
    """
  ),
  (
    "a sealed name in capitals", [("sealed-000000000000000A-000000000000000B.seg", whole)],
    """
    unknown file ring/sealed-000000000000000A-000000000000000B.seg; left alone|next \
    1|events []|sealed-000000000000000A-000000000000000B.seg
    """
  ),
  (
    "a hot name with a sign", [("hot-+0000001.seg", whole)],
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
private func describe(_ disk: SimulatedDisk) -> String {
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
private let whole: [UInt8] = {
  var events = EventBatch()
  let clock = ClockReading(boot: 1_000_000, wall: 1_700_000_000_000_000)
  for value in 0..<4 { events.append(topic: [0x61], payload: [UInt8(value)], clock: clock) }
  return segmentFile(events).file
}()

private func changed(_ offset: Int, _ mask: UInt8) -> [UInt8] {
  var bytes = whole
  bytes[offset] ^= mask
  return bytes
}

/// The segment with a change under right checksums.
private func mended(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
  var bytes = whole
  change(&bytes)
  mendChecksums(&bytes)
  return bytes
}

private func sealed(_ first: UInt64, _ end: UInt64) -> String {
  Segment.sealedName(first: first, end: end)
}

/// A state file, and what the start makes of it beside a whole segment of numbers 1 to 4.
let hostileStates = HostileArea<[UInt8]>("state file") { bytes in
  let disk = SimulatedDisk(seed: 1)
  disk.setContents("ring/state", bytes)
  disk.setContents("ring/hot-00000001.seg", whole)
  return describe(disk)
}.rows([
  (
    "whole", state(),
    "|next 5|events [1, 2, 3, 4]|hot-00000001.seg"
  ),
  (
    "empty", [],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "one byte", [0x48],
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "zeros", [UInt8](repeating: 0, count: 1 << 20),
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "ones", [UInt8](repeating: 0xff, count: 1 << 20),
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "another program's file", Array("#!/bin/sh\n".utf8),
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a wrong magic", state { $0[0] = 0x49 },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a wrong checksum", state { $0[$0.count - 1] ^= 1 },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "cut within its body", Array(state().prefix(60)),
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a body of 4 GiB", state { $0.store(UInt32.max, at: 8) },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a body of nothing", stateSlot(body: []),
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a newer version", stateSlot(body: Array(state().dropFirst(12).dropLast(4)), major: 2),
    """
    ring was written by a newer version and stays untouched; a new log begins beside \
    it|next 1|events []|1/state hot-00000001.seg
    """
  ),
  (
    "floor 0", body { $0.floor = 0 },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a floor above everything", body { $0.floor = 1000 },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a floor of 2^64-1", body { $0.floor = .max },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "an epoch of 2^64-1", body { $0.epoch = .max },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "durable of 2^64-1", body { $0.durable = .max },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "durable beyond what is there",
    body {
      $0.durable = 100
      $0.reserved = 101
    },
    """
    96 events (5-100) can't be read; recorded as a gap|next 101|events [1, 2, 3, \
    4]|hot-00000001.seg
    """
  ),
  (
    "a bound below what is durable", body { $0.reserved = 1 },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a bound of 2^64-1", body { $0.reserved = .max },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a cursor of 2^64-1", body { $0.upstreams[0].cursor = .max },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a cursor of 0", body { $0.upstreams[0].cursor = 0 },
    "|next 5|events [1, 2, 3, 4]|hot-00000001.seg"
  ),
  (
    "counters at their end", body { $0.sources[0].received = .max },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "offered at its end", body { $0.upstreams[0].offered = .max },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "another machine's", body { $0.machine = 8 },
    """
    written on another machine; new events get log id \
    00000000000000010000000000000002|next 5|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a gap over everything", body { $0.gaps.add(gap(1, 1000)) },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a gap to 2^64-1", body { $0.gaps.add(gap(1, .max)) },
    """
    the state file can't be read; counters begin at 0, what is stored is sent \
    again|next 268435461|events [1, 2, 3, 4]|hot-00000001.seg
    """
  ),
  (
    "a gap from 0", body { $0.gaps.add(gap(0, 2)) },
    "|next 5|events [2, 3, 4]|hot-00000001.seg"
  ),
])

private func gap(_ first: UInt64, _ end: UInt64) -> GapRecord {
  let log = LogID(high: 1, low: 2)
  return GapRecord(log: log, first: first, end: end, count: 1, reason: .corrupt, wall: 0)
}

private func state(_ change: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
  var bytes = body { _ in }
  change(&bytes)
  return bytes
}

/// A state of a clean stop behind number 4, with a change under a right checksum.
private func body(_ change: (inout State) -> Void) -> [UInt8] {
  var state = State(log: LogID(high: 1, low: 2), machine: 7)
  state.generation = 2
  state.isClean = true
  state.epoch = 1
  state.durable = 4
  state.reserved = 5
  state.sources = [SourceLedger(name: "floor")]
  state.upstreams = [UpstreamLedger(name: "central", cursor: 1)]
  change(&state)
  return state.encoded
}

/// Something in the place of a file or directory of ours, on a real file system.
let hostilePlaces = HostileArea<@Sendable (String) -> Void>("place") { prepare in
  var template = Array("/tmp/holdfast-hostile-XXXXXX".utf8CString)
  guard let made = mkdtemp(&template) else { return "no directory" }
  let path = String(cString: made)
  defer { removeTree(path) }
  mkdir("\(path)/ring", 0o700)
  prepare(path)
  let disk = PosixDisk(path: path, access: .exclusive)
  let ring = RingLog(
    disk: disk,
    configuration: RingConfiguration(),
    sources: ["floor"],
    upstreams: ["central"],
    machine: 7,
    bootID: 1,
    newLog: LogID(high: 1, low: 2),
    now: ClockReading(boot: 1, wall: 1)
  )
  let said = ring.log.filter { $0.level >= .warning }.map { $0.message.dropFirst(10) }
  return (ring.isRecovered ? "started" : "in memory") + said.map { "; \($0)" }.joined()
}.rows([
  ("nothing strange", { _ in }, "started"),
  (
    "a directory for a segment", { mkdir("\($0)/ring/hot-00000001.seg", 0o700) },
    "started; ring/hot-00000001.seg is not a file of ours; left alone"
  ),
  (
    "a link for a segment", { symlink("/etc/passwd", "\($0)/ring/hot-00000001.seg") },
    "started; ring/hot-00000001.seg is not a file of ours; left alone"
  ),
  (
    "a pipe for a segment", { mkfifo("\($0)/ring/hot-00000001.seg", 0o600) },
    "started; ring/hot-00000001.seg is not a file of ours; left alone"
  ),
  (
    "a directory for the state", { mkdir("\($0)/ring/state", 0o700) },
    """
    started; state open ring/state: errno 21; moved to quarantine; the state file can't \
    be read; counters begin at 0, what is stored is sent again
    """
  ),
  (
    "a link for the state", { symlink("/etc/passwd", "\($0)/ring/state") },
    """
    started; state open ring/state: errno 40; moved to quarantine; the state file can't \
    be read; counters begin at 0, what is stored is sent again
    """
  ),
  (
    "a link to nothing for the state", { symlink("/nonexistent", "\($0)/ring/state") },
    """
    started; state open ring/state: errno 40; moved to quarantine; the state file can't \
    be read; counters begin at 0, what is stored is sent again
    """
  ),
  (
    "a pipe for the state", { mkfifo("\($0)/ring/state", 0o600) },
    """
    started; state open ring/state: errno 22; moved to quarantine; the state file can't \
    be read; counters begin at 0, what is stored is sent again
    """
  ),
  (
    "a file for the ring's directory",
    {
      rmdir("\($0)/ring")
      close(open("\($0)/ring", O_CREAT | O_WRONLY, 0o600))
    },
    """
    in memory; state open ring: errno 20 and can't be moved aside: open ring: errno 20; \
    syncDirectory ring: errno 20; what is stored can't be reached: events are \
    acknowledged only when every upstream has them
    """
  ),
  (
    "a link for the ring's directory",
    {
      rmdir("\($0)/ring")
      symlink("/tmp", "\($0)/ring")
    },
    """
    in memory; state open ring: errno 20 and can't be moved aside: open ring: errno 20; \
    syncDirectory ring: errno 20; what is stored can't be reached: events are \
    acknowledged only when every upstream has them
    """
  ),
  (
    "a directory for the lock", { mkdir("\($0)/lock", 0o700) },
    """
    in memory; lock lock: errno 21; what is stored can't be reached: events are \
    acknowledged only when every upstream has them
    """
  ),
  (
    "a link for the lock", { symlink("/etc/passwd", "\($0)/lock") },
    """
    in memory; lock lock: errno 40; what is stored can't be reached: events are \
    acknowledged only when every upstream has them
    """
  ),
  (
    "a file for the quarantine", { close(open("\($0)/ring/quarantine", O_CREAT, 0o600)) },
    "started; unknown file ring/quarantine; left alone"
  ),
])

private func removeTree(_ path: String) {
  for folder in ["ring/quarantine", "ring", ""] {
    guard let stream = opendir("\(path)/\(folder)") else { continue }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name == "." || name == ".." { continue }
      remove("\(path)/\(folder)/\(name)")
    }
    closedir(stream)
  }
  rmdir("\(path)/ring/quarantine")
  rmdir("\(path)/ring")
  rmdir(path)
}
