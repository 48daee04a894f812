import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastPayload
import HoldfastRingLog
import HoldfastStage
import HoldfastUpstream

extension LoadedConfiguration {
  /// What the configuration does, a few lines for people; holds no credentials.
  public var summary: String {
    let ring = configuration.ring
    var rows: [[String]] = [
      ["agent", configuration.agentID, configuration.dataDirectory],
      ["ring", formattedSize(ring.byteCountMax), ringText(ring)],
    ]
    for source in configuration.sources {
      rows.append([
        "source", source.name,
        "\(source.link.url) \(listed(source.topics))\(formatText(source.decode))",
      ])
      rows += stageRows(source.stages, of: source.name)
    }
    for upstream in configuration.upstreams {
      let compression = upstream.compression == .none ? "" : " \(upstream.compression.rawValue)"
      rows.append([
        "upstream", upstream.name,
        "\(listed(upstream.topics)) as "
          + (upstream.kafka == nil ? "\(upstream.format.rawValue)\(compression)" : "record")
          + " to \(upstream.topicTemplate) at \(urls(upstream.link))",
      ])
      if let properties = upstream.kafka?.properties, !properties.isEmpty {
        // Any of them may be a secret to somebody: names only.
        rows.append(["kafka", upstream.name, properties.map(\.name).joined(separator: ", ")])
      }
      rows += stageRows(upstream.stages, of: upstream.name)
    }
    return aligned(rows)
  }

  private func urls(_ link: LinkConfiguration) -> String {
    let others = (1..<link.brokerCount).map { link.broker(at: $0).url }
    return link.url + (others.isEmpty ? "" : ", else \(others.joined(separator: ", "))")
  }

  private func ringText(_ ring: RingConfiguration) -> String {
    let age = ring.ageMax.map { ", at most \(formattedDuration($0)) old" } ?? ""
    let kept =
      switch ring.keepDelivered {
      case .span(let span): ", delivered data kept for \(formattedDuration(span))"
      case .byteCount(let count): ", \(formattedSize(count)) of delivered data kept"
      case nil: ""
      }
    let interval = formattedDuration(ring.commitInterval)
    return "\(ring.whenFull.rawValue) when full\(age)\(kept), commits every \(interval)"
  }

  private func formatText(_ rules: DecodeRules) -> String {
    var formats = Set(rules.overrides.compactMap { $0.format?.rawValue })
    if let format = rules.format { formats.insert(format.rawValue) }
    if formats.isEmpty { return "" }
    let hasTexts = ([rules.texts] + rules.overrides.map(\.texts)).contains { $0 != .plain }
    return ", read as \(formats.sorted().joined(separator: ", "))"
      + (hasTexts ? ", texts as numbers" : "")
  }

  /// Each stage in a line, in the order in which events pass through them.
  private func stageRows(_ stages: [StageConfiguration], of name: String) -> [[String]] {
    stages.enumerated().map { index, stage in
      let topics = stage.topics.isEmpty ? "all topics" : listed(stage.topics)
      return ["stage \(index + 1)", name, "\(StageType(of: stage.kind).rawValue) on \(topics)"]
    }
  }

  /// The first few filters and how many more there are.
  private func listed(_ filters: [TopicFilter]) -> String {
    let shown = filters.prefix(3).map(\.description).joined(separator: ", ")
    return filters.count > 3 ? "\(shown) and \(filters.count - 3) more" : shown
  }

  /// Two columns wide enough for their texts, and the rest.
  private func aligned(_ rows: [[String]]) -> String {
    let widths = (0..<2).map { column in
      rows.map { $0[column].unicodeScalars.count }.max() ?? 0
    }
    return rows.map { row in
      let cells = zip(row, widths).map { text, width in
        text + String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
      }
      return "  " + (cells + row.dropFirst(2)).joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
