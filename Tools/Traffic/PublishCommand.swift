import ArgumentParser
import Glibc

/// A fleet of sensors.
struct PublishCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish",
    abstract: "Publish as a fleet of sensors.",
    discussion: """
      Ends after --count events, when --stop-file appears, or on SIGTERM; then waits for every \
      acknowledgement and prints one line of JSON. With --state, a later run goes on with the \
      counters where an earlier one ended.
      """
  )

  @Option(help: "The sensors' broker, as mqtt://host:port.")
  var url: BrokerAddress
  @Option(help: "Events per second; 0: as fast as they are acknowledged.")
  var rate = 0.0
  @Option(help: "Events in all; 0: until told to stop.")
  var count = 0
  @Option(help: "How many sensors, each with a topic of its own.")
  var topics = 300
  @Option(help: "Decides which sensor speaks when, and what it says.")
  var seed: UInt64 = 1
  @Option(help: "scalar, json or mixed.")
  var kind = Fleet.Kind.mixed
  @Option(help: "Random characters added to each payload.")
  var padding = 0
  @Option(help: "With JSON: adds \"at\", a time at most so many milliseconds ago; 0: not.")
  var late = 0
  @Option(help: "Quality of service, 0 or 1.")
  var qos: Int32 = 1
  @Option(help: "Events sent and not yet acknowledged, 1 to 1000.")
  var window = 200
  @Option(help: "MQTT version, 3.1.1 or 5.")
  var version = ProtocolVersion.mqtt311
  @Option(help: "Client identifier; default: made of the seed.")
  var clientID: String?
  @Option(help: "Stop when this file exists.")
  var stopFile: String?
  @Option(help: "Where to keep what was sent, for the collector and for a later run.")
  var state: String?
  @Flag(help: "Connect again when the broker goes away.")
  var reconnect = false
  @Option(help: "Seconds to wait for a broker, and at the end for acknowledgements.")
  var patience = 30.0

  func validate() throws {
    guard (1...1000).contains(window) else { throw ValidationError("--window: 1 to 1000") }
    guard (1...1_000_000).contains(topics) else { throw ValidationError("--topics: 1 to 1000000") }
    guard (0...1).contains(qos) else { throw ValidationError("--qos: 0 or 1") }
    guard (0...(16 << 20)).contains(padding) else { throw ValidationError("--padding: too large") }
    guard rate >= 0, count >= 0, late >= 0 else {
      throw ValidationError("--rate, --count, --late: not below 0")
    }
  }

  func run() throws {
    let fleet = Fleet(seed: seed, topicCount: topics, kind: kind, padding: padding)
    var start = TrafficState(fleet: fleet)
    if let state, let earlier = try TrafficState(path: state) {
      guard earlier.fleet == fleet else {
        throw TrafficError("\(state): another fleet; give the same --topics, --seed, --kind")
      }
      start = earlier
    }
    let client = try MQTTClient(
      address: url,
      clientID: clientID ?? "traffic-sensors-\(seed)",
      version: version,
      window: window
    )
    let publisher = Publisher(client: client, state: start, qos: qos, late: late)
    try publisher.run(self)
    client.disconnect()
    say(publisher.summary)
    if publisher.unacknowledgedCount > 0 { throw ExitCode(1) }
  }
}

/// Sends and keeps account of what is in flight.
private final class Publisher {
  private struct Sent {
    var topic: Int
    var counter: Int
  }

  private let client: MQTTClient
  private let qos: Int32
  private let late: Int
  private let topics: [[CChar]]
  private var state: TrafficState
  private var choice: Noise
  private var inFlight: [Int32: Sent] = [:]
  private var publishedCount = 0
  private var acknowledgedCount = 0
  private var refusedCount = 0
  private var resentCountMax = 0
  private var reconnectCount = 0

  init(client: MQTTClient, state: TrafficState, qos: Int32, late: Int) {
    self.late = late
    self.client = client
    self.state = state
    self.qos = qos
    topics = (0..<state.fleet.topicCount).map { Array(state.fleet.topic($0).utf8CString) }
    // A run that goes on where another ended makes other choices than that one.
    choice = Noise(seed: state.fleet.seed, topic: -1, counter: state.published.reduce(0, +))
    client.onPublished = { [unowned self] packetID, reason in
      self.acknowledge(packetID, reason)
    }
  }

  var unacknowledgedCount: Int { inFlight.count }

  var summary: String {
    #"{"published":\#(publishedCount),"acknowledged":\#(acknowledgedCount)"#
      + #","refused":\#(refusedCount),"reconnects":\#(reconnectCount)"#
      + #","resent_at_most":\#(resentCountMax)}"#
  }

  func run(_ options: PublishCommand) throws {
    try client.connect(until: monotonicSeconds() + options.patience)
    try save(options.state)
    let start = monotonicSeconds()
    var nextSave = start + 1
    while !isDone(options) {
      let now = monotonicSeconds()
      let due = options.rate > 0 ? Int((now - start) * options.rate) : Int.max
      let limit = options.count > 0 ? min(due, options.count) : due
      while publishedCount < limit, inFlight.count < options.window, client.isConnected {
        try publishOne()
        if publishedCount & 63 == 0 { break }
      }
      let isWaiting = publishedCount >= limit || inFlight.count >= options.window
      try pump(milliseconds: isWaiting ? 5 : 0, options)
      if now > nextSave {
        try save(options.state)
        nextSave = now + 1
      }
    }
    let deadline = monotonicSeconds() + options.patience
    while !inFlight.isEmpty, monotonicSeconds() < deadline {
      try pump(milliseconds: 50, options)
    }
    try save(options.state)
  }

  private func isDone(_ options: PublishCommand) -> Bool {
    if StopSignal.isSet || (options.count > 0 && publishedCount >= options.count) { return true }
    return options.stopFile.map { access($0, F_OK) == 0 } ?? false
  }

  private func publishOne() throws {
    let topic = Int(choice.next() % UInt64(topics.count))
    let counter = state.published[topic] + 1
    var payload = state.fleet.payload(topic: topic, counter: counter)
    if late > 0, payload.last == UInt8(ascii: "}") {
      payload.removeLast()
      payload += Array(",\"at\":\(wallMilliseconds() - Int(choice.next() % UInt64(late)))}".utf8)
    }
    let packetID = try client.publish(topics[topic], payload, qos: qos)
    state.published[topic] = counter
    publishedCount += 1
    if qos > 0 {
      inFlight[packetID] = Sent(topic: topic, counter: counter)
    } else {
      acknowledgedCount += 1
    }
  }

  private func acknowledge(_ packetID: Int32, _ reason: Int32) {
    guard qos > 0, inFlight.removeValue(forKey: packetID) != nil else { return }
    if reason >= 0x80 { refusedCount += 1 } else { acknowledgedCount += 1 }
  }

  private func pump(milliseconds: Int32, _ options: PublishCommand) throws {
    guard client.pump(milliseconds: milliseconds) != 0 else { return }
    guard options.reconnect else { throw TrafficError("the sensors' broker closed") }
    reconnectCount += 1
    resentCountMax += inFlight.count
    try client.connect(until: monotonicSeconds() + options.patience)
  }

  /// What is still in flight doesn't count as acknowledged, nor does what came after it.
  private func save(_ path: String?) throws {
    guard let path else { return }
    state.acknowledged = state.published
    for sent in inFlight.values {
      state.acknowledged[sent.topic] = min(state.acknowledged[sent.topic], sent.counter - 1)
    }
    try state.write(to: path)
  }
}

private func wallMilliseconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}
