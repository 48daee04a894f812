import Glibc
public import HoldfastEvent

/// The machine's two clocks.
public enum SystemClock {
  /// Both clocks, read one right after the other.
  public static func reading() -> ClockReading {
    ClockReading(boot: boot(), wall: microseconds(CLOCK_REALTIME))
  }

  /// Microseconds since boot, suspend included.
  public static func boot() -> Int64 { microseconds(CLOCK_BOOTTIME) }

  /// Microseconds of CLOCK_MONOTONIC, which the service manager counts by.
  static func monotonic() -> Int64 { microseconds(CLOCK_MONOTONIC) }

  private static func microseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    _ = unsafe clock_gettime(clock, &time)
    return Int64(time.tv_sec) * microsecondsPerSecond + Int64(time.tv_nsec) / 1000
  }
}
