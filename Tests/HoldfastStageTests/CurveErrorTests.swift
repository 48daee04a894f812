import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

/// Feeds events to a dry run as the log would hold them; numbers count from 1.
struct DryRunFeed {
  var run: DryRun
  var number: SequenceNumber = 0
  var sent: [StageEvent] = []

  init(_ run: DryRun) { self.run = run }

  mutating func feed(_ event: TestEvent) {
    number += 1
    var batch = EventBatch()
    batch.append(
      topic: Array(event.topic.utf8),
      payload: Array(event.payload.utf8),
      clock: ClockReading(boot: event.boot, wall: event.wall),
      flags: event.flags
    )
    run.beginBatch()
    if run.step(batch.rows[0], of: batch.bytes, number: number) { sent += run.output }
  }

  mutating func feed(_ events: [TestEvent]) { for event in events { feed(event) } }
}

@Suite struct CurveErrorTests {
  static func run(
    _ kind: StageConfiguration.Kind,
    topicCountMax: Int = 10_000,
    waitingCountMax: Int = DryRun.waitingCountMax
  ) -> DryRunFeed {
    var stage = StageConfiguration(kind: kind)
    stage.topicCountMax = topicCountMax
    return DryRunFeed(
      DryRun(
        stages: [stage],
        rules: [DecodeRules(format: .text)],
        setsAside: false,
        waitingCountMax: waitingCountMax
      )
    )
  }

  static let kinds: [StageConfiguration.Kind] = [
    .deadband(DeadbandSettings(field: .whole, threshold: .absolute(1.5))),
    .deadband(
      DeadbandSettings(field: .whole, threshold: .fractionOfLast(0.1), intervalMax: 9_000_000)
    ),
    .swingingDoor(SwingingDoorSettings(field: .whole, deviation: 1)),
    .swingingDoor(SwingingDoorSettings(field: .whole, deviation: 3, intervalMax: 9_000_000)),
    .downsample(DownsampleSettings(field: .whole, method: .m4, size: 6_000_000)),
    .downsample(DownsampleSettings(field: .whole, method: .lttb, size: 6_000_000)),
  ]

  /// What a reader gets back, told plainly: topic by topic, from the list of numbers that were sent.
  private struct Oracle {
    var errors: [(number: SequenceNumber, error: Double)] = []
    var undecidedCount = 0

    init(_ events: [TestEvent], sent: Set<SequenceNumber>, _ kind: StageConfiguration.Kind) {
      for topic in Set(events.map(\.topic)) {
        let own = events.indices.filter { events[$0].topic == topic }
        for (place, index) in own.enumerated() where !sent.contains(UInt64(index + 1)) {
          let value = Double(events[index].payload) ?? .nan
          let before = own[..<place].last { sent.contains(UInt64($0 + 1)) && isPoint($0, events) }
          let start = before.map { events[$0] }
          if case .deadband = kind {
            let error = (value - (Double(start?.payload ?? "") ?? .nan)).magnitude
            errors.append((UInt64(index + 1), error))
            continue
          }
          var isDoor = false
          if case .swingingDoor = kind { isDoor = true }
          let behind = own[place...].dropFirst().first {
            isDoor && !isPoint($0, events) || sent.contains(UInt64($0 + 1)) && isPoint($0, events)
          }
          guard let behind, let start else {
            undecidedCount += 1
            continue
          }
          let (end, from) = (events[behind], Double(start.payload) ?? .nan)
          var line = from
          if let to = Double(end.payload), start.boot < end.boot,
            (start.boot...end.boot).contains(events[index].boot)
          {
            let part = Double(events[index].boot - start.boot) / Double(end.boot - start.boot)
            line = from + (to - from) * part
          }
          errors.append((UInt64(index + 1), (value - line).magnitude))
        }
      }
    }

    private func isPoint(_ index: Int, _ events: [TestEvent]) -> Bool {
      Double(events[index].payload) != nil
    }
  }

