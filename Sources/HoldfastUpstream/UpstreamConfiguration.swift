public import HoldfastEvent
public import HoldfastLink
public import HoldfastRingLog
public import HoldfastStage

/// How events become messages.
public enum MessageFormat: String, Sendable, CaseIterable {
  /// One message per event, payload untouched, identity in user properties (MQTT 5).
  case event
  /// One JSON object per line, many events per message.
  case ndjson
  /// One JSON array of objects, many events per message.
  case json
  /// One line of InfluxDB's line protocol per event, many events per message.
  case lines
}

/// `compression` of batches.
public enum BatchCompression: String, Sendable, CaseIterable {
  case none
  case zstd
  case gzip
}

/// `order`: what goes first when an upstream comes back.
public enum CatchUpOrder: String, Sendable, CaseIterable {
  /// Everything in the order of the log.
  case oldestFirst = "oldest-first"
  /// What arrives from then on; what waited goes behind it, marked as historical.
  case liveFirst = "live-first"
}

/// `retain` of messages in format `event`.
public enum RetainPolicy: String, Sendable, CaseIterable {
  /// As the event came.
  case keep
  case never
}

/// `undecodable`: what becomes of an event whose payload a stage can't read.
public enum UndecodablePolicy: String, Sendable, CaseIterable {
  /// It goes on unchanged.
  case pass
  /// It is set aside in the dead-letter file.
  case deadLetter = "dead-letter"
}

/// What an upstream that is a Kafka cluster has beside the rest.
public struct KafkaConfiguration: Equatable, Sendable {
  /// A property of librdkafka, as its configuration page names it.
  public struct Property: Equatable, Sendable {
    /// `sasl.mechanism`.
    public var name: String
    /// As text; may be a secret.
    public var value: String

    /// Made of its parts.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// `key`: the record's key, with `{topic}`, `{agent}`, `{upstream}`, `{1}` filled in; empty: none.
  public var keyTemplate = "{topic}"
  /// `[upstream.kafka]`: what goes to librdkafka over its and our defaults, in order of the names.
  public var properties: [Property] = []

  /// Settings with every default filled in.
  public init() {}
}

/// One `[[upstream]]`: a central broker that events are forwarded to.
public struct UpstreamConfiguration: Equatable, Sendable {
  /// `name`: unique among upstreams; for people.
  public var name: String
  /// `id`: names its place in the log and its files; the name, unless given.
  public var id: String
  /// `from`: where it begins when the log has no place for it yet.
  public var start: UpstreamStart = .now
  /// `url`, credentials, TLS, keep-alive, protocol, client id.
  public var link: LinkConfiguration
  /// `kafka://` in `url`: each event becomes a record; nil: a message of MQTT.
  public var kafka: KafkaConfiguration?
  /// `topics`: what is forwarded; the rest counts as filtered.
  public var topics: [TopicFilter]
  /// `topic`: `{topic}`, `{agent}` and `{upstream}` are filled in; batches may not use `{topic}`.
  public var topicTemplate = "{topic}"
  /// `gap_topic`: where gap records go, with `{agent}` filled in; empty: nowhere.
  public var gapTopicTemplate = "holdfast/{agent}/gaps"
  /// `format`: how events become messages.
  public var format: MessageFormat = .event
  /// `compression`: what is done to the payload of a batch.
  public var compression: BatchCompression = .none
  /// `retain`: what becomes of the retained mark in format `event`.
  public var retain: RetainPolicy = .keep
  /// `in_flight`: messages sent and not yet acknowledged, 1 to 1000.
  public var inFlightMax = 100
  /// Messages in flight with which a link begins, see ``Ramp``; no key.
  public var rampStart = Ramp.windowMin
  /// `batch_events`: most events in a batch.
  public var batchEventCountMax = 500
  /// `batch_bytes`: bytes of a batch before compression; one event alone may exceed it.
  public var batchByteCountMax = 256 << 10
  /// `batch_age`, microseconds: how long the oldest event waits for a batch to fill.
  public var batchAgeMax: Int64 = 1_000_000
  /// `ack_timeout`, microseconds: without any PUBACK for this long while in flight, reconnect.
  public var acknowledgementTimeout: Int64 = 30_000_000
  /// `refusal_tries`: how often a refused message is sent before it is set aside.
  public var refusalTryCountMax = 5
  /// Whether format `event` adds agent, log, number and time; not where the events bear them.
  public var addsIdentity = true
  /// Whether what is sent is marked as having been sent before; no key.
  public var isReplay = false
  /// `dead_letter_size`: bytes of set-aside messages kept on disk.
  public var deadLetterByteCountMax = 4 << 20
  /// `except_topics`: what is not forwarded although `topics` selects it; it counts as filtered.
  public var exceptTopics: [TopicFilter] = []
  /// `budget`: bytes per second that may be handed to the socket, TLS included; nil: any number.
  public var budgetByteCount: Int?
  /// `budget_of`: the name of the upstream whose budget this one shares; nil: its own.
  public var budgetOwner: String?
  /// `order`: what goes first when there is a backlog.
  public var order: CatchUpOrder = .oldestFirst
  /// Events behind the end of the log with which a link may begin and all still count as live; no
  /// key: fewer are sent in less time than it takes to tell.
  public var liveLagMax: UInt64 = 100
  /// `priority`, 0 to 9: of those that share a budget, the higher sends first.
  public var priority = 0
  /// `schedule` and `backlog_schedule`: when it may send.
  public var schedule = SendSchedule()

  /// `[[upstream.stage]]`: what is done to events between the log and the messages, in order.
  public var stages: [StageConfiguration] = []
  /// `undecodable`: what becomes of an event whose payload a stage can't read.
  public var undecodable: UndecodablePolicy = .pass

  /// Whether live data may go ahead of a backlog: each stage can begin anew in the midst of the log.
  public var canBeDivided: Bool { stages.allSatisfy(\.kind.canBeDivided) }

  /// Settings with every default filled in.
  public init(name: String, link: LinkConfiguration, topics: [TopicFilter]) {
    self.name = name
    id = name
    self.link = link
    self.topics = topics
  }
}
