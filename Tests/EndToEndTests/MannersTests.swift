import Glibc
import Testing

extension EndToEnd {
  /// Passwords, access rules and the status topic, with real brokers that mind them.
  @Suite(.serialized) struct Manners {
    private static let topic = "holdfast/edge/status"

    @Test func `the status is online, offline by last will, and stopped, on both brokers`()
      async throws
    {
      let site = try Site()
      try await site.start()
      let listeners = try [site.sensorsBroker, site.centralBroker].map {
        try Listener(at: $0, Self.topic, in: site.scratch)
      }
      for listener in listeners { try await listener.started() }
      func expect(_ messages: [String], _ what: Comment) async throws {
        for listener in listeners {
          let isSeen = try await eventually(within: 20) {
            listener.messages.count >= messages.count
          }
          #expect(isSeen, what)
          #expect(listener.messages == messages.map { "\(Self.topic) \($0)" }, what)
        }
      }
      try await expect(["online"], "retained")
      try await site.agent.kill()
      try await expect(["online", "offline"], "the last will")
      try site.agent.start()
      try await expect(["online", "offline", "online"], "after a restart")
      try await site.sensors.publish(count: 500)
      expectComplete(try await site.finish())
      try await expect(["online", "offline", "online", "stopped"], "at the end")
    }

    @Test func `a password by systemd's credentials, and one that is wrong`() async throws {
      let scratch = try Scratch()
      let credentials = try scratch.makeDirectory("credentials")
      let password = "correct horse"
      try writeText("\(credentials)/floor.password", password + "\n")
      chmod("\(credentials)/floor.password", 0o400)
      let users = scratch.newPath("users")
      let made = try await run(
        "mosquitto_passwd",
        ["-c", "-b", users, "edge", password],
        in: scratch
      )
      try #require(made.status == .code(0), "\(made.output)")
      chmod(users, 0o644)
      let broker = try Broker(
        "sensors",
        in: scratch,
        settings: ["allow_anonymous false", "password_file \(users)"]
      )
      try await broker.start()
      var settings = AgentSettings(
        sourceURL: broker.url,
        upstreamURL: "mqtt://127.0.0.1:\(try Ports.take())"
      )
      settings.sourceLines = [
        #"username = "edge""#,
        #"password_file = "${CREDENTIALS_DIRECTORY:?systemd gives it}/floor.password""#,
      ]
      let agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
      let environment = [("CREDENTIALS_DIRECTORY", credentials)]
      try agent.start(environment: environment)
      let isUp = try await eventually(within: 20) { broker.subscriptionCount(to: "sensors/#") > 0 }
      #expect(isUp, "\(agent.log)")
      // A new one takes the old one's place in the file, and counts at SIGHUP.
      chmod("\(credentials)/floor.password", 0o600)
      try writeText("\(credentials)/floor.password", "wrong\n")
      try await agent.reload()
      let isRefused = try await eventually(within: 20) {
        agent.log.contains("(Not authorized); next try in")
      }
      #expect(isRefused, "\(agent.log)")
      try writeText("\(credentials)/floor.password", password)
      let countBefore = broker.subscriptionCount(to: "sensors/#")
      try await agent.reload()
      let isBack = try await eventually(within: 20) {
        broker.subscriptionCount(to: "sensors/#") > countBefore
      }
      #expect(isBack, "\(agent.log)")
      try await agent.stop()
      #expect(!agent.log.contains(password))

      // Without systemd's directory it says what is missing.
      try agent.start()
      #expect(try await agent.ended(within: 10) == .code(78))
      #expect(agent.log.contains("\"CREDENTIALS_DIRECTORY\", which is not set: systemd gives it"))
    }

    @Test func `access rules that allow events and no status harm nothing`() async throws {
      let scratch = try Scratch()
      let rules = scratch.newPath("rules")
      try writeText(rules, "topic readwrite sensors/#\n")
      chmod(rules, 0o644)
      let site = try Site(
        brokerSettings: ["acl_file \(rules)", "log_type debug"],
        scratch: scratch
      )
      try await site.start()
      try await site.sensors.publish(count: 2000)
      expectComplete(try await site.finish())
      #expect(site.connectionCount(at: .source) == 1, "\(site.agent.log)")
      #expect(site.connectionCount(at: .upstream) == 1, "\(site.agent.log)")
      #expect(site.centralBroker.logCount(of: "Denied PUBLISH from edge-to-central") > 0)
    }

    @Test func `what access rules refuse is set aside, in account`() async throws {
      let scratch = try Scratch()
      let rules = scratch.newPath("rules")
      try writeText(rules, "topic readwrite sensors/#\n")
      chmod(rules, 0o644)
      let site = try Site(brokerSettings: ["acl_file \(rules)"], scratch: scratch) {
        $0.upstreamLines = [#"topic = "elsewhere/{topic}""#, "refusal_tries = 1"]
      }
      try await site.start()
      try await site.sensors.publish(count: 50)
      let isSetAside = try await eventually(within: 20) {
        site.agent.log.contains("dead letter") || site.agent.log.contains("refused")
      }
      #expect(isSetAside, "\(site.agent.log)")
      try await pause(1)
      try await site.agent.stop()
      let listing = try await run(
        Programs.holdfast,
        ["ring", "dead-letters", "--data-dir", site.agent.dataDirectory, "--json"],
        in: scratch
      )
      #expect(listing.output.split(separator: "\n").count == 50, "\(listing.output)")
      _ = try await site.agent.verify()
    }

    @Test func `an empty status_topic says nothing`() async throws {
      let site = try Site { $0.agentLines = [#"status_topic = """#] }
      try await site.start()
      let listener = try Listener(at: site.centralBroker, "holdfast/#", in: site.scratch)
      try await listener.started()
      try await site.sensors.publish(count: 100)
      expectComplete(try await site.finish())
      #expect(listener.messages == [])
    }
  }
}
