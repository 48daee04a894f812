import HoldfastEvent
import HoldfastKafka
import HoldfastLink
import HoldfastUpstream

/// What an upstream reads that is a Kafka cluster: `url`, topics and keys, `[upstream.kafka]`.
extension DocumentReader {
  /// Most of it; the placeholders of `topic` and `key` beside the numbers.
  private static let places = ["topic", "agent", "upstream"]
  private static let propertyCountMax = 200
  private static let fileSuffix = "_file"

  /// Keys that say something about MQTT, and what to do instead.
  private static let mqttKeys: [(key: String, remedy: String)] = [
    (LinkKey.protocolVersion.rawValue, "remove it"),
    (LinkKey.keepAlive.rawValue, "remove it"),
    (LinkKey.username.rawValue, "set \"sasl.username\" in [upstream.kafka]"),
    (LinkKey.password.rawValue, "set \"sasl.password_file\" in [upstream.kafka]"),
    (LinkKey.passwordFile.rawValue, "set \"sasl.password_file\" in [upstream.kafka]"),
    (LinkKey.tls.rawValue, "set \"security.protocol\" and ssl properties in [upstream.kafka]"),
    (UpstreamKey.fallbackURLs.rawValue, "list the cluster's brokers in url, with commas"),
    (UpstreamKey.primaryRetry.rawValue, "remove it"),
    (UpstreamKey.format.rawValue, "remove it: each event becomes a record"),
    (UpstreamKey.compression.rawValue, "set \"compression.codec\" in [upstream.kafka]"),
    (UpstreamKey.batchEvents.rawValue, "set \"batch.num.messages\" in [upstream.kafka]"),
    (UpstreamKey.batchBytes.rawValue, "set \"batch.size\" in [upstream.kafka]"),
    (UpstreamKey.batchAge.rawValue, "set \"linger.ms\" in [upstream.kafka]"),
    (UpstreamKey.budget.rawValue, "remove it: what is handed to its sockets is not counted"),
    (UpstreamKey.budgetOf.rawValue, "remove it: what is handed to its sockets is not counted"),
    (UpstreamKey.priority.rawValue, "remove it: it shares no budget"),
  ]

  /// Whether a key has no meaning for a Kafka cluster.
  static func isForMQTT(_ key: String) -> Bool { mqttKeys.contains { $0.key == key } }

  /// Whether an upstream's `url` is one of Kafka's.
  func isKafka(_ table: TableReader) -> Bool {
    guard case .text(let url)? = table.entries[LinkKey.url.rawValue]?.value else { return false }
    return url.lowercased().hasPrefix(KafkaAddress.scheme)
  }

  /// One `[[upstream]]` that is a Kafka cluster; nil if its name or URL can't be used.
  func readKafkaUpstream(_ table: TableReader) -> Entry<UpstreamConfiguration>? {
    let known =
      ConfigurationKeys.names(of: UpstreamKey.self) + ConfigurationKeys.names(of: LinkKey.self)
    table.rejectUnknownKeys(except: known)
    for (key, remedy) in Self.mqttKeys {
      guard let node = table.entries[key] else { continue }
      problems.error(
        key,
        line: node.line,
        "\(key) of \(table.title) has no meaning for a Kafka cluster",
        remedy
      )
    }
    let name = readName(table, example: "\"central\"")
    let link = readKafkaLink(table, defaultClientID: "\(agentID)-to-\(name ?? "")")
    var upstream = UpstreamConfiguration(
      name: name ?? "",
      link: link ?? .init(host: "", port: 0),
      topics: readFilters(table) ?? everything
    )
    upstream.inFlightMax = 1000
    upstream.topicTemplate = "holdfast.events"
    upstream.gapTopicTemplate = "holdfast.gaps"
    upstream.retain = table.choice(UpstreamKey.retain, of: RetainPolicy.self) ?? upstream.retain
    var kafka = KafkaConfiguration()
    readPlace(table, into: &upstream)
    readPlaces(table, into: &upstream, &kafka)
    readLimits(table, into: &upstream)
    readPace(table, into: &upstream)
    upstream.undecodable =
      table.choice(UpstreamKey.undecodable, of: UndecodablePolicy.self) ?? upstream.undecodable
    kafka.properties = readProperties(table)
    upstream.kafka = kafka
    let stages = readStages(table, of: .upstream)
    upstream.stages = stages.map(\.settings)
    checkOrder(table, upstream)
    guard name != nil, let link else { return nil }
    check(kafka, link, upstream.acknowledgementTimeout, table)
    return Entry(settings: upstream, table: table, stages: stages)
  }

