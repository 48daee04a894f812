import Testing

/// The agent's two ends.
enum End: String, CaseIterable {
  case source
  case upstream

  /// Where the agent reaches the broker there, in a network of its own.
  var address: String { self == .source ? "127.0.0.2" : "127.0.0.3" }
  /// The agent's name there.
  var client: String { self == .source ? "edge-floor" : "edge-to-central" }
}

/// The whole way, with real processes: sensors, their broker, the agent, the central broker and a
/// collector there.
final class Site {
  let scratch: Scratch
  let sensorsBroker: Broker
  let centralBroker: Broker
  let sensors: Sensors
  let agent: HoldfastProcess
  private var collector: Collector?

  /// Nothing runs yet.
  ///
  /// `traffic` are more arguments for the sensors; `brokerSettings` are more lines for both brokers; the ring log lives in `dataDirectory`, or else
  /// in the scratch directory; `change` sets what is special about the agent's configuration.
  init(
    traffic: [String] = [],
    dataDirectory: String? = nil,
    brokerSettings: [String] = [],
    scratch: Scratch? = nil,
    change: (inout AgentSettings) -> Void = { _ in }
  ) throws {
    let scratch = try scratch ?? Scratch()
    self.scratch = scratch
    sensorsBroker = try Broker("sensors", in: scratch, settings: brokerSettings)
    centralBroker = try Broker("central", in: scratch, settings: brokerSettings)
    sensors = Sensors(url: sensorsBroker.url, in: scratch, traffic)
    // In a network of its own the agent has a way to each broker that nobody else goes.
    let isPrivate = scratch.network != nil
    var settings = AgentSettings(
      sourceURL: sensorsBroker.url(at: isPrivate ? End.source.address : Broker.address),
      upstreamURL: centralBroker.url(at: isPrivate ? End.upstream.address : Broker.address)
    )
    change(&settings)
    agent = try HoldfastProcess(
      settings,
      dataDirectory: dataDirectory ?? scratch.newPath("data"),
      in: scratch
    )
  }

  /// Starts all but the sensors; afterwards the agent's and the collector's sessions exist.
  ///
  /// The collector gives up `idle` seconds after the last message.
  func start(
    collect filter: String = "sensors/#",
    idle: Double = 20,
    environment: [(String, String)] = []
  ) async throws {
    try await sensorsBroker.start()
    try await centralBroker.start()
    try await startAgentAndCollector(collect: filter, idle: idle, environment: environment)
  }

  /// The same where the brokers run already.
  func startAgentAndCollector(
    collect filter: String = "sensors/#",
    idle: Double = 20,
    environment: [(String, String)] = []
  ) async throws {
    collector = try await Collector(
      url: centralBroker.url,
      expecting: sensors.statePath,
      in: scratch,
      filter: filter,
      idle: idle
    )
    try agent.start(environment: environment)
    try await agentSubscribed()
  }

  func broker(at end: End) -> Broker { end == .source ? sensorsBroker : centralBroker }

  /// How often the agent has connected there.
  func connectionCount(at end: End) -> Int { broker(at: end).logCount(of: " as \(end.client) (") }

  /// How often the agent has subscribed at the sensors' broker.
  var subscriptionCount: Int { sensorsBroker.subscriptionCount(to: "sensors/#") }

  /// Waits until it has subscribed more than `count` times.
  func agentSubscribed(moreThan count: Int = 0) async throws {
    let isReady = try await eventually(within: 30) {
      if !self.agent.isRunning { throw TestFailure("the agent ended:\n\(self.agent.log)") }
      return self.subscriptionCount > count
    }
    guard isReady else { throw TestFailure("the agent doesn't subscribe:\n\(agent.log)") }
  }

  /// Waits until all has come, stops the agent, and has it check its ring log.
  func finish(within seconds: Double = 150) async throws -> TallyReport {
    guard let collector else { throw TestFailure("the site was not started") }
    let tally = try await collector.tally(within: seconds)
    try await agent.stop()
    _ = try await agent.verify()
    return tally
  }

  /// The same, with what `ring verify` says about the agent's own counters.
  ///
  /// Before it is stopped, the agent gets some time to have everything stored, delivered and
  /// saved: a disk that failed is tried again every few seconds.
  func finishWithAccount(
    within seconds: Double = 150
  ) async throws -> (tally: TallyReport, account: TallyReport) {
    guard let collector else { throw TestFailure("the site was not started") }
    let tally = try await collector.tally(within: seconds)
    for _ in 0..<90 {
      let account = try await agent.account()
      if account["delivered"] == account["offered"] && account["buffered"] == 0 { break }
      try await pause(0.5)
    }
    try await agent.stop()
    return (tally, try TallyReport(try await agent.verify()))
  }
}

/// What must hold after every round: nothing missing, changed, out of order or made up.
func expectComplete(_ tally: TallyReport, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(tally.missing == 0, "\(tally)", sourceLocation: sourceLocation)
  expectOrderly(tally, sourceLocation: sourceLocation)
}

func expectOrderly(_ tally: TallyReport, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(tally.expected > 0, "nothing was sent: \(tally)", sourceLocation: sourceLocation)
  #expect(tally.altered == 0, "\(tally)", sourceLocation: sourceLocation)
  #expect(tally["unsent"] == 0, "\(tally)", sourceLocation: sourceLocation)
  #expect(tally.orderInversions == 0, "\(tally)", sourceLocation: sourceLocation)
  #expect(tally["sequence_inversions"] == 0, "\(tally)", sourceLocation: sourceLocation)
  #expect(tally["unreadable"] == 0, "\(tally)", sourceLocation: sourceLocation)
}

/// How often the agent may send what it had sent before, per crash: its in-flight window and the
/// acknowledgements since it last saved its cursor.
let duplicatesPerCrashMax = 100 + 10_000
