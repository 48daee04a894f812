import HoldfastPayload
import HoldfastStage

/// The types that look at events in spans of time.
extension StageReader {
  func window() -> WindowSettings? {
    let fields = readFields(.fields)
    let size = needed(.size, inTime(StageBound.windowSizes))
    let aggregates = needed(.aggregates) { readAggregates($0) }
    if let aggregates, aggregates != [.count] {
      // Only counting needs no payload.
      _ = table.require(StageKey.fields, example: StageKey.fields.example)
    }
    let lateness = table.duration(StageKey.lateness, in: StageBound.lateness)
    let offset = table.duration(StageKey.offset, in: StageBound.offsets)
    if let offset, let size, offset >= size {
      table.error(
        StageKey.offset,
        "is not below size",
        "give less than \"\(formattedDuration(size))\""
      )
    }
    let time = readTime()
    if case .field? = time, let fields, fields.count == StageBound.fieldCountMax {
      table.error(
        StageKey.fields,
        "holds \(fields.count) paths beside that of time",
        "give at most \(StageBound.fieldCountMax - 1)"
      )
    }
    let late = table.choice(StageKey.late, of: WindowSettings.LatePolicy.self)
    let topic = readTopic()
    let byteCount = table.size(StageKey.byteCountMax, in: StageBound.heldByteCounts)
    guard let size, let aggregates else { return nil }
    var settings = WindowSettings(fields: fields ?? [], size: size, aggregates: aggregates)
    settings.lateness = lateness ?? settings.lateness
    settings.offset = offset ?? settings.offset
    settings.time = time ?? settings.time
    settings.late = late ?? settings.late
    settings.topic = topic ?? settings.topic
    settings.heldByteCountMax = byteCount ?? settings.heldByteCountMax
    return settings
  }

  func downsample() -> DownsampleSettings? {
    let field = neededField()
    let method = needed(.method) { table.choice($0, of: DownsampleSettings.Method.self) }
    let size = needed(.size, inTime(StageBound.windowSizes))
    let byteCount = table.size(StageKey.byteCountMax, in: StageBound.heldByteCounts)
    guard let field, let method, let size else { return nil }
    var settings = DownsampleSettings(field: field, method: method, size: size)
    settings.heldByteCountMax = byteCount ?? settings.heldByteCountMax
    return settings
  }

  func alarm() -> AlarmSettings? {
    let field = neededField()
    let on = needed(.on) { table.number($0) }
    let off = needed(.off) { table.number($0) }
    let duration = table.duration(StageKey.duration, in: StageBound.durations)
    let topic = readTopic()
    let passes = table.boolean(StageKey.pass)
    guard let field, let on, let off else { return nil }
    guard on != off else {
      table.error(
        StageKey.off,
        "is equal to on",
        "give less for an alarm above on, more for an alarm below it"
      )
      return nil
    }
    var settings = AlarmSettings(field: field, on: on, off: off)
    settings.duration = duration ?? settings.duration
    settings.topic = topic ?? settings.topic
    settings.passesEvents = passes ?? settings.passesEvents
    return settings
  }

  private func readTime() -> EventTime? {
    let key = StageKey.time
    guard let text = table.text(key) else { return nil }
    if text == "arrival" { return .arrival }
    return path(text, of: key, in: table, line: table.line(of: key)).map { .field($0) }
  }

  // MARK: aggregates

  private func readAggregates(_ key: StageKey) -> [WindowSettings.Aggregate]? {
    guard let texts = table.texts(key, example: key.example) else { return nil }
    var aggregates: [WindowSettings.Aggregate] = []
    for (text, line) in texts {
      let fault: (what: String, remedy: String, nearest: String?)
      if let aggregate = aggregate(text) {
        guard aggregates.contains(aggregate) else {
          aggregates.append(aggregate)
          continue
        }
        fault = ("stands twice", "remove one of them", nil)
      } else if text.hasPrefix("p"), decimal(String(text.dropFirst())) != nil {
        fault = ("is no percentile", "give p and a number above 0 and below 100: \"p95\"", nil)
      } else {
        fault = ("is unknown", "give some of \(aggregateNames)", similarAggregate(text))
      }
      table.problems.error(
        key.rawValue,
        line: line,
        "aggregate \(quoted(text)) of \(table.title) \(fault.what)",
        fault.remedy,
        nearest: fault.nearest
      )
    }
    guard StageBound.aggregateCounts.contains(texts.count) else {
      if !texts.isEmpty || isEmptyArray(key) {
        table.error(
          key,
          "holds \(texts.count) aggregates",
          "give 1 to \(StageBound.aggregateCounts.upperBound) of them"
        )
      }
      return nil
    }
    return aggregates.count == texts.count ? aggregates : nil
  }

  private func aggregate(_ text: String) -> WindowSettings.Aggregate? {
    if let known = plainAggregates.first(where: { $0.name == text }) { return known.aggregate }
    guard text.hasPrefix("p"), let first = text.dropFirst().utf8.first,
      first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9"),
      let percent = decimal(String(text.dropFirst())), percent > 0, percent < 100
    else { return nil }
    return .percentile(percent)
  }

  private var aggregateNames: String {
    (plainAggregates.map(\.name) + ["p95"]).map { "\"\($0)\"" }.joined(separator: ", ")
  }

  private func similarAggregate(_ text: String) -> String? {
    synonyms[text.lowercased()] ?? nearest(to: text, among: plainAggregates.map(\.name))
  }
}

/// The aggregates with a name of their own.
let plainAggregates: [(name: String, aggregate: WindowSettings.Aggregate)] = [
  ("count", .count), ("sum", .sum), ("min", .min), ("max", .max), ("mean", .mean),
  ("first", .first), ("last", .last), ("stddev", .stddev),
]

/// What other programs call them.
private let synonyms = [
  "avg": "mean", "average": "mean", "median": "p50", "minimum": "min", "maximum": "max",
  "std": "stddev", "stdev": "stddev", "n": "count", "total": "sum",
]
