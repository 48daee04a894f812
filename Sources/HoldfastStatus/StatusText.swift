internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog

/// The report as plain text: one screen for people, and a table of topics for programs.
public enum StatusText {
  /// As the server names them.
  public static let contentType = "text/plain; charset=utf-8"
  /// As the server names the table.
  public static let tableContentType = "text/tab-separated-values; charset=utf-8"
  /// Most links of each kind that are shown, most losses, and most lines of the log.
  private static let rowCountMax = 4

  /// One screen: at most 24 lines where there are few links.
  public static func render(_ report: StatusReport) -> [UInt8] {
    let verdict = Verdict(report)
    var lines = [
      "\(verdict.headline)   (\(report.agent.detail.agentID), up \(Words.duration(report.uptime)), "
        + "\(Words.date(report.now.wall)) UTC)",
      verdict.sentence,
    ]
    lines += verdict.notes.map { "* \($0)" }
    lines.append("")
    lines += upstreams(report)
    lines += sources(report)
    lines += ring(report)
    lines += losses(report)
    let rates = report.history
    let (received, delivered) = (
      rates.presentRate(\.received) ?? 0, rates.presentRate(\.delivered) ?? 0
    )
    lines.append(row("rates", "in \(Words.rate(received)), delivered \(Words.rate(delivered))"))
    lines += machine(report)
    for problem in report.problems.lines.prefix(rowCountMax) {
      let time = Words.time(problem.at.wall, now: report.now.wall)
      let times = problem.count > 1 ? " (\(Words.count(problem.count)) times)" : ""
      let label = problem.level == .error ? "error" : "warning"
      lines.append(row(label, "\(time) \(problem.message)\(times)"))
    }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  private static func row(_ label: String, _ text: String) -> String {
    // One line, whatever a message holds.
    let plain = text.unicodeScalars.map { scalar in
      scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) ? " " : Character(scalar)
    }
    return label + String(repeating: " ", count: max(1, 10 - label.utf8.count)) + String(plain)
  }

  private static func link(_ time: StatusReport.LinkTime?, _ report: StatusReport) -> String {
    guard let time else { return "unknown" }
    let age = Words.duration(report.now.boot.subtractingSaturated(time.since))
    return time.isUp ? "up for \(age)" : time.isKnown ? "DOWN for \(age)" : "connecting"
  }

  private static func upstreams(_ report: StatusReport) -> [String] {
    var lines: [String] = []
    for (index, upstream) in report.agent.upstreams.enumerated().prefix(rowCountMax) {
      let waiting = Words.count(upstream.lagEventCount)
      var text = "\(upstream.ledger.name) \(link(report.upstreamLinks[at: index], report))"
      if let detail = report.agent.detail.upstreams[at: index], let broker = Words.broker(detail) {
        text += " at \(detail.url), \(broker)"
      }
      text += ", \(waiting) events wait"
      if let why = upstream.refusalText { text += ", REFUSED: \(why)" }
      if upstream.isUnheard { text += ", nobody subscribes there" }
      if let age = report.oldestArrivals[at: index] ?? nil, upstream.lagEventCount > 0 {
        text +=
          ", the oldest for \(age.isAtLeast ? "at least " : "")\(Words.duration(age.microseconds))"
      }
      lines.append(row("upstream", text))
    }
    return lines + more(report.agent.upstreams.count, "upstream")
  }

  private static func sources(_ report: StatusReport) -> [String] {
    var lines: [String] = []
    for (index, source) in report.agent.sources.enumerated().prefix(rowCountMax) {
      let state =
        source.ledger.isPaused
        ? "CLOSED until there is room" : link(report.sourceLinks[at: index], report)
      let received = Words.count(source.ledger.received)
      lines.append(row("source", "\(source.ledger.name) \(state), \(received) events received"))
    }
    return lines + more(report.agent.sources.count, "source")
  }

  private static func more(_ count: Int, _ label: String) -> [String] {
    count > rowCountMax ? [row(label, "and \(count - rowCountMax) more")] : []
  }

  private static func ring(_ report: StatusReport) -> [String] {
    let used = max(0, report.agent.ringByteCount - report.agent.ringKeptByteCount)
    let limit = max(1, report.agent.ringByteCountMax)
    let filled = min(24, used * 24 / limit)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
    let size =
      "\(Words.bytes(UInt64(used))) of \(Words.bytes(UInt64(limit)))" + StatusPage.kept(report)
    return [
      row("ring", "[\(bar)] \(used * 100 / limit) %, \(size)"), row("", StatusPage.course(report)),
    ]
  }

  private static func losses(_ report: StatusReport) -> [String] {
    let rows = StatusPage.lossRows(report)
    if rows.isEmpty { return [row("lost", "nothing")] }
    return rows.prefix(rowCountMax).map { entry in
      row("lost", "\(Words.count(entry.count)) of \(entry.place): \(entry.why)")
    } + more(rows.count, "lost")
  }

  private static func machine(_ report: StatusReport) -> [String] {
    let perDay = report.history.writtenPerDay(now: report.now.boot)
    let written = perDay.map { "\(Words.bytes($0)) written per day" } ?? "too early to say per day"
    return [
      row("flash", "\(written); life: \(StatusPage.life(report))"),
      row("clock", StatusPage.clock(report)),
    ]
  }

  /// The topics of a report, one per line, with a line of names before them.
  ///
  /// Fields are divided by tabs; what a terminal would not show as it is, a tab in a topic included,
  /// is escaped.
  public static func topics(_ report: StatusReport) -> [UInt8] {
    var text =
      "topic\tevents_per_second\tpayload_bytes_per_second\tdropped\tevents\tpayload_bytes"
      + "\tsilence_seconds\n"
    var names: Set<[UInt8]> = []
    for topic in report.loudest + report.silent where names.insert(topic.name).inserted {
      let silence = max(0, report.now.boot.subtractingSaturated(topic.lastAt))
      let fields = [
        Words.topic(topic), thousandths(topic.eventRate), thousandths(topic.payloadByteRate),
        "\(topic.droppedCount)", "\(topic.eventCount)", "\(topic.payloadByteCount)",
        "\(silence / microsecondsPerSecond)",
      ]
      text += fields.joined(separator: "\t") + "\n"
    }
    return Array(text.utf8)
  }

  private static func thousandths(_ value: Double) -> String {
    "\((min(max(0, value), 1e12) * 1000).rounded() / 1000)"
  }
}