  private func readKafkaLink(_ table: TableReader, defaultClientID: String) -> LinkConfiguration? {
    var address: KafkaAddress?
    if !KafkaLibrary.isBuiltIn {
      table.error(
        LinkKey.url,
        "asks for Kafka, which this program was built without",
        "build it with the package trait Kafka, or give an mqtt:// url"
      )
    } else if let url = table.text(LinkKey.url) {
      do {
        address = try KafkaAddress(url: url)
      } catch {
        table.error(LinkKey.url, error.what, error.remedy)
      }
    }
    var link = LinkConfiguration(
      host: address?.brokers.first?.host ?? "",
      port: address?.brokers.first?.port ?? 0
    )
    link.kafkaBrokers = address?.text ?? ""
    // The one version whose answers have reasons, as those of a cluster have.
    link.protocolPolicy = .v5
    link.clientID = readClientID(table) ?? defaultClientID
    readConnectTimes(table, into: &link)
    return address == nil ? nil : link
  }

  // MARK: topics and keys

  private func readPlaces(
    _ table: TableReader,
    into upstream: inout UpstreamConfiguration,
    _ kafka: inout KafkaConfiguration
  ) {
    let wildcards = upstream.topics.map(\.wildcardCount).min() ?? 0
    let numbers = wildcards > 0 ? (1...min(wildcards, 99)).map { String($0) } : []
    let known = Self.places + numbers
    if let text = readTemplate(table, .topic, known), isKafkaTopic(text, table, .topic) {
      upstream.topicTemplate = text
    }
    if let text = table.text(UpstreamKey.key), text.isEmpty {
      kafka.keyTemplate = ""
    } else if let text = readTemplate(table, .key, known) {
      kafka.keyTemplate = text
    }
    if let text = table.text(UpstreamKey.gapTopic), text.isEmpty {
      upstream.gapTopicTemplate = ""
    } else if let text = readTemplate(table, .gapTopic, ["agent"]),
      isKafkaTopic(text, table, .gapTopic)
    {
      upstream.gapTopicTemplate = text
    }
  }

  /// Whether what is written besides placeholders can stand in a topic's name.
  private func isKafkaTopic(_ text: String, _ table: TableReader, _ key: UpstreamKey) -> Bool {
    let values = ["topic": "t", "agent": agentID, "upstream": "u"]
    let numbers = Dictionary(uniqueKeysWithValues: (1...99).map { (String($0), "c") })
    let filled = TopicTemplate(text: text).filled(values.merging(numbers) { own, _ in own })
    let isLegal =
      (1...249).contains(filled.utf8.count) && filled != "." && filled != ".."
      && filled.utf8.allSatisfy { byte in
        isName(String(UnicodeScalar(byte)))
      }
    if isLegal { return true }
    table.error(
      key,
      "is \(quoted(text)), which names no topic of Kafka",
      "give 1 to 249 of the letters a-z and A-Z, digits, \".\", \"_\" and \"-\""
    )
    return false
  }

  // MARK: [upstream.kafka]

  /// What stands there, tables within it joined by dots; sorted by name.
  private func readProperties(_ table: TableReader) -> [KafkaConfiguration.Property] {
    guard let node = table.entries[UpstreamKey.kafka.rawValue] else { return [] }
    guard case .table(let entries) = node.value else {
      table.error(
        UpstreamKey.kafka,
        "must be a table, not \(node.kind)",
        "begin it with [upstream.kafka]"
      )
      return []
    }
    var nodes: [(name: String, node: ConfigurationNode)] = []
    flatten(entries, "", into: &nodes)
    guard nodes.count <= Self.propertyCountMax else {
      table.error(
        UpstreamKey.kafka,
        "holds \(nodes.count) properties",
        "give at most \(Self.propertyCountMax)"
      )
      return []
    }
    var properties: [KafkaConfiguration.Property] = []
    for (name, node) in nodes.sorted(by: { $0.name < $1.name }) {
      guard let property = property(name, node, table) else { continue }
      if properties.contains(where: { $0.name == property.name }) {
        tell(name, node.line, "is given twice, also from a file", "keep one of the two")
        continue
      }
      if let fault = KafkaLibrary.isBuiltIn ? KafkaLibrary.fault(of: property) : nil {
        tell(name, node.line, fault.what, fault.remedy, among: KafkaLibrary.propertyNames)
        continue
      }
      properties.append(property)
    }
    return properties
  }

