import HoldfastEvent
import HoldfastReplay
import HoldfastStatus
import HoldfastSystem
import HoldfastUpstream

/// What a replay will send, or has sent, for people and for programs.
struct ReplayReport {
  /// Most ranges that are named in the text.
  private static let rangeCountMax = 20

  private let configuration: ReplayConfiguration
  private let survey: ReplaySurvey?
  private let outcome: ReplayOutcome?

  /// Of a range that is only looked at.
  init(_ configuration: ReplayConfiguration, _ survey: ReplaySurvey) {
    self.configuration = configuration
    self.survey = survey
    outcome = nil
  }

  /// Of one that was sent.
  init(_ configuration: ReplayConfiguration, _ outcome: ReplayOutcome) {
    self.configuration = configuration
    self.outcome = outcome
    survey = nil
  }

  /// What the command ends with.
  var status: Int32 {
    guard let outcome else { return 0 }
    let account = outcome.account
    if !account.isBalanced { return ExitStatus.data }
    if case .failed = outcome.end { return ExitStatus.configuration }
    if !account.isComplete {
      return outcome.end == .interrupted ? ExitStatus.locked : ExitStatus.unavailable
    }
    if account.refused > 0 { return ExitStatus.unavailable }
    return account.gone > 0 ? ExitStatus.data : 0
  }

  /// What a person must know besides, a line each.
  var complaints: [String] {
    guard let outcome else { return [] }
    let account = outcome.account
    var lines = outcome.refusals.map { letter in
      "number \(letter.first) was refused for good: \(letter.reason)"
    }
    if account.refused > UInt64(outcome.refusals.count), !lines.isEmpty {
      lines.append("\(account.refused) events were refused in all")
    }
    switch outcome.end {
    case .complete, .interrupted: break
    case .unreachable:
      let name = configuration.upstream.name
      lines.append("upstream \(name): no link for \(Words.duration(ReplayOutcome.patience))")
    case .failed(.unmarkable):
      lines.append(
        "format \"event\" over MQTT 3.1.1 can't be marked as replay: the centre would take it for"
          + " new events; --unmarked sends it all the same"
      )
    case .noThread: lines.append("the operating system refuses a thread")
    }
    if !account.isBalanced { lines.append("the account does not balance: please report it") }
    if !account.isComplete {
      lines.append(
        "stopped; go on with --from \(account.position) --to \(account.numbers.upperBound)"
      )
    }
    return lines
  }

  private var numbers: Range<SequenceNumber> { configuration.numbers }

  private func ranges(_ all: [Range<SequenceNumber>]) -> String {
    var text = all.prefix(Self.rangeCountMax).map { range in
      range.upperBound - range.lowerBound == 1
        ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound - 1)"
    }.joined(separator: ", ")
    if all.count > Self.rangeCountMax { text += " and \(all.count - Self.rangeCountMax) more" }
    return all.isEmpty ? "" : " (\(text))"
  }

  /// For people.
  var text: String {
    let upstream = configuration.upstream
    let packing = upstream.compression == .none ? "" : "+\(upstream.compression.rawValue)"
    var rows = [
      [
        "range",
        "\(numbers.lowerBound) to \(numbers.upperBound - 1), "
          + "\(numbers.upperBound - numbers.lowerBound) numbers",
      ],
      ["upstream", "\(upstream.name), \(upstream.format.rawValue)\(packing)"],
    ]
    if let survey { rows += self.rows(survey) }
    if let account = outcome?.account { rows += self.rows(account) }
    return table(rows, right: [])
  }

  private func rows(_ survey: ReplaySurvey) -> [[String]] {
    let bytes = byteText(Int(clamping: survey.byteCount))
    var rows = [["to send", "\(survey.eventCount) events, \(bytes) of topics and payloads"]]
    if let walls = survey.walls {
      rows.append([
        "arrived",
        "\(rfc3339(wallMicroseconds: walls.lowerBound)) to "
          + rfc3339(wallMicroseconds: walls.upperBound),
      ])
    }
    if survey.filteredCount > 0 { rows.append(["filtered", "\(survey.filteredCount)"]) }
    if survey.gapCount > 0 {
      rows.append(["gap records", "\(survey.gapCount), of \(survey.gapNumberCount) numbers"])
    }
    let goneCount = survey.gone.reduce(UInt64(0)) { $0 + $1.upperBound - $1.lowerBound }
    if goneCount > 0 { rows.append(["gone", "\(goneCount)\(ranges(survey.gone))"]) }
    if let seconds { rows.append(["takes", "about \(Words.duration(Int64(seconds * 1e6)))"]) }
    return rows
  }

  /// How long the bytes alone take at the budget; nil without one.
  private var seconds: Double? {
    guard let survey, let rate = configuration.upstream.budgetByteCount, rate > 0 else {
      return nil
    }
    return Double(survey.byteCount) / Double(rate)
  }

  private func rows(_ account: ReplayAccount) -> [[String]] {
    var rows = [["delivered", "\(account.delivered)"]]
    for (name, count) in [
      ("refused", account.refused), ("filtered", account.filtered),
      ("lost before", account.recorded), ("never used", account.unused),
    ] where count > 0 { rows.append([name, "\(count)"]) }
    if account.gone > 0 { rows.append(["gone", "\(account.gone)\(ranges(account.goneRanges))"]) }
    if !account.isComplete {
      rows.append(["not sent", "\(account.numbers.upperBound - account.position)"])
    }
    return rows
  }

  var json: JSONValue {
    var members: [(String, JSONValue)] = [
      ("upstream", .text(configuration.upstream.name)),
      ("first", .number(numbers.lowerBound)), ("end", .number(numbers.upperBound)),
      ("numbers", .number(numbers.upperBound - numbers.lowerBound)),
    ]
    if let survey {
      members += [
        ("events", .number(survey.eventCount)), ("bytes", .number(survey.byteCount)),
        ("filtered", .number(survey.filteredCount)), ("gap_records", .number(survey.gapCount)),
        ("gap_numbers", .number(survey.gapNumberCount)), ("gone_ranges", list(survey.gone)),
        ("seconds", seconds.map { .decimal($0) } ?? .null),
      ]
    }
    if let outcome {
      let account = outcome.account
      members += [
        ("delivered", .number(account.delivered)), ("refused", .number(account.refused)),
        ("filtered", .number(account.filtered)), ("lost_before", .number(account.recorded)),
        ("never_used", .number(account.unused)), ("gone", .number(account.gone)),
        ("gone_ranges", list(account.goneRanges)), ("position", .number(account.position)),
        ("complete", .bool(account.isComplete)), ("balanced", .bool(account.isBalanced)),
      ]
    }
    return .object(members)
  }

  /// Pairs of a first number and the one behind the last.
  private func list(_ ranges: [Range<SequenceNumber>]) -> JSONValue {
    .list(ranges.map { .list([.number($0.lowerBound), .number($0.upperBound)]) })
  }
}
