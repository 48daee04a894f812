import HoldfastAgent
import HoldfastIntake
import HoldfastKafka
import HoldfastLink
import HoldfastPayload
import HoldfastStage
import HoldfastUpstream

/// A configuration as one TOML text that parses again, to the same settings: what several files make
/// together, with variables filled in, defaults written out and secrets masked.
struct EffectiveText {
  /// What stands for a secret.
  static let mask = "***"

  let configuration: AgentConfiguration
  /// Relative paths are taken from this file's directory, and written as absolute ones.
  let file: String

  init(_ configuration: AgentConfiguration, file: String) {
    self.configuration = configuration
    self.file = file
  }

  /// - Parameter root: the merged and filled tree that was read without an error.
  /// - Returns: the text, with a line end.
  func text(of root: ConfigurationNode) -> String {
    guard case .table(let sections) = root.value else { return "" }
    var lines: [String] = []
    for section in ConfigurationKeys.sections {
      if section.isList {
        guard case .array(let elements)? = sections[section.name]?.value else { continue }
        for (index, element) in elements.enumerated() {
          guard case .table(let entries) = element.value else { continue }
          lines += [""] + table(entries, section.name, header: section.title, index: index)
        }
      } else {
        var entries: [String: ConfigurationNode] = [:]
        if case .table(let given)? = sections[section.name]?.value { entries = given }
        lines += [""] + table(entries, section.name, header: section.title, index: 0)
      }
    }
    return lines.dropFirst().joined(separator: "\n") + "\n"
  }

  /// A section with its defaults, and the lists of tables within it.
  private func table(
    _ entries: [String: ConfigurationNode],
    _ section: String,
    header: String,
    index: Int
  ) -> [String] {
    let rows = KeyReference.rows(of: section)
    var lines = [header]
    for row in rows {
      if let node = entries[row.name] {
        if !isListOfTables(node) { lines.append("\(row.name) = \(value(node, row.kind))") }
      } else if let standard = standard(row, section, index) {
        lines.append("\(row.name) = \(standard)  # default")
      }
    }
    let known = Set(rows.map(\.name))
    let others = entries.filter { !known.contains($0.key) && !isListOfTables($0.value) }
    for (name, node) in others.sorted(by: { $0.key < $1.key }) {
      lines.append("\(key(name)) = \(value(node, .text))")
    }
    return lines + lists(in: entries, path: section)
  }

  /// The lists of tables within a table, each under its own header.
  private func lists(in entries: [String: ConfigurationNode], path: String) -> [String] {
    var lines: [String] = []
    for (name, node) in entries.sorted(by: { $0.key < $1.key }) where isListOfTables(node) {
      guard case .array(let elements) = node.value else { continue }
      for element in elements {
        guard case .table(let inner) = element.value else { continue }
        lines += ["", "[[\(path).\(key(name))]]"]
        let plain = inner.filter { !isListOfTables($0.value) }
        let inOrder = plain.sorted { ($0.value.line, $0.key) < ($1.value.line, $1.key) }
        for (name, node) in inOrder { lines.append("\(key(name)) = \(value(node, .text))") }
        lines += lists(in: inner, path: "\(path).\(key(name))")
      }
    }
    return lines
  }

  // MARK: defaults

  /// The default of a key that isn't given, as far as it means something here.
  private func standard(_ row: KeyRow, _ section: String, _ index: Int) -> String? {
    switch (section, row.name) {
    case ("agent", AgentKey.id.rawValue):
      return literal(configuration.agentID)
    case ("source", LinkKey.clientID.rawValue):
      return literal(configuration.sources[index].link.clientID)
    case ("upstream", _):
      return standard(row, configuration.upstreams[index])
    default:
      return row.standard
    }
  }

