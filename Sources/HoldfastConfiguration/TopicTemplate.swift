import HoldfastEvent

/// A topic with placeholders in braces, as `topic` and `gap_topic` are written.
struct TopicTemplate {
  static let topicByteCountMax = 65_535

  static let topicRule = "give 1 to 65535 bytes without \"+\", \"#\" and control characters"

  var text: String

  /// The placeholders' names in order, without braces; nil where a brace has no partner.
  var placeholders: [String]? {
    var names: [String] = []
    var rest = text[...]
    while let open = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      guard rest[open] == "{" else { return nil }
      let inner = rest[rest.index(after: open)...]
      guard let close = inner.firstIndex(where: { $0 == "{" || $0 == "}" }),
        inner[close] == "}"
      else { return nil }
      names.append(String(inner[..<close]))
      rest = inner[inner.index(after: close)...]
    }
    return names
  }

  /// `text` with `{name}` replaced by its value, for each name given.
  func filled(_ values: [String: String]) -> String {
    var result = ""
    var rest = text[...]
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      result += rest[..<open]
      let name = String(rest[rest.index(after: open)..<close])
      result += values[name] ?? String(rest[open...close])
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }

  /// Whether it makes a topic of these values.
  func makesTopic(_ values: [String: String]) -> Bool {
    let topic = filled(values)
    return (1...Self.topicByteCountMax).contains(topic.utf8.count)
      && topic.utf8.allSatisfy {
        $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "#")
      }
  }

  /// Filters that match every topic the template can make from topics matching `filter`, and
  /// perhaps more.
  ///
  /// Where a wildcard ends up beside other text, its whole level, or everything from there on,
  /// counts as matched.
  func reach(of filter: TopicFilter, _ values: [String: String]) -> [TopicFilter] {
    var texts = [filter.description]
    // "a/#" matches "a" too, which may be followed by more text within its level.
    if filter.description.hasSuffix("/#") { texts.append(String(filter.description.dropLast(2))) }
    return texts.compactMap { text in
      var values = values
      values["topic"] = text
      var levels: [String] = []
      for level in filled(values).split(separator: "/", omittingEmptySubsequences: false) {
        if level.contains("#") {
          levels.append("#")
          break
        }
        levels.append(level.contains("+") ? "+" : String(level))
      }
      return TopicFilter(levels.joined(separator: "/"))
    }
  }
}
