import HoldfastEvent
import HoldfastStage

extension Condition {
  /// Whether it looks into payloads.
  var readsPayloads: Bool { !paths.isEmpty || asksForHistorical }
}

/// What must be known of a stage to check it against the rest of the file.
extension StageConfiguration {
  /// Whether it looks into payloads, which then need a format.
  var readsPayloads: Bool {
    switch kind {
    case .drop(let condition), .keep(let condition):
      condition.readsPayloads
    case .map(let settings):
      !(settings.select.isEmpty && settings.remove.isEmpty && settings.rename.isEmpty
        && settings.compute.isEmpty && settings.add.isEmpty)
    case .changed(let settings):
      !settings.fields.isEmpty
    case .burst(let settings):
      settings.when.readsPayloads
    case .window(let settings):
      !settings.fields.isEmpty || settings.time != .arrival
    case .deadband, .swingingDoor, .downsample, .alarm:
      true
    case .throttle, .sample, .dedupe:
      false
    }
  }

  /// Where what it makes goes; nil if topics stay as they are.
  var topicTemplate: String? {
    let template: String? =
      switch kind {
      case .map(let settings): settings.topic
      case .window(let settings): settings.topic
      case .alarm(let settings): settings.topic
      default: nil
      }
    return template == "{topic}" ? nil : template
  }

  /// Filters that match every topic which its template makes of events that `filter` matches, and
  /// perhaps more.
  func reach(of filter: TopicFilter) -> [TopicFilter] {
    guard let topicTemplate else { return [] }
    let template = TopicTemplate(text: topicTemplate)
    if topics.isEmpty { return template.reach(of: filter, [:]) }
    return topics.filter { $0.overlaps(filter) }.flatMap { own in
      let levels = own.description.split(separator: "/", omittingEmptySubsequences: false)
      let captures = levels.filter { $0 == "+" || $0 == "#" }
      var values: [String: String] = [:]
      for (index, capture) in captures.enumerated() { values[String(index + 1)] = String(capture) }
      // An event matches both; what the one with more text says of its topic is closer.
      let closer = own.literalByteCount >= filter.literalByteCount ? own : filter
      return template.reach(of: closer, values)
    }
  }
}

extension TopicFilter {
  fileprivate var literalByteCount: Int {
    description.utf8.count { $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "#") }
  }
}
