public import HoldfastEvent

/// A part of each day by local time, `22:00-06:00`; one that ends before it begins ends next day.
public struct DailyWindow: Equatable, Sendable {
  /// Minutes of a day.
  public static let minutesPerDay = 1440

  /// Minute of the day at which it begins, 0 to 1439.
  public var from: Int
  /// Minute of the day at which it is over, 1 to 1440; never equal to ``from``.
  public var to: Int

  /// Nil where a minute is none of the day's, or nothing lies between the two.
  public init?(from: Int, to: Int) {
    guard (0..<Self.minutesPerDay).contains(from), (1...Self.minutesPerDay).contains(to),
      from != to
    else { return nil }
    self.from = from
    self.to = to
  }

  /// Whether a minute of the day is part of it.
  public func contains(_ minute: Int) -> Bool {
    from < to ? (from..<to).contains(minute) : minute >= from || minute < to
  }
}

/// What an upstream may send at the moment.
public enum SendPermission: Int, Comparable, Sendable {
  /// Nothing, and its link is closed.
  case nothing
  /// All but backlog.
  case live
  case everything

  /// By how much is permitted.
  public static func < (first: SendPermission, second: SendPermission) -> Bool {
    first.rawValue < second.rawValue
  }
}

/// When an upstream may send: anything at all, and backlog.
///
/// The only decision that goes by the wall clock. While that was not set yet, ``permission(at:)``
/// waits for it for ``clockTime``, and then permits everything: events are worth more than the
/// hour at which they travel.
public struct SendSchedule: Equatable, Sendable {
  /// How long after boot an unset clock is waited for, microseconds.
  public static let clockTime: Int64 = 600 * microsecondsPerSecond
  /// 2020-01-01: before it a clock is not set.
  public static let credibleWall: Int64 = 1_577_836_800 * microsecondsPerSecond
  /// Most windows of one list.
  public static let windowCountMax = 24

  /// `schedule`: when anything may be sent; empty: always.
  public var anything: [DailyWindow] = []
  /// `backlog_schedule`: when backlog may be sent; empty: always.
  public var backlog: [DailyWindow] = []

  /// One that permits everything.
  public init() {}

  /// Whether it ever forbids something.
  public var isEmpty: Bool { anything.isEmpty && backlog.isEmpty }

  /// What may be sent at an instant.
  public func permission(at now: ClockReading) -> SendPermission {
    if isEmpty { return .everything }
    guard now.wall >= Self.credibleWall else {
      return now.boot < Self.clockTime ? .nothing : .everything
    }
    let microsecondsPerMinute = 60 * microsecondsPerSecond
    let local = now.wall.addingSaturated(now.localOffset) / microsecondsPerMinute
    let minute = Int(local % Int64(DailyWindow.minutesPerDay))
    guard anything.isEmpty || anything.contains(where: { $0.contains(minute) }) else {
      return .nothing
    }
    return backlog.isEmpty || backlog.contains(where: { $0.contains(minute) })
      ? .everything : .live
  }
}
