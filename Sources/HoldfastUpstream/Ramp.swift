internal import HoldfastEvent

/// The in-flight window after a link has begun: it grows with what the peer answers in time.
///
/// A peer that comes back meets all that waited for it at one instant. So each link begins with a
/// few messages, and one more for each that is answered within ``latencyMax``: the window doubles
/// with each round while the peer keeps up, stays as it is while what it has takes it longer, and
/// shrinks again while that takes twice as long.
public struct Ramp: Equatable, Sendable {
  /// Messages in flight with which a link begins.
  public static let windowMin = 4
  /// An answer within this time is in time whatever the way to the peer, microseconds.
  public static let latencyFloor: Int64 = microsecondsPerSecond

  /// Messages that may be in flight.
  public private(set) var window: Int
  private let start: Int
  private var latencyMin = Int64.max

  /// - Parameter start: messages in flight with which a link begins.
  public init(start: Int = Ramp.windowMin) {
    self.start = max(1, start)
    window = self.start
  }

  /// A link begins.
  public mutating func begin() { self = Ramp(start: start) }

  /// The peer has too much to do: one message at a time, and from there on as ever.
  public mutating func collapse() { window = 1 }

  /// An answer came.
  ///
  /// - Parameters:
  ///   - latency: from the sending on, microseconds.
  ///   - limit: the window that is wanted in the end.
  public mutating func answered(after latency: Int64, limit: Int) {
    latencyMin = min(latencyMin, max(0, latency))
    if latency <= latencyMax {
      if window < limit { window += 1 }
    } else if latency / 2 > latencyMax, window > start {
      window -= 1
    }
  }

  /// A quarter more than the way to the peer takes, and a second at least.
  ///
  /// The way may have been found longer than it is, by a link that began in a crowd: so no more than
  /// a quarter is added to it.
  private var latencyMax: Int64 {
    max(Self.latencyFloor, latencyMin.addingSaturated(latencyMin / 4))
  }
}
