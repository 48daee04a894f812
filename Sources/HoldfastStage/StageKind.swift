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
  /// A gap has no time of its own, and needs none: its place among the events says which spans it
  /// cuts into, while its record's time is when the loss was found, which may be hours later.
  ///
  /// `topics` are some of those concerned, and not all; empty: unknown.
  mutating func gap(count: UInt64?, topics: [[UInt8]])

  /// Writes all state, so that ``restore(from:)`` of a fresh stage goes on exactly as this one.
  func save(into bytes: inout SnapshotWriter)

  /// False where the bytes can't be what ``save(into:)`` wrote.
  mutating func restore(from bytes: inout SnapshotReader) -> Bool

  /// What it counted, see ``StageCounts``.
  var evictedTopicCount: UInt64 { get }

  /// What else it counted.
  var notes: [StageNote: UInt64] { get }
}

/// Something a stage counts besides what came and what left.
public enum StageNote: String, CaseIterable, Sendable {
  /// `map`: a change could not be made to an event; the others were.
  case unapplied = "events that not every change could be made to"
  /// `map`: an event kept its topic.
  case invalidTopic = "events whose new topic would be none, which kept theirs"
  /// `window`: came when their window was closed.
  case late = "late events"
  /// `window`: no result shows them.
  case uncorrected = "late events that no result shows"
  /// `window`: more windows of a topic than can be open at once, or its topic made room.
  case early = "windows sent before their end, more being open than can be"
  /// `window`: over `max_bytes`.
  case crowded = "windows sent before their end for want of memory (max_bytes)"
  /// `window`: their field does not say their time.
  case timeless = "events without a time, whose arrival counts"
  /// `burst`: over `before_events` or `before_bytes`.
  case forgotten = "events that can't be read back any more (before_events, before_bytes)"
  /// `burst`: evicted, or damaged.
  case gone = "events to be read back that the log had let go"
}

extension StageKind {
  var dueAt: Int64 { .max }
  mutating func advance(_ pass: inout StagePass) {}
  mutating func gap(count: UInt64?, topics: [[UInt8]]) {}
  func save(into bytes: inout SnapshotWriter) {}
  mutating func restore(from bytes: inout SnapshotReader) -> Bool { true }
  var evictedTopicCount: UInt64 { 0 }
  var notes: [StageNote: UInt64] { [:] }
}
