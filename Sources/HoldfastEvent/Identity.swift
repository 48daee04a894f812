/// A dense number given to each event at append: per log, from 1 on, never reused.
///
/// Not a byte position; those are called offsets.
public typealias SequenceNumber = UInt64

/// The identity of one ring log: 128 random bits, new for each log and each machine.
///
/// Together with the agent's id and a sequence number it names an event for ever, so that
/// at-least-once delivery can be made effectively-once downstream.
public struct LogID: Hashable, Sendable, CustomStringConvertible {
  /// The upper 64 bits.
  public var high: UInt64
  /// The lower 64 bits.
  public var low: UInt64

  /// An id of 128 given bits.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Another id, as good as random, for the same numbers given out once more from `sequence` on.
  public func successor(at sequence: SequenceNumber) -> LogID {
    var upper = SplitMix64(seed: high ^ sequence)
    var lower = SplitMix64(seed: low &+ upper.next())
    return LogID(high: upper.next(), low: lower.next())
  }

  /// 32 lower-case hexadecimal digits.
  public var description: String { hexadecimal(high) + hexadecimal(low) }
}

/// 16 lower-case hexadecimal digits, most significant first.
public func hexadecimal(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}
