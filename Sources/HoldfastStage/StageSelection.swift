internal import HoldfastEvent

/// Which stages act on an event, remembered by topic while one stored batch is read.
///
/// Rows of a batch that share a topic mostly share its bytes, so where the bytes lie is the key.
struct StageSelection: Sendable {
  private struct Place: Sendable {
    var offset: UInt32 = 0
    var byteCount: UInt16 = 0
    var generation: UInt32 = 0
    var stages: UInt64 = 0
  }

  private static let placeCount = 256

  private let filters: [[TopicFilter]]
  /// Whether every stage acts on every topic.
  private let selectsAll: Bool
  private var places: [Place]
  private var generation: UInt32 = 1

  /// - Parameter filters: each stage's `topics`; none: all.
  init(_ filters: [[TopicFilter]]) {
    self.filters = filters
    selectsAll = filters.allSatisfy(\.isEmpty)
    places = [Place](repeating: Place(), count: Self.placeCount)
  }

  mutating func beginBatch() {
    generation &+= 1
    if generation == 0 {
      places = [Place](repeating: Place(), count: Self.placeCount)
      generation = 1
    }
  }

  /// Whether stage `place` acts on a topic.
  func selects(_ place: Int, topic: ArraySlice<UInt8>) -> Bool {
    filters[place].isEmpty || filters[place].contains { $0.matches(topic) }
  }

  /// A bit for each stage that acts on the event.
  mutating func stages(for row: EventBatch.Row, in bytes: [UInt8]) -> UInt64 {
    if selectsAll { return .max }
    let index = Int((row.topicOffset &* 0x9E37_79B1) >> 24)
    let place = places[index]
    if place.generation == generation && place.offset == row.topicOffset
      && place.byteCount == row.topicByteCount
    {
      return place.stages
    }
    let topic = bytes[row.topicRange]
    var stages: UInt64 = 0
    for place in filters.indices where selects(place, topic: topic) {
      stages |= 1 << UInt64(place)
    }
    places[index] = Place(
      offset: row.topicOffset,
      byteCount: row.topicByteCount,
      generation: generation,
      stages: stages
    )
    return stages
  }
}
