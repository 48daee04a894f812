import ArgumentParser
import Glibc

/// The centre: a subscriber with a persistent session that counts what comes.
struct CollectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "collect",
    abstract: "Subscribe at the centre and tally what comes.",
    discussion: """
      Ends when --count distinct events came, when --until-idle seconds passed without a message, \
      or on SIGTERM. With --expect it compares with what a publisher sent; it then ends as soon as \
      nothing is missing, and its exit code is 1 if something is. With --finish-file it goes on \
      until that file exists, whatever else it was told.
      """
  )

  @Option(help: "The central broker, as mqtt://host:port.")
  var url: BrokerAddress
  @Option(help: "Topic filter; may be given several times. holdfast/+/gaps is added.")
  var filter = ["sensors/#"]
  @Option(help: "Client identifier; its session lives on.")
  var clientID = "traffic-collector"
  @Option(help: "MQTT version, 3.1.1 or 5.")
  var version = ProtocolVersion.mqtt5
  @Option(help: "User name at the broker.")
  var username: String?
  @Option(help: "Password at the broker.")
  var password: String?
  @Option(help: "Seconds without a message after which all has come.")
  var untilIdle: Double?
  @Option(help: "End after this many distinct events.")
  var count: Int?
  @Option(help: "A publisher's --state file.")
  var expect: String?
  @Option(help: "Don't end before this file exists.")
  var finishFile: String?
  @Option(help: "Print a line about what came every so many seconds, if anything.")
  var progress: Double?
  @Option(help: "Seconds to wait for the broker.")
  var patience = 60.0
  @Flag(help: "Print one line of JSON instead of a table.")
  var json = false

  func run() throws {
    let client = try MQTTClient(
      address: url,
      clientID: clientID,
      version: version,
      window: 20,
      username: username,
      password: password
    )
    let collector = Collector(client: client, options: self)
    try collector.run()
    client.disconnect()
    let verdict = try collector.verdict()
    say(json ? collector.tally.json(verdict) : collector.tally.table(verdict))
    if let verdict, !verdict.isGood(collector.tally) { throw ExitCode(1) }
  }
}

private final class Collector {
  /// After the last missing event came, duplicates may still follow: wait this long for them.
  private static let lingerSeconds = 1.0

  private(set) var tally = Tally()
  private let client: MQTTClient
  private let options: CollectCommand
  private let reader = BatchReader()
  private var grantCount = 0
  private var lastArrival = monotonicSeconds()

  init(client: MQTTClient, options: CollectCommand) {
    self.client = client
    self.options = options
    client.onMessage = { [unowned self] message in self.receive(message) }
    let filters = options.filter + ["holdfast/+/gaps"]
    client.onConnect = { [unowned self] in
      self.grantCount = 0
      for filter in filters { try? self.client.subscribe(filter) }
    }
    client.onSubscribed = { [unowned self] in
      self.grantCount += 1
      // On standard error, so that with --json standard output is that one line.
      if self.grantCount.isMultiple(of: filters.count) { note("centre: subscribed") }
    }
  }

  func verdict() throws -> Verdict? {
    guard let path = options.expect else { return nil }
    guard let sent = try TrafficState(path: path) else {
      throw TrafficError("\(path): no such file")
    }
    return Verdict(tally: tally, sent: sent)
  }

  func run() throws {
    try client.connect(until: monotonicSeconds() + options.patience)
    var nextCheck = 0.0
    var nextProgress = monotonicSeconds() + (options.progress ?? 0)
    var lastProgress = 0
    lastArrival = monotonicSeconds()
    while !StopSignal.isSet {
      if client.pump(milliseconds: 100) != 0 {
        try client.connect(until: monotonicSeconds() + options.patience)
        lastArrival = monotonicSeconds()
      }
      let now = monotonicSeconds()
      if let interval = options.progress, now >= nextProgress {
        if tally.receivedCount > lastProgress {
          say("centre: \(tally.distinctCount) events, \(tally.topicCount) topics")
        }
        lastProgress = tally.receivedCount
        nextProgress = now + interval
      }
      if now >= nextCheck {
        if try isDone(now) { return }
        nextCheck = now + 0.2
      }
    }
  }

  private func isDone(_ now: Double) throws -> Bool {
    if let file = options.finishFile, access(file, F_OK) != 0 { return false }
    if let count = options.count, tally.distinctCount >= count { return true }
    if let limit = options.untilIdle, now - lastArrival > limit { return true }
    // A publisher that is still at it would look complete for a moment: only with a finish file.
    guard options.finishFile != nil, now - lastArrival > Self.lingerSeconds else { return false }
    return try verdict()?.isAccounted(tally) ?? false
  }

  private func receive(_ message: IncomingMessage) {
    lastArrival = monotonicSeconds()
    let topic = Array(UnsafeBufferPointer(start: message.topic, count: strlen(message.topic)))
      .map(UInt8.init(bitPattern:))
    if topic.starts(with: "holdfast/".utf8), topic.suffix(5).elementsEqual("/gaps".utf8) {
      if let gap = reader.gap(message.payload) {
        tally.add(gap: gap)
      } else {
        tally.countUnreadable()
      }
      return
    }
    let (identity, isMarked) = identity(of: message)
    switch identity == nil ? PayloadShape(message.payload) : .single {
    case .single:
      tally.add(
        topic: topic,
        payload: message.payload,
        identity: identity,
        isMarkedRedelivered: isMarked
      )
    case .lines: receive(batch: reader.events(lines: message.payload))
    case .array: receive(batch: reader.events(array: message.payload))
    case .compressed: tally.countUnreadable()
    }
  }

  /// From the user properties of format `event`.
  private func identity(of message: IncomingMessage) -> (EventIdentity?, isMarked: Bool) {
    var agent: String?
    var log: String?
    var sequence: UInt64?
    var isMarked = false
    message.forEachUserProperty { name, value in
      switch name {
      case "agent": agent = value
      case "log": log = value
      case "seq": sequence = UInt64(value)
      case "redelivered": isMarked = value == "possible"
      default: break
      }
    }
    guard let agent, let log, let sequence else { return (nil, isMarked) }
    let number = tally.logNumber(agent: agent, log: log)
    return (EventIdentity(log: number, sequence: sequence), isMarked)
  }

  private func receive(batch: [BatchedEvent]?) {
    guard let batch else { return tally.countUnreadable() }
    for event in batch {
      guard let payload = event.payloadBytes else {
        tally.countUnreadable()
        continue
      }
      let log = tally.logNumber(agent: event.agent, log: event.log)
      tally.add(
        topic: Array(event.topic.utf8),
        payload: payload,
        identity: EventIdentity(log: log, sequence: event.seq),
        isMarkedRedelivered: event.redelivered != nil
      )
    }
  }
}
