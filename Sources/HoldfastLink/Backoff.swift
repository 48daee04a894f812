internal import HoldfastEvent

/// Full-jitter exponential backoff with a cap.
///
/// The n-th delay in a row is drawn evenly between ``floor`` and min(cap, 1 s × 2ⁿ), or ten times
/// both for a peer that said that it has too much to do, so that
/// a fleet that lost its broker at one instant does not come back at one instant.
public struct Backoff: Equatable, Sendable {
  /// Least delay, microseconds: even a lucky draw does not hammer the peer.
  public static let floor: Int64 = 100_000
  /// Upper end of the first delay, microseconds.
  public static let base: Int64 = microsecondsPerSecond

  /// The longest delay of those that spare a busy peer is at least this, microseconds.
  public static let busyCap: Int64 = 120 * microsecondsPerSecond
  /// What both ends of such delays are multiplied by.
  private static let busyFactor: Int64 = 10

  private let cap: Int64
  private var least = Self.floor
  private var first = Self.base
  private var random: SplitMix64
  /// Delays drawn since the last reset.
  public private(set) var count = 0

  /// - Parameters:
  ///   - cap: longest delay, microseconds; raised to ``floor``.
  ///   - seed: the jitter's seed.
  public init(cap: Int64, seed: UInt64) {
    self.cap = max(cap, Self.floor)
    random = SplitMix64(seed: seed)
  }

  /// Delays for a peer that said that it has too much to do: from 1 s on, up to two minutes at least.
  public static func busy(cap: Int64, seed: UInt64) -> Backoff {
    var backoff = Backoff(cap: max(cap, busyCap), seed: seed)
    backoff.least = floor * busyFactor
    backoff.first = base * busyFactor
    return backoff
  }

  /// Draws the next delay, microseconds.
  public mutating func next() -> Int64 {
    // 2³⁶ s are far above any cap, and ten times as many far below the range.
    let ceiling = min(cap, first << Int64(min(count, 36)))
    count = min(count, Int.max - 1) + 1
    return Int64.random(in: least...max(least, ceiling), using: &random)
  }

  /// The next delay is a first one again.
  public mutating func reset() { count = 0 }
}
