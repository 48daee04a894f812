import Glibc
import Testing

extension EndToEnd {
  /// The centre lost data: a range of it once more, beside the live flow.
  @Suite(.serialized) struct Replays {
    @Test
    func `a range by number and one by time come again, exactly and marked, beside live data`()
      async throws
    {
      let site = try ReplaySite()
      try await site.start()
      try await site.publish(3000)
      let middle = try await site.time(atNumber: 3000)
      try await pause(1.1)
      try await site.publish(3000)
      // Live data goes on all the while.
      try site.sensors.start(rate: 1000)
      let byNumber = try await site.replay(["--from", "1001", "--to", "2501", "--json"])
      #expect(byNumber.status == .code(0), "\(byNumber.output)")
      let account = try #require(JSONTree(byNumber.output), "\(byNumber.output)")
      #expect(account["delivered"]?.integer == 1500 && account["gone"]?.integer == 0)
      try await site.expectReplayed(Array(1001..<2501))

      let first = try site.replayedCount()
      let byTime = try await site.replay(["--from", middle, "--to", "400ms"])
      #expect(byTime.status == .code(0), "\(byTime.output)")
      try await site.sensors.stop()
      let numbers = try await site.replayed(after: first)
      #expect(numbers.first == 3001 && numbers.count >= 3000, "\(byTime.output)")
      #expect(numbers == Array(3001..<3001 + UInt64(numbers.count)))
      try await site.expectLiveWhole()
      try await site.stop()
    }

    @Test func `stopped it says where to go on; killed it is given once more`() async throws {
      let site = try ReplaySite()
      try await site.start()
      try await site.publish(2000)
      let arguments = ["--from", "1", "--to", "2001", "--budget", "160kbit/s"]
      let stopped = try site.startReplay(arguments)
      let hasBegun = try await eventually(within: 30) { try site.replayedCount() > 100 }
      try #require(hasBegun, "\(stopped.output)")
      let status = try await stopped.stop()
      #expect(status == .code(75), "\(stopped.output)")
      let place = try #require(
        stopped.output.firstRange(of: "go on with --from ").map { range in
          String(stopped.output[range.upperBound...].prefix { $0.isNumber })
        },
        "\(stopped.output)"
      )
      let killed = try site.startReplay(["--from", place, "--to", "2001", "--budget", "160kbit/s"])
      let before = try site.replayedCount()
      let goesOn = try await eventually(within: 30) { try site.replayedCount() > before + 100 }
      try #require(goesOn, "\(killed.output)")
      try await killed.killAtOnce()
      let rest = try await site.replay(["--from", place, "--to", "2001"])
      #expect(rest.status == .code(0), "\(rest.output)")
      let numbers = try await site.replayed(after: 0)
      #expect(Set(numbers) == Set(1...2000))
      try await site.expectLiveWhole()
      try await site.stop()
    }

    @Test func `a range of which a part is recycled ends with 65, and names it`() async throws {
      let site = try ReplaySite(keeping: "1MiB", traffic: ["--padding", "2000"])
      try await site.start()
      try await site.publish(6000)
      try await pause(1)
      let dry = try await site.replay(["--from", "1", "--to", "6001", "--dry-run", "--json"])
      #expect(dry.status == .code(0), "\(dry.output)")
      let result = try await site.replay(["--from", "1", "--to", "6001", "--json"])
      #expect(result.status == .code(65), "\(result.output)")
      let account = try #require(JSONTree(result.output), "\(result.output)")
      let gone = account["gone"]?.integer ?? 0
      #expect(gone > 0 && gone + (account["delivered"]?.integer ?? 0) == 6000, "\(result.output)")
      #expect(account["balanced"]?.word == "true" && account["complete"]?.word == "true")
      try await site.expectReplayed(Array(UInt64(gone) + 1..<6001))
      try await site.stop()
    }

