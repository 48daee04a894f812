internal import HoldfastEvent
struct MapStage: StageKind {
  init(_ settings: MapSettings, topics: [TopicFilter]) {}
  mutating func step(_ event: StageEvent, _ pass: inout StagePass) { pass.emit(event) }
}
