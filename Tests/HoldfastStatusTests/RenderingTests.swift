import HoldfastAgent
import HoldfastEvent
import HoldfastRingLog
import HoldfastStatus
import Testing

@Suite struct RenderingTests {
  private func page(_ report: StatusReport) -> String {
    text(StatusPage.render(report, nonce: "n0nce"))
  }

  /// The page without its own script and style, whose text is no markup.
  private func markup(_ report: StatusReport) -> String {
    var html = page(report)
    for name in ["script", "style"] {
      guard let start = html.firstRange(of: "<\(name)"), let end = html.firstRange(of: "</\(name)>")
      else { continue }
      html.removeSubrange(start.lowerBound..<end.upperBound)
    }
    return html
  }

  /// What comes from outside: topics, messages.
  private func hostile() -> StatusReport {
    var observer = Observer(configuration: configuration(), version: "1", now: clock(0))
    let topics = [
      "<script>alert(1)</script>", "a\"b'c&d", "tab\tnul\u{0}", "\u{202e}evil", "</main>",
    ]
    observer.note(.received(source: 0, batch(topics)), now: clock(second))
    var raw = EventBatch()
    raw.append(topic: [0xff, 0xfe, 60, 98, 62], payload: [1], clock: clock(0))
    observer.note(.received(source: 0, raw), now: clock(second))
    observer.note(LogEntry(.error, "broker says <img src=x onerror=alert(1)>"), now: clock(second))
    return observer.report(status(), disk: DiskFigures(), now: clock(2 * second))
  }

