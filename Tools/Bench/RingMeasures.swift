import ArgumentParser
import Glibc
import HoldfastEvent
import HoldfastIntake
import HoldfastRingLog
import HoldfastSystem

/// Where every measurement's clock starts, microseconds.
private let bootStart: Int64 = 1_000_000
private let wallStart: Int64 = 1_700_000_000_000_000

private func clock(_ time: Int64) -> ClockReading {
  ClockReading(boot: bootStart + time, wall: wallStart + time)
}

private func openRing(_ directory: String, byteCountMax: Int) -> RingLog {
  let disk = PosixDisk(path: directory, access: .exclusive)
  try? disk.lock()
  var configuration = RingConfiguration()
  configuration.byteCountMax = byteCountMax
  return RingLog(
    disk: disk,
    configuration: configuration,
    sources: ["bench"],
    upstreams: ["away"],
    machine: 1,
    bootID: 1,
    newLog: LogID(high: 1, low: 1),
    now: clock(0)
  )
}

struct PacedResult {
  var hotBytesPerEvent: Double
  var sealedBytesPerEvent: Double
}

/// Replays a trace by its own times under the default commit policy, the upstream being away.
///
/// The clock is simulated, the disk is real: the commits are those of a day's real traffic, only
/// closer together.
func replayAtOwnPace(_ events: [TimedEvent], directory: String) throws -> PacedResult {
  var ring = openRing(directory, byteCountMax: 4 << 30)
  var commit = GroupCommit(interval: RingConfiguration().commitInterval)
  for event in events {
    let now = clock(event.time)
    if let due = commit.commitAt, due < now.boot {
      let then = ClockReading(boot: due, wall: due - bootStart + wallStart)
      try ring.commit(now: then)
      commit.committed(now: due)
      while ring.work(now: then) {}
    }
    var batch = EventBatch()
    batch.append(topic: event.topic, payload: event.payload, clock: now)
    try ring.append(batch, source: 0, now: now)
    let isDue = commit.appended(
      now: now.boot,
      pendingByteCount: ring.pendingByteCountEstimate,
      isWindowHalfUsed: false,
      hasQoS0: false
    )
    if isDue {
      try ring.commit(now: now)
      commit.committed(now: now.boot)
      while ring.work(now: now) {}
    }
  }
  let now = clock(events.last?.time ?? 0)
  try ring.commit(now: now)
  while ring.work(now: now) {}
  var sealed = (bytes: 0, events: 0)
  var hot = (bytes: 0, events: 0)
  for segment in ring.segmentSizes {
    if segment.isSealed {
      sealed = (sealed.bytes + segment.byteCount, sealed.events + segment.eventCount)
    } else {
      hot = (hot.bytes + segment.byteCount, hot.events + segment.eventCount)
    }
  }
  return PacedResult(
    hotBytesPerEvent: Double(hot.bytes) / Double(max(1, hot.events)),
    sealedBytesPerEvent: Double(sealed.bytes) / Double(max(1, sealed.events))
  )
}

struct FastResult {
  var microsecondsPerEvent: Double
  var eventsPerCommit: Double
  var hotBytesPerEvent: Double
}

/// Appends the trace in batches of 500 with a commit after each, and counts CPU time alone.
func replayAtFullSpeed(_ events: [TimedEvent], directory: String) throws -> FastResult {
  let batchCount = 500
  var batches: [EventBatch] = []
  for start in stride(from: 0, to: events.count, by: batchCount) {
    var batch = EventBatch()
    for event in events[start..<min(start + batchCount, events.count)] {
      batch.append(topic: event.topic, payload: event.payload, clock: clock(event.time))
    }
    batches.append(batch)
  }
  var ring = openRing(directory, byteCountMax: 4 << 30)
  let before = processorMicroseconds()
  for batch in batches {
    let now = clock((batch.rows.last?.boot ?? bootStart) - bootStart)
    try ring.append(batch, source: 0, now: now)
    try ring.commit(now: now)
  }
  let used = processorMicroseconds() - before
  var hot = (bytes: 0, events: 0)
  for segment in ring.segmentSizes {
    hot = (hot.bytes + segment.byteCount, hot.events + segment.eventCount)
  }
  return FastResult(
    microsecondsPerEvent: Double(used) / Double(max(1, events.count)),
    eventsPerCommit: Double(events.count) / Double(max(1, batches.count)),
    hotBytesPerEvent: Double(hot.bytes) / Double(max(1, hot.events))
  )
}

struct StartResult {
  var byteCount: Int
  var eventCount: Int
  var milliseconds: Double
}

/// Fills a 1 GiB ring until it evicts, drops it without a stop, and opens it again.
func startOfFullRing(directory: String) throws -> StartResult {
  var random = SplitMix64(seed: 7)
  var time: Int64 = 0
  var eventCount = 0
  do {
    var ring = openRing(directory, byteCountMax: 1 << 30)
    while ring.oldest == 1 {
      var batch = EventBatch()
      for _ in 0..<200 {
        time += 1000
        let payload = (0..<512).flatMap { _ in
          withUnsafeBytes(of: random.next()) { Array($0) }
        }
        batch.append(
          topic: Array("bench/\(eventCount % 100)".utf8),
          payload: payload,
          clock: clock(time)
        )
        eventCount += 1
      }
      try ring.append(batch, source: 0, now: clock(time))
      try ring.commit(now: clock(time))
      while ring.work(now: clock(time)) {}
    }
    time += 1000
  }
  // As after a reboot: nothing of it in memory (needs root; elsewhere the cache stays warm).
  sync()
  if let caches = unsafe fopen("/proc/sys/vm/drop_caches", "w") {
    unsafe fputs("3", caches)
    unsafe _ = fclose(caches)
  }
  let before = SystemClock.boot()
  let ring = openRing(directory, byteCountMax: 1 << 30)
  let milliseconds = Double(SystemClock.boot() - before) / 1000
  return StartResult(byteCount: ring.byteCount, eventCount: eventCount, milliseconds: milliseconds)
}

/// CPU time of this process, user and system, microseconds.
func processorMicroseconds() -> Int64 {
  var usage = rusage()
  unsafe _ = getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  let seconds = Int64(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
  return seconds * 1_000_000 + Int64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
}
