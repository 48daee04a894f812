import HoldfastEvent
import HoldfastIntake
import HoldfastPayload
import HoldfastRingLog
import HoldfastStage
import HoldfastUpstream

/// What can be wrong only between stages and the rest: payloads without a format, topics that
/// nothing has.
struct StageChecks {
  /// Filters beyond which topics behind stages count as unknown.
  static let reachCountMax = 4096

  let sources: [CrossChecks.Source]
  let upstreams: [CrossChecks.Upstream]
  let ring: CrossChecks.Ring
  let problems: ProblemList

  func run() {
    let formats = sources.map { hasFormat($0.settings.decode) }
    for (source, hasFormat) in zip(sources, formats) {
      if !hasFormat { requireFormat(source.stages, "the same [[source]]") }
      warnAboutIdleStages(source.stages, source.settings.topics)
      warnAboutIdleDecoding(source)
    }
    for upstream in upstreams {
      if !formats.contains(true) {
        requireFormat(upstream.stages, "the [[source]] whose payloads it reads")
        if upstream.table.has(UpstreamKey.undecodable) {
          upstream.table.warn(
            UpstreamKey.undecodable,
            "has no effect: no [[source]] has a decode",
            "remove it, or add decode = \"json\" to the [[source]]"
          )
        }
      }
      warnAboutIdleStages(upstream.stages, upstream.settings.topics)
      warnAboutIdleMaps(upstream.stages)
      for stage in upstream.stages { checkBurst(stage) }
    }
  }

  /// A `map` of payloads where no source has a format that it can change.
  private func warnAboutIdleMaps(_ stages: [DocumentReader.StageEntry]) {
    let rules = sources.map(\.settings.decode)
    let formats = Set(rules.flatMap { [$0.format] + $0.overrides.map(\.format) }.compactMap { $0 })
    guard !formats.isEmpty, formats.isDisjoint(with: [.json, .text]) else { return }
    for stage in stages where stage.settings.readsPayloads {
      guard case .map = stage.settings.kind else { continue }
      stage.table.warn(
        StageKey.type,
        "is \"map\", which changes JSON payloads, and no [[source]] has any",
        "let it change the topic only, or remove it"
      )
    }
  }

  /// What a `burst` makes the log keep must not fill it.
  private func checkBurst(_ stage: DocumentReader.StageEntry) {
    guard case .burst(let settings) = stage.settings.kind,
      settings.heldByteCountMax > ring.settings.byteCountMax / 4
    else { return }
    stage.table.error(
      StageKey.heldByteCountMax,
      "is more than a quarter of the ring",
      "give at most \"\(formattedSize(ring.settings.byteCountMax / 4))\", or a larger size in [ring]"
    )
  }

  private func hasFormat(_ rules: DecodeRules) -> Bool {
    rules.format != nil || rules.overrides.contains { $0.format != nil }
  }

  private func requireFormat(_ stages: [DocumentReader.StageEntry], _ place: String) {
    for stage in stages where stage.settings.readsPayloads {
      problems.error(
        SourceKey.decode.rawValue,
        line: stage.table.line(of: StageKey.type),
        "\(stage.table.title) reads fields, and no payload has a format",
        "add decode = \"json\", or another format, to \(place)"
      )
    }
  }

  /// A stage whose topics no event can have.
  private func warnAboutIdleStages(
    _ stages: [DocumentReader.StageEntry],
    _ topics: [TopicFilter]
  ) {
    var reached = topics
    for stage in stages {
      for filter in stage.settings.topics
      where !reached.contains(where: { $0.overlaps(filter) }) {
        stage.table.warn(
          StageKey.topics,
          "holds \(quoted(filter.description)), which no event that comes here can match",
          "correct it, or remove the stage"
        )
      }
      reached = Self.reached(stage.settings, from: reached)
    }
  }

  private func warnAboutIdleDecoding(_ source: CrossChecks.Source) {
    let topics = source.settings.topics
    for override in source.settings.decode.overrides
    where !topics.contains(where: { $0.overlaps(override.topics) }) {
      source.table.warn(
        SourceKey.decodeTopic,
        "names \(quoted(override.topics.description)), which is not subscribed",
        "correct it, or remove it"
      )
    }
  }

  /// The topics that events may have behind a stage.
  static func reached(_ stage: StageConfiguration, from topics: [TopicFilter]) -> [TopicFilter] {
    var reached = topics
    var seen = Set(topics)
    for filter in topics {
      for made in stage.reach(of: filter) where seen.insert(made).inserted { reached.append(made) }
    }
    if reached.count > reachCountMax, let everything = TopicFilter("#") { return [everything] }
    return reached
  }
}
