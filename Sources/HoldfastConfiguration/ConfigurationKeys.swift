/// Keys of `[agent]`.
enum AgentKey: String, CaseIterable {
  case id
  case dataDirectory = "data_dir"
  case statusTopic = "status_topic"
}

/// Keys of `[ring]`.
enum RingKey: String, CaseIterable {
  case size
  case ageMax = "max_age"
  case keepDelivered = "keep_delivered"
  case whenFull = "when_full"
  case commitInterval = "commit_interval"
  case payloadMax = "max_payload"
  case chainSize = "chain_size"
  case timeResolution = "time_resolution"
  case memory
}

/// Keys of `[status]`.
enum StatusKey: String, CaseIterable {
  case listen
  case reachableFrom = "reachable_from"
  case socket
  case hosts
  case topicCountMax = "max_topics"
}

/// Keys that `[[source]]` and `[[upstream]]` have in common: how to reach a broker.
enum LinkKey: String, CaseIterable {
  case url
  case protocolVersion = "protocol"
  case clientID = "client_id"
  case username
  case password
  case passwordFile = "password_file"
  case keepAlive = "keep_alive"
  case connectTimeout = "connect_timeout"
  case backoffMax = "backoff_max"
  case tls
}

/// Keys of the table `tls` of a link.
enum TLSKey: String, CaseIterable {
  case caFile = "ca_file"
  case certificateFile = "cert_file"
  case keyFile = "key_file"
  case revocationFile = "crl_file"
  case versionMin = "min_version"
  case sharedKeyIdentity = "psk_identity"
  case sharedKeyFile = "psk_file"
}

/// Keys of `[[source]]` beside those of its link.
enum SourceKey: String, CaseIterable {
  case name
  case topics
  case sessionExpiry = "session_expiry"
  case receiveMaximum = "receive_maximum"
  case inflightWindow = "inflight_window"
  case decode
  case textUnits = "text_units"
  case textComma = "text_comma"
  case decodeTopic = "decode_topic"
  case stage
}

/// Keys of `[[upstream]]` beside those of its link.
enum UpstreamKey: String, CaseIterable {
  case name
  case id
  case from
  case topics
  case topic
  case key
  case gapTopic = "gap_topic"
  case format
  case compression
  case retain
  case inFlight = "in_flight"
  case batchEvents = "batch_events"
  case batchBytes = "batch_bytes"
  case batchAge = "batch_age"
  case acknowledgementTimeout = "ack_timeout"
  case refusalTries = "refusal_tries"
  case deadLetterSize = "dead_letter_size"
  case exceptTopics = "except_topics"
  case fallbackURLs = "fallback_urls"
  case primaryRetry = "primary_retry"
  case budget
  case budgetOf = "budget_of"
  case priority
  case schedule
  case order
  case backlogSchedule = "backlog_schedule"
  case undecodable
  case kafka
  case stage
}

/// Keys of `[[source.decode_topic]]`.
enum DecodeTopicKey: String, CaseIterable {
  case topics
  case format
  case textUnits = "text_units"
  case textComma = "text_comma"
}

/// Every key that the reader takes, by section.
public enum ConfigurationKeys {
  /// One table of the configuration file.
  public struct Section: Equatable, Sendable {
    /// `agent`, `ring`, `status`, `source`, `upstream`; of a list within one of them `source.stage`.
    public var name: String
    /// `[[name]]`: may stand several times.
    public var isList: Bool
    /// The keys, in the order of the manual.
    public var keys: [String]

    /// As it is written in the file: `[agent]` or `[[source]]`.
    public var title: String { isList ? "[[\(name)]]" : "[\(name)]" }
  }

  /// The sections in the order of the manual.
  public static let sections = [
    Section(name: "agent", isList: false, keys: names(of: AgentKey.self)),
    Section(name: "ring", isList: false, keys: names(of: RingKey.self)),
    Section(name: "status", isList: false, keys: names(of: StatusKey.self)),
    Section(
      name: "source",
      isList: true,
      keys: names(of: SourceKey.self) + names(of: LinkKey.self)
    ),
    Section(
      name: "upstream",
      isList: true,
      keys: names(of: UpstreamKey.self) + names(of: LinkKey.self)
    ),
  ]

  /// The lists of tables within `[[source]]` and `[[upstream]]`.
  public static let nested = [
    Section(name: "source.decode_topic", isList: true, keys: names(of: DecodeTopicKey.self)),
    Section(name: "source.stage", isList: true, keys: names(of: StageKey.self)),
    Section(name: "upstream.stage", isList: true, keys: names(of: StageKey.self)),
    Section(name: "upstream.stage.compute", isList: true, keys: names(of: ComputeKey.self)),
  ]

  /// The types of stages in the order of the manual, each with its keys.
  public static let stages = StageType.allCases.map(\.table)

  /// The keys of a `tls` table.
  public static let tlsKeys = names(of: TLSKey.self)

  static func names<K: RawRepresentable<String> & CaseIterable>(of keys: K.Type) -> [String] {
    keys.allCases.map(\.rawValue)
  }
}
