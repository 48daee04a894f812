import HoldfastEvent
import HoldfastPayload
import HoldfastStage

/// What `simulate` tells.
struct SimulationReport {
  var path: String
  var isLive: Bool
  var span: RecordedSpan
  var unreadableCount: UInt64
  /// Sources with stages of their own.
  var sources: [(name: String, report: DryRunReport)]
  var upstreams: [(name: String, report: DryRunReport)]
  /// Most topics that are named.
  var topicCount: Int

  /// For people.
  var text: String {
    var text = "\(path)\(isLive ? ", an agent is running" : "")\n"
    guard let first = span.first else { return text + "no events were recorded in that time\n" }
    text += "events \(first)-\(span.last): \(span.volume.text), "
    text += "\(rfc3339(wallMicroseconds: span.firstWall)) to "
    text += "\(rfc3339(wallMicroseconds: span.lastWall)), \(durationText(span.elapsed)) covered\n"
    if span.gapCount > 0 {
      text += "\(span.gapCount) gap records: \(span.missingCount) events and more are missing\n"
    }
    if unreadableCount > 0 { text += "\(unreadableCount) numbers can't be read\n" }
    for (name, report) in sources {
      text += "\nsource \(name), before the log\n"
      text += partText(report, results: "stored")
    }
    for (name, report) in upstreams {
      text += "\nupstream \(name)\n"
      text += partText(report, results: "sent")
    }
    return text
  }

  private func partText(_ report: DryRunReport, results: String) -> String {
    var rows = [["", "EVENTS", "RESULTS", "BYTES", "IN 30 DAYS", ""]]
    let (before, after) = (report.flow.entered, report.flow.out)
    rows.append(
      [
        "  before", "\(before.eventCount)", "", bytes(before.byteCount), month(before.byteCount),
        "",
      ]
    )
    rows.append([
      "  after", "\(report.flow.left.eventCount)", "\(report.flow.results.eventCount)",
      bytes(after.byteCount), month(after.byteCount), change(before.byteCount, after.byteCount),
    ])
    var text = table(rows, right: [1, 2, 3, 4])
    if report.unselected.eventCount > 0 {
      text += "  not among its topics: \(report.unselected.text)\n"
    }
    if report.setAside.eventCount > 0 {
      text += "  dead letters, payload can't be read: \(report.setAside.text)\n"
    }
    if !report.faults.isEmpty {
      let parts = report.faults.map { "\($0.count) \($0.fault.rawValue)" }
      text += "  payloads a stage couldn't read: \(parts.joined(separator: ", "))\n"
      text += faultText(report.faultsByTopic)
    }
    return text + stageText(report.stages) + topicText(report)
  }

  private func faultText(_ faults: PayloadFaults) -> String {
    var text = ""
    for topic in faults.topics.prefix(topicCount) {
      let parts = zip(PayloadFault.allCases, topic.counts).filter { $1 > 0 }
      text += "    \(printable(topic.topic[...])): "
      text += parts.map { "\($1) \($0.rawValue)" }.joined(separator: ", ") + "\n"
    }
    let restCount = faults.topics.dropFirst(topicCount).count
    if restCount > 0 { text += "    \(restCount) topics more\n" }
    if faults.evictedTopicCount > 0 {
      text += "    topics are told apart up to \(PayloadFaults.topicCountMax);"
      text += " \(faults.evictedTopicCount) made room for others\n"
    }
    return text
  }

  private func stageText(_ stages: [DryRunReport.Stage]) -> String {
    if stages.isEmpty { return "  no stages\n" }
    var rows = [["  STAGE", "TOPICS", "IN", "OUT", "RESULTS", "BYTES IN", "BYTES OUT", ""]]
    var notes = ""
    for (place, stage) in stages.enumerated() {
      let flow = stage.flow
      let name = "\(place + 1) \(stage.type)"
      rows.append([
        "  \(name)", stage.topicText, "\(flow.entered.eventCount)", "\(flow.left.eventCount)",
        "\(flow.results.eventCount)", bytes(flow.entered.byteCount), bytes(flow.out.byteCount),
        change(flow.entered.byteCount, flow.out.byteCount),
      ])
      if let curve = stage.curve { notes += "  \(name): \(curve.text)\n" }
      if stage.evictedTopicCount > 0 {
        notes += "  \(name): \(stage.evictedTopicCount) topics made room for others (max_topics)\n"
      }
      for note in StageNote.allCases {
        if let count = stage.notes[note] { notes += "  \(name): \(count) \(note.rawValue)\n" }
      }
    }
    return "\n" + table(rows, right: [2, 3, 4, 5, 6]) + notes
  }

