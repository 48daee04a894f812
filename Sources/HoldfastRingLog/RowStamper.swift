internal import HoldfastEvent

/// Gives each event the times that every reader will see, in memory, in a hot file and in a sealed
/// one: once, when it is appended.
///
/// The boot clock's time in whole ticks, and the wall clock's as the sum of it and an offset that
/// stays the same while the clocks agree with it within a tick: a wall clock that is slewed, or
/// read a microsecond late, must not end a block each time it crosses from one tick to the next.
struct RowStamper {
  private let microsecondsPerTick: Int64
  private var latestTick: Int64 = 0
  /// From the boot clock to the wall clock, microseconds; nil before the first event.
  private var offset: Int64?

  init(ticksPerSecond: Int64) {
    microsecondsPerTick = microsecondsPerSecond / ticksPerSecond
  }

  /// Rewrites the times of every row.
  mutating func stamp(_ events: inout EventBatch) {
    for index in events.rows.indices { stamp(&events.rows[index]) }
  }

  /// Times never go back within a log: a row that came in before its predecessor by the clock (two
  /// sources, two threads) takes its predecessor's time.
  private mutating func stamp(_ row: inout EventBatch.Row) {
    let between = row.wall &- row.boot
    latestTick = max(latestTick, row.boot / microsecondsPerTick)
    row.boot = latestTick &* microsecondsPerTick
    if let offset = keptOffset(between) {
      row.wall = row.boot &+ offset
    } else {
      row.wall = (row.boot &+ between).roundedDown(to: microsecondsPerTick)
      offset = row.wall &- row.boot
    }
  }

  private func keptOffset(_ between: Int64) -> Int64? {
    guard let offset else { return nil }
    // By magnitude: a wall clock gone mad can be 2^63 away, and that has no absolute value.
    return (between &- offset).magnitude <= UInt64(microsecondsPerTick) ? offset : nil
  }
}

extension Int64 {
  /// The greatest multiple of `unit` that is not above, or the least there is; `unit` is positive.
  fileprivate func roundedDown(to unit: Int64) -> Int64 {
    let rest = self % unit
    let (rounded, isBelowRange) = subtractingReportingOverflow(rest < 0 ? rest + unit : rest)
    return isBelowRange ? self - rest : rounded
  }
}
