import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

@Suite struct ThrottleTests {
  static let second: Int64 = 1_000_000

  func harness(
    _ pick: ThrottleSettings.Pick,
    seconds: Int64 = 10,
    topicCountMax: Int = 10
  ) -> StageHarness<ThrottleStage> {
    let settings = ThrottleSettings(interval: seconds * Self.second, pick: pick)
    return StageHarness(ThrottleStage(settings, topicCountMax: topicCountMax))
  }

  func events(_ boots: [Int64], _ topic: String = "a") -> [TestEvent] {
    boots.map { TestEvent(topic: topic, payload: "\($0)", boot: $0 * Self.second) }
  }

  @Test func `first lets the first event of each interval go on`() {
    var throttle = harness(.first)
    #expect(throttle.numbers(events([0, 1, 9, 10, 11, 25, 30, 35])) == [1, 4, 6, 8])
    #expect(throttle.stage.dueAt == .max)
  }

  @Test func `an interval is over when the boot clock goes back`() {
    var first = harness(.first), last = harness(.last)
    #expect(first.numbers(events([100, 101, 3, 4, 13])) == [1, 3, 5])
    var reboot = events([100, 101, 3, 4, 13])
    for place in 2..<5 { reboot[place].wallOffset += 99 * Self.second }
    #expect(last.feed(reboot).map { $0.map(\.number) } == [[], [], [2], [], [4]])
  }

  @Test func `last lets the newest event of an interval go on once its end has passed`() {
    var throttle = harness(.last)
    let outputs = throttle.feed(events([0, 1, 9, 10, 11, 25, 26]))
    #expect(outputs.map { $0.map(\.number) } == [[], [], [], [3], [], [5], []])
    // It keeps its own stamps, and its bytes.
    #expect(outputs[3][0].boot == 9 * Self.second && outputs[3][0].payload == "9")
  }

  @Test func `the log's time lets it go on without another event of its topic`() {
    var throttle = harness(.last)
    let offset = TestEvent().wallOffset
    _ = throttle.feed(events([0, 4]))
    #expect(throttle.stage.dueAt == offset + 10 * Self.second)
    #expect(throttle.feed(events([9], "b")) == [[]])
    #expect(throttle.feed(events([10], "b"))[0].map(\.payload) == ["4"])
    #expect(throttle.stage.dueAt == offset + 19 * Self.second)
    let tick = throttle.tick(boot: 19 * Self.second, wall: offset + 19 * Self.second)
    #expect(tick.map(\.payload) == ["10"])
    #expect(throttle.stage.dueAt == .max)
    // What comes then begins a new interval.
    #expect(throttle.feed(events([20, 29, 30])).map { $0.map(\.payload) } == [[], [], ["29"]])
  }

  @Test func `the wall clock ahead of the boot clock ends no interval early`() {
    var throttle = harness(.last)
    _ = throttle.feed(events([0, 4]))
    let wall = TestEvent().wallOffset + 3600 * Self.second
    #expect(throttle.tick(boot: 6 * Self.second, wall: wall) == [])
    #expect(throttle.stage.dueAt == wall + 4 * Self.second)
    #expect(throttle.tick(boot: 10 * Self.second, wall: wall + 4 * Self.second).count == 1)
  }

  @Test func `a held event leaves when its topic makes room for another`() {
    var throttle = harness(.last, topicCountMax: 2)
    let topics = ["a", "b", "c", "a"].map { TestEvent(topic: $0, payload: $0) }
    #expect(throttle.feed(topics).map { $0.map(\.payload) } == [[], [], ["a"], ["b"]])
    #expect(throttle.stage.evictedTopicCount == 2)
    let tick = throttle.tick(boot: 60 * Self.second, wall: .max - 1)
    #expect(tick.map(\.payload) == ["c", "a"])
    var first = harness(.first, topicCountMax: 1)
    #expect(first.numbers(topics + topics) == [1, 2, 3, 4, 6, 7, 8])
  }

  @Test func `results are never held; properties are`() {
    var throttle = harness(.last)
    let result = TestEvent(payload: "r", isResult: true)
    let plain = TestEvent(payload: "p", flags: .retained, properties: [1, 2, 3])
    let outputs = throttle.feed([plain, result] + events([10]))
    #expect(outputs[1].map(\.payload) == ["r"])
    #expect(outputs[2].map(\.payload) == ["p"])
    #expect(outputs[2][0].properties == [1, 2, 3])
  }

  /// By lists: every interval of a topic, looked through from the start for each event.
  @Test(arguments: 0..<40) func `what leaves is what plain lists of intervals say`(
    _ seed: UInt64
  ) throws {
    let events = randomSeries(seed: seed, count: 90) { random, _ in
      "\(Int.random(in: 0...99, using: &random))"
    }
    let length = 3 * Self.second
    let settings = ThrottleSettings(interval: length, pick: seed % 2 == 0 ? .first : .last)
    let outputs = try checkSnapshots(events) { ThrottleStage(settings, topicCountMax: 10) }

    struct Open {
      var boot: Int64
      var due: Int64
      var first: Int
      var newest: Int
    }
    var open: [String: Open] = [:]
    var expected: [[Int]] = []
    for (place, event) in events.enumerated() {
      var leaving: [Int] = []
      func isOver(_ interval: Open) -> Bool {
        event.boot < interval.boot || event.boot - interval.boot >= length
      }
      if settings.pick == .last {
        while let (topic, next) = open.filter({ $0.value.due <= event.wall })
          .min(by: { ($0.value.due, $0.value.first) < ($1.value.due, $1.value.first) })
        {
          if isOver(next) {
            leaving.append(next.newest)
            open[topic] = nil
          } else {
            open[topic]?.due = event.wall + length - (event.boot - next.boot)
          }
        }
        if event.isResult {
          expected.append(leaving + [place])
          continue
        }
      }
      if let running = open[event.topic], !isOver(running) {
        open[event.topic]?.newest = place
      } else {
        let before = open[event.topic]
        open[event.topic] = Open(
          boot: event.boot,
          due: event.wall + length,
          first: place,
          newest: place
        )
        if settings.pick == .first {
          leaving.append(place)
        } else if let before {
          leaving.append(before.newest)
        }
      }
      expected.append(leaving)
    }
    #expect(outputs.map { $0.map { Int($0.number) - 1 } } == expected)
  }
}
