import Glibc
import Testing

extension EndToEnd {
  /// What the answers of a real broker make of status, metrics and exit code.
  @Suite struct ReasonCodes {
    @Test func `a topic that the broker's rules forbid is kept, counted and an alarm`() async throws
    {
      let scratch = try Scratch()
      let rights = scratch.newPath("rights")
      try writeText(rights, "topic read #\ntopic write holdfast/#\n")
      chmod(rights, 0o644)
      let central = try Broker("central", in: scratch, settings: ["acl_file \(rights)"])
      let site = try ReasonSite(central, in: scratch)
      try await site.start()
      try await site.sensors.publish(count: 50)
      try await site.becomes("alarm")
      var status = try await site.status()
      #expect(status.status == .code(2), "\(status.output)")
      #expect(status.output.contains("Events are refused"), "\(status.output)")
      #expect(status.output.contains("REFUSED: not authorized (0x87)"), "\(status.output)")
      let metrics = site.metrics
      #expect(metrics.contains("holdfast_upstream_refused{upstream=\"central\"} 1\n"), "\(metrics)")
      #expect(
        !metrics.contains("holdfast_upstream_refusals_total{upstream=\"central\"} 0\n"),
        "\(metrics)"
      )
      // With its rights mended, and a link made anew, what came later arrives.
      try writeText(rights, "topic readwrite #\n")
      try await central.stop()
      try await central.start()
      try await site.sensors.publish(count: 50)
      try await site.becomes("fine")
      status = try await site.status()
      #expect(status.status == .code(0), "\(status.output)")
      try await site.agent.stop()
      let account = try TallyReport(try await site.agent.verify())
      #expect(
        account["delivered"] + account["dead_lettered"] == 100 && account["buffered"] == 0,
        "\(account)"
      )
      #expect(account["delivered"] >= 50, "\(account)")
    }

    @Test func `that nobody subscribes at the centre is shown`() async throws {
      let scratch = try Scratch()
      let site = try ReasonSite(try Broker("central", in: scratch), in: scratch)
      try await site.start()
      try await site.sensors.publish(count: 50)
      let isShown = try await eventually(within: 20) {
        site.metrics.contains("holdfast_upstream_unheard_messages_total{upstream=\"central\"} 50\n")
      }
      #expect(isShown, "\(site.metrics)")
      let status = try await site.status()
      #expect(status.status == .code(0), "\(status.output)")
      #expect(status.output.contains("nobody subscribes there"), "\(status.output)")
      try await site.agent.stop()
    }
  }
}

/// Sensors, their broker and an agent beside a central broker that nobody subscribes at.
private final class ReasonSite {
  let sensors: Sensors
  let agent: HoldfastProcess
  private let scratch: Scratch
  private let sensorsBroker: Broker
  private let central: Broker

  init(_ central: Broker, in scratch: Scratch) throws {
    self.central = central
    self.scratch = scratch
    sensorsBroker = try Broker("sensors", in: scratch)
    sensors = Sensors(url: sensorsBroker.url, in: scratch)
    var settings = AgentSettings(sourceURL: sensorsBroker.url, upstreamURL: central.url)
    settings.upstreamLines = ["refusal_tries = 2"]
    settings.statusLines = [#"listen = """#]
    agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
  }

  private var place: HTTPClient.Place { .path(agent.dataDirectory + "/status.sock") }
  var metrics: String { HTTPClient.get("/metrics", from: place)?.text ?? "" }

  func start() async throws {
    try await central.start()
    try await sensorsBroker.start()
    try agent.start()
    let isUp = try await eventually(within: 30) {
      self.agent.log.contains("upstream central: connected")
        && self.sensorsBroker.subscriptionCount(to: "sensors/#") > 0
    }
    try #require(isUp, "\(agent.log)")
  }

  func becomes(_ level: String) async throws {
    let isSo = try await eventually(within: 30) {
      HTTPClient.get("/status.json", from: self.place)?.headers["holdfast-level"] == level
    }
    try #require(isSo, "\(level): \(agent.log)")
  }

  func status() async throws -> (status: ExitStatus, output: String) {
    try await run(Programs.holdfast, ["status", "--data-dir", agent.dataDirectory], in: scratch)
  }
}
