import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

/// A pipeline with the log that it reads, whose owner hands over so many earlier events at a time.
private struct Recaller {
  var pipeline: Pipeline
  var log: [TestEvent] = []
  var partCount: Int
  var wanted: [SequenceNumber] = []

  init(_ stages: [StageConfiguration], partCount: Int = .max, keepsOutput: Bool = false) {
    pipeline = Pipeline(stages: stages, rules: [DecodeRules(format: .json)], setsAside: false)
    pipeline.keepsOutput = keepsOutput
    self.partCount = partCount
  }

  private func batch(_ event: TestEvent) -> EventBatch {
    var batch = EventBatch()
    batch.append(
      topic: Array(event.topic.utf8),
      payload: Array(event.payload.utf8),
      properties: event.properties,
      clock: ClockReading(boot: event.boot, wall: event.wall),
      flags: event.flags
    )
    return batch
  }

  mutating func feed(_ event: TestEvent) -> [String] {
    log.append(event)
    let events = batch(event)
    pipeline.beginBatch()
    pipeline.step(events.rows[0], of: events.bytes, number: SequenceNumber(log.count))
    var left = texts
    while pipeline.isRecalling {
      var count = 0
      while count < partCount, let number = pipeline.recallNumber {
        wanted.append(number)
        let earlier = batch(log[Int(number) - 1])
        pipeline.recall(earlier.rows[0], of: earlier.bytes)
        count += 1
      }
      pipeline.resume()
      left = pipeline.keepsOutput ? texts : left + texts
    }
    return left
  }

  private var texts: [String] {
    pipeline.output.map { event in
      let topic = String(decoding: pipeline.bytes[event.row.topicRange], as: UTF8.self)
      let payload = String(decoding: pipeline.bytes[event.row.payloadRange], as: UTF8.self)
      let mark = event.isHistorical ? " historical" : ""
      return "#\(event.number) \(topic) \(payload)\(mark)"
    }
  }
}

private func burst(_ condition: String = "v > 8", interval: Int64 = 60) throws -> StageConfiguration
{
  StageConfiguration(
    kind: .burst(
      BurstSettings(
        when: try Condition(condition),
        interval: interval * 1_000_000,
        before: 10_000_000,
        after: 5_000_000
      )
    )
  )
}

private func event(_ second: Double, _ value: Double, topic: String = "p/1") -> TestEvent {
  TestEvent(topic: topic, payload: "{\"v\":\(value)}", boot: Int64(second * 1e6))
}

@Suite struct RecallTests {
  @Test func `the step stands still until the earlier events were handed over`() throws {
    var recaller = Recaller([try burst()])
    _ = recaller.feed(event(0, 1))
    _ = recaller.feed(event(1, 2))
    #expect(recaller.pipeline.recallFloor == 2)
    let left = recaller.feed(event(2, 9))
    #expect(left == [#"#2 p/1 {"v":2.0} historical"#, #"#3 p/1 {"v":9.0}"#])
    #expect(recaller.wanted == [2])
    #expect(recaller.pipeline.recallFloor == nil)
    #expect(recaller.pipeline.counts[0].leftCount == 3)
  }

  @Test func `earlier events come as an earlier map has made them, and count once there`() throws {
    var settings = MapSettings()
    settings.compute = [.init(field: try FieldPath("v"))]
    settings.compute[0].scale = 2
    settings.topic = "mapped/{1}"
    let map = StageConfiguration(
      topics: [TopicFilter("p/+")].compactMap(\.self),
      kind: .map(settings)
    )
    var recaller = Recaller([map, try burst()])
    for second in 0..<3 { _ = recaller.feed(event(Double(second), 1)) }
    let left = recaller.feed(event(3, 5))
    #expect(
      left == [
        #"#2 mapped/1 {"v":2} historical"#, #"#3 mapped/1 {"v":2} historical"#,
        #"#4 mapped/1 {"v":10}"#,
      ]
    )
    #expect(recaller.pipeline.counts[0].enteredCount == 4)
    #expect(recaller.pipeline.counts[1].leftCount == 4)
  }

  @Test func `a stage behind sees the earlier events in order, before the one that asked`() throws {
    let sample = StageConfiguration(kind: .sample(SampleSettings(every: 2)))
    var recaller = Recaller([try burst(), sample])
    // The first goes by interval and is the sample's first; then every second of what follows.
    for second in 0..<5 { _ = recaller.feed(event(Double(second), 1)) }
    #expect(recaller.feed(event(5, 9)).map { $0.prefix(2) } == ["#3", "#5"])
  }

  @Test func `an earlier event may itself make a burst behind it ask`() throws {
    // What the first one lets go the second keeps back again, but for one in 60 s, until v > 5.
    var recaller = Recaller([try burst(), try burst("v > 5")])
    for value in [1, 2, 3, 6, 4] as [Double] {
      _ = recaller.feed(event(Double(recaller.log.count), value))
    }
    // 1 went through both. 2 and 3 come from the first burst, are kept back by the second, and
    // come back when 6 does, which is itself an earlier event.
    let left = recaller.feed(event(6, 9))
    #expect(left.map { $0.prefix(2) } == ["#2", "#3", "#4", "#5", "#6"])
    #expect(recaller.wanted == [2, 3, 4, 2, 3, 5] || recaller.wanted == [2, 3, 4, 5, 2, 3])
  }

  @Test(arguments: [1, 2, 3, 7])
  func `what leaves does not depend on how many are handed over at a time`(partCount: Int) throws {
    let stages = [
      StageConfiguration(kind: .throttle(ThrottleSettings(interval: 200_000, pick: .last))),
      try burst("v > 8", interval: 20),
      StageConfiguration(kind: .sample(SampleSettings(every: 2))),
      try burst("v > 6", interval: 10),
      StageConfiguration(kind: .changed(ChangedSettings())),
    ]
    var whole = Recaller(stages, keepsOutput: true)
    var parts = Recaller(stages, partCount: partCount)
    let events = randomSeries(seed: UInt64(partCount), count: 600) { random, _ in
      "{\"v\":\(Int.random(in: 0...9, using: &random))}"
    }
    var count = 0
    for event in events where !event.isResult {
      let left = whole.feed(event)
      try #require(parts.feed(event) == left)
      count += left.count
    }
    #expect(Set(whole.wanted) == Set(parts.wanted) && whole.wanted.count > 20 && count > 50)
    #expect(whole.pipeline.counts == parts.pipeline.counts)
    #expect(whole.pipeline.snapshot() == parts.pipeline.snapshot())
  }

  @Test func `what an upstream does not select counts as kept by the log`() throws {
    var configuration = try burst()
    if case .burst(var settings) = configuration.kind {
      settings.heldByteCountMax = 200
      configuration.kind = .burst(settings)
    }
    var recaller = Recaller([configuration])
    _ = recaller.feed(event(0, 1))
    _ = recaller.feed(event(1, 1))
    #expect(recaller.pipeline.recallFloor == 2)
    var other = EventBatch()
    other.append(
      topic: Array("other".utf8),
      payload: [UInt8](repeating: 0, count: 200),
      properties: [],
      clock: ClockReading(boot: 1_500_000, wall: 0),
      flags: .qos1
    )
    recaller.pipeline.pass(over: other.rows[0])
    recaller.pipeline.pass(over: other.rows[0])
    #expect(recaller.pipeline.recallFloor == nil)
  }
}
