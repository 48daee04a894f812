internal import HoldfastEvent
internal import HoldfastPayload

// One text for each meaning of a configuration, the same in every version: what results are
// identified by, and whether a snapshot still fits, hangs on it.

extension StageConfiguration {
  var canonicalText: String {
    let topics = topics.map { quoted($0.description) }.joined(separator: ",")
    return "\(kind.canonicalText) topics=[\(topics)] max_topics=\(topicCountMax)"
  }
}

extension StageConfiguration.Kind {
  fileprivate var canonicalText: String {
    switch self {
    case .drop(let condition): "drop when=\(quoted(condition.description))"
    case .keep(let condition): "keep when=\(quoted(condition.description))"
    case .map(let settings): "map \(settings.canonicalText)"
    case .changed(let settings):
      "changed fields=\(list(settings.fields)) max_interval=\(optional(settings.intervalMax))"
    case .deadband(let settings):
      "deadband field=\(path(settings.field)) threshold=\(settings.threshold.canonicalText)"
        + " max_interval=\(optional(settings.intervalMax))"
    case .swingingDoor(let settings):
      "swinging-door field=\(path(settings.field)) deviation=\(settings.deviation)"
        + " max_interval=\(optional(settings.intervalMax))"
    case .throttle(let settings):
      "throttle interval=\(settings.interval) send=\(settings.pick.rawValue)"
    case .sample(let settings): "sample every=\(settings.every)"
    case .dedupe(let settings):
      "dedupe span=\(settings.span) max_payloads=\(settings.payloadCountMax)"
    case .window(let settings): "window \(settings.canonicalText)"
    case .downsample(let settings):
      "downsample field=\(path(settings.field)) method=\(settings.method.rawValue)"
        + " size=\(settings.size)"
    case .alarm(let settings):
      "alarm field=\(path(settings.field)) on=\(settings.on) off=\(settings.off)"
        + " duration=\(settings.duration) topic=\(quoted(settings.topic))"
        + " pass=\(settings.passesEvents)"
    case .burst(let settings):
      "burst when=\(quoted(settings.when.description)) interval=\(settings.interval)"
        + " before=\(settings.before) after=\(settings.after)"
        + " before_events=\(settings.heldCountMax) before_bytes=\(settings.heldByteCountMax)"
    }
  }
}

extension MapSettings {
  fileprivate var canonicalText: String {
    let renames = rename.map { "\(path($0.field)):\(quoted($0.name))" }
    let computes = compute.map {
      "\(path($0.field)):\($0.scale),\($0.offset),\(optional($0.min)),\(optional($0.max)),"
        + optional($0.roundDigitCount)
    }
    let additions = add.map { "\(quoted($0.name)):\($0.isText ? quoted($0.value) : $0.value)" }
    return "select=\(list(select)) remove=\(list(remove)) rename=\(renames) compute=\(computes)"
      + " add=\(additions) topic=\(topic.map(quoted) ?? "-")"
  }
}

extension DeadbandSettings.Threshold {
  fileprivate var canonicalText: String {
    switch self {
    case .absolute(let value): "\(value)"
    case .fractionOfLast(let fraction): "\(fraction) of last"
    case .fractionOfSpan(let fraction, let span): "\(fraction) of \(span)"
    }
  }
}

extension WindowSettings {
  fileprivate var canonicalText: String {
    let time =
      switch time {
      case .arrival: "arrival"
      case .field(let field): path(field)
      }
    let aggregates = aggregates.map(\.canonicalText).joined(separator: ",")
    return "fields=\(list(fields)) size=\(size) lateness=\(lateness) offset=\(offset) time=\(time)"
      + " aggregates=[\(aggregates)] late=\(late.rawValue) topic=\(quoted(topic))"
      + " max_bytes=\(heldByteCountMax)"
  }
}

extension WindowSettings.Aggregate {
  fileprivate var canonicalText: String {
    switch self {
    case .count: "count"
    case .sum: "sum"
    case .min: "min"
    case .max: "max"
    case .mean: "mean"
    case .first: "first"
    case .last: "last"
    case .stddev: "stddev"
    case .percentile(let percent): "p\(percent)"
    }
  }
}

extension DecodeRules {
  var canonicalText: String {
    let overrides = overrides.map {
      "\(quoted($0.topics.description)):\($0.format?.rawValue ?? "none")\($0.texts.canonicalText)"
    }
    return "decode=\(format?.rawValue ?? "none")\(texts.canonicalText)"
      + " \(overrides.joined(separator: ","))"
  }
}

extension TextNumbers {
  /// Empty by default.
  fileprivate var canonicalText: String {
    (hasUnits ? "+units" : "") + (comma == .none ? "" : "+comma=\(comma.rawValue)")
  }
}

private func quoted(_ text: String) -> String { text.debugDescription }
private func path(_ path: FieldPath) -> String { quoted(path.description) }
private func list(_ paths: [FieldPath]) -> String {
  "[" + paths.map(path).joined(separator: ",") + "]"
}
private func optional<Value>(_ value: Value?) -> String { value.map { "\($0)" } ?? "-" }
