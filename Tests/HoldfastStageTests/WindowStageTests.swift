import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

private func settings(
  _ fields: [String],
  size: Double = 10,
  _ aggregates: [WindowSettings.Aggregate]
) throws -> WindowSettings {
  WindowSettings(
    fields: try fields.map { try FieldPath.of($0) },
    size: Int64(size * 1e6),
    aggregates: aggregates
  )
}

private func harness(
  _ settings: WindowSettings,
  topicCountMax: Int = 100,
  format: PayloadFormat? = .json
) -> StageHarness<WindowStage> {
  StageHarness(
    WindowStage(settings, stageHash: 0xabcd, topicCountMax: topicCountMax),
    format: format
  )
}

@Suite struct WindowStageTests {
  @Test func `a result reads well and says who it is`() throws {
    var settings = try settings(
      ["temp", "hum"],
      [.count, .sum, .min, .max, .mean, .first, .last, .stddev, .percentile(50), .percentile(99.9)]
    )
    settings.topic = "agg/{topic}"
    var harness = harness(settings)
    #expect(harness.feed(event(1, #"{"temp":21.50,"x":1}"#, topic: "p/1")).isEmpty)
    #expect(harness.pass.verdict == .aggregated)
    #expect(harness.feed(event(2, #"{"temp":23}"#, topic: "p/1")).isEmpty)
    #expect(harness.feed(event(9.9, #"{"temp":1e1}"#, topic: "p/1")).isEmpty)
    #expect(harness.tick(9.999).isEmpty)
    let outputs = harness.tick(10)
    let text =
      #"{"window":{"start":"2026-01-31T10:00:00.000Z","end":"2026-01-31T10:00:10.000Z"},"#
      + #""count":3,"fields":{"temp":{"count":3,"sum":54.5,"min":10,"max":23,"#
      + #""mean":18.166666666666668,"first":21.50,"last":1e1,"stddev":…,"#
      + #""p50":21.625,"p99.9":23},"hum":null},"#
      + #""id":{"stage":"000000000000abcd","key":"p/1","start":1769853600000000,"revision":0}}"#
    let output = try #require(outputs.first)
    // The last digits of a root are not worth pinning down.
    let deviation = try #require(member("stddev", of: output.payload))
    #expect((try #require(Double(deviation)) - 7.112196097783956).magnitude < 1e-9)
    var payload = Array(output.payload.utf8)
    let range = try #require(place(of: deviation, in: payload))
    payload.replaceSubrange(range, with: "…".utf8)
    #expect(String(decoding: payload, as: UTF8.self) == text)
    #expect(output.topic == "agg/p/1")
    #expect(output.wall == origin + 10_000_000)
    #expect(outputs.count == 1)
    let identity = ResultIdentity(stage: 0xabcd, key: Array("p/1".utf8), start: origin)
    #expect(harness.identities == [identity])
    #expect(harness.pass.out.map(\.row.flags) == [.qos1])
    #expect(harness.stage.dueAt == .max)
  }

  @Test func `the whole payload is called value, and no field means counting`() throws {
    var text = harness(try settings([""], [.mean]), format: .text)
    _ = text.feed(event(1, "4"))
    _ = text.feed(event(2, " 5 "))
    #expect(member("value", of: text.tick(10).payload) == #"{"mean":4.5"#)
    var counting = harness(try settings([], []))
    _ = counting.feed(event(1, "not json"))
    let output = counting.tick(10).payload
    #expect(member("count", of: output) == "1")
    #expect(member("fields", of: output) == nil)
  }

  @Test(arguments: [
    #"{"other":1}"#, #"{"v":null}"#, #"{"v":"wet"}"#, #"{"v":1e999}"#, "[]", "{", "",
  ])
  func `an event without a number goes on as it came`(payload: String) throws {
    var harness = harness(try settings(["v"], [.sum]))
    let outputs = harness.feed(event(1, payload))
    #expect(outputs.map(\.payload) == [payload])
    #expect(outputs.map(\.isResult) == [false])
    #expect(harness.stage.dueAt == .max)
  }