  @Test(arguments: 0..<60) func `errors are those of a reader that is told plainly`(
    _ seed: UInt64
  ) throws {
    let kind = Self.kinds[Int(seed) % Self.kinds.count]
    var values = [20.0, -5, 1000, 0]
    let events = randomSeries(seed: seed, count: 1200) { random, topic in
      values[topic] += Double.random(in: -1...1, using: &random)
      return Int.random(in: 0..<90, using: &random) == 0 ? "OFF" : "\(values[topic])"
    }
    var feed = Self.run(kind)
    feed.feed(events)
    let sent = Set(feed.sent.map(\.number))
    let oracle = Oracle(events, sent: sent, kind)
    let report = try #require(feed.run.report.stages[0].curve)
    #expect(report.leftOutCount == UInt64(oracle.errors.count))
    #expect(report.leftOutCount > 100 && sent.count > 50)
    #expect(report.undecidedCount == UInt64(oracle.undecidedCount))
    #expect(report.uncomparedCount == 0)
    let largest = oracle.errors.map(\.error).max() ?? 0
    let sum = oracle.errors.reduce(0) { $0 + $1.error }
    #expect((report.largest - largest).magnitude <= 1e-9)
    #expect((report.mean - sum / Double(oracle.errors.count)).magnitude <= 1e-9)
    let at = try #require(report.largestAt)
    let there = try #require(oracle.errors.first { $0.number == at })
    #expect((there.error - largest).magnitude <= 1e-9)
    #expect(String(decoding: report.largestTopic, as: UTF8.self) == events[Int(at) - 1].topic)
  }

  @Test func `the promises of deadband and swinging-door hold in the report`() throws {
    for kind in [Self.kinds[0], Self.kinds[2]] {
      var value = 0.0
      let events = randomSeries(seed: 5, count: 3000) { random, _ in
        value += Double.random(in: -0.4...0.4, using: &random)
        return "\(value)"
      }
      var feed = Self.run(kind)
      feed.feed(events)
      let report = try #require(feed.run.report.stages[0].curve)
      if case .deadband = kind {
        #expect(report.largest <= 1.5 && report.largest > 1.3)
      } else {
        #expect(report.largest <= 1.000_001 && report.largest > 0.9)
      }
      #expect(report.mean < report.largest)
    }
  }

  @Test func `what can't be read is no point and ends nothing`() throws {
    let stage = StageConfiguration(
      kind: .deadband(DeadbandSettings(field: try FieldPath("v"), threshold: .absolute(1)))
    )
    var feed = DryRunFeed(
      DryRun(stages: [stage], rules: [DecodeRules(format: .json)], setsAside: false)
    )
    feed.feed([#"{"v":1}"#, #"{"v":"#, #"{"v":1.5}"#].map { TestEvent(payload: $0) })
    let report = feed.run.report
    #expect(feed.sent.map(\.number) == [1, 2])
    #expect(report.faults.map(\.fault) == [.truncated] && report.faults.map(\.count) == [1])
    #expect(report.stages[0].curve?.leftOutCount == 1 && report.stages[0].curve?.largest == 0.5)
  }

  @Test func `a topic that made room, and a line too long to wait for, are not compared`() throws {
    var feed = Self.run(Self.kinds[4], topicCountMax: 1)
    for second in 0..<5 { feed.feed(TestEvent(payload: "\(second)", boot: Int64(second) * 1000)) }
    feed.feed(TestEvent(topic: "b", payload: "1", boot: 9000))
    // First and last were sent for want of room; the three between them can still be compared.
    let report = try #require(feed.run.report.stages[0].curve)
    #expect(feed.sent.map(\.number) == [1, 5])
    #expect(report.leftOutCount == 3 && report.largest < 1e-9 && report.undecidedCount == 1)
    #expect(feed.run.report.stages[0].evictedTopicCount == 1)

    var flat = Self.run(Self.kinds[2], waitingCountMax: 100)
    for place in 0..<211 { flat.feed(TestEvent(payload: "7", boot: Int64(place))) }
    let bounded = try #require(flat.run.report.stages[0].curve)
    #expect(bounded.uncomparedCount == 200 && bounded.undecidedCount == 10)
  }
}
