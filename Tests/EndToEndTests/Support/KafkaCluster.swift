import Glibc

/// A Kafka cluster of our own: the library's mock brokers, in a process of theirs.
///
/// With `isRefusing` a server that refuses whoever logs in.
final class KafkaCluster {
  /// `HOST:PORT,…`.
  let bootstrap: String
  private let process: ChildProcess
  /// The end of a named pipe that its standard input is; it ends with it.
  private let commands: Int32
  private var commandCount = 0

  init(brokers: Int = 3, isRefusing: Bool = false, in scratch: Scratch) async throws {
    let pipe = scratch.newPath("kafka-commands")
    guard mkfifo(pipe, 0o600) == 0 else { throw TestFailure("can't make \(pipe)") }
    // For both, so that neither end waits for the other.
    commands = open(pipe, O_RDWR | O_CLOEXEC)
    process = try ChildProcess(
      "/bin/sh",
      [
        "-c", #"exec "$0" "$1" < "$2""#, Programs.kafkaMock, isRefusing ? "refusing" : "\(brokers)",
        pipe,
      ],
      output: scratch.newPath("kafka.log")
    )
    let process = process
    let isUp = try await eventually(within: 20) {
      if process.status != nil { throw TestFailure("kafka-mock ended: \(process.tail)") }
      return process.output.hasSuffix("\n")
    }
    let words = process.output.split { $0 == " " || $0 == "\n" }
    guard isUp, words.count >= 2, words[0] == "bootstrap" else {
      throw TestFailure("kafka-mock says \(process.tail)")
    }
    bootstrap = String(words[1])
  }

  deinit { close(commands) }

  /// Has it obey a command, see `kafka-mock`.
  func tell(_ command: String) async throws {
    commandCount += 1
    let line = Array((command + "\n").utf8)
    guard write(commands, line, line.count) == line.count else {
      throw TestFailure("kafka-mock doesn't listen")
    }
    let count = commandCount
    let isAnswered = try await eventually(within: 20) {
      self.process.output.split(separator: "\n").count > count
    }
    guard isAnswered, process.output.hasSuffix("ok\n") else {
      throw TestFailure("\(command): \(process.tail)")
    }
  }
}

/// A record as kcat read it back.
struct KafkaRecord {
  var topic: String
  var partition: Int
  var offset: Int
  /// Milliseconds since 1970.
  var time: Int
  var key: String?
  var payload: String?
  var headers: [(name: String, value: String)]

  /// A line of kcat's JSON.
  init(_ line: some StringProtocol) throws {
    guard let tree = JSONTree(line), let topic = tree["topic"]?.text,
      let partition = tree["partition"]?.integer, let offset = tree["offset"]?.integer,
      let time = tree["ts"]?.integer
    else { throw TestFailure("no record of kcat's: \(line)") }
    self.topic = topic
    self.partition = partition
    self.offset = offset
    self.time = time
    key = tree["key"]?.text
    payload = tree["payload"]?.text
    let texts = tree["headers"]?.elements.map { $0.text ?? "" } ?? []
    headers = stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }
  }

  /// The value of the first header of that name.
  subscript(name: String) -> String? { headers.first { $0.name == name }?.value }

  /// Agent, log and number; nil for what is no event.
  var identity: String? {
    guard let agent = self["agent"], let log = self["log"], let number = self["seq"] else {
      return nil
    }
    return "\(agent) \(log) \(number)"
  }

  /// All that must be the same when it comes again.
  var content: String {
    "\(topic) \(partition) \(time) \(key ?? "-") \(payload ?? "-") \(headers)"
  }
}

