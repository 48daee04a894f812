import HoldfastEvent
import HoldfastSimulation

@testable import HoldfastRingLog

/// A state file, and what the start makes of it beside a whole segment of numbers 1 to 4.
let hostileStates = HostileArea<[UInt8]>("state file") { bytes in
  let disk = SimulatedDisk(seed: 1)
  disk.setContents("ring/state", bytes)
  disk.setContents("ring/hot-00000001.seg", wholeSegment)
  return describeRing(disk)
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
