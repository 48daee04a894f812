public import HoldfastEvent

/// `from`: where an upstream begins that the log has no place for yet.
public enum UpstreamStart: Equatable, Sendable {
  /// With the oldest event that the log holds.
  case oldest
  /// With what arrives from now on.
  case now
  /// With a number, or the oldest event where that is gone.
  case number(SequenceNumber)
  /// With the first event that arrived at or after an instant, microseconds since 1970.
  case time(Int64)
}
