import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

private let size: Int64 = 10_000_000

private func stage(
  _ method: DownsampleSettings.Method,
  topicCountMax: Int = 100,
  byteCountMax: Int = 1 << 30
) throws -> DownsampleStage {
  var settings = DownsampleSettings(field: try .of("v"), method: method, size: size)
  settings.heldByteCountMax = byteCountMax
  return DownsampleStage(settings, stageHash: 1, topicCountMax: topicCountMax)
}

private func payload(_ random: inout SplitMix64, _: Int64) -> String {
  #"{"v":\#(Int(random.next() % 21) - 10)}"#
}

private struct Point {
  var number: SequenceNumber
  var wall: Int64
  var value: Double
}

/// The events of each topic, window by window.
private func windows(_ events: [TestEvent]) throws -> [String: [[Point]]] {
  var windows: [String: [[Point]]] = [:]
  var starts: [String: Int64] = [:]
  for (place, event) in events.enumerated() {
    let value = try #require(member("v", of: event.payload).flatMap { Double($0) })
    let point = Point(number: SequenceNumber(place + 1), wall: event.wall, value: value)
    let start = floored(event.wall, size)
    if starts[event.topic] == start {
      let last = try #require(windows[event.topic]).count - 1
      windows[event.topic]?[last].append(point)
    } else {
      windows[event.topic, default: []].append([point])
      starts[event.topic] = start
    }
  }
  return windows
}

@Suite struct DownsampleTests {
  @Test(arguments: 1...8)
  func `M4 sends first, least, greatest and last of each window, in order`(seed: UInt64) throws {
    let events = steadySeries(seed: seed, count: 1200, payload: payload)
    var expected: [String: [SequenceNumber]] = [:]
    for (topic, windows) in try windows(events) {
      for window in windows {
        var kept: Set<SequenceNumber> = [window[0].number, window[window.count - 1].number]
        let least = window.map(\.value).min()
        let greatest = window.map(\.value).max()
        if let point = window.first(where: { $0.value == least }) { kept.insert(point.number) }
        if let point = window.first(where: { $0.value == greatest }) { kept.insert(point.number) }
        expected[topic, default: []] += kept.sorted()
      }
    }
    var harness = StageHarness(try stage(.m4))
    var outputs: [Output] = []
    for event in events {
      let sent = harness.feed(event)
      // Each leaves as soon as the log's time reaches the end of its window.
      #expect(sent.allSatisfy { floored($0.wall, size) + size <= event.wall })
      outputs += sent
    }
    outputs += harness.tick(boot: 0, wall: .max)
    check(outputs, are: expected, of: events)
    #expect(harness.stage.heldByteCount == 0)
    #expect(harness.stage.dueAt == .max)
  }

  /// What left is what should, with the bytes and stamps it came with.
  private func check(
    _ outputs: [Output],
    are expected: [String: [SequenceNumber]],
    of events: [TestEvent]
  ) {
    let topics = Dictionary(grouping: outputs, by: \.topic)
    #expect(topics.mapValues { $0.map(\.number) } == expected)
    for output in outputs {
      let event = events[Int(output.number) - 1]
      #expect(output.payload == event.payload && output.topic == event.topic)
      #expect(output.boot == event.boot && output.wall == event.wall && !output.isResult)
    }
  }

  /// The textbook's method over a whole curve at once.
  private func naiveLTTB(_ windows: [[Point]]) -> [SequenceNumber] {
    var buckets = windows
    let first = buckets[0].removeFirst()
    if buckets[0].isEmpty { buckets.removeFirst() }
    var chosen = [first]
    for (place, bucket) in buckets.enumerated() {
      let anchor = chosen[chosen.count - 1]
      let end = floored(bucket[0].wall, size) + size
      guard place + 1 < buckets.count, floored(buckets[place + 1][0].wall, size) == end else {
        chosen.append(bucket[bucket.count - 1])
        continue
      }
      let next = buckets[place + 1]
      let time = next.reduce(0.0) { $0 + Double($1.wall - anchor.wall) } / Double(next.count)
      let value = next.reduce(0.0) { $0 + $1.value } / Double(next.count)
      let areas = bucket.map { point in
        let (x, y) = (Double(point.wall - anchor.wall), point.value - anchor.value)
        return abs(x * (value - anchor.value) - time * y) / 2
      }
      let largest = areas.max()
      chosen.append(bucket[areas.firstIndex { $0 == largest } ?? 0])
    }
    return chosen.map(\.number)
  }

  @Test(arguments: 1...8)
  func `LTTB chooses what the textbook's method chooses`(seed: UInt64) throws {
    let events = steadySeries(seed: seed, count: 1200, payload: payload)
    let expected = try windows(events).mapValues(naiveLTTB)
    var harness = StageHarness(try stage(.lttb))
    var outputs = events.flatMap { harness.feed($0) }
    outputs += harness.tick(boot: 0, wall: .max)
    check(outputs, are: expected, of: events)
    #expect(harness.stage.heldByteCount == 0)
    #expect(harness.stage.cutWindowCount == 0)
    #expect(harness.stage.dueAt == .max)
  }

