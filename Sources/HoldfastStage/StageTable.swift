internal import HoldfastEvent

/// One stage of any kind: a closed set, so that a step is a jump and not an existential's call.
///
/// A stage is taken out of the enumeration while it works and put back afterwards: as a copy it
/// would share its tables with the original, and each change would copy them.
enum Stage: Sendable {
  case condition(ConditionStage)
  case map(MapStage)
  case changed(ChangedStage)
  case deadband(DeadbandStage)
  case swingingDoor(SwingingDoorStage)
  case throttle(ThrottleStage)
  case sample(SampleStage)
  case dedupe(DedupeStage)
  case window(WindowStage)
  case downsample(DownsampleStage)
  case alarm(AlarmStage)
  case burst(BurstStage)
  /// Only while its stage is at work.
  case empty

  init(_ configuration: StageConfiguration, hash: UInt64) {
    let countMax = configuration.topicCountMax
    switch configuration.kind {
    case .drop(let condition): self = .condition(ConditionStage(condition, keeps: false))
    case .keep(let condition): self = .condition(ConditionStage(condition, keeps: true))
    case .map(let settings): self = .map(MapStage(settings, topics: configuration.topics))
    case .changed(let settings): self = .changed(ChangedStage(settings, topicCountMax: countMax))
    case .deadband(let settings): self = .deadband(DeadbandStage(settings, topicCountMax: countMax))
    case .swingingDoor(let settings):
      self = .swingingDoor(SwingingDoorStage(settings, topicCountMax: countMax))
    case .throttle(let settings): self = .throttle(ThrottleStage(settings, topicCountMax: countMax))
    case .sample(let settings): self = .sample(SampleStage(settings, topicCountMax: countMax))
    case .dedupe(let settings): self = .dedupe(DedupeStage(settings, topicCountMax: countMax))
    case .window(let settings):
      self = .window(WindowStage(settings, stageHash: hash, topicCountMax: countMax))
    case .downsample(let settings):
      self = .downsample(DownsampleStage(settings, stageHash: hash, topicCountMax: countMax))
    case .alarm(let settings):
      self = .alarm(AlarmStage(settings, stageHash: hash, topicCountMax: countMax))
    case .burst(let settings):
      self = .burst(BurstStage(settings, stageHash: hash, topicCountMax: countMax))
    }
  }
}

extension Stage: StageKind {
  mutating func step(_ event: StageEvent, _ pass: inout StagePass) {
    switch self {
    case .condition(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .condition(stage)
    case .map(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .map(stage)
    case .changed(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .changed(stage)
    case .deadband(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .deadband(stage)
    case .swingingDoor(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .swingingDoor(stage)
    case .throttle(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .throttle(stage)
    case .sample(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .sample(stage)
    case .dedupe(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .dedupe(stage)
    case .window(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .window(stage)
    case .downsample(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .downsample(stage)
    case .alarm(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .alarm(stage)
    case .burst(var stage):
      self = .empty
      stage.step(event, &pass)
      self = .burst(stage)
    case .empty: break
    }
  }

  var dueAt: Int64 {
    switch self {
    case .swingingDoor(let stage): stage.dueAt
    case .throttle(let stage): stage.dueAt
    case .window(let stage): stage.dueAt
    case .downsample(let stage): stage.dueAt
    case .alarm(let stage): stage.dueAt
    case .burst(let stage): stage.dueAt
    case .condition, .map, .changed, .deadband, .sample, .dedupe, .empty: .max
    }
  }

  mutating func advance(_ pass: inout StagePass) {
    guard var stage = taken() else { return }
    stage.advance(&pass)
    put(stage)
  }

  mutating func gap(count: UInt64?, topics: [[UInt8]]) {
    guard var stage = taken() else { return }
    stage.gap(count: count, topics: topics)
    put(stage)
  }

  mutating func restore(from bytes: inout SnapshotReader) -> Bool {
    guard var stage = taken() else { return false }
    let isRestored = stage.restore(from: &bytes)
    put(stage)
    return isRestored
  }

  func save(into bytes: inout SnapshotWriter) { stage?.save(into: &bytes) }

  var evictedTopicCount: UInt64 { stage?.evictedTopicCount ?? 0 }

  // For what happens now and then; an event's way goes by the switches above.

  private var stage: (any StageKind)? {
    switch self {
    case .condition(let stage): stage
    case .map(let stage): stage
    case .changed(let stage): stage
    case .deadband(let stage): stage
    case .swingingDoor(let stage): stage
    case .throttle(let stage): stage
    case .sample(let stage): stage
    case .dedupe(let stage): stage
    case .window(let stage): stage
    case .downsample(let stage): stage
    case .alarm(let stage): stage
    case .burst(let stage): stage
    case .empty: nil
    }
  }

  /// The stage, which stands nowhere else from then on.
  private mutating func taken() -> (any StageKind)? {
    let stage = stage
    self = .empty
    return stage
  }

  private mutating func put(_ stage: any StageKind) {
    switch stage {
    case let stage as ConditionStage: self = .condition(stage)
    case let stage as MapStage: self = .map(stage)
    case let stage as ChangedStage: self = .changed(stage)
    case let stage as DeadbandStage: self = .deadband(stage)
    case let stage as SwingingDoorStage: self = .swingingDoor(stage)
    case let stage as ThrottleStage: self = .throttle(stage)
    case let stage as SampleStage: self = .sample(stage)
    case let stage as DedupeStage: self = .dedupe(stage)
    case let stage as WindowStage: self = .window(stage)
    case let stage as DownsampleStage: self = .downsample(stage)
    case let stage as AlarmStage: self = .alarm(stage)
    case let stage as BurstStage: self = .burst(stage)
    default: break
    }
  }
}
