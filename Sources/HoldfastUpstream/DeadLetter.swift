public import HoldfastEvent

/// A message that an upstream gives up on, whole enough to be sent again by hand.
public struct DeadLetter: Equatable, Sendable {
  /// The upstream's name.
  public var upstream: String
  /// The log that numbered its events.
  public var log: LogID
  /// The numbers of its events are within `first..<end`; a batch may leave some out.
  public var first: SequenceNumber
  /// The number after its last event's.
  public var end: SequenceNumber
  /// How many events it holds; 0 for a gap record.
  public var count: UInt64
  /// As it was, or would have been, published; the event's own where no topic can be made.
  public var topic: [UInt8]
  /// As it was, or would have been, published.
  public var payload: [UInt8]
  /// Encoded `EventProperties`.
  public var properties: [UInt8]
  /// Whether it was to be retained.
  public var isRetained: Bool
  /// Why, for a person: the broker's reason, or ours.
  public var reason: String

  /// A letter of its parts.
  public init(
    upstream: String,
    log: LogID,
    first: SequenceNumber,
    end: SequenceNumber,
    count: UInt64,
    topic: [UInt8],
    payload: [UInt8],
    properties: [UInt8],
    isRetained: Bool,
    reason: String
  ) {
    self.upstream = upstream
    self.log = log
    self.first = first
    self.end = end
    self.count = count
    self.topic = topic
    self.payload = payload
    self.properties = properties
    self.isRetained = isRetained
    self.reason = reason
  }
}