    @Test func `to a Kafka cluster records come again with the header`() async throws {
      guard canTestKafka("a replay to a Kafka cluster") else { return }
      let scratch = try Scratch()
      let cluster = try await KafkaCluster(in: scratch)
      try await cluster.tell("topic holdfast.events 4")
      let site = try KafkaSite(bootstrap: cluster.bootstrap, in: scratch)
      try await site.start()
      try await site.sensors.publish(count: 600)
      _ = try await eventually(within: 30) { site.agent.log.contains("delivered 600") }
      let result = try await run(
        Programs.holdfast,
        [
          "replay", "--config", site.agent.configuration, "--data-dir", site.agent.dataDirectory,
          "--upstream", "central", "--from", "101", "--to", "301",
        ],
        in: scratch
      )
      #expect(result.status == .code(0) && result.output.contains("delivered  200"), "\(result)")
      _ = try await site.finish()
      let records = try await kafkaRecords(
        in: "holdfast.events",
        of: cluster.bootstrap,
        scratch: scratch
      )
      func header(_ name: String, of record: KafkaRecord) -> String? {
        record.headers.first { $0.name == name }?.value
      }
      let replayed = records.filter { header("replay", of: $0) == "true" }
      #expect(records.count == 800 && replayed.count == 200)
      var first: [String: KafkaRecord] = [:]
      for record in records where header("replay", of: record) == nil {
        first[header("seq", of: record) ?? ""] = record
      }
      for record in replayed {
        let number = header("seq", of: record) ?? ""
        #expect((101..<301).contains(Int(number) ?? 0))
        let other = try #require(first[number])
        #expect(record.payload == other.payload && record.key == other.key)
        #expect(record.partition == other.partition && record.time == other.time)
      }
    }

    @Test func `what can't be replayed like this is refused in one line`() async throws {
      let site = try ReplaySite(
        upstreamLines: [
          #"budget = "64kbit/s""#, "[[upstream.stage]]", #"type = "throttle""#,
          #"interval = "1s""#,
        ]
      )
      try await site.start()
      try await site.sensors.publish(count: 10)
      for (arguments, words) in [
        (["--from", "1"], "has stages"), (["--from", "1", "--raw"], "has a budget"),
        (["--from", "9999", "--raw", "--budget", "8kbit/s"], "nothing in the ring"),
      ] {
        let result = try await site.replay(arguments)
        #expect(result.status != .code(0))
        #expect(result.output.contains(words), "\(result.output)")
        #expect(result.output.split(separator: "\n").count == 1, "\(result.output)")
      }
      let raw = try await site.replay(["--from", "1", "--raw", "--budget", "64kbit/s"])
      #expect(raw.status == .code(0), "\(raw.output)")
      #expect(Set(try await site.replayed(after: 0)).isSuperset(of: 1...10))
      try await site.stop()
    }
  }
}

/// An agent that keeps what it delivers, and a recorder at the centre: one line per message.
private final class ReplaySite {
  let scratch: Scratch
  let sensorsBroker: Broker
  let central: Broker
  let sensors: Sensors
  let agent: HoldfastProcess
  private let configuration: String
  private let recorderPath: String
  private var recorder: ChildProcess?

