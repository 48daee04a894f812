import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
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
      rows.append(["source", source.name, "\(source.link.url) \(listed(source.topics))"])
    }
    for upstream in configuration.upstreams {
      let compression = upstream.compression == .none ? "" : " \(upstream.compression.rawValue)"
      rows.append([
        "upstream", upstream.name,
        "\(listed(upstream.topics)) as \(upstream.format.rawValue)\(compression)"
          + " to \(upstream.topicTemplate) at \(upstream.link.url)",
      ])
    }
    return aligned(rows)
  }

  private func ringText(_ ring: RingConfiguration) -> String {
    let age = ring.ageMax.map { ", at most \(formattedDuration($0)) old" } ?? ""
    let interval = formattedDuration(ring.commitInterval)
    return "\(ring.whenFull.rawValue) when full\(age), commits every \(interval)"
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
