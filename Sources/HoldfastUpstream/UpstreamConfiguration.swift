public import HoldfastEvent
public import HoldfastLink

/// How events become messages.
public enum MessageFormat: String, Sendable, CaseIterable {
  /// One message per event, payload untouched, identity in user properties (MQTT 5).
  case event
  /// One JSON object per line, many events per message.
  case ndjson
  /// One JSON array of objects, many events per message.
  case json
}

/// `compression` of batches.
public enum BatchCompression: String, Sendable, CaseIterable {
  case none
  case zstd
}

/// `retain` of messages in format `event`.
public enum RetainPolicy: String, Sendable, CaseIterable {
  /// As the event came.
  case keep
  case never
}

/// One `[[upstream]]`: a central broker that events are forwarded to.
public struct UpstreamConfiguration: Equatable, Sendable {
  /// `name`: unique among upstreams; names its cursor.
  public var name: String
  public var link: LinkConfiguration
  /// `topics`: what is forwarded; the rest counts as filtered.
  public var topics: [TopicFilter]
  /// `topic`: `{topic}`, `{agent}` and `{upstream}` are filled in; batches may not use `{topic}`.
  public var topicTemplate = "{topic}"
  /// `gap_topic`: where gap records go; empty: nowhere. `{agent}` is filled in.
  public var gapTopicTemplate = "holdfast/{agent}/gaps"
  public var format: MessageFormat = .event
  public var compression: BatchCompression = .none
  public var retain: RetainPolicy = .keep
  /// `in_flight`: messages sent and not yet acknowledged, 1 to 1000.
  public var inFlightMax = 100
  /// `batch_events`, `batch_bytes` (before compression), `batch_age` (microseconds).
  public var batchEventCountMax = 500
  public var batchByteCountMax = 256 << 10
  public var batchAgeMax: Int64 = 1_000_000
  /// `ack_timeout`, microseconds: without any PUBACK for this long while in flight, reconnect.
  public var acknowledgementTimeout: Int64 = 30_000_000
  /// `refusal_tries`: how often a refused message is sent before it is set aside.
  public var refusalTryCountMax = 5
  /// `dead_letter_size`: bytes of set-aside messages kept on disk.
  public var deadLetterByteCountMax = 4 << 20

  public init(name: String, link: LinkConfiguration, topics: [TopicFilter]) {
    self.name = name
    self.link = link
    self.topics = topics
  }
}
