import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

@Suite struct BudgetTests {
  /// What waits for something else does not ask the budget again, and must not spin for it.
  @Test func `a budget that has recovered wakes nobody`() throws {
    var budget = ByteBudget(bytesPerSecond: 1000)
    budget.spend(2000)
    let isAllowed = budget.allows(at: 0)
    #expect(!isAllowed)
    let at = try #require(budget.resumeAt(0))
    #expect(at > 1_000_000)
    #expect(budget.resumeAt(at - 1) == at)
    #expect(budget.resumeAt(at) == nil && budget.resumeAt(at + 1_000_000) == nil)
  }

  private static let rate = 8000

  /// Bytes on the wire by instant of sending, of a peer that answers after `delay`.
  private struct Run {
    var sent: [(at: Int64, byteCount: Int)] = []
    var inFlightMax = 0

    /// Most bytes within any span of that length.
    func most(within span: Int64) -> Int {
      var most = 0
      var total = 0
      var start = 0
      for entry in sent {
        total += entry.byteCount
        while sent[start].at <= entry.at - span {
          total -= sent[start].byteCount
          start += 1
        }
        most = max(most, total)
      }
      return most
    }

    func total(from start: Int64, to end: Int64) -> Int {
      sent.reduce(0) { $0 + (start..<end ~= $1.at ? $1.byteCount : 0) }
    }
  }

  /// A PUBLISH of MQTT 5, by the sizes of its parts (section 3.3).
  private func wireByteCount(_ message: Message) -> Int {
    var properties = message.properties.pairs.reduce(0) { $0 + 5 + $1.name.count + $1.value.count }
    if let type = message.properties.contentType { properties += 3 + type.count }
    let remaining =
      2 + message.topic.utf8.count + 2 + (properties < 128 ? 1 : 2) + properties
      + message.payload.count
    return 1 + (remaining < 128 ? 1 : remaining < 16_384 ? 2 : 3) + remaining
  }

  private func drain(_ bench: inout Bench, seconds: Int64, answerAfter delay: Int64) -> Run {
    var run = Run()
    var answers: [(at: Int64, message: Message)] = []
    let end = bench.now + seconds * second
    while bench.now < end {
      for message in bench.take() {
        run.sent.append((bench.now, wireByteCount(message)))
        answers.append((bench.now + delay, message))
      }
      run.inFlightMax = max(run.inFlightMax, bench.forwarder.inFlightByteCount)
      let due = answers.first?.at ?? .max
      bench.now = min(due, max(bench.now + 1000, bench.forwarder.wakeAt ?? .max), end)
      if bench.now == due {
        bench.acknowledge([answers.removeFirst().message])
      } else {
        bench.step()
      }
    }
    return run
  }

  @Test(
    arguments: [MessageFormat.event, .ndjson],
    [1000, 200_000, 400_000] as [Int64]
  )
  func noMinuteHasMoreThanTheBudgetAndNoneLess(_ format: MessageFormat, _ delay: Int64) {
    var bench = Bench {
      $0.budgetByteCount = Self.rate
      $0.format = format
      if format != .event { $0.topicTemplate = "batch" }
    }
    let payload = String(repeating: "x", count: 90)
    for index in 0..<20_000 { bench.log.append("t/\(index % 50)", payload) }
    bench.connect()
    let start = bench.now
    let run = drain(&bench, seconds: 200, answerAfter: delay)
    let minute = Self.rate * 60
    #expect(run.most(within: 60 * second) <= minute * 105 / 100)
    for from in stride(from: start, to: start + 140 * second, by: 7 * Int(second)) {
      #expect(run.total(from: from, to: from + 60 * second) >= minute * 95 / 100)
    }
    let largest = run.sent.map(\.byteCount).max() ?? 0
    #expect(largest <= Self.rate / 2 + 300, "a batch of \(largest) bytes")
    #expect(run.inFlightMax <= Self.rate, "\(run.inFlightMax) bytes without an answer")
    #expect(bench.ledger.settled + 1 == bench.ledger.cursor)
  }

