import HoldfastLink
import HoldfastPayload
import HoldfastRingLog
import HoldfastUpstream

/// What a key takes: the reference that the JSON Schema and the effective text are made from.
///
/// A test puts every bound and every default to the reader, so that neither can drift.
struct KeyRow {
  enum Kind {
    case text
    /// A text that messages and printed configurations never show.
    case secret
    case path
    case texts
    case boolean
    case integer(ClosedRange<Int>)
    /// Microseconds.
    case duration(ClosedRange<Int64>)
    /// Bytes.
    case size(ClosedRange<Int>)
    /// Microseconds, or bytes: the unit tells.
    case durationOrSize(ClosedRange<Int64>, ClosedRange<Int>)
    case choice([String])
    /// A text, or a whole number.
    case place
    /// One table with keys that a library knows.
    case properties
    /// One table with the keys of another section.
    case table(String)
    /// A list of tables with the keys of another section.
    case tables(String)
  }

  var name: String
  var kind: Kind
  /// The default as it would be written in the file; nil: none, or one that depends on other keys.
  var standard: String?
  var isRequired = false
  /// One line for people.
  var about: String

  init(
    _ key: some RawRepresentable<String>,
    _ kind: Kind,
    or standard: String? = nil,
    isRequired: Bool = false,
    _ about: String
  ) {
    name = key.rawValue
    self.kind = kind
    self.standard = standard
    self.isRequired = isRequired
    self.about = about
  }
}

/// The rows of each section, in the order of the manual; a key without a row is not checked by the
/// schema, and a test names it.
enum KeyReference {
  static func rows(of section: String) -> [KeyRow] {
    switch section {
    case "agent": agent
    case "ring": ring
    case "status": status
    case "source": source + link
    case "upstream": upstream + link
    case "tls": tls
    case "source.decode_topic": decodeTopic
    default: []
    }
  }

  private static let agent = [
    KeyRow(AgentKey.id, .text, "Who this machine is: part of every event's identity."),
    KeyRow(
      AgentKey.dataDirectory,
      .path,
      or: "\"/var/lib/holdfast\"",
      "Where the ring log lives: an absolute path."
    ),
    KeyRow(
      AgentKey.statusTopic,
      .text,
      or: "\"\(StatusTopic.standard)\"",
      "Where the agent tells, retained, whether it is there; empty: nowhere."
    ),
  ]

  private static let ring = [
    KeyRow(
      RingKey.size,
      .size(RingConfiguration.byteCountMin...RingConfiguration.byteCountLimit),
      or: "\"256MiB\"",
      "Bytes on disk that Holdfast may use."
    ),
    KeyRow(
      RingKey.commitInterval,
      .duration(10 * millisecond...5 * second),
      or: "\"250ms\"",
      "How long at most an event waits before it is on disk."
    ),
    KeyRow(
      RingKey.whenFull,
      .choice(FullPolicy.allCases.map(\.rawValue)),
      or: "\"drop-oldest\"",
      "What happens when the ring is full and an upstream still needs what is in it."
    ),
    KeyRow(
      RingKey.ageMax,
      .duration(minute...10 * year),
      "Events older than this are given up."
    ),
    KeyRow(
      RingKey.keepDelivered,
      .durationOrSize(minute...10 * year, 1 << 20...1 << 40),
      "How much of what is delivered stays for a replay, by age or size, while there is room."
    ),
    KeyRow(
      RingKey.payloadMax,
      .size(1 << 10...8 << 20),
      or: "\"1MiB\"",
      "Largest payload that is stored."
    ),
    KeyRow(
      RingKey.chainSize,
      .size(64 << 10...1 << 20),
      or: "\"256KiB\"",
      "How much is compressed as one, and the most that one damaged block costs."
    ),
    KeyRow(
      RingKey.timeResolution,
      .choice(["ms", "us"]),
      or: "\"ms\"",
      "How fine arrival times are kept."
    ),
    KeyRow(
      RingKey.memory,
      .size(1 << 20...256 << 20),
      or: "\"4MiB\"",
      "Recent events kept in memory."
    ),
  ]

  private static let status = [
    KeyRow(
      StatusKey.listen,
      .text,
      or: "\"127.0.0.1:9464\"",
      "Where the status page is, an address and a port; empty: nowhere."
    ),
    KeyRow(
      StatusKey.reachableFrom,
      .choice(["this machine", "the network"]),
      or: "\"this machine\"",
      "Who may ask for it; an address beyond this machine needs \"the network\"."
    ),
    KeyRow(
      StatusKey.socket,
      .text,
      or: "\"status.sock\"",
      "A Unix socket for the same, in the data directory unless absolute; empty: none."
    ),
    KeyRow(StatusKey.hosts, .texts, "Further names by which browsers may ask for the page."),
    KeyRow(
      StatusKey.topicCountMax,
      .integer(0...10_000),
      or: "1000",
      "Topics whose traffic is remembered."
    ),
  ]

