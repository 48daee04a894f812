internal import HoldfastAgent
internal import HoldfastEvent

extension StatusPage {
  /// Rows of a table of topics.
  private static var topicRowCount: Int { 10 }
  /// Lines of the log.
  private static var problemRowCount: Int { 8 }

  static func loudest(_ report: StatusReport, _ page: inout Markup) {
    page.add("<section class=\"card half\"><h2>Loudest topics</h2>")
    // A rate that has faded to less than one a day is none; a topic that is new has none yet.
    let topics = report.loudest.filter { topic in
      topic.eventRate > 1e-5
        || report.now.boot.subtractingSaturated(topic.lastAt) < TopicActivity.interval
    }.prefix(topicRowCount)
    if topics.isEmpty {
      let text =
        report.loudest.isEmpty ? "No event has come since the start." : "Nothing came lately."
      page.element("<p class=\"soft\">", text, "</p>")
    } else {
      page.add("<table><thead><tr><th>Topic</th><th class=\"n\">Events</th>")
      page.add("<th class=\"n\">Payload</th></tr></thead><tbody>")
      for topic in topics {
        page.element("<tr><td class=\"t mono\">", Words.topic(topic), "</td>")
        let rate = topic.eventRate > 0 ? Words.rate(topic.eventRate) : "new"
        page.element("<td class=\"n\">", rate, "</td>")
        let bytes = "\(Words.bytes(UInt64(max(0, min(topic.payloadByteRate, 1e15)))))/s"
        page.element("<td class=\"n\">", bytes, "</td></tr>")
      }
      page.add("</tbody></table>")
    }
    if report.forgottenTopicCount > 0 {
      let text =
        "\(Words.count(UInt64(report.topicCount))) topics are watched; "
        + "\(Words.count(report.forgottenTopicCount)) times a quiet one made room for a new one."
      page.element("<p class=\"soft\">", text, "</p>")
    }
    page.add("</section>\n")
  }

  static func silent(_ report: StatusReport, _ page: inout Markup) {
    page.add("<section class=\"card half\"><h2>Topics that have fallen silent</h2>")
    let topics = report.silent.prefix(topicRowCount)
    if topics.isEmpty {
      page.add("<p class=\"soft\">None is later than usual.</p>")
    } else {
      page.add("<table><thead><tr><th>Topic</th><th class=\"n\">Silent for</th>")
      page.add("<th class=\"n\">Usually every</th></tr></thead><tbody>")
      for topic in topics {
        page.element("<tr><td class=\"t mono\">", Words.topic(topic), "</td>")
        let silence = report.now.boot.subtractingSaturated(topic.lastAt)
        page.element("<td class=\"n\">", Words.duration(silence), "</td>")
        let interval = topic.interval.map { Words.duration($0) } ?? ""
        page.element("<td class=\"n\">", interval, "</td></tr>")
      }
      page.add("</tbody></table>")
    }
    page.add("</section>\n")
  }

  static func problems(_ report: StatusReport, _ page: inout Markup) {
    page.add("<section class=\"card wide\"><h2>Last warnings and errors</h2>")
    let problems = report.problems.lines.prefix(problemRowCount)
    if problems.isEmpty {
      page.add("<p class=\"soft\">None since the start.</p></section>\n")
      return
    }
    page.add("<ul class=\"log\">")
    for problem in problems {
      page.element("<li><time>", Words.time(problem.at.wall, now: report.now.wall), "</time>")
      if problem.level == .error {
        page.add("<span><b class=\"bad\">Error</b> ")
      } else {
        page.add("<span>")
      }
      page.text(problem.message)
      if problem.count > 1 {
        page.element(" <small>", "(\(Words.count(problem.count)) times)", "</small>")
      }
      page.add("</span></li>")
    }
    page.add("</ul></section>\n")
  }

  static func storage(_ report: StatusReport, _ page: inout Markup) {
    page.add("<section class=\"card half\"><h2>Flash and disk</h2><dl>")
    let perDay = report.history.writtenPerDay(now: report.now.boot)
    row("Written per day", perDay.map { Words.bytes($0) } ?? "known after a minute", &page)
    row("Written since the start", Words.bytes(report.disk.writtenByteCount), &page)
    let commits = report.disk.commits
    if let half = commits.quantile(0.5) {
      let slow = commits.quantile(0.99).map { "99 % within \(Words.duration($0))" } ?? ""
      row("A commit takes", "half within \(Words.duration(half)), \(slow)", &page)
    }
    if let free = report.machine.freeByteCount { row("Free there", Words.bytes(free), &page) }
    let device = report.machine.device
    var name = device?.name ?? "unknown"
    if let device, device.byteCount > 0 { name += ", \(Words.bytes(device.byteCount))" }
    if let kind = device?.kind, !kind.isEmpty { name += ", \(kind)" }
    row("Device", name, &page)
    row("Its life", life(report), &page)
    page.add("</dl></section>\n")
  }

  /// What the device tells of its own wear, and how long it will last at that pace.
  static func life(_ report: StatusReport) -> String {
    guard let device = report.machine.device, let used = device.lifeUsedPercent else {
      return "unknown: the device does not tell"
    }
    let text = "\(Words.life(used)) used"
    guard let years = device.yearsLeft(now: report.now) else { return text }
    return years >= 100
      ? "\(text), more than 100 years left"
      : "\(text), \(Words.decimal(years)) years left at its pace so far"
  }

  static func details(_ report: StatusReport, _ page: inout Markup) {
    page.add("<section class=\"card half\"><h2>Clock and process</h2><dl>")
    row("Clock", clock(report), &page)
    if let step = report.clock.lastStep {
      let way = step.microseconds < 0 ? "back" : "forward"
      let size = Words.duration(Int64(clamping: step.microseconds.magnitude))
      let ago = Words.duration(report.now.boot.subtractingSaturated(step.at.boot))
      let count =
        report.clock.stepCount > 1 ? " (\(Words.count(report.clock.stepCount)) steps)" : ""
      row("Was set", "\(way) by \(size), \(ago) ago\(count)", &page)
    }
    let machine = report.machine
    if let resident = machine.residentByteCount { row("Memory", Words.bytes(resident), &page) }
    if let cpu = machine.cpuMicroseconds {
      let used = Double(cpu) / Double(max(1, report.uptime)) * 100
      row("Processor", "\(Words.decimal(used)) % of one core since the start", &page)
    }
    row("Newest number on disk", "#\(Words.count(report.agent.durable))", &page)
    page.add("</dl></section>\n")
  }

  static func clock(_ report: StatusReport) -> String {
    if !ClockWatch.isCredible(report.now) { return "not set" }
    switch report.machine.isClockSynchronised {
    case true: return "set and synchronised"
    case false: return "set; the kernel does not know it to be synchronised"
    case nil: return "set"
    case .some: return "set"
    }
  }

  private static func row(_ name: StaticString, _ value: String, _ page: inout Markup) {
    page.add("<dt>")
    page.add(name)
    page.element("</dt><dd>", value, "</dd>")
  }
}
