internal import HoldfastEvent
internal import HoldfastRingLog

/// Reads a whole log as its upstream would, and holds every event and gap against what is known.
struct LogWalk {
  /// Index of the first event not passed yet.
  private var next = 0
  /// Indices of the events read.
  private(set) var read: [Int] = []
  /// Numbers told as corrupt, adjoining ranges joined.
  private(set) var corrupt: [Range<SequenceNumber>] = []
  /// Numbers beyond the cursor that gap records give up.
  private(set) var lostCount: UInt64 = 0
  private var markedCount = 0
  /// The number after the last event that was read or that made room.
  private(set) var end: SequenceNumber = 0
  private(set) var problem: String?
  /// For each gap reason, whether it was met.
  private(set) var reasons: UInt16 = 0

  /// How much of the history must be there, and what may be missing.
  struct Bounds {
    /// The first so many events must be readable, unless they made room.
    var acknowledgedCount: Int
    /// None beyond so many.
    var eventCount: Int
    /// Numbers below it may have made room.
    var evictedEnd: SequenceNumber
    /// Whether damage may cost events that are told as corrupt.
    var mayBeCorrupt = false
  }

  /// Reads from the cursor, or from `start`, to the end.
  init(
    _ ring: inout RingLog,
    _ history: RingHistory,
    _ bounds: Bounds,
    now: ClockReading,
    from start: SequenceNumber? = nil
  ) {
    var position = start ?? ring.upstream(0).cursor
    next = history.index(of: position)
    end = position
    var passed = 0
    walk: for _ in 0..<Self.stepCountMax {
      switch ring.read(0, from: position, passedGaps: passed, now: now) {
      case .end: break walk
      case .gap(let gap):
        reasons |= 1 << UInt16(gap.reason.rawValue)
        guard gap.reason.coversNumbers else {
          if gap.reason == .oversize { markedCount += Int(gap.count ?? 0) }
          passed += 1
          continue walk
        }
        guard gap.first == position, gap.end > position else {
          problem = "at \(position) stands the gap \(gap.first)..<\(gap.end)"
          return
        }
        take(gap, history, bounds)
        position = gap.end
        passed = 0
      case .events(let batch, let row):
        guard batch.first + UInt64(row) == position else {
          problem = "asked for \(position), got a batch from \(batch.first), row \(row)"
          return
        }
        for row in row..<batch.events.count where problem == nil {
          take(batch, row, history, bounds)
        }
        position = batch.end
        passed = 0
      }
      if problem != nil { return }
    }
    if position != ring.durable + 1 {
      problem = "reading ends at \(position), durable is \(ring.durable)"
    } else if next < bounds.acknowledgedCount {
      problem = "event \(history.events[next].number) was acknowledged; the log ends before it"
    }
  }

  private static let stepCountMax = 10_000

  private mutating func take(
    _ batch: StoredBatch,
    _ row: Int,
    _ history: RingHistory,
    _ bounds: Bounds
  ) {
    let number = batch.first + UInt64(row)
    guard next < bounds.eventCount, history.events[next].number == number else {
      problem = "event \(number) was never appended"
      return
    }
    let event = history.events[next]
    let found = batch.events.rows[row]
    guard SparseBytes.isEqual(batch.events.topic(row), event.topic[...]),
      SparseBytes.isEqual(batch.events.payload(row), event.payload[...]), found.source == 0,
      found.boot / 1_000 == event.milliseconds,
      found.flags == .qos1, found.propertiesByteCount == 0
    else {
      problem = "event \(number) is not what was appended"
      return
    }
    read.append(next)
    next += 1
    end = number + 1
  }

  private mutating func take(_ gap: GapRecord, _ history: RingHistory, _ bounds: Bounds) {
    switch gap.reason {
    case .unused:
      let missing = history.events[..<bounds.acknowledgedCount].dropFirst(next).first {
        event in event.number < gap.end && !history.doubtful.contains { $0.contains(event.number) }
      }
      if let missing, missing.number < gap.end {
        problem = "event \(missing.number) was acknowledged and is told as unused"
      }
      // Others below its end were never acknowledged, and are gone.
      next = max(next, history.index(of: gap.end))
    case .evicted:
      if gap.end > bounds.evictedEnd {
        problem =
          "\(gap.first)..<\(gap.end) told as evicted; room was made up to "
          + "\(bounds.evictedEnd)"
      }
      lose(gap, history)
    default:
      let isDoubtful = history.doubtful.contains {
        $0.lowerBound <= gap.first && gap.end <= $0.upperBound
      }
      if !bounds.mayBeCorrupt && !isDoubtful {
        problem = "\(gap.first)..<\(gap.end) told as corrupt"
      }
      if let last = corrupt.last, last.upperBound == gap.first {
        corrupt[corrupt.count - 1] = last.lowerBound..<gap.end
      } else {
        corrupt.append(gap.first..<gap.end)
      }
      lose(gap, history)
    }
  }

  private mutating func lose(_ gap: GapRecord, _ history: RingHistory) {
    lostCount += gap.end - gap.first
    if let count = gap.count, count != gap.end - gap.first {
      problem = "the gap \(gap.first)..<\(gap.end) counts \(count)"
    }
    next = max(next, history.index(of: gap.end))
    end = gap.end
  }

  /// Checks the marks of dropped events: those acknowledged and not passed yet, none twice.
  func markProblem(
    _ drops: [SequenceNumber],
    acknowledged: Int,
    cursor: SequenceNumber,
    evictedEnd: SequenceNumber
  ) -> String? {
    var least = 0
    var most = 0
    for (index, number) in drops.enumerated() {
      // A mark within what made room stands behind it.
      let place = number < evictedEnd ? evictedEnd : number
      guard place >= cursor else { continue }
      most += 1
      if index < acknowledged && number > cursor { least += 1 }
    }
    return (least...most).contains(markedCount)
      ? nil : "\(markedCount) drops are told, \(least) to \(most) happened"
  }
}
