public import HoldfastEvent

/// What the log holds at a sequence number.
public enum ReadResult: Sendable {
  /// Stored events; the number asked for is that of row `row`.
  case events(StoredBatch, row: Int)
  /// A gap record that stands right before, or covers, the number asked for; already clipped to
  /// it. A covering record is passed by reading on at its `end`, another one by reading on at
  /// the same number with `passed` raised by one.
  case gap(GapRecord)
  /// Nothing durable there yet.
  case end
}