  private static let link = [
    KeyRow(
      LinkKey.url,
      .text,
      isRequired: true,
      "mqtt://HOST[:PORT] or mqtts://HOST[:PORT]; upstreams: kafka://HOST[:PORT],HOST[:PORT]."
    ),
    KeyRow(
      LinkKey.protocolVersion,
      .choice(ProtocolPolicy.allCases.map(\.rawValue)),
      or: "\"auto\"",
      "The version of MQTT."
    ),
    KeyRow(LinkKey.clientID, .text, "The client id: the session's name at the broker."),
    KeyRow(LinkKey.username, .text, "User name at the broker."),
    KeyRow(LinkKey.password, .secret, "Password at the broker; prefer password_file."),
    KeyRow(LinkKey.passwordFile, .path, "A file whose only line is the password."),
    KeyRow(
      LinkKey.keepAlive,
      .duration(5 * second...65_535 * second),
      or: "\"60s\"",
      "How long a silent link is trusted, whole seconds."
    ),
    KeyRow(
      LinkKey.connectTimeout,
      .duration(second...5 * minute),
      or: "\"10s\"",
      "How long connecting may take."
    ),
    KeyRow(
      LinkKey.backoffMax,
      .duration(second...hour),
      or: "\"30s\"",
      "Longest wait between two attempts to connect."
    ),
    KeyRow(LinkKey.tls, .table("tls"), "TLS, for mqtts:// only."),
  ]

  private static let tls = [
    KeyRow(TLSKey.caFile, .path, "Whom to trust, PEM; without it the system's certificates."),
    KeyRow(TLSKey.certificateFile, .path, "Our certificate, PEM."),
    KeyRow(TLSKey.keyFile, .path, "The key of our certificate, PEM."),
    KeyRow(TLSKey.revocationFile, .path, "What the CA has revoked, PEM."),
    KeyRow(
      TLSKey.versionMin,
      .choice(TLSVersion.allCases.map(\.rawValue)),
      or: "\"1.2\"",
      "The oldest version of TLS that is spoken."
    ),
    KeyRow(TLSKey.sharedKeyIdentity, .text, "The name of a shared key, in place of certificates."),
    KeyRow(TLSKey.sharedKeyFile, .path, "A file whose only line is the shared key, hexadecimal."),
  ]

  private static let source = [
    KeyRow(SourceKey.name, .text, isRequired: true, "Names counters, log lines and the session."),
    KeyRow(SourceKey.topics, .texts, isRequired: true, "What to subscribe to: topic filters."),
    KeyRow(
      SourceKey.sessionExpiry,
      .duration(minute...3650 * day),
      or: "\"7d\"",
      "MQTT 5: how long the broker keeps our session, whole seconds."
    ),
    KeyRow(
      SourceKey.receiveMaximum,
      .integer(1...65_535),
      or: "1000",
      "MQTT 5: how many events the broker may send before an acknowledgement."
    ),
    KeyRow(
      SourceKey.inflightWindow,
      .integer(1...65_535),
      or: "20",
      "MQTT 3.1.1: how many the broker sends, as configured there."
    ),
    KeyRow(
      SourceKey.decode,
      .choice(formats),
      or: "\"none\"",
      "How payloads are read, for stages that look into them."
    ),
    KeyRow(
      SourceKey.textUnits,
      .boolean,
      or: "false",
      "Whether texts such as \"21.5 °C\" count as numbers."
    ),
    KeyRow(
      SourceKey.textComma,
      .choice(commas),
      or: "\"none\"",
      "What a comma means in a text that is a number: nothing, the point, or a group of digits."
    ),
    KeyRow(SourceKey.decodeTopic, .tables("source.decode_topic"), "Other formats for some topics."),
    KeyRow(SourceKey.stage, .tables("source.stage"), "What events pass before they are stored."),
  ]

  private static let decodeTopic = [
    KeyRow(DecodeTopicKey.topics, .texts, isRequired: true, "Topic filters."),
    KeyRow(DecodeTopicKey.format, .choice(formats), isRequired: true, "As decode of the source."),
    KeyRow(DecodeTopicKey.textUnits, .boolean, "As of the source; without it as there."),
    KeyRow(DecodeTopicKey.textComma, .choice(commas), "As of the source; without it as there."),
  ]

  private static let commas = TextNumbers.Comma.allCases.map(\.rawValue)
  private static let formats = FormatChoice.allCases.map(\.rawValue)

