internal import HoldfastCodec
internal import HoldfastEvent
internal import HoldfastRingLog

/// A start on one disk that a crash left, with everything that must hold then.
struct RecoveryCheck {
  let history: RingHistory
  let expectation: Expectation
  let configuration: RingConfiguration
  /// Millions of logs are opened: they share what zstd needs.
  private let contexts: CodecContexts
  /// What damage costs and no more, as ranges of numbers; nil where there is none.
  var damage: [Range<SequenceNumber>]?
  /// The second starts that were checked before; nil: each is checked.
  ///
  /// Most first starts end on few different disks: what was torn or missing is put right by then.
  var checked: CheckedStarts?
  /// Later than anything in the history.
  static let now = ClockReading(boot: 5_000_000_000, wall: 1_700_000_900_000_000)

  /// What the start had to do.
  private(set) var steps: RecoverySteps = []
  /// A bit per gap reason that was read.
  private(set) var reasons: UInt16 = 0

  init(
    _ history: RingHistory,
    _ expectation: Expectation,
    _ configuration: RingConfiguration,
    _ contexts: CodecContexts
  ) {
    self.history = history
    self.expectation = expectation
    self.configuration = configuration
    self.contexts = contexts
  }

  /// Starts, reads all, appends, loses power, starts once more, and reads all again.
  ///
  /// - Returns: what is wrong; nil when all is as it must be.
  mutating func problem(on disk: SimulatedDisk) -> String? {
    var ring = RingRun.open(disk, configuration, now: Self.now, contexts: contexts)
    disk.onChange = nil
    steps = ring.recoverySteps
    if !ring.isRecovered || ring.isFailing { return "it can't be opened: \(text(ring.log))" }
    let walk = LogWalk(
      &ring,
      history,
      LogWalk.Bounds(
        acknowledgedCount: expectation.acknowledgedCount,
        eventCount: expectation.eventCount,
        evictedEnd: expectation.evictedEnd,
        mayBeCorrupt: damage != nil
      ),
      now: Self.now
    )
    reasons = walk.reasons
    if walk.problem == nil, let damage, walk.corrupt != damage {
      return "told as corrupt: \(walk.corrupt), damaged: \(damage)"
    }
    if let problem = walk.problem ?? accountProblem(ring, walk, disk) { return problem }
    return problemAfterwards(&ring, walk, disk)
  }

  private func text(_ log: [LogEntry]) -> String { log.map(\.message).joined(separator: "; ") }

  /// Cursor, numbers, the law, and the bytes on disk.
  private func accountProblem(
    _ ring: borrowing RingLog,
    _ walk: LogWalk,
    _ disk: SimulatedDisk
  ) -> String? {
    let upstream = ring.upstream(0)
    let source = ring.source(0)
    if upstream.cursor < expectation.cursorMin || upstream.cursor > expectation.cursorMax {
      return "the cursor is \(upstream.cursor), saved was \(expectation.cursorMin), settled "
        + "\(expectation.cursorMax)"
    }
    if ring.next < expectation.next {
      return "number \(ring.next) is given out again; \(expectation.next) was the next"
    }
    let accounted = upstream.settled + UInt64(walk.read.count) + walk.lostCount
    if ring.recoverySteps.contains(.unreadableState) {
      // The counters begin anew; what they say must be consistent.
      return source.isBalanced && upstream.offered == accounted
        ? nil : "without a state \(upstream.offered) offered, \(accounted) accounted for"
    }
    let stored = UInt64(history.index(of: max(walk.end, upstream.cursor)))
    if source.stored != stored { return "\(stored) events were stored, counted \(source.stored)" }
    let dropped = source.dropped[SourceDropReason.oversize.rawValue]
    if dropped < expectation.acknowledgedDropCount || dropped > expectation.dropCount {
      return "\(expectation.acknowledgedDropCount) to \(expectation.dropCount) events were "
        + "dropped, counted \(dropped)"
    }
    if !source.isBalanced { return "the source's account is not balanced: \(source)" }
    if upstream.offered != accounted || upstream.offered != stored {
      return "\(upstream.offered) offered, \(accounted) accounted for, \(stored) stored"
    }
    if disk.byteCount > expectation.byteCountMax { return "\(disk.byteCount) bytes on disk" }
    return walk.markProblem(
      Array(history.drops.prefix(expectation.dropCount)),
      acknowledged: expectation.acknowledgedDropCount,
      cursor: upstream.cursor,
      evictedEnd: expectation.evictedEnd
    )
  }

  /// The log must be of use, and a second start must find what the first one did.
  private func problemAfterwards(
    _ ring: inout RingLog,
    _ walk: LogWalk,
    _ disk: SimulatedDisk
  ) -> String? {
    var later = RingHistory()
    later.doubtful = history.doubtful
    later.events = walk.read.map { history.events[$0] }
    let first = ring.upstream(0).cursor
    let offered = ring.upstream(0).offered
    var event = EventBatch()
    let number = ring.next
    event.append(topic: Array("new".utf8), payload: [1, 2, 3], clock: Self.now)
    later.events.append(
      RingHistory.Event(
        number: number,
        topic: Array("new".utf8),
        payload: [1, 2, 3],
        milliseconds: Self.now.boot / 1_000
      )
    )
    do throws(RingLogError) {
      try ring.append(event, source: 0, now: Self.now)
      try ring.commit(now: Self.now)
    } catch {
      return "afterwards nothing can be appended: \(error)"
    }
    if disk.byteCount > expectation.byteCountMax {
      return "\(disk.byteCount) bytes on disk afterwards"
    }
    let evictedEnd = ring.gaps.reduce(0) { $1.reason == .evicted ? max($0, $1.end) : $0 }
    let left = CrashPoint(disk)
    let nothing = [Bool](repeating: false, count: left.items.count)
    if let checked {
      let numbers = [first, offered, evictedEnd, UInt64(configuration.byteCountMax)]
      let expected = (later.events.map(\.hash) + numbers).reduce(0) {
        SparseBytes.mixed($0 &+ SparseBytes.mixed($1 &+ 1))
      }
      if !checked.isNew(left.hash(keeping: nothing) ^ expected) { return nil }
    }
    var again = RingRun.open(
      left.disk(keeping: nothing),
      configuration,
      now: Self.now,
      contexts: contexts
    )
    let second = LogWalk(
      &again,
      later,
      LogWalk.Bounds(
        acknowledgedCount: later.events.count,
        eventCount: later.events.count,
        evictedEnd: evictedEnd,
        mayBeCorrupt: damage != nil
      ),
      now: Self.now
    )
    if let damage, second.problem == nil, evictedEnd == 0, second.corrupt != damage {
      return "started again, told as corrupt: \(second.corrupt), damaged: \(damage)"
    }
    if let problem = second.problem { return "started again: \(problem)" }
    let upstream = again.upstream(0)
    if upstream.cursor != first { return "started again, the cursor is \(upstream.cursor)" }
    if upstream.offered != offered + 1 {
      return "started again, \(upstream.offered) offered instead of \(offered + 1)"
    }
    return nil
  }
}

/// Second starts that were checked: equal disks of which the same must hold are checked once.
final class CheckedStarts {
  private var hashes: Set<UInt64> = []
  /// How many were asked for, and how many of these were equal to an earlier one.
  private(set) var count = 0
  private(set) var equalCount = 0

  func isNew(_ hash: UInt64) -> Bool {
    count += 1
    let isNew = hashes.insert(hash).inserted
    if !isNew { equalCount += 1 }
    return isNew
  }
}
