import ArgumentParser
import Glibc
import HoldfastConfiguration
import HoldfastEvent
import HoldfastStage

/// A time on the command line: an instant, or a span back from now.
enum RecordedTime {
  /// Microseconds since 1970.
  case instant(Int64)
  /// Microseconds.
  case ago(Int64)

  init(_ argument: String) throws {
    if let span = microseconds(ofDuration: argument) {
      self = .ago(span)
    } else if let instant = HoldfastStage.instant(ofRFC3339: Array(argument.utf8)[...]) {
      self = .instant(instant)
    } else {
      throw ValidationError(
        "\"\(argument)\" is no time; write RFC 3339 such as 2026-01-31T10:00:00Z,"
          + " or a span back from now such as 2h."
      )
    }
  }

  /// Microseconds since 1970, seen from `now`.
  func wall(now: Int64) -> Int64 {
    switch self {
    case .instant(let instant): instant
    case .ago(let span): now.subtractingSaturated(span)
    }
  }

  /// Microseconds since 1970.
  static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * microsecondsPerSecond + Int64(time.tv_nsec) / 1000
  }
}