  @Test func anEventLargerThanTheBudgetGoesAloneAndTheNextOnesWait() throws {
    var bench = Bench { $0.budgetByteCount = Self.rate }
    bench.log.append("a", String(repeating: "x", count: 80_000))
    bench.log.append("b", "small")
    bench.connect()
    let first = bench.take()
    #expect(first.map(\.topic) == ["a"])
    bench.acknowledge(first)
    #expect(bench.unseen.isEmpty)
    let before = bench.now
    try bench.wake()
    #expect(bench.unseen.map(\.topic) == ["b"])
    #expect(bench.now - before > 9 * second && bench.now - before < 10 * second)
  }

  @Test func whatTheShellReportsBeyondTheChargesIsSpentToo() throws {
    var bench = Bench { $0.budgetByteCount = Self.rate }
    bench.connect()
    // A TLS handshake of two seconds' worth, and half a second was saved up.
    bench.forwarder.handedOver(16_000)
    bench.log.append("a")
    let before = bench.now
    bench.step()
    #expect(bench.unseen.isEmpty)
    try bench.wake()
    #expect(bench.unseen.count == 1)
    #expect(bench.now - before > 3 * second / 2 && bench.now - before < 2 * second)
    // What was charged already is not spent twice.
    bench.forwarder.handedOver(16_000)
    bench.log.append("a")
    bench.step()
    #expect(bench.unseen.count == 2)
  }

  @Test func whatIsSentAgainAfterAnOutageIsChargedAgain() {
    var bench = Bench { $0.budgetByteCount = Self.rate }
    for _ in 0..<100 { bench.log.append("t", String(repeating: "x", count: 300)) }
    bench.connect()
    let sentBefore = bench.unseen.count
    #expect(sentBefore > 5 && sentBefore < 100)
    bench.close()
    bench.connect()
    // Half a second's worth at most was saved up meanwhile, and what goes again takes it.
    #expect(bench.unseen.count <= sentBefore)
    bench.drain()
    #expect(bench.ledger.settled + 1 == bench.ledger.cursor)
  }

