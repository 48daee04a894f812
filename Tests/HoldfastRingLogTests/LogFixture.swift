import HoldfastCodec
import HoldfastEvent
import HoldfastRingLog
import HoldfastSimulation
import Testing

/// A ring log over a simulated disk, with one upstream, and what went into it.
final class LogFixture {
  let disk: SimulatedDisk
  var configuration = RingConfiguration()
  var ring: RingLog
  var now = ClockReading(boot: 1_000_000, wall: 1_700_000_000_000_000)
  var random: SplitMix64

  static let log = LogID(high: 1, low: 2)

  init(
    seed: UInt64 = 1,
    byteCountMax: Int = 32 << 20,
    chainByteCount: Int = 256 << 10,
    upstreams: [String] = ["central"]
  ) {
    disk = SimulatedDisk(seed: seed)
    random = SplitMix64(seed: seed &+ 77)
    configuration.byteCountMax = byteCountMax
    configuration.segmentByteCountMin = 64 << 10
    configuration.chainRawByteCountMax = chainByteCount
    ring = Self.open(disk, configuration, upstreams, now, bootID: 1)
  }

  static func open(
    _ disk: SimulatedDisk,
    _ configuration: RingConfiguration,
    _ upstreams: [String],
    _ now: ClockReading,
    bootID: UInt64,
    newLog: LogID = log,
    givesUpUnreadable: Bool = true
  ) -> RingLog {
    RingLog(
      disk: disk,
      configuration: configuration,
      sources: ["floor"],
      upstreams: upstreams,
      machine: 7,
      bootID: bootID,
      newLog: newLog,
      givesUpUnreadable: givesUpUnreadable,
      now: now
    )
  }

  /// Starts again on what the disk holds.
  func reopen(upstreams: [String] = ["central"], newLog: LogID = log) {
    ring = Self.open(disk, configuration, upstreams, now, bootID: 2, newLog: newLog)
  }

  /// Starts again on a disk, this fixture's or a fork of it.
  func restart(
    on disk: SimulatedDisk,
    upstreams: [String] = ["central"],
    givesUpUnreadable: Bool = true
  ) {
    ring = Self.open(
      disk,
      configuration,
      upstreams,
      now,
      bootID: 2,
      givesUpUnreadable: givesUpUnreadable
    )
  }

  /// Stores events in so many commits of `count` each.
  func commit(_ count: Int, times: Int = 1, payloadByteCount: Int = 40) throws {
    for _ in 0..<times {
      try ring.append(batch(count, payloadByteCount: payloadByteCount), source: 0, now: now)
      try ring.commit(now: now)
    }
  }

  /// Does all upkeep that is due.
  func workAll() { while ring.work(now: now) {} }

  /// Lets time pass with upkeep now and then.
  func wait(_ seconds: Int64, step: Int64 = 30) {
    for _ in 0..<max(1, seconds / step) {
      now.boot += step * microsecondsPerSecond
      now.wall += step * microsecondsPerSecond
      workAll()
    }
  }

  /// `count` events whose payloads begin with their own number in the model.
  func batch(_ count: Int, payloadByteCount: Int = 40, topics: Int = 10) -> EventBatch {
    var events = EventBatch()
    for _ in 0..<count {
      let topic = "sensors/\(random.next() % UInt64(topics))/value"
      var payload = Array(String(random.next()).utf8)
      while payload.count < payloadByteCount { payload.append(UInt8(random.next() & 0xff)) }
      events.append(topic: Array(topic.utf8), payload: payload, clock: now)
      now.boot += 1_000
      now.wall += 1_000
    }
    return events
  }

  /// Reads everything that upstream `index` can see from number `first` on.
  func readAll(
    from first: SequenceNumber = 1,
    upstream index: Int = 0
  ) -> (events: [SequenceNumber: [UInt8]], gaps: [GapRecord]) {
    var events: [SequenceNumber: [UInt8]] = [:]
    var gaps: [GapRecord] = []
    var position = first
    var passed = 0
    while true {
      switch ring.read(index, from: position, passedGaps: passed, now: now) {
      case .end: return (events, gaps)
      case .gap(let gap):
        gaps.append(gap)
        if gap.reason.coversNumbers {
          #expect(gap.first == position && gap.end > position)
          position = gap.end
          passed = 0
        } else {
          passed += 1
        }
      case .events(let batch, let row):
        for index in row..<batch.events.count {
          events[batch.first + UInt64(index)] =
            Array(batch.events.topic(index)) + [0] + Array(batch.events.payload(index))
        }
        position = batch.end
        passed = 0
      }
    }
  }

  /// Marks everything up to the durable end as delivered to upstream `index`.
  func deliverAll(upstream index: Int = 0) {
    var ledger = ring.upstream(index)
    let end = ring.durable + 1
    ledger.delivered += end - ledger.cursor
    ledger.cursor = end
    ring.settle(index, ledger)
    ring.positions[index] = end
  }
}

/// What a reader must see of each event: topic, NUL, payload.
func images(of events: EventBatch) -> [[UInt8]] {
  events.rows.indices.map { Array(events.topic($0)) + [0] + Array(events.payload($0)) }
}

/// CRC-32C bit by bit, independent of the one under test.
func crc32c(_ bytes: ArraySlice<UInt8>) -> UInt32 {
  var checksum = UInt32.max
  for byte in bytes {
    checksum ^= UInt32(byte)
    for _ in 0..<8 { checksum = checksum >> 1 ^ (checksum & 1 == 1 ? 0x82f6_3b78 : 0) }
  }
  return ~checksum
}

/// A state file as a newer version would have written it: both slots, checksums and all.
func asNewerVersion(_ contents: [UInt8]) -> [UInt8] {
  var state = contents
  for start in [0, state.count / 2] {
    let count = (0..<4).reduce(0) { $0 | Int(state[start + 8 + $1]) << (8 * $1) }
    let end = start + 12 + count
    state[start + 4] = 2
    let checksum = crc32c(state[start..<end])
    for index in 0..<4 { state[end + index] = UInt8(checksum >> (8 * index) & 0xff) }
  }
  return state
}
