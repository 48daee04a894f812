import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastStage
import HoldfastUpstream

extension DocumentReader {
  private static let filterCountMax = 256

  // MARK: source

  /// One `[[source]]`; nil if its name or URL can't be used.
  func readSource(_ table: TableReader) -> Entry<SourceConfiguration>? {
    let known =
      ConfigurationKeys.names(of: SourceKey.self) + ConfigurationKeys.names(of: LinkKey.self)
    table.rejectUnknownKeys(except: known)
    let name = readName(table, example: "\"floor\"")
    let link = readLink(table, defaultClientID: "\(agentID)-\(name ?? "")")
    let topics =
      table.require(SourceKey.topics, example: "[\"sensors/#\"]") ? readFilters(table) : nil
    let expiry = seconds(table, SourceKey.sessionExpiry, in: 60...315_360_000)
    let receiveMaximum = table.integer(SourceKey.receiveMaximum, in: 1...65_535)
    let inflightWindow = table.integer(SourceKey.inflightWindow, in: 1...65_535)
    let decode = readDecode(table)
    let stages = readStages(table, of: .source)
    guard let name, let link else { return nil }
    var source = SourceConfiguration(name: name, link: link, topics: topics ?? [])
    if let expiry { source.sessionExpirySeconds = UInt32(expiry) }
    source.receiveMaximum = receiveMaximum ?? source.receiveMaximum
    source.inflightWindow = inflightWindow ?? source.inflightWindow
    source.decode = decode
    source.stages = stages.map(\.settings)
    return Entry(settings: source, table: table, stages: stages)
  }

  // MARK: upstream

  /// One `[[upstream]]`; nil if its name or URL can't be used.
  func readUpstream(_ table: TableReader) -> Entry<UpstreamConfiguration>? {
    if isKafka(table) { return readKafkaUpstream(table) }
    let known =
      ConfigurationKeys.names(of: UpstreamKey.self) + ConfigurationKeys.names(of: LinkKey.self)
    table.rejectUnknownKeys(except: known)
    let name = readName(table, example: "\"central\"")
    var link = readLink(table, defaultClientID: "\(agentID)-to-\(name ?? "")")
    readFallbacks(table, into: &link)
    var upstream = UpstreamConfiguration(
      name: name ?? "",
      link: link ?? .init(host: "", port: 0),
      topics: readFilters(table) ?? everything
    )
    for key in [UpstreamKey.key, .kafka] where table.has(key) {
      table.error(key, "is for Kafka, and url is not", "remove it, or write kafka:// in url")
    }
    readPlace(table, into: &upstream)
    readFormat(table, into: &upstream)
    readTopics(table, into: &upstream)
    readLimits(table, into: &upstream)
    readPace(table, into: &upstream)
    upstream.undecodable =
      table.choice(UpstreamKey.undecodable, of: UndecodablePolicy.self) ?? upstream.undecodable
    let stages = readStages(table, of: .upstream)
    upstream.stages = stages.map(\.settings)
    checkOrder(table, upstream)
    guard name != nil, link != nil else { return nil }
    return Entry(settings: upstream, table: table, stages: stages)
  }

  /// `id` and `from`: what is the upstream's place in the log, and where that begins.
  func readPlace(_ table: TableReader, into upstream: inout UpstreamConfiguration) {
    if let id = table.text(UpstreamKey.id) {
      if isName(id) { upstream.id = id } else { table.error(UpstreamKey.id, "is no id", nameRule) }
    }
    let remedy =
      "give \"now\", \"oldest\", a sequence number without quotes, or a time such as"
      + " \"2026-01-31T10:00:00Z\""
    switch table.entries[UpstreamKey.from.rawValue]?.value {
    case nil: break
    case .integer(let number) where number > 0: upstream.start = .number(UInt64(number))
    case .text("now"): upstream.start = .now
    case .text("oldest"): upstream.start = .oldest
    case .text(let text):
      if let instant = instant(ofRFC3339: Array(text.utf8)[...]) {
        upstream.start = .time(instant)
      } else {
        table.error(UpstreamKey.from, "is \(quoted(text))", remedy)
      }
    default: table.error(UpstreamKey.from, "is no place to begin at", remedy)
    }
  }

  private func readFormat(_ table: TableReader, into upstream: inout UpstreamConfiguration) {
    upstream.format = table.choice(UpstreamKey.format, of: MessageFormat.self) ?? upstream.format
    upstream.compression =
      table.choice(UpstreamKey.compression, of: BatchCompression.self) ?? upstream.compression
    upstream.retain = table.choice(UpstreamKey.retain, of: RetainPolicy.self) ?? upstream.retain
    if upstream.format == .event {
      if upstream.compression != .none {
        table.error(
          UpstreamKey.compression,
          "is for batches, and format is \"event\"",
          "remove it, or set format = \"ndjson\", \"json\" or \"lines\""
        )
      }
      let batchKeys = [UpstreamKey.batchEvents, .batchBytes, .batchAge]
      for key in batchKeys where table.has(key) {
        table.warn(
          key,
          "has no effect: format is \"event\"",
          "remove it, or set format = \"ndjson\""
        )
      }
    } else if table.has(UpstreamKey.retain) {
      table.warn(UpstreamKey.retain, "has no effect on batches", "remove it")
    }
  }