  @Test func `LTTB sends a topic's first event at once, and a lonely one after a window`() throws {
    var harness = StageHarness(try stage(.lttb))
    #expect(harness.numbers([event(1, #"{"v":1}"#)]) == [1])
    #expect(harness.numbers([event(11, #"{"v":2}"#), event(12, #"{"v":9}"#)]) == [])
    #expect(harness.tick(29.9).isEmpty)
    // An empty window follows: the curve ends with its last event.
    #expect(harness.tick(30).map(\.number) == [3])
  }

  @Test(arguments: DownsampleSettings.Method.allCases)
  func `what is no number, or a result, goes on at once`(method: DownsampleSettings.Method) throws {
    var harness = StageHarness(try stage(method))
    _ = harness.feed(event(1, #"{"v":1}"#))
    for payload in [#"{"v":null}"#, #"{"x":1}"#, "{", ""] {
      #expect(harness.feed(event(2, payload)).map(\.payload) == [payload])
    }
    var result = event(3, #"{"v":5}"#)
    result.isResult = true
    #expect(harness.feed(result).map(\.isResult) == [true])
  }

  @Test(arguments: DownsampleSettings.Method.allCases)
  func `properties are kept`(method: DownsampleSettings.Method) throws {
    var harness = StageHarness(try stage(method))
    var first = event(1, #"{"v":1}"#)
    first.properties = [1, 2, 3]
    var second = event(2, #"{"v":2}"#)
    second.properties = [4]
    let outputs = harness.feed(first) + harness.feed(second) + harness.tick(30)
    #expect(outputs.map(\.properties) == [[1, 2, 3], [4]])
  }

  @Test func `where the clock goes back the window ends and order stays`() throws {
    let events = [event(12, #"{"v":1}"#), event(13, #"{"v":2}"#), event(3, #"{"v":3}"#)]
    var harness = StageHarness(try stage(.m4))
    #expect(harness.numbers(events) == [1, 2])
    #expect(harness.tick(10).map(\.number) == [3])
    var lttb = StageHarness(try stage(.lttb))
    #expect(lttb.numbers(events) == [1])
    #expect(lttb.tick(30).map(\.number) == [2, 3])
  }

  @Test func `a window has a bounded number of candidates`() throws {
    var harness = StageHarness(try stage(.lttb))
    var sent: [SequenceNumber] = []
    for place in 0..<(3 * LTTBCurve.candidateCountMax) {
      let value = place % LTTBCurve.candidateCountMax == 5 ? 1000 : 0
      sent += harness.feed(event(1 + Double(place) / 10_000, #"{"v":\#(value)}"#)).map(\.number)
    }
    #expect(harness.stage.cutWindowCount == 2)
    // The anchor, and the peak of the first part; the two others wait.
    #expect(sent == [1, 6])
    // One of each: down from the peak, the first event is farthest from the line.
    let first = 2 + SequenceNumber(LTTBCurve.candidateCountMax)
    #expect(harness.tick(99).map(\.number) == [first, 3 * (first - 2)])
  }

  @Test(arguments: DownsampleSettings.Method.allCases)
  func `memory is bounded, and windows that end early are counted`(
    method: DownsampleSettings.Method
  ) throws {
    let events = steadySeries(
      seed: 5,
      count: 3000,
      topicCount: 40,
      spacing: 20_000,
      payload: payload
    )
    var harness = StageHarness(try stage(method, byteCountMax: 5000))
    var outputs: [Output] = []
    for event in events {
      outputs += harness.feed(event)
      #expect(harness.stage.heldByteCount <= 5000)
    }
    #expect(harness.stage.cutWindowCount > 0)
    outputs += harness.tick(boot: 0, wall: .max)
    #expect(Set(outputs.map(\.number)).count == outputs.count)
    for (_, numbers) in Dictionary(grouping: outputs, by: \.topic).mapValues({ $0.map(\.number) }) {
      #expect(numbers == numbers.sorted())
    }
  }

  @Test(arguments: DownsampleSettings.Method.allCases)
  func `a topic that has to make room sends what it has`(
    method: DownsampleSettings.Method
  ) throws {
    var harness = StageHarness(try stage(method, topicCountMax: 1))
    _ = harness.feed(event(1, #"{"v":1}"#, topic: "a"))
    _ = harness.feed(event(2, #"{"v":2}"#, topic: "a"))
    let outputs = harness.feed(event(3, #"{"v":1}"#, topic: "b"))
    #expect(outputs.map(\.number) == (method == .m4 ? [1, 2] : [2, 3]))
    #expect(harness.stage.evictedTopicCount == 1)
  }

  @Test(arguments: DownsampleSettings.Method.allCases)
  func `a snapshot at every position goes on with the same events`(
    method: DownsampleSettings.Method
  ) throws {
    let jumpy = randomSeries(seed: 31, count: 200, topicCount: 6, spacing: 3_000_000) { random, _ in
      payload(&random, 0)
    }
    for byteCountMax in [1 << 20, 3000] {
      for events in [jumpy, steadySeries(seed: 32, count: 200, payload: payload)] {
        let fresh = try stage(method, topicCountMax: 4, byteCountMax: byteCountMax)
        let outputs = try checkSnapshots(events) { fresh }
        #expect(outputs.joined().count > 20)
      }
    }
  }
}