  private func topicText(_ report: DryRunReport) -> String {
    let changed = report.topics.filter { $0.flow.entered != $0.flow.out }
    let shown = changed.prefix(topicCount)
    if changed.isEmpty { return "" }
    var rows = [["  TOPIC", "IN", "OUT", "RESULTS", "BYTES IN", "BYTES OUT", ""]]
    let row = { (name: String, flow: Flow) in
      [
        "  \(name)", "\(flow.entered.eventCount)", "\(flow.left.eventCount)",
        "\(flow.results.eventCount)", bytes(flow.entered.byteCount), bytes(flow.out.byteCount),
        change(flow.entered.byteCount, flow.out.byteCount),
      ]
    }
    for topic in shown { rows.append(row(printable(topic.topic[...]), topic.flow)) }
    let rest = changed.dropFirst(topicCount)
    let unchanged = report.topics.filter { $0.flow.entered == $0.flow.out }
    if !rest.isEmpty {
      rows.append(row("(\(rest.count) more)", rest.reduce(Flow()) { $0 + $1.flow }))
    }
    if !unchanged.isEmpty {
      let sum = unchanged.reduce(Flow()) { $0 + $1.flow }
      rows.append(row("(\(unchanged.count) as much as before)", sum))
    }
    if report.otherTopics != Flow() {
      rows.append(row("(beyond \(DryRun.topicCountMax) topics)", report.otherTopics))
    }
    return "\n" + table(rows, right: [1, 2, 3, 4, 5])
  }

  private func bytes(_ count: UInt64) -> String { byteText(count) }

  private func month(_ count: UInt64) -> String {
    span.perMonth(count).map { byteText(Int64(min($0, 1e18))) } ?? "-"
  }

  /// `88 % less`.
  private func change(_ before: UInt64, _ after: UInt64) -> String {
    if before == 0 || before == after { return "" }
    let part = Double(after) / Double(before)
    let percent = ((part - 1).magnitude * 1000).rounded() / 10
    if part > 10 { return "\(Int(min(part.rounded(), 1e9))) times" }
    return "\(percent) % \(part < 1 ? "less" : "more")"
  }
}

extension Volume {
  fileprivate var text: String { "\(eventCount) events, \(byteText(byteCount))" }

  fileprivate var json: JSONValue {
    .object([("events", .number(eventCount)), ("bytes", .number(byteCount))])
  }
}

extension Flow {
  fileprivate var members: [(String, JSONValue)] {
    [("in", entered.json), ("out", left.json), ("results", results.json)]
  }
}

extension DryRunReport.Stage {
  fileprivate var topicText: String {
    if topics.isEmpty { return "all" }
    let more = topics.count > 2 ? " +\(topics.count - 2)" : ""
    return topics.prefix(2).map(\.description).joined(separator: " ") + more
  }
}

extension CurveReport {
  fileprivate var text: String {
    let field = field.description.isEmpty ? "the payload" : field.description
    var text = "error of \(field): "
    if let largestAt {
      text += "largest \(largest.short) (#\(largestAt) \(printable(largestTopic[...])))"
      text += ", mean \(mean.short), of \(leftOutCount) events left out"
    } else {
      text += "none, no event was left out"
    }
    if undecidedCount > 0 { text += "; \(undecidedCount) not decided yet" }
    if uncomparedCount > 0 { text += "; \(uncomparedCount) not compared" }
    return text
  }

