import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

private func made(_ kind: StageConfiguration.Kind, setsAside: Bool = false) -> Pipeline {
  Pipeline(
    stages: [
      StageConfiguration(topics: ["p/+", "p/+/x"].compactMap { TopicFilter($0) }, kind: kind)
    ],
    rules: [DecodeRules(format: .json)],
    setsAside: setsAside
  )
}

extension Pipeline {
  fileprivate mutating func feed(_ topic: String, _ payload: String, second: Int64 = 1) {
    var batch = EventBatch()
    batch.append(
      topic: Array(topic.utf8),
      payload: Array(payload.utf8),
      properties: [],
      clock: ClockReading(
        boot: second * 1_000_000,
        wall: HoldfastStageTests.origin + second * 1_000_000
      ),
      flags: .qos1
    )
    beginBatch()
    step(batch.rows[0], of: batch.bytes, number: SequenceNumber(second))
  }
}

@Suite struct StageNotesTests {
  private func window(
    _ change: (inout WindowSettings) -> Void = { _ in }
  ) throws -> WindowSettings {
    var settings = WindowSettings(
      fields: [try FieldPath("v")],
      size: 10_000_000,
      aggregates: [.count, .percentile(50)]
    )
    change(&settings)
    return settings
  }

  @Test func `what can't be read is counted by reason and topic, and outlives a snapshot`() throws {
    var pipeline = made(.changed(ChangedSettings(fields: [try FieldPath("v")])))
    pipeline.feed("p/1", "{oh")
    pipeline.feed("p/2", "{\"v\":", second: 2)
    pipeline.feed("p/2", "{oh", second: 3)
    pipeline.feed("p/3", "{\"v\":1}", second: 4)
    let faults = pipeline.faultsByTopic
    #expect(faults.topics.map(\.topic) == ["p/2", "p/1"].map { Array($0.utf8) })
    #expect(faults.topics.map(\.count) == [2, 1])
    #expect(faults.topics[0].counts.count { $0 == 1 } == 2, "two reasons")
    #expect(pipeline.faultCounts.reduce(0, +) == 3)
    var other = pipelineLike
    let isRestored = other.restore(pipeline.snapshot()[...])
    #expect(isRestored)
    #expect(other.faultsByTopic == faults)
  }

  private var pipelineLike: Pipeline {
    made(.changed(ChangedSettings(fields: [(try? FieldPath("v")) ?? .whole])))
  }

  @Test func `of a million topics so many are told apart, and the sums stay exact`() throws {
    var pipeline = pipelineLike
    let count = PayloadFaults.topicCountMax + 30
    for number in 0..<count { pipeline.feed("p/\(number)", "{", second: Int64(number) + 1) }
    #expect(pipeline.faultsByTopic.topics.count == PayloadFaults.topicCountMax)
    #expect(pipeline.faultsByTopic.evictedTopicCount == 30)
    #expect(pipeline.faultsByTopic.topics.allSatisfy { $0.topic != Array("p/0".utf8) })
    #expect(pipeline.faultCounts.reduce(0, +) == UInt64(count))
  }

  @Test func `what map could not do is told, and outlives a snapshot`() throws {
    var settings = MapSettings()
    settings.remove = [try FieldPath("v")]
    settings.topic = "{2}"
    var pipeline = made(.map(settings))
    pipeline.feed("p/1", "[1]")
    pipeline.feed("p/1", "{\"v\":1}", second: 2)
    #expect(pipeline.report[0].notes[.invalidTopic] == 2)
    #expect(pipeline.report[0].enteredCount == 2)
    var other = made(.map(settings))
    let isRestored = other.restore(pipeline.snapshot()[...])
    #expect(isRestored)
    #expect(other.report == pipeline.report)
  }

  @Test func `a window's and an alarm's topic are filled with what wildcards matched`() throws {
    var pipeline = made(.window(try window { $0.topic = "site/{1}/mean" }))
    pipeline.feed("p/7", "{\"v\":1}")
    pipeline.feed("p/8", "{\"v\":1}", second: 20)
    let topics = pipeline.output.map { pipeline.bytes[$0.row.topicRange] }
    #expect(topics.map { String(decoding: $0, as: UTF8.self) } == ["site/7/mean"])
    var alarm = AlarmSettings(field: try FieldPath("v"), on: 5, off: 3)
    alarm.topic = "{1}/alarm"
    pipeline = made(.alarm(alarm))
    pipeline.feed("p/7/x", "{\"v\":9}")
    let alarms = pipeline.output.map { Array(pipeline.bytes[$0.row.topicRange]) }
    #expect(alarms == [Array("7/alarm".utf8)])
  }

