internal import HoldfastCodec
internal import HoldfastEvent
internal import HoldfastRingLog

/// A ring log of the smallest geometry on a simulated disk, and the history of what it was given.
final class RingRun {
  let disk: SimulatedDisk
  private(set) var configuration: RingConfiguration
  var ring: RingLog
  private(set) var history = RingHistory()
  private let contexts: CodecContexts
  private var random: SplitMix64
  private var now = RingRun.start

  static let start = ClockReading(boot: 1_000_000_000, wall: 1_700_000_000_000_000)
  static let segmentByteCount = 12 << 10
  /// So long that a state takes two sectors, and can be torn.
  private static let sourceName = "floor-" + String(repeating: "x", count: 500)
  /// So many segments fit besides the state file and the room for a second one.
  static let segmentCountMax = 7
  static let payloadByteCountMax = 3_000

  /// Begins a log on an empty disk; `prepare` is called with the disk before.
  init(
    seed: UInt64,
    configuration: RingConfiguration = RingRun.configuration(segmentCountMax: segmentCountMax),
    contexts: CodecContexts = CodecContexts(keeping: 2),
    prepare: (SimulatedDisk) -> Void = { _ in }
  ) {
    random = SplitMix64(seed: seed &+ 0x5eed)
    self.configuration = configuration
    self.contexts = contexts
    disk = SimulatedDisk(seed: seed)
    prepare(disk)
    ring = Self.open(disk, configuration, now: now, isFirst: true, contexts: contexts)
    log = ring.log
    ring.log = []
  }

  /// What the log told its operator since the start.
  private(set) var log: [LogEntry] = []

  static func configuration(
    segmentCountMax: Int,
    segmentByteCount: Int = RingRun.segmentByteCount
  ) -> RingConfiguration {
    var configuration = RingConfiguration()
    configuration.segmentByteCountMin = segmentByteCount
    configuration.segmentByteCountMax = segmentByteCount
    configuration.byteCountMax = 2 << 20 + segmentCountMax * segmentByteCount
    configuration.payloadByteCountMax = payloadByteCountMax
    configuration.chainRawByteCountMax = 2 << 10
    // Every event is read from the disk.
    configuration.tailByteCountMax = 0
    return configuration
  }

  static func open(
    _ disk: SimulatedDisk,
    _ configuration: RingConfiguration,
    now: ClockReading,
    isFirst: Bool = false,
    contexts: CodecContexts
  ) -> RingLog {
    RingLog(
      disk: disk,
      configuration: configuration,
      sources: [sourceName],
      upstreams: ["central"],
      machine: 7,
      bootID: isFirst ? 1 : 2,
      newLog: LogID(high: 1, low: 2),
      givesUpUnreadable: false,
      contexts: contexts,
      now: now
    )
  }

  /// Does one operation; history knows of all it may do before it begins to.
  func perform(_ operation: RingOperation) throws(RingLogError) {
    history.next = ring.next
    now.boot += 1_000
    now.wall += 1_000
    switch operation {
    case .append: try append([450, 1100])
    case .commit: try commit()
    case .rotate: try rotate()
    case .recycle:
      deliver(until: ring.durable + 1)
      work()
    case .evict:
      let evictedEnd = history.evictedEnd
      for _ in 0..<8 where history.evictedEnd == evictedEnd {
        try rotate()
        noteEvicted()
      }
    case .saveCursor:
      deliver(until: ring.upstream(0).cursor + 1)
      try save()
    case .seal: work()
    case .drop:
      try append([200, Self.payloadByteCountMax + 1, 300])
      try commit()
    case .writeThrough:
      for _ in 0..<2 {
        try append([600])
        try ring.writeThrough(now: now)
      }
    case .handOver: handOver()
    case .stop: try stop()
    case .kill: restart()
    case .lower:
      configuration = Self.configuration(segmentCountMax: 5)
      try stop()
      work()
    case .raise:
      configuration = Self.configuration(segmentCountMax: Self.segmentCountMax)
      try stop()
    }
    noteEvicted()
  }

  private func rotate() throws(RingLogError) {
    try append([2_900, 2_900, 2_900])
    try commit()
  }

  private func commit() throws(RingLogError) {
    let count = history.events.count
    let dropCount = history.drops.count
    try ring.commit(now: now)
    history.acknowledgedCount = count
    history.acknowledgedDropCount = dropCount
  }

