/// Why sequence numbers, or events that never got one, are missing.
public enum GapReason: UInt8, CaseIterable, Sendable, CustomStringConvertible {
  /// The ring was full and its oldest segment made room.
  case evicted = 1
  /// Stored bytes could not be read back.
  case corrupt = 2
  /// Numbers that were reserved and never given to an event; nothing is missing.
  case unused = 3
  /// The source broker had lost our session: what it held for us is gone.
  case sourceSessionLost = 4
  /// We had closed the source because there was no room; its queue may have overflowed.
  case sourcePaused = 5
  /// A payload above the limit was not stored.
  case oversize = 6
  /// The disk had failed and memory was full, or at a start a file of newest events could not be
  /// read for a minute.
  case diskFailed = 7
  /// A topic that no event may have; see ``isTopicName(_:)``.
  case invalid = 8
  /// Stored by a newer version in a format that this one can't read; its file is kept.
  case newerFormat = 9

  /// As it stands in logs and gap messages.
  public var description: String {
    switch self {
    case .evicted: "evicted"
    case .corrupt: "corrupt"
    case .unused: "unused"
    case .sourceSessionLost: "source-session-lost"
    case .sourcePaused: "source-paused"
    case .oversize: "oversize"
    case .diskFailed: "disk-failed"
    case .invalid: "invalid"
    case .newerFormat: "newer-format"
    }
  }

  /// Whether the record stands for sequence numbers, which an upstream counts as lost.
  ///
  /// The others mark a place between two numbers: those events never entered the log.
  public var coversNumbers: Bool {
    switch self {
    case .evicted, .corrupt, .unused, .newerFormat: true
    case .sourceSessionLost, .sourcePaused, .oversize, .diskFailed, .invalid: false
    }
  }
}

/// An exact account of what is missing, kept in the log and sent upstream in order.
///
/// Identity: (log, `first`, "gap"). Where `reason` covers numbers, these are
/// `first..<end`; otherwise the record stands right before number `first`, and `end == first`.
public struct GapRecord: Equatable, Sendable {
  /// Most topics one record names.
  public static let topicCountMax = 32
  /// Most bytes of topic text one record keeps.
  public static let topicByteCountMax = 512

  /// The log whose numbers these are.
  public var log: LogID
  /// The first number, or the number it stands right before.
  public var first: SequenceNumber
  /// The number after the last one; `first` where it covers none.
  public var end: SequenceNumber
  /// How many events are missing; nil when that can't be known.
  public var count: UInt64?
  /// Why they are missing.
  public var reason: GapReason
  /// Some of the topics concerned, in order of appearance.
  public private(set) var topics: [[UInt8]]
  /// When it was written, microseconds since 1970.
  public var wall: Int64

  /// A record of its parts; an end before `first` becomes `first`.
  public init(
    log: LogID,
    first: SequenceNumber,
    end: SequenceNumber,
    count: UInt64?,
    reason: GapReason,
    topics: [[UInt8]] = [],
    wall: Int64
  ) {
    self.log = log
    self.first = first
    self.end = max(first, end)
    self.count = count
    self.reason = reason
    self.topics = []
    self.wall = wall
    for topic in topics { note(topic: topic) }
  }

  /// Adds a topic unless it is there or the record is full.
  public mutating func note(topic: [UInt8]) {
    let used = topics.reduce(0) { $0 + $1.count }
    guard topics.count < Self.topicCountMax, used + topic.count <= Self.topicByteCountMax,
      !topics.contains(topic)
    else { return }
    topics.append(topic)
  }

  /// The part at or after `sequence`, for an upstream that has passed the rest; nil if nothing is
  /// left.
  public func clipped(from sequence: SequenceNumber) -> GapRecord? {
    if sequence <= first { return self }
    guard reason.coversNumbers, sequence < end else { return nil }
    var part = self
    part.first = sequence
    if reason != .unused, let count {
      // Ranges hold no unused numbers (those are records of their own), so every number counts.
      part.count = min(count, end - sequence)
    }
    return part
  }

  /// The part before `sequence`, for a reader that stops there; nil if nothing is left.
  public func clipped(to sequence: SequenceNumber) -> GapRecord? {
    if sequence >= end { return self }
    guard reason.coversNumbers, sequence > first else { return nil }
    var part = self
    part.end = sequence
    if reason != .unused, let count { part.count = min(count, sequence - first) }
    return part
  }
}
