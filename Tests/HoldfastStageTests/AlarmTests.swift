import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

private func stage(
  on: Double = 90,
  off: Double = 80,
  duration: Double = 0,
  passes: Bool = false,
  topicCountMax: Int = 100
) throws -> AlarmStage {
  var settings = AlarmSettings(field: try .of("v"), on: on, off: off)
  settings.duration = Int64(duration * 1e6)
  settings.passesEvents = passes
  return AlarmStage(settings, stageHash: 0xabcd, topicCountMax: topicCountMax)
}

private func states(_ outputs: [Output]) -> [String] {
  outputs.filter(\.isResult).compactMap { member("state", of: $0.payload) }
}

@Suite struct AlarmTests {
  @Test func `a transition reads well and says who it is`() throws {
    var harness = StageHarness(try stage())
    #expect(harness.feed(event(1, #"{"v":90}"#, topic: "p/1")).isEmpty)
    let outputs = harness.feed(event(2, #"{"v":91.50}"#, topic: "p/1"))
    let text =
      #"{"state":"on","value":91.50,"since":"2026-01-31T10:00:02.000Z","#
      + #""id":{"stage":"000000000000abcd","key":"p/1","start":1769853602000000,"revision":0}}"#
    #expect(outputs.map(\.payload) == [text])
    #expect(outputs.map(\.topic) == ["p/1/alarm"])
    #expect(outputs.map(\.wall) == [origin + 2_000_000])
    #expect(harness.identities.map(\.start) == [origin + 2_000_000])
    #expect(harness.pass.verdict == .filtered)
  }

  @Test(arguments: [
    (90.0, 80.0, [89, 91, 85, 95, 80, 79, 81, 91]), (80, 90, [81, 79, 85, 75, 90, 91, 89, 79]),
    (90, 90, [90, 91, 90, 90, 90, 89, 90, 91]),
  ])
  func `between the thresholds nothing changes, above and below`(
    on: Double,
    off: Double,
    values: [Int]
  ) throws {
    var harness = StageHarness(try stage(on: on, off: off))
    let outputs = values.enumerated().map { place, value in
      states(harness.feed(event(Double(place), #"{"v":\#(value)}"#)))
    }
    #expect(outputs == [[], [#""on""#], [], [], [], [#""off""#], [], [#""on""#]])
  }

  @Test func `the value must stay beyond for the duration`() throws {
    var harness = StageHarness(try stage(duration: 5))
    #expect(harness.feed(event(0, #"{"v":95}"#)).isEmpty)
    #expect(harness.feed(event(4, #"{"v":85}"#)).isEmpty)
    #expect(harness.feed(event(5, #"{"v":96}"#)).isEmpty)
    #expect(harness.feed(event(9.9, #"{"v":97}"#)).isEmpty)
    let outputs = harness.feed(event(10, #"{"v":98}"#))
    #expect(outputs.count == 1)
    #expect(member("since", of: outputs.payload) == #""2026-01-31T10:00:05.000Z""#)
    // Time alone had ended the wait before this event was looked at.
    #expect(member("value", of: outputs.payload) == "97")
  }

  @Test func `time alone ends a wait`() throws {
    var harness = StageHarness(try stage(duration: 5))
    _ = harness.feed(event(0, #"{"v":95}"#))
    #expect(harness.stage.dueAt == origin + 5_000_000)
    #expect(harness.tick(4.9).isEmpty)
    #expect(states(harness.tick(5)) == [#""on""#])
    #expect(harness.stage.dueAt == .max)
  }

  @Test func `a wall clock that jumps ends no wait`() throws {
    var harness = StageHarness(try stage(duration: 5))
    let first = event(0, #"{"v":95}"#)
    _ = harness.feed(first)
    let hour: Int64 = 3_600_000_000
    #expect(harness.tick(boot: first.boot + 1_000_000, wall: first.wall + hour).isEmpty)
    #expect(harness.stage.dueAt == first.wall + hour + 4_000_000)
    #expect(
      harness.tick(boot: first.boot + 5_000_000, wall: first.wall + hour + 4_000_000).count == 1
    )
  }

  @Test func `where the boot clock goes back the wait starts anew`() throws {
    for byEvent in [true, false] {
      var harness = StageHarness(try stage(duration: 5))
      let first = event(0, #"{"v":95}"#)
      _ = harness.feed(first)
      let wall = first.wall + 60_000_000
      if byEvent {
        let next = TestEvent(payload: #"{"v":95}"#, boot: 1, wallOffset: wall - 1)
        #expect(harness.feed(next).isEmpty)
      } else {
        #expect(harness.tick(boot: 1, wall: wall).isEmpty)
      }
      #expect(harness.tick(boot: 5_000_000, wall: wall + 4_999_999).isEmpty)
      let outputs = harness.tick(boot: 5_000_001, wall: wall + 5_000_000)
      #expect(member("since", of: outputs.payload) == #""2026-01-31T10:00:00.000Z""#)
    }
  }

  @Test func `a restart that the wall clock does not tell starts the wait anew as well`() throws {
    var harness = StageHarness(try stage(duration: 5))
    let first = event(0, #"{"v":95}"#)
    _ = harness.feed(first)
    let wall = first.wall + 1_000_000
    #expect(harness.feed(TestEvent(payload: #"{"v":95}"#, boot: 1, wallOffset: wall - 1)).isEmpty)
    #expect(harness.tick(boot: 5_000_000, wall: wall + 4_999_999).isEmpty)
    #expect(states(harness.tick(boot: 5_000_001, wall: wall + 5_000_000)) == [#""on""#])
  }

  @Test(arguments: [#"{"v":null}"#, #"{"x":1}"#, "{", "", #"{"v":1e999}"#])
  func `what is no number goes on and changes nothing`(payload: String) throws {
    var harness = StageHarness(try stage(duration: 5))
    _ = harness.feed(event(0, #"{"v":95}"#))
    #expect(harness.feed(event(1, payload)).map(\.payload) == [payload])
    #expect(states(harness.tick(5)) == [#""on""#])
  }

  @Test func `events go on as well if asked for, behind the transition`() throws {
    var harness = StageHarness(try stage(passes: true))
    #expect(harness.feed(event(0, #"{"v":95}"#)).map(\.isResult) == [true, false])
    #expect(harness.feed(event(1, #"{"v":95}"#)).map(\.isResult) == [false])
  }

  /// Step by step over the whole history of a topic.
  private func oracle(_ events: [TestEvent], duration: Int64) -> [(String, Int64)] {
    var transitions: [(topic: String, at: Int64)] = []
    for topic in Set(events.map(\.topic)) {
      var isOn = false
      var since: Int64?
      let own =
        events.filter { $0.topic == topic } + [TestEvent(payload: #"{"v":0}"#, boot: .max / 2)]
      for (place, event) in own.enumerated() {
        // Time that passes before this event.
        if let begin = since, event.boot - begin >= duration {
          transitions.append((topic, begin))
          isOn.toggle()
          since = nil
        }
        if place == own.count - 1 { break }
        let value = member("v", of: event.payload).flatMap { Double($0) } ?? 0
        if isOn ? value < 4 : value > 6 { since = since ?? event.boot } else { since = nil }
        if let begin = since, duration == 0 {
          transitions.append((topic, begin))
          isOn.toggle()
          since = nil
        }
      }
    }
    return transitions.sorted { ($0.topic, $0.at) < ($1.topic, $1.at) }
  }

  @Test(arguments: [0, 1_000_000, 7_000_000])
  func `transitions are those of a plain walk through each topic`(duration: Int64) throws {
    let events = steadySeries(seed: 3, count: 3000, spacing: 1_500_000) { random, _ in
      #"{"v":\#(random.next() % 11)}"#
    }
    let fresh = try stage(on: 6, off: 4, duration: Double(duration) / 1e6)
    var harness = StageHarness(fresh)
    var found: [(topic: String, at: Int64)] = []
    var seen: Set<ResultIdentity> = []
    for place in 0...events.count {
      _ =
        place < events.count
        ? harness.feed(events[place]) : harness.tick(boot: .max / 2, wall: .max / 2 + origin)
      for identity in harness.identities {
        found.append((String(decoding: identity.key, as: UTF8.self), identity.start - origin))
        #expect(seen.insert(identity).inserted)
      }
    }
    found.sort { ($0.topic, $0.at) < ($1.topic, $1.at) }
    let expected = oracle(events, duration: duration)
    #expect(found.map(\.topic) == expected.map(\.0))
    #expect(found.map(\.at) == expected.map(\.1))
    #expect(expected.count > 20)
  }

  @Test func `no identity comes twice, whatever the clocks do`() throws {
    let events = randomSeries(seed: 8, count: 5000, topicCount: 5) { random, _ in
      #"{"v":\#(random.next() % 11)}"#
    }
    for duration in [0.0, 1] {
      var harness = StageHarness(try stage(on: 6, off: 4, duration: duration, topicCountMax: 4))
      var seen: Set<ResultIdentity> = []
      for event in events {
        _ = harness.feed(event)
        for identity in harness.identities where identity.stage == 0xabcd {
          #expect(seen.insert(identity).inserted)
        }
      }
      #expect(seen.count > 100)
      #expect(harness.stage.evictedTopicCount > 0)
    }
  }

  @Test(arguments: [0.0, 2])
  func `a snapshot at every position goes on with the same transitions`(duration: Double) throws {
    let events = randomSeries(seed: 9, count: 250, topicCount: 6) { random, _ in
      #"{"v":\#(random.next() % 11).5}"#
    }
    let fresh = try stage(on: 6, off: 4, duration: duration, topicCountMax: 4)
    let outputs = try checkSnapshots(events) { fresh }
    #expect(states(Array(outputs.joined())).count > 5)
  }
}
