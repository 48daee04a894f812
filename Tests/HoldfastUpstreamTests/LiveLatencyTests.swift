import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

/// A million events wait, a link of 64 kbit/s, and live data that takes half of it.
@Suite struct LiveLatencyTests {
  private static let rate: Int64 = 8000
  private static let backlogCount: SequenceNumber = 1_000_000
  private static let payload = [UInt8](repeating: 120, count: 90)
  private static let oneWay: Int64 = 50_000

  /// The log: numbers up to the backlog's, and then live ones by the instants of their arrival.
  private struct Site {
    var arrivals: [Int64] = []
    var start: Int64

    var end: SequenceNumber { LiveLatencyTests.backlogCount + SequenceNumber(arrivals.count) + 1 }

    func read(_ from: SequenceNumber) -> ReadResult {
      guard from < end else { return .end }
      var batch = EventBatch()
      for number in from..<min(end, from + 50) {
        let index = Int(number) - Int(LiveLatencyTests.backlogCount) - 1
        let boot = index >= 0 ? arrivals[index] : start - 3600 * second
        batch.append(
          topic: Array("plant/\(number % 40)".utf8),
          payload: LiveLatencyTests.payload,
          clock: ClockReading(boot: boot, wall: 1_767_225_600_000_000 + boot),
          flags: .qos1
        )
      }
      return .events(StoredBatch(log: FakeLog.id, first: from, events: batch), row: 0)
    }
  }

  /// The numbers of a message, and whether they are marked as historical.
  private func content(_ message: Message) -> (numbers: [SequenceNumber], isHistorical: Bool) {
    if let number = message["seq"].flatMap({ SequenceNumber($0) }) {
      return ([number], message["historical"] != nil)
    }
    let numbers = message.text.split(separator: "\"seq\":").dropFirst()
      .compactMap { SequenceNumber($0.prefix { $0.isNumber }) }
    return (numbers, message.text.contains("\"historical\":true"))
  }

  /// What is on the wire, the answers under way, and what arrived.
  private struct Wire {
    var freeAt: Int64
    var answers: [(at: Int64, tag: UInt64)] = []
    var latencies: [Int64] = []
    var historicalCount = 0
    var liveByteCount = 0
  }

  /// Takes what is sent at the rate of the budget, and notes how old each live event arrives.
  private func send(
    _ batch: MessageBatch,
    over wire: inout Wire,
    from site: Site,
    now: Int64
  ) throws {
    for row in batch.rows {
      let message = Message(row, in: batch.bytes)
      let byteCount =
        Int64(row.topicByteCount + row.payloadByteCount) + 16
        + Int64(row.propertiesByteCount) * 5 / 4
      wire.freeAt = max(wire.freeAt, now) + byteCount * second / Self.rate
      let arrival = wire.freeAt + Self.oneWay
      wire.answers.append((arrival + Self.oneWay, message.tag))
      let (numbers, isHistorical) = content(message)
      wire.historicalCount += isHistorical ? numbers.count : 0
      if isHistorical { continue }
      wire.liveByteCount += Int(byteCount)
      for number in numbers {
        let index = Int(number) - Int(Self.backlogCount) - 1
        try #require(site.arrivals.indices.contains(index), "\(number) is not live")
        wire.latencies.append(arrival - site.arrivals[index])
      }
    }
  }

  private func forwarder(_ format: MessageFormat) -> Forwarder {
    var configuration = UpstreamConfiguration(
      name: "central",
      link: LinkConfiguration(host: "central", port: 1883),
      topics: [TopicFilter("#")].compactMap(\.self)
    )
    configuration.order = .liveFirst
    configuration.budgetByteCount = Int(Self.rate)
    configuration.format = format
    configuration.batchAgeMax = 250_000
    if format != .event { configuration.topicTemplate = "batch" }
    return Forwarder(
      configuration: configuration,
      agentID: "edge-1",
      ledger: UpstreamLedger(name: "central", cursor: 1),
      seed: 7
    )
  }

  @Test(arguments: [MessageFormat.event, .ndjson])
  func liveEventsAreThereWithinTwoSecondsWhileABacklogDrains(_ format: MessageFormat) throws {
    var forwarder = forwarder(format)
    let start = 10_000 * second
    var now = start
    var site = Site(start: start)
    var wire = Wire(freeAt: now)
    var liveAt = start
    forwarder.start(now: now)
    while now < start + 300 * second {
      if now >= liveAt {
        site.arrivals.append(now)
        // By its own size a live event comes so often that it takes half of the budget.
        liveAt = now + (format == .event ? 68_000 : 72_000)
      }
      while let first = wire.answers.first, first.at <= now {
        forwarder.acknowledged([Acknowledgement(tag: wire.answers.removeFirst().tag)], now: now)
      }
      var actions: [Forwarder.Action] = []
      forwarder.readableEnd = site.end
      forwarder.step(
        now: now,
        read: { from, _ in site.read(from) },
        keep: { _ in false },
        into: &actions
      )
      for action in actions {
        switch action {
        case .connect:
          forwarder.connected(
            SessionGrant(protocolVersion: .v5, isSessionPresent: false),
            now: now
          )
        case .publish(let batch): try send(batch, over: &wire, from: site, now: now)
        case .disconnect, .ask, .log: break
        }
      }
      let wake = min(forwarder.wakeAt ?? .max, wire.answers.first?.at ?? .max, liveAt)
      now = max(now + 1000, wake)
    }
    let share = Double(wire.liveByteCount) / Double(300 * Self.rate)
    #expect(share > 0.4 && share <= 0.52, "\(share) of the budget is live")
    let sorted = wire.latencies.sorted()
    try #require(sorted.count > 3000)
    let p99 = sorted[sorted.count * 99 / 100]
    // A commit takes a quarter of a second by default before the forwarder sees an event.
    #expect(p99 + 250_000 <= 2 * second, "\(p99) microseconds")
    #expect(wire.historicalCount > 2000, "\(wire.historicalCount) of the backlog")
    print(
      "\(format): live p50 \(sorted[sorted.count / 2] / 1000) ms, p99 \(p99 / 1000) ms, "
        + "\(wire.historicalCount) of the backlog in 300 s"
    )
  }
}
