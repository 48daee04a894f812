internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastPayload
internal import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

// Which stages a seed runs: every type, alone and behind others, at spans that fit its traffic.

private let minute = 60 * microsecondsPerSecond
private func path(_ text: String) -> FieldPath { (try? FieldPath(text)) ?? .whole }
private func filters(_ text: String) -> [TopicFilter] { [TopicFilter(text)].compactMap(\.self) }

/// A stage on the topics that many messages share.
private func shared(_ kind: StageConfiguration.Kind) -> StageConfiguration {
  StageConfiguration(topics: filters("plant/+/+"), kind: kind)
}

/// It keeps about a quarter of the room for events in the smallest ring: `check` refuses more.
private func burst(interval: Int64, before: Int64) -> [StageConfiguration] {
  guard let when = try? Condition("v > 20") else { return [] }
  var settings = BurstSettings(when: when, interval: interval, before: before, after: 5 * minute)
  settings.heldByteCountMax = 256 << 10
  return [shared(.burst(settings))]
}

private func condition(_ text: String, keeping: Bool) -> [StageConfiguration] {
  guard let condition = try? Condition(text) else { return [] }
  return [StageConfiguration(kind: keeping ? .keep(condition) : .drop(condition))]
}

private func window(
  _ size: Int64,
  _ change: (inout WindowSettings) -> Void = { _ in }
)
  -> StageConfiguration
{
  var settings = WindowSettings(
    fields: [path("v")],
    size: size,
    aggregates: [.count, .mean, .min, .max, .last, .percentile(95)]
  )
  change(&settings)
  return shared(.window(settings))
}

private func map(_ change: (inout MapSettings) -> Void) -> StageConfiguration {
  var settings = MapSettings()
  change(&settings)
  return shared(.map(settings))
}

/// The lists that upstreams have, in turn.
private let upstreamLists: [[StageConfiguration]] = [
  [shared(.deadband(DeadbandSettings(field: path("v"), threshold: .absolute(1))))],
  [
    shared(
      .swingingDoor(
        SwingingDoorSettings(field: path("v"), deviation: 1.5, intervalMax: 30 * minute)
      )
    )
  ],
  [StageConfiguration(kind: .throttle(ThrottleSettings(interval: 5 * minute, pick: .last)))],
  [StageConfiguration(kind: .sample(SampleSettings(every: 3)))],
  [window(20 * minute)],
  [
    window(10 * minute) {
      $0.lateness = 5 * minute
      $0.late = .emitCorrection
      $0.topic = "{topic}/mean"
    }
  ],
  [shared(.downsample(DownsampleSettings(field: path("v"), method: .m4, size: 15 * minute)))],
  [shared(.downsample(DownsampleSettings(field: path("v"), method: .lttb, size: 10 * minute)))],
  [shared(.alarm(AlarmSettings(field: path("v"), on: 8, off: 4)))],
  [
    shared(
      .alarm(
        {
          var alarm = AlarmSettings(field: path("v"), on: 8, off: 4)
          alarm.duration = 2 * minute
          alarm.passesEvents = true
          return alarm
        }()
      )
    )
  ],
  burst(interval: 20 * minute, before: 10 * minute),
  [
    map {
      $0.remove = [path("t")]
      $0.add = [.init(name: "line", value: "{1}", isText: true)]
      $0.topic = "mapped/{topic}"
    }
  ],
  [
    StageConfiguration(kind: .throttle(ThrottleSettings(interval: 3 * minute, pick: .last))),
    window(30 * minute),
    StageConfiguration(kind: .changed(ChangedSettings())),
  ],
  burst(interval: 10 * minute, before: 20 * minute) + [shared(.sample(SampleSettings(every: 2)))],
  condition("v > 20", keeping: false) + [
    map { $0.topic = "mapped/{topic}" },
    StageConfiguration(
      topics: filters("mapped/#"),
      kind: .deadband(
        DeadbandSettings(
          field: path("v"),
          threshold: .fractionOfLast(0.2),
          intervalMax: 60 * minute
        )
      )
    ),
  ],
  [
    StageConfiguration(kind: .dedupe(DedupeSettings(span: 10 * minute))),
    shared(.downsample(DownsampleSettings(field: path("v"), method: .m4, size: 30 * minute))),
    shared(.throttle(ThrottleSettings(interval: minute, pick: .first))),
  ],
]

/// The lists that sources have, in turn: nothing held back, nothing made new.
private let sourceLists: [[StageConfiguration]] = [
  [],
  condition("v > 25", keeping: false),
  [
    StageConfiguration(
      topics: filters("plant/+/1"),
      kind: .throttle(ThrottleSettings(interval: 10 * microsecondsPerSecond))
    )
  ],
  [StageConfiguration(kind: .changed(ChangedSettings(fields: [path("v")])))],
  [shared(.deadband(DeadbandSettings(field: path("v"), threshold: .absolute(0.3))))],
  [
    shared(.dedupe(DedupeSettings(span: 60 * minute))),
    StageConfiguration(topics: filters("plant/+/3"), kind: .sample(SampleSettings(every: 2))),
  ],
]

extension WorldPlan {
  /// Gives the upstreams stages, most of them, and one source or the other.
  mutating func addStages(_ random: inout SplitMix64) {
    hasStages = true
    configuration.ring.ticksPerSecond = random.next() & 1 == 0 ? 1_000 : 1_000_000
    for index in configuration.sources.indices {
      configuration.sources[index].decode = DecodeRules(format: .json)
      // Most sources have none: the log must come to run over, and the upstreams to see events.
      let list = Int(random.next() % UInt64(2 * sourceLists.count))
      if list < sourceLists.count { configuration.sources[index].stages = sourceLists[list] }
    }
    for index in configuration.upstreams.indices where index == 0 || random.next() % 3 != 0 {
      let list = Int(random.next() % UInt64(upstreamLists.count))
      configuration.upstreams[index].stages = upstreamLists[list]
      if random.next() % 4 == 0 { configuration.upstreams[index].stages += [window(60 * minute)] }
      configuration.upstreams[index].undecodable = random.next() & 1 == 0 ? .pass : .deadLetter
    }
  }
}

extension Message {
  /// What a sensor measures: a slow staircase, some noise, and now and then a peak.
  var value: String {
    let noise = UInt64(truncatingIfNeeded: textOf) &* 0x9e37_79b9_7f4a_7c15 >> 40
    if noise % 41 == 0 { return "28.\(noise % 7)" }
    // A flood must not end at the sources' stages.
    if kind == .bulk { return "\(noise % 25).\(noise % 97)" }
    return "\(textOf / 60 % 12).\(noise % 100 < 10 ? "0" : "")\(noise % 100)"
  }

  /// Whether its payload is JSON, where the plan has stages.
  var isJSON: Bool { hasSharedText && textOf % 25 != 0 }

  private var hasSharedText: Bool { kind == .plain || kind == .bulk || kind == .retained }
}
