internal import HoldfastEvent

/// The stages of a pipeline, each kind in an array of its own.
///
/// So a stage is changed where it stands, and a step is a jump: neither does an existential stand in
/// the way, nor is a stage moved out of an enumeration and back, which would count references and
/// copy some hundred bytes for each event.
struct StageTable: Sendable {
  /// A kind, and the index in its array.
  enum Place: Sendable {
    case condition(Int)
    case map(Int)
    case changed(Int)
    case deadband(Int)
    case swingingDoor(Int)
    case throttle(Int)
    case sample(Int)
    case dedupe(Int)
    case window(Int)
    case downsample(Int)
    case alarm(Int)
    case burst(Int)
  }

  var places: [Place] = []
  private var conditions: [ConditionStage] = []
  var maps: [MapStage] = []
  private var changes: [ChangedStage] = []
  private var deadbands: [DeadbandStage] = []
  private var swingingDoors: [SwingingDoorStage] = []
  private var throttles: [ThrottleStage] = []
  private var samples: [SampleStage] = []
  private var dedupes: [DedupeStage] = []
  var windows: [WindowStage] = []
  private var downsamples: [DownsampleStage] = []
  private var alarms: [AlarmStage] = []
  var bursts: [BurstStage] = []

  /// How many stages there are.
  var count: Int { places.count }

  /// Adds a stage, as new.
  mutating func append(_ configuration: StageConfiguration, hash: UInt64) {
    let countMax = configuration.topicCountMax
    switch configuration.kind {
    case .drop(let condition):
      places.append(.condition(conditions.count))
      conditions.append(ConditionStage(condition, keeps: false))
    case .keep(let condition):
      places.append(.condition(conditions.count))
      conditions.append(ConditionStage(condition, keeps: true))
    case .map(let settings):
      places.append(.map(maps.count))
      maps.append(MapStage(settings, topics: configuration.topics))
    case .changed(let settings):
      places.append(.changed(changes.count))
      changes.append(ChangedStage(settings, topicCountMax: countMax))
    case .deadband(let settings):
      places.append(.deadband(deadbands.count))
      deadbands.append(DeadbandStage(settings, topicCountMax: countMax))
    case .swingingDoor(let settings):
      places.append(.swingingDoor(swingingDoors.count))
      swingingDoors.append(SwingingDoorStage(settings, topicCountMax: countMax))
    case .throttle(let settings):
      places.append(.throttle(throttles.count))
      throttles.append(ThrottleStage(settings, topicCountMax: countMax))
    case .sample(let settings):
      places.append(.sample(samples.count))
      samples.append(SampleStage(settings, topicCountMax: countMax))
    case .dedupe(let settings):
      places.append(.dedupe(dedupes.count))
      dedupes.append(DedupeStage(settings, topicCountMax: countMax))
    case .window(let settings):
      places.append(.window(windows.count))
      windows.append(
        WindowStage(
          settings,
          topics: configuration.topics,
          stageHash: hash,
          topicCountMax: countMax
        )
      )
    case .downsample(let settings):
      places.append(.downsample(downsamples.count))
      downsamples.append(DownsampleStage(settings, stageHash: hash, topicCountMax: countMax))
    case .alarm(let settings):
      places.append(.alarm(alarms.count))
      alarms.append(
        AlarmStage(
          settings,
          topics: configuration.topics,
          stageHash: hash,
          topicCountMax: countMax
        )
      )
    case .burst(let settings):
      places.append(.burst(bursts.count))
      bursts.append(BurstStage(settings, stageHash: hash, topicCountMax: countMax))
    }
  }

  /// See ``StageKind``; so are those that follow.
  mutating func step(_ place: Int, _ event: StageEvent, _ pass: inout StagePass) {
    switch places[place] {
    case .condition(let index): conditions[index].step(event, &pass)
    case .map(let index): maps[index].step(event, &pass)
    case .changed(let index): changes[index].step(event, &pass)
    case .deadband(let index): deadbands[index].step(event, &pass)
    case .swingingDoor(let index): swingingDoors[index].step(event, &pass)
    case .throttle(let index): throttles[index].step(event, &pass)
    case .sample(let index): samples[index].step(event, &pass)
    case .dedupe(let index): dedupes[index].step(event, &pass)
    case .window(let index): windows[index].step(event, &pass)
    case .downsample(let index): downsamples[index].step(event, &pass)
    case .alarm(let index): alarms[index].step(event, &pass)
    case .burst(let index): bursts[index].step(event, &pass)
    }
  }

  /// Whether a stage acts on events that are no current values; past the others they go unchanged.
  ///
  /// A condition may ask for them, a change of the payload is the same for all, and a window that goes
  /// by the event's own time takes them where they belong.
  func takesHistorical(_ place: Int) -> Bool {
    switch places[place] {
    case .condition, .map: true
    case .window(let index): windows[index].takesHistorical
    case .changed, .deadband, .swingingDoor, .throttle, .sample, .dedupe, .downsample, .alarm,
      .burst:
      false
    }
  }

