import HoldfastEvent

/// Topics and texts with places to fill in: `{topic}`, and `{1}`, `{2}` for what the wildcards of
/// the stage's `topics` matched.
extension StageReader {
  /// Where results or changed events go.
  func readTopic() -> String? {
    let key = StageKey.topic
    guard let text = table.text(key),
      isFilled(text, of: key.rawValue, line: table.line(of: key), others: ["topic"])
    else { return nil }
    var values = ["topic": "t"]
    for number in 1...max(1, captureCount) { values[String(number)] = "c" }
    guard TopicTemplate(text: text).makesTopic(values) else {
      table.error(key, "is \(quoted(text)), which makes no topic", TopicTemplate.topicRule)
      return nil
    }
    return text
  }

  /// Whether all placeholders of a text can be filled in; what is wrong is told.
  func isFilled(_ text: String, of key: String, line: FileLine, others: [String]) -> Bool {
    let told = "\(key) of \(table.title)"
    guard let placeholders = TopicTemplate(text: text).placeholders else {
      table.problems.error(
        key,
        line: line,
        "\(told) has a brace without its partner",
        "write placeholders as {1}"
      )
      return false
    }
    var isRight = true
    for name in placeholders where !others.contains(name) {
      if let number = Int(name), String(number) == name, number > 0 {
        if number <= captureCount { continue }
        table.problems.error(
          key,
          line: line,
          "\(told) uses {\(number)}, and \(captureText)",
          "give topics with a wildcard for each number"
        )
      } else {
        let words = others + (1...max(1, captureCount)).map { String($0) }
        table.problems.error(
          key,
          line: line,
          "\(told) has the unknown placeholder \(quoted("{\(name)}"))",
          "use \(words.map { "{\($0)}" }.joined(separator: ", "))",
          nearest: nearest(to: name, among: words).map { "{\($0)}" }
        )
      }
      isRight = false
    }
    return isRight
  }

  /// Wildcards that each of the stage's filters has.
  private var captureCount: Int {
    min(topics.map(\.wildcardCount).min() ?? 0, StageBound.captureCountMax)
  }

  private var captureText: String {
    guard let poorest = topics.min(by: { $0.wildcardCount < $1.wildcardCount }) else {
      return "the stage has no topics"
    }
    let count = poorest.wildcardCount
    let shown = count == 0 ? "no wildcard" : count == 1 ? "1 wildcard" : "\(count) wildcards"
    return "\(quoted(poorest.description)) has \(shown)"
  }
}

extension TopicFilter {
  /// Levels that are `+` or `#`.
  var wildcardCount: Int {
    description.split(separator: "/", omittingEmptySubsequences: false).count {
      $0 == "+" || $0 == "#"
    }
  }
}
