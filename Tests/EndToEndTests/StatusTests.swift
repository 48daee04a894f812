import Glibc
import Testing

/// The status of a real agent, asked while events flow.
@Suite struct StatusTests {
  private static let statusLines = [#"listen = "127.0.0.1:0""#]

  private func socket(of agent: HoldfastProcess) -> HTTPClient.Place {
    .path(agent.dataDirectory + "/status.sock")
  }

  /// Samples of the exposition format, by name and labels.
  private func samples(_ text: String) -> [String: Double] {
    var samples: [String: Double] = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " ") else { continue }
      samples[String(line[..<space])] = Double(line[line.index(after: space)...])
    }
    return samples
  }

  private func sum(_ samples: [String: Double], _ name: String) -> Double {
    samples.filter { $0.key.hasPrefix(name + "{") || $0.key == name }.map(\.value).reduce(0, +)
  }

  /// received = stored + dropped; offered = what became of it + what waits.
  private func expectLaw(_ samples: [String: Double], _ note: String) {
    let stored = sum(samples, "holdfast_events_stored_total")
    let dropped = sum(samples, "holdfast_events_dropped_total")
    #expect(sum(samples, "holdfast_events_received_total") == stored + dropped, "\(note)")
    let terms = [
      "events_delivered_total", "events_aggregated_total", "events_dead_lettered_total",
      "events_dropped_total", "events_lost_total", "filtered_events", "buffered_events",
      "pending_lost_events",
    ]
    let settled = terms.map { sum(samples, "holdfast_upstream_" + $0) }.reduce(0, +)
    #expect(
      sum(samples, "holdfast_upstream_events_offered_total") == settled,
      "\(note): \(samples)"
    )
  }

  @Test(.timeLimit(.minutes(5)))
  func `at every scrape under load the law holds, and counters never go back`() async throws {
    let site = try Site { $0.statusLines = Self.statusLines }
    try await site.start()
    try site.sensors.start(rate: 3000)
    let place = socket(of: site.agent)
    var before: [String: Double] = [:]
    var scrapeCount = 0
    var sawBacklog = false
    let clock = ContinuousClock()
    let start = clock.now
    var (hasFailed, isBack) = (false, false)
    while start.duration(to: clock.now) < .seconds(12) {
      let second = start.duration(to: clock.now)
      if !hasFailed && second > .seconds(4) {
        try await site.centralBroker.stop()
        hasFailed = true
      } else if !isBack && second > .seconds(8) {
        try await site.centralBroker.start()
        isBack = true
      }
      let answer = try #require(HTTPClient.get("/metrics", from: place), "\(site.agent.log)")
      try #require(answer.code == 200, "\(answer.text)")
      let samples = samples(answer.text)
      expectLaw(samples, "scrape \(scrapeCount)")
      for (name, value) in samples where name.contains("_total{") {
        #expect(value >= before[name] ?? 0, "\(name)")
      }
      if sum(samples, "holdfast_upstream_connected") == 0 {
        sawBacklog = sawBacklog || sum(samples, "holdfast_oldest_unsent_event_age_seconds") > 1
      }
      before = samples
      scrapeCount += 1
      try await pause(0.05)
    }
    #expect(scrapeCount > 30 && sawBacklog)
    #expect(sum(before, "holdfast_events_received_total") > 10_000)
    Ledger.add(scrapeCount, "scrapes under load")
    try await site.sensors.stop()
    expectComplete(try await site.finish())
  }

  @Test(.timeLimit(.minutes(3)))
  func `Prometheus' own linter finds nothing, and the rules and names go together`() async throws {
    let site = try Site { $0.statusLines = Self.statusLines }
    try await site.start()
    try site.sensors.start(rate: 500)
    try await pause(1.5)
    let answer = try #require(HTTPClient.get("/metrics", from: socket(of: site.agent)))
    try await site.sensors.stop()
    try await site.agent.stop()
    let metrics = site.scratch.newPath("metrics.txt")
    try writeText(metrics, answer.text)
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    // Each name that an alert or the dashboard asks for is one that an agent gives.
    var known = Set<Substring>()
    for line in answer.text.split(separator: "\n") where line.hasPrefix("# TYPE ") {
      let name = line.split(separator: " ")[2]
      known.formUnion([name, name + "_bucket", name + "_sum", name + "_count"])
    }
    // Where the device tells.
    known.insert("holdfast_disk_life_used_ratio")
    for file in ["config/prometheus/alerts.yml", "config/grafana/holdfast.json"] {
      let text = readText("\(root)/\(file)")
      let words = text.split { !($0.isLetter || $0.isNumber || $0 == "_") }
      let names = Set(words.filter { $0.hasPrefix("holdfast_") || $0.hasPrefix("process_") })
      #expect(
        names.count > 5 && names.subtracting(known).isEmpty,
        "\(file): \(names.subtracting(known))"
      )
    }
    guard access("/usr/bin/promtool", X_OK) == 0 else {
      Ledger.skip("promtool", because: "there is none")
      return
    }
    let checked = try await run(
      "sh",
      ["-c", "exec promtool check metrics < \(metrics)"],
      in: site.scratch
    )
    #expect(checked.status == .code(0) && checked.output == "", "\(checked.output)")
    let rules = try await run(
      "promtool",
      ["check", "rules", "\(root)/config/prometheus/alerts.yml"],
      in: site.scratch
    )
    #expect(rules.status == .code(0), "\(rules.output)")
    let tests = try await run(
      "promtool",
      ["test", "rules", "\(root)/config/prometheus/alerts-test.yml"],
      in: site.scratch
    )
    #expect(tests.status == .code(0), "\(tests.output)")
  }

  @Test func `the JSON says what has happened, and the agent is ready`() async throws {
    let site = try Site { $0.statusLines = Self.statusLines }
    try await site.start()
    try site.sensors.start(rate: 300)
    try await pause(1)
    try await site.sensors.stop()
    let place = socket(of: site.agent)
    #expect(HTTPClient.get("/readyz", from: place)?.code == 200)
    #expect(HTTPClient.get("/healthz", from: place)?.code == 200)
    var json: JSONTree?
    let isDelivered = try await eventually(within: 20) {
      json = HTTPClient.get("/status.json", from: place).flatMap { JSONTree($0.text) }
      let upstream = json?["upstreams"]?[0]
      return upstream?["delivered"]?.integer ?? 0 > 100 && upstream?["buffered"]?.integer == 0
    }
    try #require(isDelivered, "\(String(describing: json))")
    #expect(json?["level"]?.text == "fine" && json?["agent"]?.text == "edge")
    #expect(json?["upstreams"]?[0]?["connected"]?.word == "true")
    #expect(json?["sources"]?[0]?["name"]?.text == "floor")
    #expect(json?["topics"]?["loudest"]?.elements.isEmpty == false)
    #expect(json?["disk"]?["commits"]?.integer ?? 0 > 0)
    #expect(json?["disk"]?["written_bytes"]?.integer ?? 0 > 4096)
    try await site.agent.stop()
  }

  @Test func `a port that is taken does not keep the agent from starting`() async throws {
    let scratch = try Scratch()
    let port = try Ports.take()
    let holder = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(holder) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let isHeld = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(holder, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(holder, 1) == 0
      }
    }
    try #require(isHeld)
    var settings = AgentSettings(
      sourceURL: "mqtt://127.0.0.1:\(try Ports.take())",
      upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
    )
    settings.statusLines = [#"listen = "127.0.0.1:\#(port)""#]
    let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
    try agent.start()
    let isUp = try await eventually(within: 20) {
      HTTPClient.get("/readyz", from: self.socket(of: agent))?.code == 200
    }
    #expect(isUp, "ready: its source is known to be down\n\(agent.log)")
    #expect(agent.log.contains("no status page at 127.0.0.1:\(port)"))
    try await agent.stop()
    #expect(access(agent.dataDirectory + "/status.sock", F_OK) != 0)
  }

  @Test func `with the port turned off only the socket answers`() async throws {
    let scratch = try Scratch()
    var settings = AgentSettings(
      sourceURL: "mqtt://127.0.0.1:\(try Ports.take())",
      upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
    )
    settings.statusLines = [#"listen = """#]
    let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
    try agent.start()
    let isUp = try await eventually(within: 20) {
      HTTPClient.get("/healthz", from: self.socket(of: agent))?.code == 200
    }
    #expect(isUp, "\(agent.log)")
    #expect(!agent.log.contains("http://"), "no port was wanted")
    try await agent.stop()
  }
}
