internal import HoldfastEvent

/// Full-jitter exponential backoff with a cap.
///
/// The n-th delay in a row is drawn evenly between ``floor`` and min(cap, 1 s × 2ⁿ), so that
/// a fleet that lost its broker at one instant does not come back at one instant.
public struct Backoff: Equatable, Sendable {
  /// Least delay, microseconds: even a lucky draw does not hammer the peer.
  public static let floor: Int64 = 100_000
  /// Upper end of the first delay, microseconds.
  public static let base: Int64 = microsecondsPerSecond

  private let cap: Int64
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

  /// Draws the next delay, microseconds.
  public mutating func next() -> Int64 {
    // 2⁴⁰ s are far above any cap, and far below the range.
    let ceiling = min(cap, Self.base << Int64(min(count, 40)))
    count = min(count, Int.max - 1) + 1
    return Int64.random(in: Self.floor...max(Self.floor, ceiling), using: &random)
  }

  /// The next delay is a first one again.
  public mutating func reset() { count = 0 }
}