  private func save() throws(RingLogError) {
    let cursor = history.cursor
    try ring.saveState(now: now)
    history.savedCursor = cursor
  }

  private func work() {
    for _ in 0..<200 where !ring.work(now: now) { return }
  }

  private func stop() throws(RingLogError) {
    let (count, dropCount, cursor) = (history.events.count, history.drops.count, history.cursor)
    try ring.close(now: now)
    history.acknowledgedCount = count
    history.acknowledgedDropCount = dropCount
    history.savedCursor = cursor
    reopen()
  }

  /// Appends events of about these sizes.
  private func append(_ byteCounts: [Int]) throws(RingLogError) {
    var batch = EventBatch()
    var number = ring.next
    for byteCount in byteCounts {
      let topic = Array("s/\(random.next() % 4)".utf8)
      var payload = Array(String(number).utf8) + [0]
      let wanted =
        byteCount > Self.payloadByteCountMax
        ? byteCount : byteCount - Int(random.next() % UInt64(byteCount / 4))
      while payload.count < wanted {
        let word = random.next()
        for shift in stride(from: 0, to: 64, by: 8) { payload.append(UInt8(word >> shift & 0xff)) }
      }
      if byteCount > Self.payloadByteCountMax {
        history.drops.append(number)
      } else {
        payload.removeLast(payload.count - wanted)
        history.events.append(
          RingHistory.Event(
            number: number,
            topic: topic,
            payload: payload,
            milliseconds: now.boot / 1_000
          )
        )
        number += 1
      }
      batch.append(topic: topic, payload: payload, clock: now)
    }
    do throws(RingLogError) { try ring.append(batch, source: 0, now: now) } catch {
      takeBack(byteCounts.count)
      throw error
    }
  }

  /// After an append that failed: part of it may be stored, and what is not has no number or an
  /// unused one.
  private func takeBack(_ count: Int) {
    let unused = ring.gaps.filter { $0.reason == .unused }
    let isGone = { (number: SequenceNumber) in
      number >= self.ring.next || unused.contains { $0.first <= number && number < $0.end }
    }
    let kept = max(0, history.events.count - count)
    history.events =
      history.events.prefix(kept)
      + history.events[kept...].filter {
        !isGone($0.number)
      }
    let dropCount = Int(ring.source(0).dropped[SourceDropReason.oversize.rawValue])
    if dropCount < history.drops.count {
      history.drops.removeLast(history.drops.count - dropCount)
    }
  }

  /// The account once all that was handed over is acknowledged.
  private var inFlight: UpstreamLedger?

  /// All that is durable goes on its way to the upstream, which acknowledges none of it yet.
  private func handOver() {
    let ledger = settled(inFlight ?? ring.upstream(0), until: ring.durable + 1)
    inFlight = ledger
    ring.positions[0] = ledger.cursor
  }

  /// The upstream acknowledges what it was handed, and whatever it needs to get to `end`.
  private func deliver(until end: SequenceNumber) {
    let ledger = settled(inFlight ?? ring.upstream(0), until: end)
    inFlight = nil
    history.cursor = max(history.cursor, ledger.cursor)
    ring.positions[0] = ledger.cursor
    ring.settle(0, ledger)
  }

  /// The account after reading on, each number settled in its term.
  private func settled(_ account: UpstreamLedger, until end: SequenceNumber) -> UpstreamLedger {
    var ledger = account
    var passed = 0
    walk: while ledger.cursor < end {
      switch ring.read(0, from: ledger.cursor, passedGaps: passed, now: now) {
      case .end: break walk
      case .gap(let gap):
        guard gap.reason.coversNumbers else {
          passed += 1
          continue walk
        }
        let count = gap.end - ledger.cursor
        if gap.reason == .evicted { ledger.lost[LossReason.evicted.rawValue] += count }
        if gap.reason == .corrupt { ledger.lost[LossReason.corrupt.rawValue] += count }
        ledger.cursor = gap.end
      case .events(let batch, _):
        let count = min(batch.end, end) - ledger.cursor
        ledger.delivered += count
        ledger.cursor += count
      }
      passed = 0
    }
    return ledger
  }