  private func flatten(
    _ entries: [String: ConfigurationNode],
    _ prefix: String,
    into nodes: inout [(name: String, node: ConfigurationNode)]
  ) {
    for (key, node) in entries {
      if case .table(let inner) = node.value {
        flatten(inner, prefix + key + ".", into: &nodes)
      } else {
        nodes.append((prefix + key, node))
      }
    }
  }

  private func property(
    _ name: String,
    _ node: ConfigurationNode,
    _ table: TableReader
  ) -> KafkaConfiguration.Property? {
    let value: String
    switch node.value {
    case .text(let text): value = text
    case .integer(let number): value = String(number)
    case .boolean(let flag): value = String(flag)
    case .fraction(let number): value = "\(number)"
    case .table, .array, .time:
      tell(name, node.line, "must be a string, not \(node.kind)", "write \(quoted(name)) = \"…\"")
      return nil
    }
    guard !value.utf8.contains(0) else {
      tell(name, node.line, "holds a NUL", "remove it")
      return nil
    }
    if name.hasSuffix(Self.fileSuffix) {
      guard let secret = readSecret(value, name, node.line) else { return nil }
      return KafkaConfiguration.Property(String(name.dropLast(Self.fileSuffix.count)), secret)
    }
    let property = KafkaConfiguration.Property(name, value)
    if property.isSecret && !node.isFromVariable
      && isWorldReadable.indices.contains(node.line.file) && isWorldReadable[node.line.file]
    {
      tell(
        name,
        node.line,
        "can be read by every user of this machine",
        "chmod 640 the file, or write \(quoted(name + Self.fileSuffix))"
      )
    }
    return property
  }

  /// The one line that a file holds.
  private func readSecret(_ path: String, _ name: String, _ line: FileLine) -> String? {
    do {
      let secret = try SmallFile(
        path: resolved(path, besides: file),
        byteCountMax: SmallFile.secretByteCountMax
      )
      if secret.isWorldReadable {
        tell(
          name,
          line,
          "names \(quoted(path)), which every user of this machine can read",
          "chmod 640 it"
        )
        return nil
      }
      if let text = secret.line { return text }
      tell(name, line, "names \(quoted(path)), which holds no line of text", "put it there")
    } catch {
      tell(name, line, "names \(quoted(path)), which \(error.what)", "give a file that holds it")
    }
    return nil
  }

  private func tell(
    _ name: String,
    _ line: FileLine,
    _ what: String,
    _ remedy: String,
    among known: [String] = []
  ) {
    problems.error(
      name,
      line: line,
      "\(name) of [upstream.kafka] \(what)",
      remedy,
      nearest: known.contains(name) ? nil : nearest(to: name, among: known)
    )
  }

  /// What the library says of all of it together.
  private func check(
    _ kafka: KafkaConfiguration,
    _ link: LinkConfiguration,
    _ answerTimeout: Int64,
    _ table: TableReader
  ) {
    let settings = KafkaSettings(
      brokers: link.kafkaBrokers ?? "",
      clientID: link.clientID,
      answerTimeout: answerTimeout,
      properties: kafka.properties
    )
    guard let fault = KafkaLibrary.fault(of: settings) else { return }
    let key: any RawRepresentable<String> =
      table.has(UpstreamKey.kafka) ? UpstreamKey.kafka : LinkKey.url
    if fault.isPassing {
      table.warn(key, "\(fault.what)", "\(fault.remedy): until then the link can't be made")
    } else {
      table.error(key, fault.what, fault.remedy)
    }
  }
}
