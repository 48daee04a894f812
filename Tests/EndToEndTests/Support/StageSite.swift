import Glibc

/// What is special about an agent with stages.
struct StageSettings {
  /// `event` or `ndjson`.
  var format = "event"
  /// Lines of `[[upstream]]`, the stages' tables last.
  var upstream: [String] = []
  /// Lines of `[[source]]`, likewise.
  var source: [String] = []
  /// Of the sensors: how many topics, and more for `traffic publish`.
  var topicCount = 8
  var sensors: [String] = []
}

/// The whole way with stages: sensors that send JSON, their broker, the agent, the central broker,
/// and a collector that keeps every message with its identity.
///
/// A second upstream, which nobody ever answers at, keeps the log from being given up.
final class StageSite {
  let scratch: Scratch
  let sensorsBroker: Broker
  let centralBroker: Broker
  let sensors: Sensors
  /// The one that runs now, or ran last.
  private(set) var agent: HoldfastProcess
  private let awayPort: Int
  private let dataDirectory: String
  private let isBatched: Bool
  private var collector: ChildProcess?

  init(_ settings: StageSettings) throws {
    let scratch = try Scratch()
    self.scratch = scratch
    sensorsBroker = try Broker("sensors", in: scratch)
    centralBroker = try Broker("central", in: scratch)
    sensors = Sensors(
      url: sensorsBroker.url,
      in: scratch,
      ["--kind", "json", "--topics", "\(settings.topicCount)", "--padding", "40"]
        + settings.sensors
    )
    awayPort = try Ports.take()
    dataDirectory = scratch.newPath("data")
    isBatched = settings.format != "event"
    agent = try Self.agent(settings, sensorsBroker, centralBroker, awayPort, dataDirectory, scratch)
  }

