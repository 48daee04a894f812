import Glibc
import HoldfastEvent

/// How far local time is ahead of UTC.
///
/// Looked up once in a quarter of an hour: no zone changes its offset at another minute. A change of
/// the zone itself takes effect at the next start.
struct LocalTime {
  private static let quarter: Int64 = 900 * microsecondsPerSecond

  private var offset: Int64 = 0
  private var lookedUpFor: Int64?

  /// The reading with its offset filled in.
  mutating func localized(_ reading: ClockReading) -> ClockReading {
    let quarter = reading.wall / Self.quarter
    if quarter != lookedUpFor {
      lookedUpFor = quarter
      var time = time_t(reading.wall / microsecondsPerSecond)
      var parts = unsafe tm()
      let isKnown = unsafe localtime_r(&time, &parts) != nil
      offset = isKnown ? Int64(unsafe parts.tm_gmtoff) * microsecondsPerSecond : 0
    }
    return ClockReading(boot: reading.boot, wall: reading.wall, localOffset: offset)
  }
}