  private func noteEvicted() {
    for gap in ring.gaps where gap.reason == .evicted {
      history.evictedEnd = max(history.evictedEnd, gap.end)
    }
    // What was evicted in flight has no record while the process lives.
    if inFlight != nil { history.evictedEnd = max(history.evictedEnd, ring.oldest) }
  }

  /// An eviction whose save failed may be durable all the same.
  private func noteAttemptedEviction() {
    let isFull = ring.byteCount + 3 * Self.segmentByteCount > configuration.byteCountMax - 1 << 20
    guard ring.isFailing, isFull, let oldest = ring.segmentSizes.first else { return }
    history.evictedEnd = max(history.evictedEnd, ring.oldest + UInt64(oldest.eventCount))
  }

  private func takeLog() {
    log += ring.log
    ring.log = []
  }

  /// The process dies, and starts again.
  func restart() {
    disk.kill()
    reopen()
  }

  /// Starts again on what the disk holds; what was not acknowledged may be gone.
  func reopen() {
    takeLog()
    inFlight = nil
    let hadLostWrites = disk.hasLostWrites
    ring = Self.open(disk, configuration, now: now, contexts: contexts)
    steps.formUnion(ring.recoverySteps)
    takeLog()
    resolve(hadLostWrites: hadLostWrites)
  }

  /// What its starts had to do.
  private(set) var steps: RecoverySteps = []

  /// Forgets events that a start did not find and that nobody was promised; what it calls durable
  /// counts as acknowledged from here on.
  private func resolve(hadLostWrites: Bool) {
    guard ring.isRecovered else { return }
    let end = lastEventEnd
    let kept = max(history.acknowledgedCount, history.index(of: end))
    history.events.removeLast(history.events.count - kept)
    let durableEnd = min(end, ring.durable + 1)
    let durable = max(history.acknowledgedCount, history.index(of: durableEnd))
    if hadLostWrites, history.acknowledgedCount < durable,
      !ring.recoverySteps.contains(.rewroteTail)
    {
      let first = history.events[history.acknowledgedCount].number
      history.doubtful.append(first..<history.events[durable - 1].number + 1)
    }
    history.acknowledgedCount = durable
    let drops = Int(ring.source(0).dropped[SourceDropReason.oversize.rawValue])
    if drops < history.drops.count { history.drops.removeLast(history.drops.count - drops) }
    history.acknowledgedDropCount = history.drops.count
    history.cursor = ring.upstream(0).cursor
    history.savedCursor = history.cursor
    ring.positions[0] = history.cursor
  }

  /// The number after the newest event that the log holds: what follows was never given out.
  private var lastEventEnd: SequenceNumber {
    if let last = ring.gaps.last(where: { $0.reason.coversNumbers }), last.reason == .unused,
      last.end == ring.next
    {
      return last.first
    }
    return ring.next
  }

  /// Does one operation on a disk that may fail, as the agent would: it tries a failing disk again
  /// now and then, and starts again when a stop went wrong.
  func performOnFaultyDisk(_ operation: RingOperation) {
    if !ring.isRecovered { reopen() }
    if !ring.isRecovered { return }
    defer { noteAttemptedEviction() }
    if ring.isFailing && !ring.retryDisk(now: now) && operation != .append { return }
    do throws(RingLogError) { try perform(operation) } catch {
      noteEvicted()
      guard [.stop, .lower, .raise].contains(operation) else { return }
      restart()
    }
  }

  /// Brings the log back after the disk was healed: what its owner does every few seconds.
  ///
  /// - Returns: what is wrong; nil when the log is of use again and has kept its promises.
  func problemAfterHealing() -> String? {
    if !ring.isRecovered { reopen() }
    if !ring.isRecovered { return "it can't be opened: \(log.last?.message ?? "")" }
    if !ring.retryDisk(now: now) { return "it goes on failing: \(ring.log.last?.message ?? "")" }
    do throws(RingLogError) {
      try append([300])
      try commit()
    } catch {
      return "nothing can be appended: \(error)"
    }
    noteEvicted()
    let bounds = LogWalk.Bounds(
      acknowledgedCount: history.acknowledgedCount,
      eventCount: history.events.count,
      evictedEnd: history.evictedEnd
    )
    if disk.byteCount > configuration.byteCountMax { return "\(disk.byteCount) bytes on disk" }
    return LogWalk(&ring, history, bounds, now: now, from: inFlight?.cursor).problem
  }
}