  @Test func aCompressedBatchIsCutByWhatItComesTo() {
    var bench = Bench {
      $0.budgetByteCount = Self.rate
      $0.format = .ndjson
      $0.compression = .zstd
      $0.topicTemplate = "batch"
      $0.batchEventCountMax = 10_000
    }
    for index in 0..<20_000 { bench.log.append("plant/\(index % 7)", #"{"value":21.5}"#) }
    bench.connect()
    let run = drain(&bench, seconds: 20, answerAfter: 1000)
    #expect(run.sent.map(\.byteCount).max() ?? 0 <= Self.rate / 2)
    // Far more than 160,000 bytes of JSON at 140 bytes an event, as they are compressed.
    #expect(bench.ledger.delivered > 5000, "\(bench.ledger.delivered)")
  }

  @Test func aTokenBucketSurvivesAnyNumber() {
    for bytesPerSecond in [Int.min, 0, 1, 8000, .max] {
      var budget = ByteBudget(bytesPerSecond: bytesPerSecond)
      for now in [Int64.min, -1, 0, 5, .max] {
        for byteCount in [Int.min, 0, 1 << 40, .max] {
          budget.spend(byteCount)
          _ = budget.allows(at: now)
          _ = budget.resumeAt(now)
        }
      }
    }
  }
}

@Suite struct ScheduleTests {
  private static let midnight: Int64 = 1_767_225_600 * second

  private func reading(_ hour: Int64, _ minute: Int64, offset: Int64 = 0) -> ClockReading {
    ClockReading(
      boot: 3600 * second,
      wall: Self.midnight + (hour * 60 + minute) * 60 * second,
      localOffset: offset * 3600 * second
    )
  }

  @Test func windowsGoByLocalTimeAndMayPassMidnight() throws {
    var schedule = SendSchedule()
    #expect(schedule.permission(at: reading(12, 0)) == .everything)
    schedule.anything = [try #require(DailyWindow(from: 22 * 60, to: 6 * 60))]
    for (hour, minute, isOpen) in [
      (21, 59, false), (22, 0, true), (23, 59, true), (0, 0, true), (5, 59, true), (6, 0, false),
    ] as [(Int64, Int64, Bool)] {
      #expect((schedule.permission(at: reading(hour, minute)) == .everything) == isOpen)
    }
    #expect(schedule.permission(at: reading(21, 0, offset: 1)) == .everything)
    #expect(schedule.permission(at: reading(22, 30, offset: -1)) == .nothing)
    #expect(schedule.permission(at: reading(0, 30, offset: -3)) == .nothing)
  }

  @Test func backlogHasHoursOfItsOwn() throws {
    var schedule = SendSchedule()
    schedule.backlog = [try #require(DailyWindow(from: 60, to: 120))]
    #expect(schedule.permission(at: reading(0, 59)) == .live)
    #expect(schedule.permission(at: reading(1, 0)) == .everything)
  }

  @Test func anUnsetClockIsWaitedForAndThenNothingIsForbidden() throws {
    var schedule = SendSchedule()
    schedule.anything = [try #require(DailyWindow(from: 60, to: 120))]
    #expect(schedule.permission(at: ClockReading(boot: 599 * second, wall: 0)) == .nothing)
    #expect(schedule.permission(at: ClockReading(boot: 600 * second, wall: 0)) == .everything)
    #expect(schedule.permission(at: ClockReading(boot: 5, wall: .min)) == .nothing)
    _ = schedule.permission(at: ClockReading(boot: 5, wall: .max, localOffset: .max))
  }

  @Test func windowsThatAreNoPartOfADayAreNone() {
    for (from, to) in [(0, 0), (-1, 5), (1440, 5), (5, 1441), (5, 5), (5, 0)] {
      #expect(DailyWindow(from: from, to: to) == nil)
    }
  }

  @Test func theLinkIsLetGoAtTheEndAndComesBackAtTheBeginning() throws {
    var bench = Bench { $0.link.backoffMax = 30 * second }
    for index in 1...10 { bench.log.append("t", "\(index)") }
    bench.forwarder.permission = .nothing
    bench.forwarder.start(now: bench.now)
    bench.step()
    #expect(bench.connects.isEmpty)
    bench.forwarder.permission = .everything
    bench.step()
    #expect(bench.connects.isEmpty, "not all gateways at one instant")
    let before = bench.now
    try bench.wake()
    #expect(bench.connects.count == 1)
    #expect(bench.now - before <= 30 * second)
    bench.connect()
    bench.forwarder.connected(
      SessionGrant(protocolVersion: .v5, isSessionPresent: false),
      now: bench.now
    )
    bench.step()
    let messages = bench.take()
    #expect(messages.count == 10)
    bench.forwarder.permission = .nothing
    bench.log.append("t", "late")
    bench.step()
    #expect(bench.disconnectCount == 0, "what is in flight has its time")
    bench.acknowledge(messages)
    #expect(bench.disconnectCount == 1)
    #expect(bench.unseen.isEmpty)
    bench.close(.requested)
    #expect(bench.forwarder.wakeAt == nil)
    bench.forwarder.permission = .everything
    bench.step()
    try bench.wake()
    #expect(bench.connects.count == 2)
  }

  @Test func whatIsNeverAnsweredIsWaitedForTenSeconds() throws {
    var bench = Bench()
    bench.log.append("t")
    bench.connect()
    bench.forwarder.permission = .nothing
    bench.step()
    let before = bench.now
    try bench.wake()
    #expect(bench.disconnectCount == 1)
    #expect(bench.now - before == 10 * second)
    #expect(bench.ledger.cursor == 1)
  }

  @Test func whatIsExceptedIsFiltered() {
    for topics in [["#"], ["plant/#"]] {
      var bench = Bench(topics: topics) {
        $0.exceptTopics = [TopicFilter("plant/+/alarm")].compactMap(\.self)
      }
      for topic in ["plant/1/alarm", "plant/1/t", "plant/2/alarm", "plant/2/t"] {
        bench.log.append(topic)
      }
      bench.connect()
      bench.drain()
      #expect(bench.published.map(\.topic) == ["plant/1/t", "plant/2/t"])
      #expect(bench.ledger.filtered == 2 && bench.ledger.cursor == 5)
    }
  }
}