  @Test func `nothing from outside is markup`() {
    let html = markup(hostile())
    #expect(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    #expect(html.contains("a&quot;b&#39;c&amp;d") && html.contains("&lt;img src=x"))
    #expect(
      !html.contains("<script>alert") && !html.contains("<img") && !html.contains("<b>\u{fffd}")
    )
    #expect(html.ranges(of: "</main>").count == 1)
    #expect(html.contains("\\u{202e}evil"), "what turns the writing round is shown")
    #expect(!html.utf8.contains(0) && !html.utf8.contains(9))
  }

  @Test func `the page loads nothing, and its policy allows its own style and script only`() {
    let html = page(report())
    let policy = StatusPage.contentSecurityPolicy(nonce: "n0nce")
    #expect(policy.contains("default-src 'none'") && policy.contains("script-src 'nonce-n0nce'"))
    #expect(html.contains("<style nonce=\"n0nce\">") && html.contains("<script nonce=\"n0nce\">"))
    for word in ["src=\"http", "@import", "url(", " style=\"", "onclick"] {
      #expect(!html.contains(word), "\(word)")
    }
    #expect(html.contains("<noscript><meta http-equiv=\"refresh\""))
  }

  @Test func `every tag that is opened is closed`() {
    for html in [markup(report()), markup(hostile()), markup(report(status(lag: 500)))] {
      var open: [Substring] = []
      let void: Set<Substring> = ["meta", "link", "rect", "path", "line", "!doctype"]
      for part in html.split(separator: "<").dropFirst(0) {
        let name = part.prefix { $0 != " " && $0 != ">" && $0 != "\n" }
        if name.hasPrefix("/") {
          #expect(open.popLast() == name.dropFirst())
        } else if !void.contains(name) && name.first?.isLetter == true {
          open.append(name)
        }
      }
      #expect(open.isEmpty, "\(open)")
    }
  }

  @Test
  func `the answer comes first: is data safe, is the link up, how full, how old, what was lost`() {
    var picture = status(stored: 100_000, lag: 12_384)
    picture.sources[0].ledger.dropped[SourceDropReason.oversize.rawValue] = 3
    picture.sources[0].ledger.received += 3
    let html = page(report(picture))
    let words = [
      "Data is safe", "Link upstream", "central", "for 1 min", "Ring on disk", "25 % full",
      "64 MiB of 256 MiB", "Oldest unsent event", "12,384 events wait", "Dropped or lost",
      "payload above max_payload", "Last 15 minutes", "Loudest topics", "Last warnings",
      "Written per day", "Clock",
    ]
    var rest = html[...]
    for word in words {
      let place = rest.firstRange(of: word)
      #expect(place != nil, "\(word)")
      if let place { rest = rest[place.upperBound...] }
    }
  }

  @Test func `an outage, a full ring, a failing disk and a wrong clock look like what they are`() {
    var away = report(status(lag: 5))
    away.upstreamLinks[0].isUp = false
    #expect(page(away).contains("hero attention") && page(away).contains("</b> down"))
    var full = status(lag: 5)
    full.health = .full
    #expect(page(report(full)).contains("hero alarm"))
    var early = report()
    early.now.wall = 3 * second
    #expect(page(early).contains("1970-01-01") && page(early).contains("<dd>not set</dd>"))
  }

  // MARK: metrics

  /// Samples by name and labels.
  private func samples(_ report: StatusReport) -> [String: Double] {
    var samples: [String: Double] = [:]
    for line in text(PrometheusText.render(report)).split(separator: "\n")
    where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " ") else { continue }
      let name = String(line[..<space])
      #expect(samples[name] == nil, "\(name) stands twice")
      samples[name] = Double(line[line.index(after: space)...])
    }
    return samples
  }

  @Test func `the metrics say what the accounts say`() {
    var picture = status(stored: 1000, lag: 10)
    picture.sources[0].ledger.dropped[SourceDropReason.loop.rawValue] = 4
    picture.sources[0].ledger.received = 1004
    let samples = samples(report(picture))
    #expect(samples["holdfast_events_received_total{source=\"floor\"}"] == 1004)
    #expect(samples["holdfast_events_stored_total{source=\"floor\"}"] == 1000)
    #expect(samples["holdfast_events_dropped_total{source=\"floor\",reason=\"loop\"}"] == 4)
    #expect(samples["holdfast_upstream_events_delivered_total{upstream=\"central\"}"] == 990)
    #expect(samples["holdfast_upstream_buffered_events{upstream=\"central\"}"] == 10)
    #expect(samples["holdfast_ring_bytes"] == Double(64 << 20))
    #expect(samples["holdfast_ring_kept_bytes"] == 0)
    #expect(samples["holdfast_upstream_connected{upstream=\"central\"}"] == 1)
    #expect(samples["holdfast_build_info{version=\"1.2.3\",agent=\"edge-1\"}"] == 1)
  }

  @Test func `commits are a cumulative histogram`() {
    var disk = DiskFigures()
    for duration: Int64 in [400, 700, 7_000, 99_000_000] {
      disk.commits.note(microseconds: duration)
    }
    var picture = report()
    picture.disk = disk
    let samples = samples(picture)
    #expect(samples["holdfast_commit_seconds_bucket{le=\"0.0005\"}"] == 1)
    #expect(samples["holdfast_commit_seconds_bucket{le=\"0.001\"}"] == 2)
    #expect(samples["holdfast_commit_seconds_bucket{le=\"10.0\"}"] == 3)
    #expect(samples["holdfast_commit_seconds_bucket{le=\"+Inf\"}"] == 4)
    #expect(samples["holdfast_commit_seconds_count"] == 4)
    #expect(samples["holdfast_commit_seconds_sum"] == 99.0081)
  }

  @Test func `topics are no labels`() {
    let metrics = text(PrometheusText.render(hostile()))
    #expect(!metrics.contains("alert") && !metrics.contains("evil"))
  }

  // MARK: JSON

  @Test func `the JSON escapes what JSON must`() {
    let json = text(StatusJSON.render(hostile()))
    #expect(json.contains(#""a\"b'c&d""#) && json.contains(#""tab\u0009nul\u0000""#))
    #expect(json.hasPrefix("{\"agent\":\"edge-1\",\"version\":\"1\"") && json.hasSuffix("}\n"))
    #expect(!json.contains(",}") && !json.contains("[,") && !json.contains(",,"))
  }

  @Test func `the JSON is made anew the same from the same report`() {
    let report = hostile()
    #expect(StatusJSON.render(report) == StatusJSON.render(report))
    #expect(StatusPage.render(report, nonce: "a") == StatusPage.render(report, nonce: "a"))
    #expect(PrometheusText.render(report) == PrometheusText.render(report))
  }
}
