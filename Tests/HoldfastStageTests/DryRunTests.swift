import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

@Suite struct DryRunTests {
  static func stages() throws -> [StageConfiguration] {
    var rename = MapSettings()
    rename.topic = "out/{topic}"
    return [
      StageConfiguration(
        topics: [try #require(TopicFilter("t/0"))],
        kind: .drop(try Condition("value > 25"))
      ),
      StageConfiguration(
        topics: [try #require(TopicFilter("t/1"))],
        kind: .downsample(DownsampleSettings(field: .whole, method: .m4, size: 6_000_000))
      ),
      StageConfiguration(
        topics: [try #require(TopicFilter("t/2"))],
        kind: .window(
          WindowSettings(fields: [.whole], size: 3_000_000, aggregates: [.mean, .count])
        )
      ),
      StageConfiguration(kind: .map(rename)),
    ]
  }

  func series(_ seed: UInt64, _ count: Int) -> [TestEvent] {
    randomSeries(seed: seed, count: count) { random, _ in
      "\(Double.random(in: 0...50, using: &random))"
    }
  }

  @Test(arguments: 0..<20) func `every event and byte is in its place of the account`(
    _ seed: UInt64
  ) throws {
    let stages = try Self.stages()
    let events = series(seed, 800)
    let rules = [DecodeRules(format: .text)]
    var feed = DryRunFeed(
      DryRun(
        stages: stages,
        topics: [
          try #require(TopicFilter("t/0")), try #require(TopicFilter("+/1")),
          try #require(TopicFilter("t/2")),
        ],
        rules: rules,
        setsAside: false
      )
    )
    var plain = Pipeline(stages: stages, rules: rules, setsAside: false)
    var (left, results) = (Volume(), Volume())
    var sentByTopic: [String: UInt64] = [:]
    for (place, event) in events.enumerated() {
      feed.feed(event)
      if event.topic == "t/3" { continue }
      var batch = EventBatch()
      batch.append(
        topic: Array(event.topic.utf8),
        payload: Array(event.payload.utf8),
        clock: ClockReading(boot: event.boot, wall: event.wall)
      )
      plain.beginBatch()
      plain.step(batch.rows[0], of: batch.bytes, number: UInt64(place + 1))
      #expect(plain.output == feed.run.output && plain.bytes == feed.run.bytes)
      for other in plain.output {
        let byteCount = UInt64(other.row.topicByteCount) + UInt64(other.row.payloadByteCount)
        let one = Volume(eventCount: 1, byteCount: byteCount)
        if let result = other.result {
          results = results + one
          sentByTopic[String(decoding: result.key, as: UTF8.self), default: 0] += byteCount
        } else {
          left = left + one
          sentByTopic[events[Int(other.number) - 1].topic, default: 0] += byteCount
        }
      }
    }
    let report = feed.run.report
    let came = events.filter { $0.topic != "t/3" }
    #expect(report.flow.entered.eventCount == UInt64(came.count))
    #expect(
      report.flow.entered.byteCount
        == UInt64(came.reduce(0) { $0 + $1.topic.utf8.count + $1.payload.utf8.count })
    )
    #expect(report.unselected.eventCount == UInt64(events.count - came.count))
    #expect(report.flow.left == left && report.flow.results == results)
    #expect(left.eventCount > 0 && results.eventCount > 0)
    #expect(report.topics.reduce(Flow()) { $0 + $1.flow } == report.flow)
    for topic in report.topics {
      let name = String(decoding: topic.topic, as: UTF8.self)
      #expect(topic.flow.out.byteCount == sentByTopic[name, default: 0], "\(name)")
    }
    // The last stage sees all that is sent, and nothing of it is lost.
    #expect(report.stages[3].flow.left.eventCount == left.eventCount)
    #expect(report.stages[3].flow.results.eventCount == results.eventCount)
    #expect(report.stages[2].flow.results.eventCount == results.eventCount)
    #expect(report.stages.map(\.type) == ["drop", "downsample", "window", "map"])
  }

  @Test func `topics beyond the bound are summed, and none is missing`() {
    var feed = DryRunFeed(
      DryRun(
        stages: [StageConfiguration(kind: .sample(SampleSettings(every: 2)))],
        rules: [],
        setsAside: false
      )
    )
    for place in 0..<(DryRun.topicCountMax + 500) {
      feed.feed(TestEvent(topic: "n/\(place)", payload: "1"))
      feed.feed(TestEvent(topic: "n/\(place)", payload: "1"))
    }
    let report = feed.run.report
    #expect(report.topics.count == DryRun.topicCountMax)
    #expect(report.otherTopics.entered.eventCount == 1000)
    #expect(report.otherTopics.left.eventCount == 500)
    #expect(report.topics.reduce(report.otherTopics) { $0 + $1.flow } == report.flow)
  }

  @Test func `topics come with most bytes saved first`() {
    var feed = DryRunFeed(
      DryRun(
        stages: [StageConfiguration(kind: .changed(ChangedSettings()))],
        rules: [],
        setsAside: false
      )
    )
    for (topic, count) in [("b", 2), ("a", 2), ("c", 5), ("d", 1)] {
      for _ in 0..<count { feed.feed(TestEvent(topic: topic, payload: "1")) }
    }
    let names = feed.run.report.topics.map { String(decoding: $0.topic, as: UTF8.self) }
    #expect(names == ["c", "a", "b", "d"])
  }

  @Test func `each act has its kind and its reason`() throws {
    var feed = DryRunFeed(
      DryRun(
        stages: try Self.stages() + [
          StageConfiguration(
            kind: .deadband(DeadbandSettings(field: .whole, threshold: .absolute(0.5)))
          )
        ],
        rules: [DecodeRules(format: .text)],
        setsAside: true
      )
    )
    feed.run.isExplaining = true
    func acts(_ topic: String, _ payload: String, at boot: Int64) -> [String] {
      feed.feed(TestEvent(topic: topic, payload: payload, boot: boot))
      return feed.run.acts.filter { $0.kind != .passedBy }.map {
        "\($0.place) \($0.kind) #\($0.event.number) \($0.reason)"
      }
    }
    let drop = "0 keptBack #1 the condition holds: value > 25"
    #expect(acts("t/0", "30", at: 0) == [drop])
    #expect(acts("t/0", "2.0", at: 1) == ["0 passed #2 ", "3 changed #2 ", "4 passed #2 "])
    #expect(
      acts("t/0", "2.25", at: 2) == [
        "0 passed #3 ", "3 changed #3 ",
        "4 keptBack #3 2.25 is within 0.5 of 2.0, which went on last",
      ]
    )
    #expect(acts("t/1", "7", at: 3) == ["1 keptBack #4 held for m4 in a window of 6.0 s"])
    #expect(acts("t/2", "7", at: 4) == ["2 aggregated #5 the window of 3.0 s"])
    // Time passes: both windows end with an event that none of them selects.
    #expect(
      acts("x", "1", at: 60_000_000) == [
        "1 letGo #4 time has passed", "2 result #6 time has passed", "3 changed #6 ",
        "3 changed #4 ", "3 changed #6 ", "4 passed #6 ", "4 passed #4 ", "4 passed #6 ",
      ]
    )
    #expect(feed.run.acts.first { $0.kind == .result }?.topic == Array("t/2".utf8))
  }

