/// A topic with places to fill in: `{topic}`, `{agent}`, `{upstream}`.
///
/// `{agent}` and `{upstream}` are filled in once; only `{topic}` differs from event to event.
struct TopicTemplate: Equatable, Sendable {
  /// What stands before, between and after the places of the event's topic.
  private let parts: [[UInt8]]
  private let literalByteCount: Int
  private let isLiteralValid: Bool

  init(_ text: String, agentID: String, upstream: String) {
    var parts: [[UInt8]] = [[]]
    var rest = Array(text.utf8)[...]
    let places: [(name: [UInt8], value: [UInt8]?)] = [
      (Array("{topic}".utf8), nil), (Array("{agent}".utf8), Array(agentID.utf8)),
      (Array("{upstream}".utf8), Array(upstream.utf8)),
    ]
    scan: while let byte = rest.first {
      for place in places where rest.starts(with: place.name) {
        if let value = place.value {
          parts[parts.count - 1].append(contentsOf: value)
        } else {
          parts.append([])
        }
        rest = rest.dropFirst(place.name.count)
        continue scan
      }
      parts[parts.count - 1].append(byte)
      rest = rest.dropFirst()
    }
    self.parts = parts
    literalByteCount = parts.reduce(0) { $0 + $1.count }
    isLiteralValid = parts.allSatisfy { isTopicText($0[...]) }
  }

  /// Whether every event is sent to the same topic.
  var isConstant: Bool { parts.count == 1 }

  /// Appends the topic for an event's topic.
  func append(topic: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    for index in parts.indices {
      if index > 0 { bytes.append(contentsOf: topic) }
      if !parts[index].isEmpty { bytes.append(contentsOf: parts[index]) }
    }
  }

  /// The topic of messages that hold many events.
  func filled() -> [UInt8] {
    var bytes: [UInt8] = []
    append(topic: [], to: &bytes)
    return bytes
  }

  /// Whether a peer must accept the topic made for an event's topic as a topic name:
  /// MQTT-3.3.2-2, MQTT-4.7.3-1 to 4.7.3-3.
  func isPublishable(topic: ArraySlice<UInt8>) -> Bool {
    let byteCount = literalByteCount + (parts.count - 1) * topic.count
    guard isLiteralValid, byteCount > 0, byteCount <= Int(UInt16.max) else { return false }
    return isConstant || isTopicText(topic)
  }
}

/// Whether the bytes may be part of a topic name: UTF-8 without wildcards and NUL.
private func isTopicText(_ bytes: ArraySlice<UInt8>) -> Bool {
  for byte in bytes where byte == 0 || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "#") {
    return false
  }
  return isValidUTF8(bytes)
}