  private static let upstream = upstreamPlace + upstreamMessages + upstreamPace

  private static let upstreamPlace = [
    KeyRow(UpstreamKey.name, .text, isRequired: true, "Names counters, log lines, the client id."),
    KeyRow(UpstreamKey.id, .text, "Names the place in the log; without it the name does."),
    KeyRow(
      UpstreamKey.from,
      .place,
      or: "\"now\"",
      "Where a new upstream begins: now, oldest, a sequence number or a time (RFC 3339)."
    ),
    KeyRow(UpstreamKey.topics, .texts, or: "[\"#\"]", "Which events are forwarded."),
    KeyRow(UpstreamKey.exceptTopics, .texts, "Which of them are not."),
    KeyRow(
      UpstreamKey.fallbackURLs,
      .texts,
      "Brokers that take over in this order while the one of url can't be had."
    ),
    KeyRow(
      UpstreamKey.primaryRetry,
      .duration(second...day),
      or: "\"10m\"",
      "How often the broker of url is asked then whether it is there again."
    ),
  ]

  private static let upstreamMessages = [
    KeyRow(UpstreamKey.topic, .text, "Where they go: {topic}, {agent}, {upstream} are filled in."),
    KeyRow(UpstreamKey.key, .text, "Kafka: what a record's key is made of; {topic} unless said."),
    KeyRow(
      UpstreamKey.gapTopic,
      .text,
      or: "\"holdfast/{agent}/gaps\"",
      "Where gap records go; empty: nowhere."
    ),
    KeyRow(
      UpstreamKey.format,
      .choice(MessageFormat.allCases.map(\.rawValue)),
      or: "\"event\"",
      "How events become messages."
    ),
    KeyRow(
      UpstreamKey.compression,
      .choice(BatchCompression.allCases.map(\.rawValue)),
      or: "\"none\"",
      "Of batches."
    ),
    KeyRow(
      UpstreamKey.retain,
      .choice(RetainPolicy.allCases.map(\.rawValue)),
      or: "\"keep\"",
      "What becomes of the retained flag, format \"event\" only."
    ),
    KeyRow(
      UpstreamKey.inFlight,
      .integer(1...1000),
      or: "100",
      "Messages sent and not yet acknowledged."
    ),
    KeyRow(UpstreamKey.batchEvents, .integer(1...10_000), or: "500", "Events of a batch."),
    KeyRow(
      UpstreamKey.batchBytes,
      .size(1 << 10...8 << 20),
      or: "\"256KiB\"",
      "Bytes of a batch before compression."
    ),
    KeyRow(
      UpstreamKey.batchAge,
      .duration(10 * millisecond...hour),
      or: "\"1s\"",
      "How long the first event of a batch may wait."
    ),
    KeyRow(
      UpstreamKey.acknowledgementTimeout,
      .duration(second...hour),
      or: "\"30s\"",
      "Without an acknowledgement for so long the link counts as dead."
    ),
    KeyRow(
      UpstreamKey.refusalTries,
      .integer(1...100),
      or: "5",
      "How often a refused message is sent before it is set aside."
    ),
    KeyRow(
      UpstreamKey.deadLetterSize,
      .size(64 << 10...1 << 30),
      or: "\"4MiB\"",
      "Disk kept for dead letters."
    ),
    KeyRow(
      UpstreamKey.undecodable,
      .choice(UndecodablePolicy.allCases.map(\.rawValue)),
      or: "\"pass\"",
      "What becomes of an event whose payload a stage can't read."
    ),
    KeyRow(UpstreamKey.kafka, .properties, "Properties of librdkafka, for kafka:// only."),
    KeyRow(UpstreamKey.stage, .tables("upstream.stage"), "What events pass before they are sent."),
  ]

  private static let upstreamPace = [
    KeyRow(UpstreamKey.budget, .text, "Bytes handed to the socket, such as \"64kbit/s\"."),
    KeyRow(UpstreamKey.budgetOf, .text, "The upstream whose budget this one shares."),
    KeyRow(
      UpstreamKey.priority,
      .integer(0...9),
      or: "0",
      "Of those that share a budget, the higher sends first."
    ),
    KeyRow(UpstreamKey.schedule, .texts, "Daily hours in which anything is sent, local time."),
    KeyRow(
      UpstreamKey.order,
      .choice(CatchUpOrder.allCases.map(\.rawValue)),
      or: "\"oldest-first\"",
      "Whether live data goes ahead of what waits."
    ),
    KeyRow(UpstreamKey.backlogSchedule, .texts, "Hours for what waits, with live-first."),
  ]
}
