/// How long something takes, in buckets of fixed bounds.
public struct DurationHistogram: Equatable, Sendable {
  /// Upper bounds in microseconds, included, ascending; one more bucket holds what is longer.
  public static let bounds: [Int64] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
  ]

  /// How many lie in each bucket, one more than there are bounds.
  public private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
  /// Microseconds of all together.
  public private(set) var sum: UInt64 = 0

  /// None yet.
  public init() {}

  /// How many there were.
  public var count: UInt64 { counts.reduce(0, &+) }

  /// Adds one; below 0 counts as 0.
  public mutating func note(microseconds: Int64) {
    let duration = max(0, microseconds)
    let bucket = Self.bounds.firstIndex { duration <= $0 } ?? Self.bounds.count
    counts[bucket] &+= 1
    sum &+= UInt64(duration)
  }

  /// The bound below which that part of them lies, microseconds; nil where there are none, or where
  /// it is beyond the last bound.
  public func quantile(_ part: Double) -> Int64? {
    let wanted = Double(count) * part
    guard count > 0 else { return nil }
    var seen: UInt64 = 0
    for (index, bound) in Self.bounds.enumerated() {
      seen &+= counts[index]
      if Double(seen) >= wanted { return bound }
    }
    return nil
  }
}
