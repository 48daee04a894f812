import Glibc
import Testing

extension EndToEnd {
  @Suite struct SecureLinks {
    @Test func `over TLS with client certificates on both sides every event arrives`() async throws
    {
      let scratch = try Scratch()
      let certificates = try await Certificates(in: scratch)
      let sensorsBroker = try SecureBroker("sensors", certificates, in: scratch)
      let centralBroker = try SecureBroker("central", certificates, in: scratch)
      try await sensorsBroker.broker.start()
      try await centralBroker.broker.start()
      var settings = AgentSettings(
        sourceURL: sensorsBroker.secureURL,
        upstreamURL: centralBroker.secureURL
      )
      settings.sourceLines = [certificates.settings]
      settings.upstreamLines = [certificates.settings]
      let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
      let sensors = Sensors(url: sensorsBroker.plainURL, in: scratch)
      let collector = try await Collector(
        url: centralBroker.plainURL,
        expecting: sensors.statePath,
        in: scratch
      )
      try agent.start()
      let isUp = try await eventually(within: 30) {
        sensorsBroker.broker.subscriptionCount(to: "sensors/#") > 0
      }
      try #require(isUp, "\(agent.log)")
      try await sensors.publish(count: 20_000)
      let tally = try await collector.tally()
      try await agent.stop()
      _ = try await agent.verify()
      expectComplete(tally)
      #expect(tally.distinct == 20_000)
    }

    @Test func `a wrong CA is said in a clear line and tried again until it is mended`()
      async throws
    {
      let scratch = try Scratch()
      let certificates = try await Certificates(in: scratch)
      let strangers = try await Certificates(in: scratch)
      let broker = try SecureBroker("sensors", certificates, in: scratch)
      try await broker.broker.start()
      let authority = scratch.newPath("ca.pem")
      try writeText(authority, readText(strangers.authority))
      var settings = AgentSettings(
        sourceURL: broker.secureURL,
        upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
      )
      settings.sourceLines = [certificates.settings(authority: authority)]
      let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
      try agent.start()
      let line = "source floor: \(broker.secureURL): TLS handshake failed ("
      let isSaid = try await eventually(within: 20) { agent.log.contains(line) }
      try #require(isSaid, "\(agent.log)")
      // With backoff_max = 1s that is room for many tries.
      try await Task.sleep(for: .seconds(6))
      let lines = agent.log.split(separator: "\n").filter { $0.contains(line) }
      #expect((1...3).contains(lines.count), "\(agent.log)")
      #expect(
        lines.allSatisfy {
          $0.contains("certificate verify failed") && $0.contains("check tls.ca_file")
            && $0.contains("next try in")
        },
        "\(agent.log)"
      )
      try writeText(authority, readText(certificates.authority))
      let isUp = try await eventually(within: 20) {
        broker.broker.subscriptionCount(to: "sensors/#") > 0
      }
      #expect(isUp, "\(agent.log)")
      try await agent.stop()
    }
  }
}

/// A certificate authority with one server and one client, made by openssl for this test.
struct Certificates {
  let authority: String
  private let directory: String

  init(in scratch: Scratch) async throws {
    directory = try scratch.makeDirectory("certificates")
    authority = "\(directory)/ca.pem"
    try writeText("\(directory)/names", "subjectAltName=IP:127.0.0.1\n")
    let new = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    let sign = "x509 -req -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial"
    for command in [
      "\(new) -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
      "\(new) -subj /CN=server -keyout server.key -out server.csr",
      "\(sign) -in server.csr -extfile names -out server.pem",
      "\(new) -subj /CN=edge -keyout client.key -out client.csr",
      "\(sign) -in client.csr -out client.pem",
    ] {
      let result = try await run(
        "bash",
        ["-c", "cd \(directory) && openssl \(command)"],
        in: scratch
      )
      guard result.status == .code(0) else {
        throw TestFailure("openssl \(command): \(result.output)")
      }
    }
    // Mosquitto reads it as another user; the agent wants its key to be its own.
    chmod("\(directory)/server.key", 0o644)
    chmod("\(directory)/client.key", 0o600)
  }

  /// The line of a source or an upstream.
  var settings: String { settings(authority: authority) }

  func settings(authority: String) -> String {
    """
    tls = { ca_file = "\(authority)", cert_file = "\(directory)/client.pem", \
    key_file = "\(directory)/client.key" }
    """
  }

  /// The lines of a Mosquitto listener that wants client certificates.
  var listenerSettings: [String] {
    [
      "cafile \(authority)", "certfile \(directory)/server.pem", "keyfile \(directory)/server.key",
      "require_certificate true",
    ]
  }
}

/// A broker with a TLS listener for the agent, and a plain one for the sensors and the collector.
struct SecureBroker {
  let broker: Broker
  let plainURL: String
  var secureURL: String { "mqtts://127.0.0.1:\(broker.port)" }

  init(_ name: String, _ certificates: Certificates, in scratch: Scratch) throws {
    let plainPort = try Ports.take()
    plainURL = "mqtt://127.0.0.1:\(plainPort)"
    broker = try Broker(
      name,
      in: scratch,
      settings: certificates.listenerSettings + ["listener \(plainPort) 127.0.0.1"]
    )
  }
}