  private static func agent(
    _ special: StageSettings,
    _ sensors: Broker,
    _ central: Broker,
    _ awayPort: Int,
    _ dataDirectory: String,
    _ scratch: Scratch
  ) throws -> HoldfastProcess {
    var settings = AgentSettings(sourceURL: sensors.url, upstreamURL: central.url)
    settings.sourceLines = [#"decode = "json""#] + special.source
    settings.upstreamLines =
      [#"format = "\#(special.format)""#] + special.upstream
      + ["[[upstream]]", #"name = "away""#, #"url = "mqtt://127.0.0.1:\#(awayPort)""#]
    return try HoldfastProcess(settings, dataDirectory: dataDirectory, in: scratch)
  }

  /// Starts all but the sensors.
  func start() async throws {
    try await sensorsBroker.start()
    try await centralBroker.start()
    let filter = isBatched ? "holdfast/+/events" : "sensors/#"
    collector = try ChildProcess(
      "mosquitto_sub",
      ["-p", "\(centralBroker.port)", "-V", "mqttv5", "-q", "1", "-t", filter]
        + ["-F", isBatched ? "%p" : #"%t\t%P\t%p"#],
      output: scratch.newPath("collector")
    )
    let isReady = try await eventually(within: 20) {
      self.centralBroker.subscriptionCount(to: filter) > 0
    }
    guard isReady else { throw TestFailure("the collector can't subscribe") }
    try await startAgent()
  }

  /// Starts the agent and waits until it has subscribed.
  func startAgent() async throws {
    let count = sensorsBroker.subscriptionCount(to: "sensors/#")
    try agent.start()
    let isReady = try await eventually(within: 30) {
      if !self.agent.isRunning { throw TestFailure("the agent ended:\n\(self.agent.log)") }
      return self.sensorsBroker.subscriptionCount(to: "sensors/#") > count
    }
    guard isReady else { throw TestFailure("the agent doesn't subscribe:\n\(agent.log)") }
  }

  /// The next life has another configuration, and a log file of its own.
  func change(to settings: StageSettings) throws {
    agent = try Self.agent(settings, sensorsBroker, centralBroker, awayPort, dataDirectory, scratch)
  }

  /// Kills the agent over and over at random, while it forwards; then it runs.
  ///
  /// One of four kills comes within its start.
  func kill(times: Int) async throws {
    var random = SystemRandomNumberGenerator()
    for number in 0..<times {
      let isEarly = number % 4 == 3
      if number > 0 { if isEarly { try agent.start() } else { try await startAgent() } }
      try await Task.sleep(
        for: .milliseconds(Int.random(in: isEarly ? 0...120 : 20...300, using: &random))
      )
      try await agent.kill()
    }
    try await startAgent()
    Ledger.add(times, "kill -9 of an agent with stages")
  }

  /// Publishes one event at the sensors' broker.
  func publish(_ payload: String, to topic: String) async throws {
    let published = try await run(
      "mosquitto_pub",
      ["-p", "\(sensorsBroker.port)", "-q", "1", "-t", topic, "-m", payload],
      in: scratch
    )
    guard published.status == .code(0) else { throw TestFailure(published.output) }
  }

  /// Waits until all that was published so far has been through the agent: a last event, which no
  /// stage acts on, follows it.
  func drain() async throws {
    let mark = "mark \(scratch.newPath(""))"
    try await publish(mark, to: "sensors/mark")
    let isThrough = try await eventually(within: 60) {
      guard let collector = self.collector else { return false }
      return collector.output.contains(mark)
    }
    guard isThrough else { throw TestFailure("the last event doesn't arrive:\n\(agent.log)") }
  }

  /// A line for everything that has come to the centre, in order.
  func arrivedLines() -> [Substring] { collector?.output.split(separator: "\n") ?? [] }

  /// What such a line says.
  func arrival(_ line: Substring) throws -> Arrival {
    let arrival = isBatched ? JSONTree(line).flatMap { Arrival(row: $0) } : Arrival(message: line)
    guard let arrival else { throw TestFailure("not an event: \(line)") }
    return arrival
  }

  /// The agent's own log from its first number on; only numbers never used may be missing.
  func log(withTicks: Bool = false) async throws -> [LoggedEvent] {
    let output = try await command(["ring", "cat", "--json", "--stamps"])
    var next = 1
    var events: [LoggedEvent] = []
    for line in output.split(separator: "\n") {
      guard let tree = JSONTree(line) else { throw TestFailure("not JSON: \(line)") }
      if tree["reason"]?.text == "unused", tree["first"]?.integer == next,
        let last = tree["last"]?.integer
      {
        next = last + 1
        continue
      }
      if let tick = LoggedEvent(tick: tree), tick.number == next {
        if withTicks { events.append(tick) }
        next += 1
        continue
      }
      guard let event = LoggedEvent(tree), event.number == next else {
        throw TestFailure("not number \(next) of the log: \(line)")
      }
      events.append(event)
      next += 1
    }
    return events
  }

  /// What `ring verify` says, which must find the law kept once the agent is stopped.
  func account() async throws -> Account {
    let output = try await command(["ring", "verify", "--json"])
    guard let account = JSONTree(output).flatMap(Account.init) else { throw TestFailure(output) }
    return account
  }

  func command(_ words: [String]) async throws -> String {
    let result = try await run(
      Programs.holdfast,
      words + ["--data-dir", dataDirectory],
      in: scratch
    )
    guard result.status == .code(0) else {
      throw TestFailure("\(words) ended with \(result.status):\n\(result.output)")
    }
    return result.output
  }
}

/// The counters of the source, and of the upstream that has the stages.
struct Account {
  var received: Int
  var stored: Int
  /// Kept back by the source's stages.
  var filteredAtSource: Int
  /// By name, as `ring verify --json` has them.
  var upstream: JSONTree

  init?(_ tree: JSONTree) {
    guard let source = tree["sources"]?[0]?["account"], let upstream = tree["upstreams"]?[0],
      let received = source["received"]?.integer, let stored = source["stored"]?.integer
    else { return nil }
    self.received = received
    self.stored = stored
    filteredAtSource = source["dropped"]?["filtered"]?.integer ?? 0
    self.upstream = upstream
  }

  subscript(name: String) -> Int { upstream[name]?.integer ?? -1 }
}