  @Test func `what overflows is null, and so is the deviation of one value`() throws {
    var harness = harness(try settings(["v"], [.stddev, .sum, .mean]))
    _ = harness.feed(event(1, #"{"v":1e308}"#))
    #expect(member("stddev", of: harness.tick(10).payload) == "null")
    _ = harness.feed(event(11, #"{"v":1e308}"#))
    _ = harness.feed(event(12, #"{"v":1e308}"#))
    let payload = harness.tick(20).payload
    #expect(member("sum", of: payload) == "null")
    #expect(member("mean", of: payload) == "null")
  }

  @Test func `a sum of many small parts is exact`() throws {
    var harness = harness(try settings(["v"], [.sum]))
    for _ in 0..<10 { _ = harness.feed(event(1, #"{"v":0.1}"#)) }
    _ = harness.feed(event(1, #"{"v":1e16}"#))
    _ = harness.feed(event(1, #"{"v":-1e16}"#))
    #expect(member("sum", of: harness.tick(10).payload) == "1")
  }

  @Test func `windows are closed in the order of their ends, then of their opening`() throws {
    var settings = try settings(["v"], [.count])
    settings.lateness = 20_000_000
    settings.time = .field(try .of("t"))
    var harness = harness(settings)
    for (topic, second) in [("b", 15), ("a", 5), ("c", 5), ("b", 5), ("a", 15)] {
      _ = harness.feed(
        event(16, #"{"v":1,"t":\#(origin / 1_000_000 + Int64(second))}"#, topic: topic)
      )
    }
    #expect(harness.tick(50).map(\.topic) == ["a", "c", "b", "b", "a"])
  }

  @Test func `a time that a field does not say is the arrival, counted`() throws {
    var settings = try settings(["v"], [.count])
    settings.time = .field(try .of("t"))
    var harness = harness(settings)
    let times = [
      #""2026-01-31T10:00:01Z""#, #""1769853601000""#, "1769853601", "null", "true", #""x""#,
    ]
    for time in times { _ = harness.feed(event(5, #"{"v":1,"t":\#(time)}"#)) }
    #expect(harness.stage.timelessEventCount == 3)
    #expect(member("count", of: harness.tick(10).payload) == "6")
  }

  @Test func `late events are counted, or corrected while the window is kept`() throws {
    var settings = try settings(["v"], [.sum])
    settings.time = .field(try .of("t"))
    settings.lateness = 2_000_000
    func at(_ arrival: Double, _ time: Int64) -> TestEvent {
      event(arrival, #"{"v":1,"t":\#(origin / 1_000_000 + time)}"#)
    }
    for policy in WindowSettings.LatePolicy.allCases {
      settings.late = policy
      var harness = harness(settings)
      #expect(harness.feed(at(1, 1)).isEmpty)
      #expect(harness.feed(at(11.9, 9)).isEmpty)
      let first = harness.feed(at(12, 9))
      #expect(member("sum", of: first.payload) == "2")
      #expect(harness.pass.verdict == .aggregated)
      #expect(harness.stage.lateEventCount == 1)
      if policy == .countOnly {
        #expect(first.count == 1)
        #expect(harness.stage.uncorrectedEventCount == 1)
        continue
      }
      #expect(first.count == 2)
      #expect(member("sum", of: first.suffix(1).payload) == "3")
      #expect(member("revision", of: first.suffix(1).payload) == "1")
      #expect(harness.identities.map(\.revision) == [0, 1])
      // Two windows more, and the first one is kept no longer.
      _ = harness.feed(at(12, 12))
      #expect(harness.feed(at(23, 23)).count == 1)
      #expect(harness.tick(40).count == 1)
      #expect(member("sum", of: harness.feed(at(41, 12)).payload) == "2")
      #expect(harness.feed(at(41, 9)).isEmpty)
      #expect(harness.stage.uncorrectedEventCount == 1)
      // Later than all that was sent: a result of its own, and then corrections of it.
      #expect(harness.feed(at(99, 51)).count == 1)
      #expect(harness.identities.map(\.revision) == [0])
      #expect(harness.feed(at(99, 52)).count == 1)
      #expect(harness.identities.map(\.revision) == [1])
    }
  }

  @Test func `a correction keeps a window no longer than the one that was closed behind it`() throws
  {
    var settings = try settings(["v"], [.sum])
    settings.time = .field(try .of("t"))
    settings.late = .emitCorrection
    var harness = harness(settings)
    func at(_ arrival: Double, _ time: Int64) -> TestEvent {
      event(arrival, #"{"v":1,"t":\#(origin / 1_000_000 + time)}"#)
    }
    _ = harness.feed(at(1, 1))
    _ = harness.feed(at(11, 11))
    _ = harness.tick(20)
    #expect(member("sum", of: harness.feed(at(21, 1)).payload) == "2")
    _ = harness.feed(at(22, 22))
    _ = harness.tick(30)
    // The second and the third were closed last.
    #expect(harness.feed(at(31, 1)).isEmpty)
    #expect(member("sum", of: harness.feed(at(31, 11)).payload) == "2")
    #expect(member("sum", of: harness.feed(at(31, 22)).payload) == "2")
  }

  @Test func `a gap makes what it cuts into partial, and no more`() throws {
    var harness = harness(try settings(["v"], [.count]))
    let payload = #"{"v":1}"#
    _ = harness.feed(event(1, payload, topic: "a"))
    harness.stage.gap(count: 3, topics: [Array("x".utf8)])
    harness.stage.gap(count: 2, topics: [])
    _ = harness.feed(event(4, payload, topic: "b"))
    harness.stage.gap(count: 1, topics: [])
    _ = harness.feed(event(5, payload, topic: "c"))
    let first = harness.tick(10)
    #expect(first.map { member("missing", of: $0.payload) } == ["6", "6", "6"])
    #expect(first.allSatisfy { member("partial", of: $0.payload) == "true" })
    _ = harness.feed(event(11, payload, topic: "a"))
    let second = harness.tick(20)
    #expect(member("partial", of: second.payload) == nil)
    _ = harness.feed(event(21, payload, topic: "a"))
    harness.stage.gap(count: nil, topics: [])
    harness.stage.gap(count: 1, topics: [])
    #expect(member("missing", of: harness.tick(30).payload) == "null")
  }

  @Test func `a topic has a bounded number of open windows`() throws {
    var settings = try settings(["v"], [.count])
    settings.time = .field(try .of("t"))
    var harness = harness(settings)
    var outputs: [Output] = []
    for place in 0...TopicWindows.openCountMax {
      // The second one begins first.
      let time = origin / 1_000_000 + 10 * Int64(place == 1 ? 5 : place + 20)
      outputs += harness.feed(event(1, #"{"v":1,"t":\#(time)}"#))
    }
    #expect(outputs.count == 1)
    #expect(member("early", of: outputs.payload) == "true")
    #expect(outputs.first?.wall == origin + 60_000_000)
    #expect(harness.stage.earlyWindowCount == 1)
  }

  @Test func `a topic that has to make room sends what it has`() throws {
    var harness = harness(try settings(["v"], [.count]), topicCountMax: 2)
    let payload = #"{"v":1}"#
    #expect(harness.feed(event(1, payload, topic: "a")).isEmpty)
    #expect(harness.feed(event(2, payload, topic: "b")).isEmpty)
    let outputs = harness.feed(event(3, payload, topic: "c"))
    #expect(outputs.map(\.topic) == ["a"])
    #expect(member("early", of: outputs.payload) == "true")
    #expect(harness.stage.evictedTopicCount == 1)
    #expect(harness.stage.earlyWindowCount == 1)
    // When it comes back in the same window it is another result.
    _ = harness.feed(event(4, payload, topic: "a"))
    let identities = harness.identities
    #expect(identities.map(\.key) == [Array("b".utf8)])
    let rest = harness.tick(10)
    #expect(rest.map(\.topic) == ["c", "a"])
    #expect(harness.identities.map(\.revision) == [0, 1])
    #expect(member("after_revision", of: rest.suffix(1).payload) == "0")
  }

  @Test func `a clock that goes back opens a window again under another identity`() throws {
    for policy in WindowSettings.LatePolicy.allCases {
      var settings = try settings(["v"], [.count])
      settings.late = policy
      var harness = harness(settings)
      _ = harness.feed(event(1, #"{"v":1}"#))
      #expect(harness.tick(10).count == 1)
      #expect(harness.feed(event(2, #"{"v":1}"#)).isEmpty)
      let again = harness.tick(10)
      #expect(harness.identities.map(\.revision) == [1])
      #expect(member("count", of: again.payload) == (policy == .countOnly ? "1" : "2"))
      #expect(member("after_revision", of: again.payload) == (policy == .countOnly ? "0" : nil))
      #expect(harness.stage.lateEventCount == 0)
    }
  }
}
