internal import HoldfastEvent

/// What every kind of stage does; only ever called through ``StageTable``, never as an existential.
protocol StageKind: Sendable {
  /// Takes an event that the stage's topics select, and lets go on what goes on.
  mutating func step(_ event: StageEvent, _ pass: inout StagePass)

  /// When it wants ``advance(_:)`` at the latest, microseconds since 1970 by the log's time; `.max`:
  /// time alone changes nothing.
  var dueAt: Int64 { get }

  /// The log's time has reached ``dueAt``: called before the event at hand, whatever its topic.
  mutating func advance(_ pass: inout StagePass)

  /// Numbers are missing: what is being computed from events around them is partial.
  ///
  /// `topics` are some of those concerned, and not all; empty: unknown.
  mutating func gap(count: UInt64?, topics: [[UInt8]])

  /// Writes all state, so that ``restore(from:)`` of a fresh stage goes on exactly as this one.
  func save(into bytes: inout SnapshotWriter)

  /// False where the bytes can't be what ``save(into:)`` wrote.
  mutating func restore(from bytes: inout SnapshotReader) -> Bool

  /// What it counted, see ``StageCounts``.
  var evictedTopicCount: UInt64 { get }
}

extension StageKind {
  var dueAt: Int64 { .max }
  mutating func advance(_ pass: inout StagePass) {}
  mutating func gap(count: UInt64?, topics: [[UInt8]]) {}
  func save(into bytes: inout SnapshotWriter) {}
  mutating func restore(from bytes: inout SnapshotReader) -> Bool { true }
  var evictedTopicCount: UInt64 { 0 }
}
