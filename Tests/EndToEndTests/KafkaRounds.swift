import Glibc
import Testing

extension Rounds {
  /// A Kafka cluster as upstream: mock brokers in a process of theirs, and a server where there is one.
  @Suite(.serialized) struct Kafka {
    @Test func `killed at random, with errors and outages, every event comes or is accounted for`()
      async throws
    {
      guard canTestKafka("kills with a Kafka cluster") else { return }
      let scratch = try Scratch()
      let cluster = try await KafkaCluster(in: scratch)
      try await cluster.tell("topic holdfast.events 4")
      let site = try KafkaSite(bootstrap: cluster.bootstrap, in: scratch)
      try await site.start()
      try site.sensors.start(rate: 2000)
      var random = SystemRandomNumberGenerator()
      let kills = 12
      for number in 0..<kills {
        let subscriptions = site.subscriptionCount
        if number > 0 { try site.agent.start() }
        if number > 0 && number % 4 != 3 { try await site.subscribed(moreThan: subscriptions) }
        switch number % 4 {
        // Not the leader, timed out, too few replicas: all of them pass.
        case 1: try await cluster.tell("fail 5 \([6, 7, 19][number / 4 % 3])")
        case 2:
          try await cluster.tell("down \(number / 4 + 1)")
          try await pause(0.3)
          try await cluster.tell("up \(number / 4 + 1)")
        case 3: try await cluster.tell("leader holdfast.events \(number / 4) 2")
        default: break
        }
        try await pause(Double(Int.random(in: 100...600, using: &random)) / 1000)
        try await site.agent.kill()
      }
      try site.agent.start()
      try await site.sensors.stop()
      let account = try await site.finish()
      let records = try await kafkaRecords(
        in: "holdfast.events",
        of: cluster.bootstrap,
        scratch: scratch
      )
      let verdict = KafkaVerdict(records, acknowledged: try site.acknowledged())
      print(
        "Kafka, killed \(kills) times: \(records.count) records of \(verdict.distinctCount) events;"
          + " \(account)"
      )
      #expect(verdict.faults.isEmpty, "\(verdict.faults.prefix(5))")
      #expect(account["delivered"] == account["offered"], "\(account)")
      #expect(account["delivered"] == verdict.distinctCount, "\(account)")
      #expect(verdict.repeatedCount <= kills * (duplicatesPerCrashMax + 900), "\(account)")
      #expect(Set(records.map(\.partition)).count == 4, "every partition was used")
      Ledger.add(kills, "kill -9")
      Ledger.add(1, "rounds")
    }

    @Test func `while all brokers are away it stores, says so once, and then delivers`()
      async throws
    {
      guard canTestKafka("an outage of a Kafka cluster") else { return }
      let scratch = try Scratch()
      let cluster = try await KafkaCluster(in: scratch)
      let site = try KafkaSite(bootstrap: cluster.bootstrap, in: scratch)
      try await site.start()
      try site.sensors.start(rate: 1500)
      try await pause(1)
      try await cluster.tell("down")
      let isTold = try await eventually(within: 30) {
        site.agent.log.contains("can't be reached")
      }
      #expect(isTold, "\(site.agent.log)")
      try await pause(1)
      try await cluster.tell("up")
      try await pause(1)
      try await site.sensors.stop()
      let account = try await site.finish()
      let records = try await kafkaRecords(
        in: "holdfast.events",
        of: cluster.bootstrap,
        scratch: scratch
      )
      let verdict = KafkaVerdict(records, acknowledged: try site.acknowledged())
      print("Kafka, outage: \(records.count) records; \(account)")
      #expect(verdict.faults.isEmpty, "\(verdict.faults.prefix(5))")
      #expect(account["delivered"] == account["offered"], "\(account)")
      #expect(account["delivered"] == verdict.distinctCount, "\(account)")
      #expect(!site.agent.log.contains("%"), "a line of the library's own: \(site.agent.log)")
      Ledger.add(1, "rounds")
    }

