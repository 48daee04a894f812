internal import HoldfastEvent

/// What is to be done with the events of one topic.
enum TopicVerdict: Sendable {
  /// No filter of `topics` selects it.
  case filtered
  case publishable
  /// Selected, but no broker may accept the topic it would be sent to.
  case unpublishable
}

/// Verdicts by topic, remembered while one stored batch is read.
///
/// Rows of a batch that share a topic mostly share its bytes, so where the bytes lie is the key.
/// A fixed number of places: a million topics cost no more memory than one.
struct TopicVerdicts: Sendable {
  private struct Place: Sendable {
    var offset: UInt32 = 0
    var byteCount: UInt16 = 0
    var generation: UInt32 = 0
    var verdict = TopicVerdict.filtered
  }

  private static let placeCount = 256

  private let filters: [TopicFilter]
  private let exceptions: [TopicFilter]
  private let selectsAll: Bool
  private let selectsEverything: Bool
  /// Nil: the event's topic does not decide where it is sent.
  private let template: TopicTemplate?
  /// Kafka: decides in place of the template.
  private var target: RecordTarget?
  private var places = [Place](repeating: Place(), count: Self.placeCount)
  private var generation: UInt32 = 0

  /// - Parameters:
  ///   - filters: `topics`.
  ///   - exceptions: `except_topics`.
  ///   - template: how an event's topic becomes a message's; nil where it does not.
  ///   - target: where records go; nil where messages of MQTT are made.
  init(
    filters: [TopicFilter],
    exceptions: [TopicFilter],
    template: TopicTemplate?,
    target: RecordTarget? = nil
  ) {
    self.filters = filters
    self.exceptions = exceptions
    // Alone, "#" leaves out the topics that begin with "$"; the log holds none of those unless
    // someone subscribed to them by name, and then they were meant.
    selectsAll = filters.contains { $0.description == "#" }
    selectsEverything = selectsAll && exceptions.isEmpty
    self.template = template
    self.target = target
  }

  /// Begins another stored batch: offsets mean other topics now.
  mutating func begin() {
    generation &+= 1
    if generation == 0 {
      places = [Place](repeating: Place(), count: Self.placeCount)
      generation = 1
    }
  }

  mutating func verdict(on row: EventBatch.Row, in bytes: [UInt8]) -> TopicVerdict {
    if selectsEverything && template == nil && target == nil { return .publishable }
    let index = Int((row.topicOffset &* 0x9E37_79B1) >> 24)
    let place = places[index]
    if place.generation == generation && place.offset == row.topicOffset
      && place.byteCount == row.topicByteCount
    {
      return place.verdict
    }
    let verdict = decide(bytes[row.topicRange])
    places[index] = Place(
      offset: row.topicOffset,
      byteCount: row.topicByteCount,
      generation: generation,
      verdict: verdict
    )
    return verdict
  }

  /// Whether a peer must accept the topic that is made of what a stage gave an event.
  mutating func isPublishable(_ topic: ArraySlice<UInt8>) -> Bool {
    if target != nil { return target?.isPublishable(topic) == true }
    return template.map { $0.isPublishable(topic: topic) } ?? true
  }

  private mutating func decide(_ topic: ArraySlice<UInt8>) -> TopicVerdict {
    guard selectsAll || filters.contains(where: { $0.matches(topic) }),
      !exceptions.contains(where: { $0.matches(topic) })
    else { return .filtered }
    return isPublishable(topic) ? .publishable : .unpublishable
  }
}