  init(
    keeping: String = "64MiB",
    traffic: [String] = [],
    upstreamLines: [String] = []
  ) throws {
    scratch = try Scratch()
    sensorsBroker = try Broker("sensors", in: scratch)
    central = try Broker("central", in: scratch)
    sensors = Sensors(url: sensorsBroker.url, in: scratch, traffic)
    var settings = AgentSettings(sourceURL: sensorsBroker.url, upstreamURL: central.url)
    settings.ringLines = [#"keep_delivered = "\#(keeping)""#]
    settings.upstreamLines = upstreamLines
    configuration = scratch.newPath("replay.toml")
    recorderPath = scratch.newPath("recorder")
    agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
    try writeText(configuration, settings.text)
  }

  func start() async throws {
    try await sensorsBroker.start()
    try await central.start()
    recorder = try ChildProcess(
      "mosquitto_sub",
      [
        "-p", "\(central.port)", "-V", "mqttv5", "-q", "1", "-c", "-i", "recorder", "-t",
        "sensors/#",
        // User properties, topic, payload in hexadecimal.
        "-F", "%P|%t|%x",
      ],
      output: recorderPath
    )
    try agent.start()
    let isReady = try await eventually(within: 30) {
      self.sensorsBroker.subscriptionCount(to: "sensors/#") > 0
        && self.central.subscriptionCount(to: "sensors/#") > 0
    }
    guard isReady else { throw TestFailure(agent.log) }
  }

  func stop() async throws {
    try await agent.stop()
    _ = try await agent.verify()
    try await recorder?.killAtOnce()
  }

  /// Publishes so many, and waits until they are at the centre.
  func publish(_ count: Int) async throws {
    let before = try records().live.count
    try await sensors.publish(count: count)
    let isThere = try await eventually(within: 30) {
      try self.records().live.count >= before + count
    }
    guard isThere else { throw TestFailure("not all came:\n\(agent.log)") }
  }

  func replay(_ arguments: [String]) async throws -> (status: ExitStatus, output: String) {
    let child = try startReplay(arguments)
    let status = try await child.ended(within: 60)
    return (status, child.output)
  }

  func startReplay(_ arguments: [String]) throws -> ChildProcess {
    try ChildProcess(
      Programs.holdfast,
      [
        "replay", "--config", configuration, "--data-dir", agent.dataDirectory, "--upstream",
        "central",
      ] + arguments,
      output: scratch.newPath("replay")
    )
  }

  /// A message without the mark, by number, in order of arrival.
  typealias Record = (number: UInt64, text: String)

  /// What came for the first time, and what came as replay.
  private func records() throws -> (live: [Record], replayed: [Record]) {
    var live: [Record] = []
    var replayed: [Record] = []
    let text = readText(recorderPath)
    // A line that is not whole comes again with the next look.
    for line in text.split(separator: "\n").dropLast(text.hasSuffix("\n") ? 0 : 1) {
      guard let range = line.firstRange(of: "seq:"),
        let number = UInt64(line[range.upperBound...].prefix { $0.isNumber })
      else { throw TestFailure("no number in \(line)") }
      if line.contains(" replay:true") {
        replayed.append((number, String(line).replacing(" replay:true", with: "")))
      } else {
        live.append((number, String(line)))
      }
    }
    return (live, replayed)
  }

  func replayedCount() throws -> Int { try records().replayed.count }

  /// The numbers that came as replay since there were so many, each the same as it came first.
  func replayed(after count: Int) async throws -> [UInt64] {
    // What the broker has acknowledged is with the recorder a moment later, or some on a busy machine.
    var known = -1
    for _ in 0..<20 {
      let now = try replayedCount()
      if now == known { break }
      known = now
      try await pause(1)
    }
    let (live, replayed) = try records()
    var first: [UInt64: String] = [:]
    for record in live { first[record.number] = record.text }
    for record in replayed.dropFirst(count) where first[record.number] != nil {
      #expect(record.text == first[record.number])
    }
    return replayed.dropFirst(count).map(\.number)
  }

  /// Just those came, in that order.
  func expectReplayed(_ numbers: [UInt64]) async throws {
    _ = try await eventually(within: 20) { try self.replayedCount() >= numbers.count }
    let came = try await replayed(after: 0)
    #expect(came == numbers, "\(came.count) of \(numbers.count)")
  }

  /// Everything came once, unmarked, whatever a replay did beside it.
  func expectLiveWhole() async throws {
    _ = try await eventually(within: 20) {
      let live = try self.records().live
      return UInt64(live.count) == live.map(\.number).max()
    }
    let numbers = try records().live.map(\.number)
    #expect(numbers == Array(1...UInt64(numbers.count)))
  }

  /// When the next event will have arrived later than that number's, as RFC 3339.
  func time(atNumber number: UInt64) async throws -> String {
    let result = try await run(
      Programs.holdfast,
      [
        "ring", "cat", "--data-dir", agent.dataDirectory, "--from", "\(number)", "--count", "1",
        "--json",
      ],
      in: scratch
    )
    guard let text = JSONTree(result.output)?["time"]?.text else {
      throw TestFailure(result.output)
    }
    // One second on: the next ones come later than that.
    let now = try await run(
      "date",
      ["-u", "-d", "\(text) + 1 second", "+%Y-%m-%dT%H:%M:%S.%3NZ"],
      in: scratch
    )
    return now.output.split(separator: "\n").first.map(String.init) ?? ""
  }
}
