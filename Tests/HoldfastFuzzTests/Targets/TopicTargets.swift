import HoldfastEvent

@testable import HoldfastConfiguration
@testable import HoldfastUpstream

/// A filter, a NUL, a second filter, a NUL, a topic.
func fuzzTopicFilter(_ bytes: [UInt8]) throws(Finding) {
  let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
  let first = String(decoding: parts[0], as: UTF8.self)
  let second = parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : ""
  let topic = parts.count > 2 ? Array(parts[2]) : []
  let filter = TopicFilter(first)
  try check((filter != nil) == isFilterByTheBook(first), "\(first) is judged wrongly")
  guard let filter else { return }
  try check(filter.description == first, "the filter's text is another one")
  let matches = filter.matches(topic[...])
  if !topic.isEmpty {
    let expected = matchesByTheBook(levels(of: Array(first.utf8)), levels(of: topic))
    try check(matches == expected, "\(first) and \(topic): \(matches)")
  }
  try check(filter.overlaps(filter), "\(first) does not overlap itself")
  guard let other = TopicFilter(second) else { return }
  try check(filter.overlaps(other) == other.overlaps(filter), "overlapping is one-sided")
  let isShared = !topic.isEmpty && matches && other.matches(topic[...])
  try check(!isShared || filter.overlaps(other), "\(first), \(second) share \(topic)")
}

private func levels(of bytes: [UInt8]) -> [[UInt8]] {
  bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Array.init)
}

/// MQTT 5, sections 4.7.1 and 4.7.3, level by level.
private func isFilterByTheBook(_ text: String) -> Bool {
  let bytes = Array(text.utf8)
  if bytes.isEmpty || bytes.count > 65_535 || bytes.contains(0) { return false }
  let all = levels(of: bytes)
  for (index, level) in all.enumerated() {
    if level == [UInt8(ascii: "#")] && index + 1 == all.count { continue }
    if level == [UInt8(ascii: "+")] { continue }
    if level.contains(UInt8(ascii: "#")) || level.contains(UInt8(ascii: "+")) { return false }
  }
  return true
}

/// MQTT 5, section 4.7, by recursion over levels.
private func matchesByTheBook(_ filter: [[UInt8]], _ topic: [[UInt8]]) -> Bool {
  let isWild = filter.first == [UInt8(ascii: "+")] || filter.first == [UInt8(ascii: "#")]
  if isWild && topic.first?.first == UInt8(ascii: "$") { return false }
  return tailMatches(filter[...], topic[...])
}

private func tailMatches(
  _ filter: ArraySlice<[UInt8]>,
  _ topic: ArraySlice<[UInt8]>
) -> Bool {
  guard let level = filter.first else { return topic.isEmpty }
  if level == [UInt8(ascii: "#")] { return true }
  guard let own = topic.first else { return false }
  guard level == [UInt8(ascii: "+")] || level == own else { return false }
  return tailMatches(filter.dropFirst(), topic.dropFirst())
}

/// A template, a NUL, a topic.
///
/// Configuration and upstream read templates each in their own way, and must agree.
func fuzzTopicTemplate(_ bytes: [UInt8]) throws(Finding) {
  let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  let text = String(decoding: parts[0], as: UTF8.self)
  let topic = parts.count > 1 ? Array(parts[1]) : Array("a/b".utf8)
  let template = HoldfastUpstream.TopicTemplate(text, agentID: "edge-1", upstream: "central")
  var made: [UInt8] = []
  template.append(topic: topic[...], to: &made)
  let topicCount = text.utf8.count / 7 + 1
  try check(made.count <= text.utf8.count * 2 + topicCount * topic.count, "grows without bound")
  if template.isPublishable(topic: topic[...]) {
    let name = String(validating: made, as: UTF8.self)
    try check(name != nil, "the topic made is not UTF-8")
    try check(!made.isEmpty && made.count <= 65_535, "\(made.count) bytes of topic")
    let isPlain = !made.contains { $0 == 0 || $0 == 0x23 || $0 == 0x2B }
    try check(isPlain, "the topic made holds a wildcard or NUL")
  }
  let written = HoldfastConfiguration.TopicTemplate(text: text)
  guard let names = written.placeholders else { return }
  guard names.allSatisfy({ ["topic", "agent", "upstream"].contains($0) }),
    let topicText = String(validating: topic, as: UTF8.self)
  else { return }
  let filled = written.filled(["topic": topicText, "agent": "edge-1", "upstream": "central"])
  try check(Array(filled.utf8) == made, "\(filled) is not \(String(decoding: made, as: UTF8.self))")
  guard let filter = TopicFilter("a/+/c/#"), TopicFilter("a/\(topicText)/c/d") != nil,
    !topicText.contains("/"), !topicText.contains("+"), !topicText.contains("#")
  else { return }
  try checkReach(written, template, filter, Array("a/\(topicText)/c/d".utf8))
}

/// What is sent for a topic that the filter matches must be within the template's reach.
private func checkReach(
  _ written: HoldfastConfiguration.TopicTemplate,
  _ template: HoldfastUpstream.TopicTemplate,
  _ filter: TopicFilter,
  _ topic: [UInt8]
) throws(Finding) {
  guard filter.matches(topic[...]), template.isPublishable(topic: topic[...]) else { return }
  let reach = written.reach(of: filter, ["agent": "edge-1", "upstream": "central"])
  var made: [UInt8] = []
  template.append(topic: topic[...], to: &made)
  guard made.first != UInt8(ascii: "$") else { return }
  let isReached = reach.contains { $0.matches(made[...]) }
  try check(isReached, "\(written.text) reaches \(String(decoding: made, as: UTF8.self))")
}