  @Test func `a tick lets go what waits for time, and counts as no event`() throws {
    var feed = DryRunFeed(
      DryRun(
        stages: try Self.stages(),
        rules: [DecodeRules(format: .text)],
        setsAside: false
      )
    )
    feed.feed(TestEvent(topic: "t/2", payload: "1"))
    var batch = EventBatch()
    let clock = ClockReading(boot: 9_000_000, wall: TestEvent().wallOffset + 9_000_000)
    batch.append(topic: [], payload: [], clock: clock, flags: .tick)
    let isTaken = feed.run.step(batch.rows[0], of: batch.bytes, number: 2)
    #expect(isTaken && feed.run.output.count == 1)
    #expect(feed.run.report.flow.entered.eventCount == 1)
    #expect(feed.run.report.flow.results.eventCount == 1)
    var run = CandidateRun(sources: [], upstreams: [])
    run.step(batch.rows[0], of: batch.bytes, number: 2)
    #expect(run.span.last == 2 && run.span.volume == Volume())
  }

  @Test func `a source's own stages come first`() throws {
    let sample = StageConfiguration(kind: .sample(SampleSettings(every: 2)))
    let part = { (name: String) in
      CandidateRun.Part(
        name: name,
        run: DryRun(stages: [sample], rules: [], setsAside: false)
      )
    }
    var run = CandidateRun(sources: [nil, part("s")], upstreams: [part("u")])
    for number in 1...12 as ClosedRange<UInt64> {
      var batch = EventBatch()
      batch.append(
        topic: [97],
        payload: [49],
        clock: ClockReading(boot: Int64(number) * 1_000_000, wall: 0),
        source: number > 4 ? 1 : 0
      )
      run.beginBatch()
      run.step(batch.rows[0], of: batch.bytes, number: number)
      #expect(run.upstreams[0].isReached == (number <= 4 || number % 2 == 1))
    }
    #expect(run.sources[1]?.run.report.flow.entered.eventCount == 8)
    #expect(run.upstreams[0].run.report.flow.entered.eventCount == 8)
    #expect(run.upstreams[0].run.report.flow.left.eventCount == 4)
  }

  @Test func `covered time goes by the boot clock, and over a restart by the wall clock`() {
    var run = CandidateRun(sources: [], upstreams: [])
    let hour: Int64 = 3_600_000_000
    // The wall clock jumps by years without a restart, then the device restarts twice.
    let clocks: [(Int64, Int64)] = [
      (10 * hour, 0), (11 * hour, 500_000 * hour), (1, 500_002 * hour), (0, 400_000 * hour),
    ]
    for (place, clock) in clocks.enumerated() {
      var batch = EventBatch()
      batch.append(
        topic: [97],
        payload: [],
        clock: ClockReading(boot: clock.0, wall: clock.1)
      )
      run.step(batch.rows[0], of: batch.bytes, number: UInt64(place + 7))
    }
    #expect(run.span.elapsed == 3 * hour && run.span.first == 7 && run.span.last == 10)
    #expect(run.span.volume == Volume(eventCount: 4, byteCount: 4))
    #expect(run.span.perMonth(2) == 480)
    #expect(RecordedSpan().perMonth(2) == nil)
    let log = LogID(high: 0, low: 1)
    run.gap(GapRecord(log: log, first: 11, end: 14, count: 3, reason: .corrupt, wall: 0))
    run.gap(GapRecord(log: log, first: 14, end: 15, count: 1, reason: .unused, wall: 0))
    #expect(run.span.gapCount == 1 && run.span.missingCount == 3)
  }
}