  func dueAt(_ place: Int) -> Int64 {
    switch places[place] {
    case .condition, .map, .changed, .deadband, .sample, .dedupe, .burst: .max
    case .swingingDoor(let index): swingingDoors[index].dueAt
    case .throttle(let index): throttles[index].dueAt
    case .window(let index): windows[index].dueAt
    case .downsample(let index): downsamples[index].dueAt
    case .alarm(let index): alarms[index].dueAt
    }
  }

  mutating func advance(_ place: Int, _ pass: inout StagePass) {
    switch places[place] {
    case .condition, .map, .changed, .deadband, .sample, .dedupe, .burst: break
    case .swingingDoor(let index): swingingDoors[index].advance(&pass)
    case .throttle(let index): throttles[index].advance(&pass)
    case .window(let index): windows[index].advance(&pass)
    case .downsample(let index): downsamples[index].advance(&pass)
    case .alarm(let index): alarms[index].advance(&pass)
    }
  }

  mutating func gap(_ place: Int, count: UInt64?, topics: [[UInt8]]) {
    switch places[place] {
    case .condition(let index): conditions[index].gap(count: count, topics: topics)
    case .map(let index): maps[index].gap(count: count, topics: topics)
    case .changed(let index): changes[index].gap(count: count, topics: topics)
    case .deadband(let index): deadbands[index].gap(count: count, topics: topics)
    case .swingingDoor(let index): swingingDoors[index].gap(count: count, topics: topics)
    case .throttle(let index): throttles[index].gap(count: count, topics: topics)
    case .sample(let index): samples[index].gap(count: count, topics: topics)
    case .dedupe(let index): dedupes[index].gap(count: count, topics: topics)
    case .window(let index): windows[index].gap(count: count, topics: topics)
    case .downsample(let index): downsamples[index].gap(count: count, topics: topics)
    case .alarm(let index): alarms[index].gap(count: count, topics: topics)
    case .burst(let index): bursts[index].gap(count: count, topics: topics)
    }
  }

  func save(_ place: Int, into bytes: inout SnapshotWriter) {
    switch places[place] {
    case .condition(let index): conditions[index].save(into: &bytes)
    case .map(let index): maps[index].save(into: &bytes)
    case .changed(let index): changes[index].save(into: &bytes)
    case .deadband(let index): deadbands[index].save(into: &bytes)
    case .swingingDoor(let index): swingingDoors[index].save(into: &bytes)
    case .throttle(let index): throttles[index].save(into: &bytes)
    case .sample(let index): samples[index].save(into: &bytes)
    case .dedupe(let index): dedupes[index].save(into: &bytes)
    case .window(let index): windows[index].save(into: &bytes)
    case .downsample(let index): downsamples[index].save(into: &bytes)
    case .alarm(let index): alarms[index].save(into: &bytes)
    case .burst(let index): bursts[index].save(into: &bytes)
    }
  }

  mutating func restore(_ place: Int, from bytes: inout SnapshotReader) -> Bool {
    switch places[place] {
    case .condition(let index): conditions[index].restore(from: &bytes)
    case .map(let index): maps[index].restore(from: &bytes)
    case .changed(let index): changes[index].restore(from: &bytes)
    case .deadband(let index): deadbands[index].restore(from: &bytes)
    case .swingingDoor(let index): swingingDoors[index].restore(from: &bytes)
    case .throttle(let index): throttles[index].restore(from: &bytes)
    case .sample(let index): samples[index].restore(from: &bytes)
    case .dedupe(let index): dedupes[index].restore(from: &bytes)
    case .window(let index): windows[index].restore(from: &bytes)
    case .downsample(let index): downsamples[index].restore(from: &bytes)
    case .alarm(let index): alarms[index].restore(from: &bytes)
    case .burst(let index): bursts[index].restore(from: &bytes)
    }
  }

  func evictedTopicCount(_ place: Int) -> UInt64 {
    switch places[place] {
    case .condition(let index): conditions[index].evictedTopicCount
    case .map(let index): maps[index].evictedTopicCount
    case .changed(let index): changes[index].evictedTopicCount
    case .deadband(let index): deadbands[index].evictedTopicCount
    case .swingingDoor(let index): swingingDoors[index].evictedTopicCount
    case .throttle(let index): throttles[index].evictedTopicCount
    case .sample(let index): samples[index].evictedTopicCount
    case .dedupe(let index): dedupes[index].evictedTopicCount
    case .window(let index): windows[index].evictedTopicCount
    case .downsample(let index): downsamples[index].evictedTopicCount
    case .alarm(let index): alarms[index].evictedTopicCount
    case .burst(let index): bursts[index].evictedTopicCount
    }
  }
}