    @Test func `a topic that there is not, and a record too large, hold up nothing`() async throws {
      guard canTestKafka("refusals of a Kafka cluster") else { return }
      let scratch = try Scratch()
      let cluster = try await KafkaCluster(in: scratch)
      try await cluster.tell("unknown ev.co2")
      let site = try KafkaSite(
        bootstrap: cluster.bootstrap,
        in: scratch,
        upstreamLines: [
          #"topics = ["sensors/+/+/+"]"#, #"topic = "ev.{2}""#, "refusal_tries = 2",
        ],
        properties: [#""message.max.bytes" = 3000"#, #"topic.metadata.propagation.max.ms = 1000"#]
      )
      try await site.start()
      try await site.sensors.publish(count: 3000)
      let large = String(repeating: "9", count: 4000)
      _ = try await run(
        "mosquitto_pub",
        ["-p", "\(site.sensorsBroker.port)", "-q", "1", "-t", "sensors/a/flow/b", "-m", large],
        in: scratch
      )
      let account = try await site.finish()
      var acknowledged = try site.acknowledged()
      let missing = acknowledged.filter { $0.key.contains("/co2/") }
      for topic in missing.keys { acknowledged[topic] = nil }
      var records: [KafkaRecord] = []
      for name in ["temperature", "humidity", "pressure", "vibration", "power", "flow", "level"] {
        records += try await kafkaRecords(
          in: "ev.\(name)",
          of: cluster.bootstrap,
          scratch: scratch
        )
      }
      let verdict = KafkaVerdict(records, acknowledged: acknowledged)
      print("Kafka, refusals: \(records.count) records; \(account)")
      #expect(verdict.faults.isEmpty, "\(verdict.faults.prefix(5))")
      let refusedCount = missing.values.reduce(0, +)
      #expect(refusedCount > 100)
      #expect(account["dead_lettered"] == refusedCount + 1, "\(account)")
      #expect(account["offered"] == account["delivered"] + account["dead_lettered"], "\(account)")
      let log = site.agent.log
      #expect(log.contains("the cluster has no such topic and makes none, try 1 of 2"), "\(log)")
      // The log tells one letter of many; all of them are in the file.
      let letters = try await run(
        Programs.holdfast,
        ["ring", "dead-letters", "--data-dir", site.agent.dataDirectory],
        in: scratch
      )
      #expect(letters.output.contains("record larger than message.max.bytes"), "\(letters.output)")
      Ledger.add(1, "rounds")
    }

    @Test func `a refused log-in is told in one line, tried again, and costs nothing`()
      async throws
    {
      let scratch = try Scratch()
      let server = try await KafkaCluster(isRefusing: true, in: scratch)
      let secret = scratch.newPath("password")
      try writeText(secret, "not-the-right-one\n")
      chmod(secret, 0o600)
      let site = try KafkaSite(
        bootstrap: server.bootstrap,
        in: scratch,
        properties: [
          #""security.protocol" = "sasl_plaintext""#, #""sasl.mechanism" = "PLAIN""#,
          #""sasl.username" = "edge""#, #""sasl.password_file" = "\#(secret)""#,
        ]
      )
      try await site.start()
      try await site.sensors.publish(count: 200)
      let reason =
        "upstream central: kafka://\(server.bootstrap): refuses the connection:"
        + " check security.protocol and the sasl properties ("
      let isTold = try await eventually(within: 60) { site.agent.logCount(of: reason) > 1 }
      let lines = site.agent.log.split(separator: "\n").filter { $0.contains("upstream central") }
      print("Kafka, log-in refused: \(lines.first ?? "nothing said")")
      #expect(isTold, "\(site.agent.log)")
      #expect(lines.allSatisfy { $0.contains(reason) && $0.contains("; next try in ") }, "\(lines)")
      #expect(lines.first?.contains("Invalid username or password") == true, "\(lines)")
      #expect(!site.agent.log.contains("not-the-right-one"))
      #expect(!site.agent.log.contains("%"), "a line of the library's own: \(site.agent.log)")
      try await site.agent.stop()
      let account = try TallyReport(try await site.agent.verify())
      #expect(account["offered"] == 200 && account["buffered"] == 200, "\(account)")
      Ledger.add(1, "rounds")
    }

    @Test func `a server of Kafka's protocol that nobody here wrote gets every event`()
      async throws
    {
      guard canTestKafka("a Kafka server") else { return }
      let scratch = try Scratch()
      guard let server = try await KafkaServer(in: scratch) else {
        Ledger.skip("a Kafka server", because: "noida-db 0.2.3 can't be installed or started here")
        return
      }
      let site = try KafkaSite(bootstrap: server.bootstrap, in: scratch)
      try await site.start()
      try site.sensors.start(rate: 1000)
      try await pause(1.5)
      try await site.agent.kill()
      try site.agent.start()
      try await pause(1)
      try await server.restart()
      try await pause(1)
      try await site.sensors.stop()
      let account = try await site.finish()
      let records = try await kafkaRecords(
        in: "holdfast.events",
        of: server.bootstrap,
        scratch: scratch
      )
      let verdict = KafkaVerdict(records, acknowledged: try site.acknowledged())
      print("Kafka server: \(records.count) records; \(account)")
      #expect(verdict.faults.isEmpty, "\(verdict.faults.prefix(5))")
      #expect(account["delivered"] == account["offered"], "\(account)")
      #expect(account["delivered"] == verdict.distinctCount, "\(account)")
      Ledger.add(1, "rounds")
    }
  }
}

/// A server that speaks Kafka's protocol and is none of librdkafka's: from the Python index.
final class KafkaServer {
  let bootstrap: String
  /// Kept between runs: it is fetched once.
  private let home = "/tmp/holdfast-noida-db-0.2.3"
  private let arguments: [String]
  private let log: String
  private let port: Int
  private var process: ChildProcess?

  /// Nil where it can't be installed or doesn't start.
  init?(in scratch: Scratch) async throws {
    if access(home + "/bin/noida-db", X_OK) != 0 {
      let made = try await run("python3", ["-m", "venv", home], in: scratch, within: 120)
      guard made.status == .code(0) else { return nil }
      let fetched = try await run(
        home + "/bin/pip",
        ["install", "--quiet", "--retries", "1", "noida-db==0.2.3"],
        in: scratch,
        within: 180
      )
      guard fetched.status == .code(0) else { return nil }
    }
    port = try Ports.take()
    bootstrap = "127.0.0.1:\(port)"
    log = scratch.newPath("noida.log")
    arguments = [
      "start", "--only", "kafka", "--data-dir", scratch.newPath("noida"), "--host", "127.0.0.1",
      "--kafka-port", "\(port)",
    ]
    guard try await start() else { return nil }
  }

  private func start() async throws -> Bool {
    // Not the wrapper in Python, which would leave it behind when it ends.
    let binary = #"exec "$0"/lib/python3*/site-packages/noida_db/noida-db "$@""#
    let process = try ChildProcess("/bin/sh", ["-c", binary, home] + arguments, output: log)
    self.process = process
    return try await eventually(within: 30) {
      process.status == nil && Ports.answers(self.port)
    } && process.status == nil
  }

  func restart() async throws {
    _ = try await process?.stop()
    guard try await start() else { throw TestFailure("the server doesn't start again") }
  }
}
