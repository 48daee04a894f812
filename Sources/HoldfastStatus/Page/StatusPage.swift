internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog

/// The page: what matters most first, in one document that needs nothing else.
public enum StatusPage {
  /// As the server names it.
  public static let contentType = "text/html; charset=utf-8"

  /// What the browser may do with the page: its own style and script, and asking us again.
  ///
  /// - Parameter nonce: letters and digits, new for each answer; the same as for ``render(_:nonce:)``.
  /// - Returns: the header's value.
  public static func contentSecurityPolicy(nonce: String) -> String {
    "default-src 'none'; style-src 'nonce-\(nonce)'; script-src 'nonce-\(nonce)'; "
      + "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
      + "frame-ancestors 'none'"
  }

  /// The whole page.
  ///
  /// - Parameters:
  ///   - report: what it shows.
  ///   - nonce: letters and digits, new for each answer.
  /// - Returns: HTML in UTF-8.
  public static func render(_ report: StatusReport, nonce: String) -> [UInt8] {
    let verdict = Verdict(report)
    var page = Markup()
    page.add("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
    page.add("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n")
    page.add("<meta name=\"referrer\" content=\"no-referrer\">\n<title>")
    page.text("\(verdict.headline) · \(report.agent.detail.agentID)")
    page.add("</title>\n")
    page.add(PageStyle.icon)
    page.add("\n<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>\n<style nonce=\"")
    page.text(nonce)
    page.add("\">\n")
    page.add(PageStyle.css)
    page.add("</style>\n</head>\n<body>\n")
    page.add(
      "<p id=\"away\" role=\"status\">This page can't reach the agent; what it shows is old.</p>\n"
    )
    main(report, verdict, &page)
    page.add("<script nonce=\"")
    page.text(nonce)
    page.add("\">")
    page.add(PageStyle.script)
    page.add("</script>\n</body>\n</html>\n")
    return page.bytes
  }

  private static func main(
    _ report: StatusReport,
    _ verdict: Verdict,
    _ page: inout Markup
  ) {
    page.add("<main>\n<header>")
    page.add(PageStyle.logo)
    page.element("<b>Holdfast</b> <span class=\"id\">", report.agent.detail.agentID, "</span>")
    page.add("<span class=\"when\">")
    page.text("\(Words.date(report.now.wall)) UTC, up \(Words.duration(report.uptime))")
    page.add("</span></header>\n")
    hero(verdict, &page)
    page.add("<div class=\"row\">\n")
    upstreams(report, &page)
    fill(report, &page)
    unsent(report, &page)
    losses(report, &page)
    sources(report, &page)
    page.add("</div>\n<div class=\"row\">\n")
    chart(report.history.quarterHour, "Last 15 minutes", "15 min ago", report, &page)
    chart(report.history.day, "Last 24 hours", "24 h ago", report, &page)
    page.add("</div>\n<div class=\"row\">\n")
    loudest(report, &page)
    silent(report, &page)
    page.add("</div>\n<div class=\"row\">\n")
    problems(report, &page)
    storage(report, &page)
    details(report, &page)
    page.add("</div>\n<footer>")
    page.element("<span>Holdfast ", report.version, "</span>")
    page.add("<a href=\"/status.json\">status.json</a> <a href=\"/metrics\">metrics</a>")
    page.add("</footer>\n</main>\n")
  }

  private static func hero(_ verdict: Verdict, _ page: inout Markup) {
    switch verdict.level {
    case .fine: page.add("<section class=\"hero fine\">")
    case .attention: page.add("<section class=\"hero attention\">")
    case .alarm: page.add("<section class=\"hero alarm\">")
    }
    page.element("<h1>", verdict.headline, "</h1>")
    page.element("<p>", verdict.sentence, "</p>")
    if !verdict.notes.isEmpty {
      page.add("<ul>")
      for note in verdict.notes { page.element("<li>", note, "</li>") }
      page.add("</ul>")
    }
    page.add("</section>\n")
  }

  // MARK: links

  private static func upstreams(_ report: StatusReport, _ page: inout Markup) {
    page.add("<section class=\"card\"><h2>Link upstream</h2><ul class=\"links\">")
    for (index, upstream) in report.agent.upstreams.enumerated() {
      let time = report.upstreamLinks[at: index] ?? StatusReport.LinkTime()
      let detail = report.agent.detail.upstreams[at: index]
      link(upstream.ledger.name, time, detail, report, isPaused: false, &page)
      if upstream.isUnheard { page.add("<small>nobody subscribes there</small>") }
      if upstream.lagEventCount > 0 && !isOnItsWay(report) {
        let waiting = Words.count(upstream.lagEventCount)
        page.element("<small>", "\(waiting) events wait", "</small>")
      }
      page.add("</li>")
    }
    page.add("</ul></section>\n")
  }

  private static func sources(_ report: StatusReport, _ page: inout Markup) {
    page.add("<section class=\"card half\"><h2>Sources</h2><ul class=\"links\">")
    for (index, source) in report.agent.sources.enumerated() {
      let time = report.sourceLinks[at: index] ?? StatusReport.LinkTime()
      let detail = report.agent.detail.sources[at: index]
      link(source.ledger.name, time, detail, report, isPaused: source.ledger.isPaused, &page)
      page.element("<small>", "\(Words.count(source.ledger.received)) events received", "</small>")
      page.add("</li>")
    }
    page.add("</ul></section>\n")
  }

  private static func link(
    _ name: String,
    _ time: StatusReport.LinkTime,
    _ detail: AgentStatus.Link?,
    _ report: StatusReport,
    isPaused: Bool,
    _ page: inout Markup
  ) {
    let age = Words.duration(report.now.boot.subtractingSaturated(time.since))
    if time.isUp {
      page.add("<li><span class=\"ok\"><span class=\"dot\"></span></span>")
      page.element("<b>", name, "</b> up")
      page.element(" <span class=\"soft\">for ", age, "</span>")
    } else if isPaused {
      page.add("<li><span class=\"bad\"><span class=\"dot off\"></span></span>")
      page.element("<b>", name, "</b> closed until there is room")
    } else if time.isKnown {
      page.add("<li><span class=\"warn\"><span class=\"dot off\"></span></span>")
      page.element("<b>", name, "</b> down")
      page.element(" <span class=\"soft\">for ", age, "</span>")
    } else {
      page.add("<li><span class=\"soft\"><span class=\"dot off\"></span></span>")
      page.element("<b>", name, "</b> connecting")
    }
    let broker = detail.flatMap(Words.broker)
    page.element("<small>", (detail?.url ?? "") + (broker.map { ", \($0)" } ?? ""), "</small>")
  }

  // MARK: the ring

  private static func fill(_ report: StatusReport, _ page: inout Markup) {
    // What is kept is as good as free.
    let used = max(0, report.agent.ringByteCount - report.agent.ringKeptByteCount)
    let limit = max(1, report.agent.ringByteCountMax)
    let part = min(1, Double(used) / Double(limit))
    let isFull = report.agent.health == .full
    page.add("<section class=\"card\"><h2>Ring on disk</h2>")
    page.element("<p class=\"big\">", isFull ? "Full" : percent(part), "")
    page.element(isFull ? "" : " full", "", "</p>")
    bar(part, isFull ? "bad" : part > 0.8 ? "warn" : "level", &page)
    page.element("<p>", course(report), "</p>")
    page.add("<small>")
    page.text("\(Words.bytes(UInt64(used))) of \(Words.bytes(UInt64(limit)))\(kept(report))")
    page.add("</small></section>\n")
  }

  /// How much of what was delivered is kept besides, where any is.
  static func kept(_ report: StatusReport) -> String {
    let count = report.agent.ringKeptByteCount
    return count > 0 ? ", and \(Words.bytes(UInt64(count))) delivered and kept" : ""
  }

  private static func percent(_ part: Double) -> String {
    let value = part * 100
    return value > 0 && value < 1 ? "Less than 1 %" : "\(Int(value.rounded())) %"
  }

  static func course(_ report: StatusReport) -> String {
    if report.agent.health == .failing { return "The disk takes nothing at present." }
    let forecast = Forecast(report)
    switch forecast.course {
    case .upToDate:
      guard let capacity = forecast.capacity else { return "Nothing waits to be sent." }
      return "Room for \(Words.duration(capacity)) without a link, at the present rate."
    case .draining(let time): return "Drained in \(Words.duration(time)) at the present rate."
    case .filling(let time): return "Full in \(Words.duration(time)) at the present rate."
    case .full:
      return report.agent.detail.whenFull == .dropOldest
        ? "The oldest unsent events make room." : "Nothing new is taken until there is room."
    case .standing: return "Events wait; none come in."
    case .unknown: return "Too early to say how long it lasts."
    }
  }

  static func bar(_ part: Double, _ style: StaticString, _ page: inout Markup) {
    page.add(
      "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    )
    page.add("<rect width=\"1000\" height=\"10\" rx=\"5\"/><rect class=\"")
    page.add(style)
    page.add("\" width=\"")
    page.number(Int((max(0, min(1, part)) * 1000).rounded()))
    page.add("\" height=\"10\" rx=\"5\"/></svg>")
  }

  /// Whether what is not delivered yet is no more than what a link always has under way.
  private static func isOnItsWay(_ report: StatusReport) -> Bool {
    report.upstreamLinks.allSatisfy(\.isUp) && Forecast(report).course == .upToDate
      && report.oldestAge?.microseconds ?? 0 < 5 * microsecondsPerSecond
  }

  private static func unsent(_ report: StatusReport, _ page: inout Markup) {
    page.add("<section class=\"card\"><h2>Oldest unsent event</h2>")
    let waiting = report.agent.upstreams.map(\.lagEventCount).max() ?? 0
    if let age = report.oldestAge, waiting > 0 {
      let text = Words.duration(age.microseconds)
      page.element("<p class=\"big\">", age.isAtLeast ? "At least \(text)" : text, "</p>")
      let what = isOnItsWay(report) ? "are on their way" : "wait on disk"
      page.element("<p>", "\(Words.count(waiting)) events \(what)", "</p>")
    } else {
      page.add("<p class=\"big\">None</p><p>Everything stored has been delivered.</p>")
    }
    if report.agent.detail.pendingCount > 0 {
      let pending = Words.count(UInt64(report.agent.detail.pendingCount))
      let place = report.agent.health == .failing ? "in memory only" : "being written"
      page.element("<small>", "\(pending) more are \(place)", "</small>")
    }
    page.add("</section>\n")
  }

  // MARK: losses

  /// What did not get through: how many, where, why.
  static func lossRows(_ report: StatusReport) -> [(count: UInt64, place: String, why: String)] {
    var rows: [(count: UInt64, place: String, why: String)] = []
    for index in report.agent.upstreams.indices {
      let name = report.agent.upstreams[index].ledger.name
      let account = report.account(index)
      for reason in LossReason.allCases {
        let count = account.lost[reason.rawValue] &+ account.pendingLost[reason.rawValue]
        rows.append((count, name, why(reason)))
      }
      rows.append((account.dropped.reduce(0, &+), name, "its dead-letter file was full"))
      rows.append((account.deadLettered, name, "refused there; kept in the dead-letter file"))
    }
    for source in report.agent.sources {
      for reason in SourceDropReason.allCases where reason != .filtered {
        rows.append((source.ledger.dropped[reason.rawValue], source.ledger.name, why(reason)))
      }
    }
    return rows.filter { $0.count > 0 }
  }

  private static func why(_ reason: LossReason) -> String {
    switch reason {
    case .evicted: "the ring was full, or they were too old"
    case .corrupt: "the disk could not read them back"
    }
  }

  private static func why(_ reason: SourceDropReason) -> String {
    switch reason {
    case .oversize: "payload above max_payload"
    case .invalid: "no valid topic"
    case .loop: "our own, come back"
    case .diskFailed: "the disk failed and memory was full"
    case .filtered: "kept back by the source's stages"
    }
  }

  private static func losses(_ report: StatusReport, _ page: inout Markup) {
    page.add("<section class=\"card half\"><h2>Dropped or lost</h2>")
    let rows = lossRows(report)
    if rows.isEmpty {
      page.add(
        "<p class=\"big\">Nothing</p><p>Every event received is stored, sent or waiting.</p>"
      )
    } else {
      page.add("<table><tbody>")
      for row in rows {
        page.element("<tr><td class=\"n\"><b>", Words.count(row.count), "</b></td><td class=\"t\">")
        page.element("", row.why, " ")
        page.element("<small>", row.place, "</small></td></tr>")
      }
      page.add("</tbody></table>")
    }
    page.add("</section>\n")
  }
}
