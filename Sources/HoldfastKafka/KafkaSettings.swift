public import HoldfastUpstream

/// What a client is made with.
public struct KafkaSettings: Sendable {
  /// Bytes of records that the library may hold, in KiB.
  public static let queueKibibytes = 8192
  /// Properties that are ours to set, and what to do instead of setting them.
  static let reserved = [
    "bootstrap.servers": "put the brokers into url",
    "metadata.broker.list": "put the brokers into url",
    "client.id": "set client_id",
    "log.queue": "remove it: the library's lines go to our log",
    "delivery.report.only.error": "remove it: the place in the log follows the reports",
    "transactional.id": "remove it: records carry an identity to remove repetitions by",
    "plugin.library.paths": "remove it: no code is loaded by a configuration",
  ]

  /// `HOST:PORT,HOST:PORT`.
  public var brokers: String
  /// `client.id`.
  public var clientID: String
  /// Microseconds without an answer after which a connection counts as dead.
  public var answerTimeout: Int64
  /// What the operator set.
  public var properties: [KafkaConfiguration.Property]

  /// Made of its parts.
  public init(
    brokers: String,
    clientID: String,
    answerTimeout: Int64,
    properties: [KafkaConfiguration.Property]
  ) {
    self.brokers = brokers
    self.clientID = clientID
    self.answerTimeout = answerTimeout
    self.properties = properties
  }

  /// All that the library is told, in order: what comes later goes over what came before.
  var all: [KafkaConfiguration.Property] {
    let answerMilliseconds = min(max(answerTimeout / 1000, 1000), 300_000)
    let defaults = [
      ("enable.idempotence", "true"), ("acks", "all"), ("compression.codec", "zstd"),
      // The same partitions as those of a client in Java.
      ("partitioner", "murmur2_random"),
      // Never: the ring log has the record, and decides.
      ("message.timeout.ms", "0"),
      ("queue.buffering.max.kbytes", String(Self.queueKibibytes)),
      // One batch that is too large costs all that are in it another try.
      ("batch.size", String(256 << 10)),
      ("topic.metadata.propagation.max.ms", "5000"),
      ("socket.keepalive.enable", "true"), ("socket.timeout.ms", String(answerMilliseconds)),
      ("log.connection.close", "false"),
    ]
    var all = defaults.map { KafkaConfiguration.Property($0.0, $0.1) }
    let isUnordered = properties.contains { $0.name == "enable.idempotence" && $0.value == "false" }
    if isUnordered {
      // Without it a batch that is tried again would come behind the next one.
      all.append(KafkaConfiguration.Property("max.in.flight.requests.per.connection", "1"))
    }
    all += properties
    let fixed = [
      ("bootstrap.servers", brokers), ("client.id", clientID), ("log.queue", "true"),
      ("delivery.report.only.error", "false"),
    ]
    return all + fixed.map { KafkaConfiguration.Property($0.0, $0.1) }
  }
}

extension KafkaSettings {
  /// Whether a client would do more than look for brokers: ask for a token or a ticket, or play a
  /// cluster.
  var isActive: Bool {
    var protocolName = ""
    var mechanism = "GSSAPI"
    for property in properties {
      switch property.name {
      case "security.protocol": protocolName = property.value.lowercased()
      case "sasl.mechanism", "sasl.mechanisms": mechanism = property.value
      default: if property.name.hasPrefix("test.mock.") { return true }
      }
    }
    return protocolName.hasPrefix("sasl") && ["GSSAPI", "OAUTHBEARER"].contains(mechanism)
  }
}

/// What is wrong with a property.
public struct KafkaPropertyFault: Equatable, Sendable {
  /// As in a configuration error: what is wrong, without the value of a secret.
  public var what: String
  /// What to do about it.
  public var remedy: String
  /// The file it names may come later: no reason to refuse the configuration.
  public var isPassing = false
}

extension KafkaConfiguration.Property {
  /// Whether its value must not be shown.
  public var isSecret: Bool {
    ["password", "secret", "key.pem", "oauthbearer.config"].contains { name.hasSuffix($0) }
  }

  /// What the agent's promises forbid, before the library is asked.
  var ownFault: KafkaPropertyFault? {
    if let remedy = KafkaSettings.reserved[name] {
      return KafkaPropertyFault(what: "is set by Holdfast", remedy: remedy)
    }
    let isAcks = name == "acks" || name == "request.required.acks"
    if isAcks && value != "all" && value != "-1" {
      return KafkaPropertyFault(
        what: "would let events go that the cluster can still lose",
        remedy: "remove it: acks is \"all\""
      )
    }
    return nil
  }
}