/// Everything in a topic, from its beginning to its end; by partition, in order of the offsets.
func kafkaRecords(
  in topic: String,
  of bootstrap: String,
  scratch: Scratch
) async throws -> [KafkaRecord] {
  let read = try await run(
    "kcat",
    ["-C", "-b", bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-J"],
    in: scratch,
    within: 120
  )
  guard read.status == .code(0) else { throw TestFailure("kcat: \(read.output.suffix(500))") }
  return try read.output.split(separator: "\n").filter { $0.hasPrefix("{") }.map {
    try KafkaRecord($0)
  }.sorted { ($0.partition, $0.offset) < ($1.partition, $1.offset) }
}

/// Sensors, their broker and an agent that forwards to a Kafka cluster.
final class KafkaSite {
  let scratch: Scratch
  let sensorsBroker: Broker
  let sensors: Sensors
  let agent: HoldfastProcess
  private let bootstrap: String

  /// `upstreamLines` follow those that every upstream of the tests has; `properties` are those of
  /// `[upstream.kafka]`.
  init(
    bootstrap: String,
    in scratch: Scratch,
    upstreamLines: [String] = [],
    properties: [String] = []
  ) throws {
    self.scratch = scratch
    self.bootstrap = bootstrap
    sensorsBroker = try Broker("sensors", in: scratch)
    sensors = Sensors(url: sensorsBroker.url, in: scratch)
    var settings = AgentSettings(
      sourceURL: sensorsBroker.url,
      upstreamURL: "kafka://\(bootstrap)"
    )
    settings.upstreamLines = upstreamLines + ["[upstream.kafka]"] + properties
    agent = try HoldfastProcess(settings, dataDirectory: scratch.newPath("data"), in: scratch)
  }

  func start() async throws {
    try await sensorsBroker.start()
    try agent.start()
    try await subscribed()
  }

  func subscribed(moreThan count: Int = 0) async throws {
    let isReady = try await eventually(within: 30) {
      if !self.agent.isRunning { throw TestFailure("the agent ended:\n\(self.agent.log)") }
      return self.subscriptionCount > count
    }
    guard isReady else { throw TestFailure("the agent doesn't subscribe:\n\(agent.log)") }
  }

  var subscriptionCount: Int { sensorsBroker.subscriptionCount(to: "sensors/#") }

  /// Waits until all that is stored has an end, stops the agent and returns its account.
  func finish(within seconds: Double = 90) async throws -> TallyReport {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(seconds)
    var account = try await agent.account()
    while clock.now < deadline {
      account = try await agent.account()
      let ended = account["delivered"] + account["dead_lettered"] + account["dead-letter-full"]
      if account["offered"] > 0 && account["buffered"] == 0 && ended == account["offered"] { break }
      try await pause(0.5)
    }
    try await agent.stop()
    return try TallyReport(try await agent.verify())
  }

  /// See ``Sensors/acknowledged()``.
  func acknowledged() throws -> [String: Int] { try sensors.acknowledged() }
}

/// What is wrong with records that came from an agent: nothing may be altered between repetitions,
/// out of order within a key, or missing.
struct KafkaVerdict {
  private(set) var faults: [String] = []
  private(set) var distinctCount = 0
  private(set) var repeatedCount = 0

  /// `acknowledged`: how many events of each topic must be there, counted from 1.
  init(_ records: [KafkaRecord], acknowledged: [String: Int]) {
    var contents: [String: String] = [:]
    var newest: [String: Int] = [:]
    var counters: [String: Set<Int>] = [:]
    for record in records {
      guard let identity = record.identity, let topic = record["topic"],
        let number = record["seq"].flatMap({ Int($0) }),
        let counter = record.payload?.split(whereSeparator: { !$0.isNumber }).first.flatMap({
          Int($0)
        })
      else {
        faults.append("no event: \(record)")
        continue
      }
      if let known = contents[identity] {
        repeatedCount += 1
        if known != record.content { faults.append("\(identity) came altered: \(record)") }
        continue
      }
      contents[identity] = record.content
      if record.key != topic { faults.append("the key is not the topic: \(record)") }
      if let last = newest[topic], last > number {
        faults.append("\(topic): number \(number) first came after \(last)")
      }
      newest[topic] = number
      counters[topic, default: []].insert(counter)
    }
    distinctCount = contents.count
    for (topic, count) in acknowledged.sorted(by: { $0.key < $1.key }) where count > 0 {
      let missing = (1...count).filter { counters[topic]?.contains($0) != true }
      if !missing.isEmpty { faults.append("\(topic) misses \(missing.prefix(5))") }
    }
  }
}

/// Whether Kafka can be tested here; what can't is counted.
func canTestKafka(_ round: String) -> Bool {
  let paths = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":")
  if paths.contains(where: { access("\($0)/kcat", X_OK) == 0 }) { return true }
  Ledger.skip(round, because: "no kcat")
  return false
}