  private func readTopics(_ table: TableReader, into upstream: inout UpstreamConfiguration) {
    let isBatch = upstream.format != .event
    if isBatch { upstream.topicTemplate = "holdfast/{agent}/events" }
    let placeholders = isBatch ? ["agent", "upstream"] : ["topic", "agent", "upstream"]
    if let template = readTemplate(table, .topic, placeholders) {
      upstream.topicTemplate = template
    }
    if let template = table.text(UpstreamKey.gapTopic) {
      if template.isEmpty {
        upstream.gapTopicTemplate = ""
      } else if let template = readTemplate(table, .gapTopic, ["agent"]) {
        upstream.gapTopicTemplate = template
      }
    }
  }

  func readTemplate(
    _ table: TableReader,
    _ key: UpstreamKey,
    _ known: [String]
  ) -> String? {
    guard let text = table.text(key) else { return nil }
    let template = TopicTemplate(text: text)
    guard let placeholders = template.placeholders else {
      table.error(key, "has a brace without its partner", "write placeholders as {agent}")
      return nil
    }
    var isRight = true
    for placeholder in placeholders where !known.contains(placeholder) {
      isRight = false
      if placeholder == "topic" && key == .topic {
        table.error(
          key,
          "uses {topic}, and a batch holds events of many topics",
          "leave {topic} out, or set format = \"event\""
        )
        continue
      }
      if let number = Int(placeholder), number > 0, key != .gapTopic, isKafka(table) {
        table.error(
          key,
          "uses {\(number)}, and not every filter of topics has so many wildcards",
          "give topics with a wildcard for each number"
        )
        continue
      }
      let words = known.map { "{\($0)}" }
      problems.error(
        key.rawValue,
        line: table.line(of: key),
        "\(key.rawValue) of \(table.title) has the unknown placeholder \(quoted("{\(placeholder)}"))",
        "use \(words.joined(separator: ", "))",
        nearest: nearest(to: placeholder, among: known).map { "{\($0)}" }
      )
    }
    guard isRight else { return nil }
    if isKafka(table) { return text }
    guard template.makesTopic(["topic": "t", "agent": agentID, "upstream": "u"]) else {
      table.error(key, "is \(quoted(text)), which makes no topic", TopicTemplate.topicRule)
      return nil
    }
    return text
  }

  func readLimits(_ table: TableReader, into upstream: inout UpstreamConfiguration) {
    upstream.inFlightMax = table.integer(UpstreamKey.inFlight, in: 1...1000) ?? upstream.inFlightMax
    upstream.batchEventCountMax =
      table.integer(UpstreamKey.batchEvents, in: 1...10_000) ?? upstream.batchEventCountMax
    upstream.batchByteCountMax =
      table.size(UpstreamKey.batchBytes, in: 1 << 10...8 << 20) ?? upstream.batchByteCountMax
    upstream.batchAgeMax =
      table.duration(UpstreamKey.batchAge, in: 10 * millisecond...hour) ?? upstream.batchAgeMax
    upstream.acknowledgementTimeout =
      table.duration(UpstreamKey.acknowledgementTimeout, in: second...hour)
      ?? upstream.acknowledgementTimeout
    upstream.refusalTryCountMax =
      table.integer(UpstreamKey.refusalTries, in: 1...100) ?? upstream.refusalTryCountMax
    upstream.deadLetterByteCountMax =
      table.size(UpstreamKey.deadLetterSize, in: 64 << 10...1 << 30)
      ?? upstream.deadLetterByteCountMax
  }

  // MARK: both

  func readName(_ table: TableReader, example: String) -> String? {
    guard table.require(SourceKey.name, example: example),
      let name = table.text(SourceKey.name)
    else { return nil }
    guard isName(name) else {
      table.error(SourceKey.name, "is no name", nameRule)
      return nil
    }
    return name
  }

  /// `topics`; nil if absent or if none of them is right.
  func readFilters(
    _ table: TableReader,
    _ key: some RawRepresentable<String> = SourceKey.topics
  ) -> [TopicFilter]? {
    guard let texts = table.texts(key, example: "[\"sensors/#\"]") else { return nil }
    guard (1...Self.filterCountMax).contains(texts.count) else {
      let isArrayEmpty = texts.isEmpty && isEmptyArray(table.entries[key.rawValue])
      if isArrayEmpty || !texts.isEmpty {
        table.error(
          key,
          "holds \(texts.count) filters",
          "give 1 to \(Self.filterCountMax) of them"
        )
      }
      return nil
    }
    var filters: [TopicFilter] = []
    for (text, line) in texts {
      var fault: (what: String, remedy: String)?
      let filter = TopicFilter(text)
      if text.hasPrefix("$share/") {
        fault = ("is a shared subscription", "give the plain filter: shared ones lose the order")
      } else if let filter, filters.contains(filter) {
        fault = ("stands twice", "remove one of them")
      } else if filter == nil || text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
        fault = (
          "is no topic filter",
          "let \"+\" and \"#\" stand alone between slashes, \"#\" at the end only"
        )
      }
      if let fault {
        problems.error(
          key.rawValue,
          line: line,
          "topic filter \(quoted(text)) of \(table.title) \(fault.what)",
          fault.remedy
        )
      } else if let filter {
        filters.append(filter)
      }
    }
    return filters.isEmpty ? nil : filters
  }

  private func isEmptyArray(_ node: ConfigurationNode?) -> Bool {
    if case .array(let elements)? = node?.value { elements.isEmpty } else { false }
  }

  var everything: [TopicFilter] { TopicFilter("#").map { [$0] } ?? [] }
}