  private func standard(_ row: KeyRow, _ upstream: UpstreamConfiguration) -> String? {
    let isBatch = upstream.format != .event
    if upstream.kafka != nil, DocumentReader.isForMQTT(row.name) { return nil }
    switch row.name {
    case LinkKey.clientID.rawValue: return literal(upstream.link.clientID)
    case UpstreamKey.primaryRetry.rawValue:
      return upstream.link.fallbacks.isEmpty ? nil : row.standard
    case UpstreamKey.gapTopic.rawValue: return literal(upstream.gapTopicTemplate)
    case UpstreamKey.inFlight.rawValue: return "\(upstream.inFlightMax)"
    case UpstreamKey.priority.rawValue:
      return upstream.budgetByteCount == nil && upstream.budgetOwner == nil ? nil : row.standard
    case UpstreamKey.topic.rawValue: return literal(upstream.topicTemplate)
    case UpstreamKey.undecodable.rawValue: return readsPayloads ? row.standard : nil
    case UpstreamKey.retain.rawValue: return isBatch ? nil : row.standard
    case UpstreamKey.batchEvents.rawValue, UpstreamKey.batchBytes.rawValue,
      UpstreamKey.batchAge.rawValue:
      return isBatch ? row.standard : nil
    default: return row.standard
    }
  }

  private var readsPayloads: Bool {
    configuration.sources.contains { source in
      source.decode.format != nil || source.decode.overrides.contains { $0.format != nil }
    }
  }

  // MARK: values

  private func isListOfTables(_ node: ConfigurationNode) -> Bool {
    guard case .array(let elements) = node.value, let first = elements.first else { return false }
    if case .table = first.value { return true }
    return false
  }

  private func value(_ node: ConfigurationNode, _ kind: KeyRow.Kind) -> String {
    switch node.value {
    case .text(let text):
      switch kind {
      case .secret: return literal(Self.mask)
      case .path where !text.isEmpty: return literal(resolved(text, besides: file))
      default: return literal(text)
      }
    case .integer(let number): return String(number)
    case .fraction(let number): return number.isFinite ? "\(number)" : "0.0"
    case .boolean(let isTrue): return String(isTrue)
    case .time: return literal("")
    case .array(let elements):
      return "[" + elements.map { value($0, kind) }.joined(separator: ", ") + "]"
    case .table(let entries):
      var rows: [KeyRow] = []
      if case .table(let section) = kind { rows = KeyReference.rows(of: section) }
      let inOrder = entries.sorted { ($0.value.line, $0.key) < ($1.value.line, $1.key) }
      if case .properties = kind { return properties(inOrder) }
      let fields = inOrder.map { name, node in
        let kind = rows.first { $0.name == name }?.kind ?? .text
        return "\(key(name)) = \(value(node, kind))"
      }
      return fields.isEmpty ? "{}" : "{ \(fields.joined(separator: ", ")) }"
    }
  }

  /// Properties of a library: what it holds for secret is masked, and files get their whole path.
  private func properties(_ entries: [(key: String, value: ConfigurationNode)]) -> String {
    let fields = entries.map { name, node in
      let isSecret = KafkaConfiguration.Property(name, "").isSecret
      let kind: KeyRow.Kind = name.hasSuffix("_file") ? .path : isSecret ? .secret : .text
      return "\(key(name)) = \(value(node, kind))"
    }
    return fields.isEmpty ? "{}" : "{ \(fields.joined(separator: ", ")) }"
  }

  private func key(_ name: String) -> String {
    let isBare =
      !name.isEmpty
      && name.utf8.allSatisfy { byte in
        Character(Unicode.Scalar(byte)).isLetter && byte < 0x80
          || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
          || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
      }
    return isBare ? name : literal(name)
  }

  /// A basic string; `$` of `${` is doubled, so that reading it again fills in nothing.
  private func literal(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.replacing("${", with: "$${").unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      default:
        let isControl = scalar.value < 0x20 || scalar.value == 0x7F
        let digits = String(scalar.value, radix: 16)
        quoted +=
          isControl
          ? "\\u" + String(repeating: "0", count: 4 - digits.count) + digits : String(scalar)
      }
    }
    return quoted + "\""
  }
}