  fileprivate var json: JSONValue {
    .object([
      ("field", .text(field.description)), ("left_out", .number(leftOutCount)),
      ("largest", .decimal(largest)), ("largest_at", largestAt.map { .number($0) } ?? .null),
      ("largest_topic", .text(String(decoding: largestTopic, as: UTF8.self))),
      ("mean", .decimal(mean)), ("undecided", .number(undecidedCount)),
      ("not_compared", .number(uncomparedCount)),
    ])
  }
}

extension [StageNote: UInt64] {
  fileprivate var json: [(String, JSONValue)] {
    StageNote.allCases.compactMap { note in self[note].map { (note.name, .number($0)) } }
  }
}

extension StageNote {
  /// As a JSON key.
  fileprivate var name: String { "\(self)".replacing("T", with: "_t") }
}

extension PayloadFaults.Topic {
  fileprivate var json: JSONValue {
    .object(
      [("topic", .text(String(decoding: topic, as: UTF8.self)))]
        + zip(PayloadFault.allCases, counts).filter { $1 > 0 }
        .map { ($0.rawValue, .number($1)) }
    )
  }
}

extension Double {
  /// Four digits are enough for an error.
  fileprivate var short: String {
    guard magnitude >= 1e-6, magnitude < 1e9 else { return "\(self)" }
    var unit = 1.0
    var size = magnitude
    while size < 1000 {
      size *= 10
      unit *= 10
    }
    let value = (self * unit).rounded() / unit
    return value == value.rounded() ? "\(Int64(value))" : "\(value)"
  }
}

extension SimulationReport {
  /// For programs.
  var json: JSONValue {
    .object([
      ("directory", .text(path)), ("live", .bool(isLive)),
      ("first", span.first.map { .number($0) } ?? .null), ("last", .number(span.last)),
      ("events", .number(span.volume.eventCount)), ("bytes", .number(span.volume.byteCount)),
      ("from", span.first == nil ? .null : .text(rfc3339(wallMicroseconds: span.firstWall))),
      ("to", span.first == nil ? .null : .text(rfc3339(wallMicroseconds: span.lastWall))),
      ("covered_seconds", .decimal(Double(span.elapsed) / 1e6)),
      ("gap_records", .number(span.gapCount)), ("missing", .number(span.missingCount)),
      ("unreadable", .number(unreadableCount)),
      ("sources", .list(sources.map { json($0.name, $0.report) })),
      ("upstreams", .list(upstreams.map { json($0.name, $0.report) })),
    ])
  }

  private func json(_ name: String, _ report: DryRunReport) -> JSONValue {
    let stages = report.stages.map { stage in
      JSONValue.object(
        [
          ("type", .text(stage.type)),
          ("topics", .list(stage.topics.map { .text($0.description) })),
        ] + stage.flow.members + [
          ("evicted_topics", .number(stage.evictedTopicCount)),
          ("notes", .object(stage.notes.json)),
          ("error", stage.curve?.json ?? .null),
        ]
      )
    }
    let topics = report.topics.prefix(topicCount).map { topic in
      JSONValue.object(
        [("topic", .text(String(decoding: topic.topic, as: UTF8.self)))] + topic.flow.members
      )
    }
    let others = report.topics.dropFirst(topicCount).reduce(report.otherTopics) { $0 + $1.flow }
    let months = { (count: UInt64) in span.perMonth(count).map { JSONValue.decimal($0) } ?? .null }
    return .object(
      [("name", .text(name))] + report.flow.members + [
        ("bytes_per_30_days_before", months(report.flow.entered.byteCount)),
        ("bytes_per_30_days_after", months(report.flow.out.byteCount)),
        ("unselected", report.unselected.json), ("dead_letters", report.setAside.json),
        (
          "undecodable",
          .object(report.faults.map { ($0.fault.rawValue, .number($0.count)) })
        ),
        ("undecodable_topics", .list(report.faultsByTopic.topics.map(\.json))),
        ("undecodable_topics_evicted", .number(report.faultsByTopic.evictedTopicCount)),
        ("stages", .list(stages)), ("topics", .list(topics)),
        ("other_topics", .object(others.members)),
      ]
    )
  }
}