  @Test func `windows of all topics take bounded memory, those used least are sent early`() throws {
    let settings = try window { $0.heldByteCountMax = 20_000 }
    var harness = StageHarness(WindowStage(settings, stageHash: 1, topicCountMax: 1000))
    var results: [Output] = []
    for number in 0..<200 {
      results += harness.feed(event(0, "{\"v\":\(number)}", topic: "t/\(number % 100)"))
      #expect(harness.stage.heldByteCount <= 20_000)
    }
    #expect(results.first?.topic == "t/0", "used least recently")
    #expect(results.allSatisfy { $0.payload.contains("\"early\":true") })
    #expect(harness.stage.notes[.crowded] == UInt64(results.count) && !results.isEmpty)
    results += harness.tick(30)
    let counts = results.compactMap { member("count", of: $0.payload).flatMap(Int.init) }
    #expect(counts.reduce(0, +) == 200, "each event is in one result")
    #expect(Set(harness.identities).count == harness.identities.count)
    #expect(harness.stage.heldByteCount == 0)
  }

  @Test func `a burst before a window opens closed windows again, and what it adds is not late`()
    throws
  {
    // Whether an event is late depends on its own stamp, and that of one that was kept back lies
    // before its window's end.
    var burst = BurstSettings(
      when: try Condition("v > 8"),
      interval: 60_000_000,
      before: 30_000_000,
      after: 1_000_000
    )
    burst.heldCountMax = 100
    for policy in WindowSettings.LatePolicy.allCases {
      var window = try window { $0.late = policy }
      window.aggregates = [.count]
      var pipeline = Pipeline(
        stages: [
          StageConfiguration(kind: .burst(burst)), StageConfiguration(kind: .window(window)),
        ],
        rules: [DecodeRules(format: .json)],
        setsAside: false
      )
      pipeline.keepsOutput = true
      // The first goes at once; the next two are kept back, in its window and in the one behind it.
      let events: [(second: Int64, value: Int)] = [(1, 1), (5, 2), (12, 3), (25, 9), (50, 1)]
      var log: [SequenceNumber: EventBatch] = [:]
      var results: [String] = []
      for (second, value) in events {
        var batch = EventBatch()
        batch.append(
          topic: Array("p/1".utf8),
          payload: Array("{\"v\":\(value)}".utf8),
          clock: ClockReading(boot: second * 1_000_000, wall: origin + second * 1_000_000)
        )
        log[SequenceNumber(second)] = batch
        pipeline.beginBatch()
        pipeline.step(batch.rows[0], of: batch.bytes, number: SequenceNumber(second))
        while pipeline.isRecalling {
          while let number = pipeline.recallNumber {
            if let earlier = log[number] { pipeline.recall(earlier.rows[0], of: earlier.bytes) }
          }
          pipeline.resume()
        }
        for event in pipeline.output where event.result != nil {
          results.append(String(decoding: pipeline.bytes[event.row.payloadRange], as: UTF8.self))
        }
      }
      let counts = results.map { member("count", of: $0) ?? "" }
      let revisions = results.map { member("revision", of: $0) ?? "" }
      // The window of the first: once with it alone, then again with what was kept back: all of it
      // where closed windows are kept, else that alone, which `after_revision` says.
      let again = policy == .emitCorrection ? "2" : "1"
      #expect(counts == ["1", again, "1", "1"], "\(policy) \(results)")
      #expect(revisions[0] == "0" && revisions[1] == "1", "\(results)")
      #expect(results[1].contains("after_revision") == (policy == .countOnly))
      #expect(pipeline.report[1].notes[.late] == nil, "\(pipeline.report)")
      #expect(pipeline.report[1].enteredCount == 4)
    }
  }

  @Test func `a correction after a gap says that late events may be missing`() throws {
    var settings = try window { $0.late = .emitCorrection }
    settings.time = .field(try FieldPath("t"))
    let second = Double(origin) / 1e6
    var harness = StageHarness(WindowStage(settings, stageHash: 1, topicCountMax: 10))
    _ = harness.feed(event(1, "{\"v\":1,\"t\":\(second + 1)}"))
    #expect(harness.tick(12).payload.contains("partial") == false)
    harness.stage.gap(count: 3, topics: [])
    let late = harness.feed(event(13, "{\"v\":1,\"t\":\(second + 2)}"))
    #expect(late.payload.contains(#""partial":true,"missing":3"#), "\(late)")
  }
}
