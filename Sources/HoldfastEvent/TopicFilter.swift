/// An MQTT topic filter with `+` and `#` (MQTT 5, section 4.7).
public struct TopicFilter: Hashable, Sendable, CustomStringConvertible {
  /// The filter as it was written.
  public let description: String
  private let bytes: [UInt8]

  /// Nil when the text is not a valid filter: empty, above 65,535 bytes, with a NUL, or with a
  /// wildcard that does not stand alone in its level (MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3).
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty, bytes.count <= Int(UInt16.max), !bytes.contains(0) else { return nil }
    let levels = bytes.split(separator: slashByte, omittingEmptySubsequences: false)
    for (index, level) in levels.enumerated() {
      if level.contains(hashByte) && (level.count != 1 || index != levels.count - 1) { return nil }
      if level.contains(plusByte) && level.count != 1 { return nil }
    }
    self.description = text
    self.bytes = bytes
  }

  /// Whether `topic` matches.
  ///
  /// Wildcards in first place match no topic that begins with `$` (MQTT-4.7.2-1).
  /// - Complexity: O(length).
  public func matches(_ topic: ArraySlice<UInt8>) -> Bool {
    var filterIndex = 0
    var topicIndex = topic.startIndex
    if topic.first == dollarByte && beginsWithWildcard { return false }
    while filterIndex < bytes.count {
      switch bytes[filterIndex] {
      case hashByte:
        return true
      case plusByte:
        while topicIndex < topic.endIndex && topic[topicIndex] != slashByte { topicIndex += 1 }
        filterIndex += 1
      case let byte:
        guard topicIndex < topic.endIndex else {
          // "a/#" also matches its parent "a" (section 4.7.1.2).
          return byte == slashByte && filterIndex + 2 == bytes.count
            && bytes[filterIndex + 1] == hashByte
        }
        guard topic[topicIndex] == byte else { return false }
        filterIndex += 1
        topicIndex += 1
      }
    }
    return topicIndex == topic.endIndex
  }

  /// Whether `topic` matches, and where the parts lie that its wildcards stand for, in order.
  ///
  /// - Parameters:
  ///   - topic: what is looked at.
  ///   - ranges: gets one range of `topic` for each wildcard: of `+` its level, of `#` the rest,
  ///     which may be empty; nothing where the topic does not match.
  /// - Returns: whether it matches.
  /// - Complexity: O(length). Allocates nothing but room in `ranges`.
  public func captures(in topic: ArraySlice<UInt8>, into ranges: inout [Range<Int>]) -> Bool {
    ranges.removeAll(keepingCapacity: true)
    guard matches(topic) else { return false }
    var topicIndex = topic.startIndex
    for byte in bytes {
      switch byte {
      case hashByte:
        ranges.append(min(topicIndex, topic.endIndex)..<topic.endIndex)
      case plusByte:
        let start = topicIndex
        while topicIndex < topic.endIndex && topic[topicIndex] != slashByte { topicIndex += 1 }
        ranges.append(start..<topicIndex)
      default:
        // Behind the end only where "a/#" meets its parent "a".
        topicIndex += 1
      }
    }
    return true
  }

  /// Whether a topic given as text matches.
  public func matches(_ topic: String) -> Bool { matches(Array(topic.utf8)[...]) }

  private var beginsWithWildcard: Bool { bytes.first == plusByte || bytes.first == hashByte }
  private var isReserved: Bool { bytes.first == dollarByte }

  /// Whether some topic exists that both filters match.
  ///
  /// - Complexity: O(length).
  public func overlaps(_ other: TopicFilter) -> Bool {
    let own = bytes.split(separator: slashByte, omittingEmptySubsequences: false)
    let others = other.bytes.split(separator: slashByte, omittingEmptySubsequences: false)
    if beginsWithWildcard && other.isReserved || isReserved && other.beginsWithWildcard {
      return false
    }
    for index in 0..<max(own.count, others.count) {
      let level = index < own.count ? own[index] : nil
      let otherLevel = index < others.count ? others[index] : nil
      if level == [hashByte] || otherLevel == [hashByte] {
        // "#" also takes the parent: "a/#" and "a" meet in "a"; but "/#" and "+" would meet in
        // the empty topic, which there is not.
        let isParent = level == nil || otherLevel == nil
        return !(isParent && index == 1 && (own[0].isEmpty || others[0].isEmpty))
      }
      guard let level, let otherLevel else { return false }
      if level != [plusByte] && otherLevel != [plusByte] && level != otherLevel { return false }
    }
    return true
  }
}

private let slashByte = UInt8(ascii: "/")
private let hashByte = UInt8(ascii: "#")
private let plusByte = UInt8(ascii: "+")
private let dollarByte = UInt8(ascii: "$")
