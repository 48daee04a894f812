import Foundation
import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

@Suite struct SwingingDoorTests {
  func stage(
    _ deviation: Double,
    intervalMax: Int64? = nil,
    topicCountMax: Int = 10
  )
    -> SwingingDoorStage
  {
    SwingingDoorStage(
      SwingingDoorSettings(field: .whole, deviation: deviation, intervalMax: intervalMax),
      topicCountMax: topicCountMax
    )
  }

  /// Numbers that left with each event, of values at whole seconds.
  func numbers(
    _ points: [(Int64, String)],
    _ deviation: Double,
    intervalMax: Int64? = nil
  ) -> [[SequenceNumber]] {
    var harness = StageHarness(stage(deviation, intervalMax: intervalMax), format: .text)
    return harness.feed(
      points.map { TestEvent(payload: $0.1, boot: $0.0 * 1_000_000) }
    ).map { $0.map(\.number) }
  }

  @Test func `a line's corners leave, and only those`() {
    #expect(
      numbers([(0, "0"), (1, "1"), (2, "2"), (3, "3"), (4, "2"), (5, "1"), (6, "5")], 0.1)
        == [[1], [], [], [], [4], [], [6]]
    )
    #expect(numbers([(0, "0"), (1, "0.3"), (2, "-0.1"), (3, "0")], 0.5) == [[1], [], [], []])
    // From (0, 0) to (2, 2) the line would pass (1, 0) at a distance of 1.
    #expect(numbers([(0, "0"), (1, "0"), (2, "2")], 0.9) == [[1], [], [2]])
    #expect(numbers([(0, "0"), (1, "0"), (2, "2")], 1) == [[1], [], []])
  }

  @Test func `events with one stamp leave where they are too far apart`() {
    #expect(numbers([(0, "0"), (0, "0.5"), (0, "2"), (0, "2")], 1) == [[1], [], [3], []])
    #expect(
      numbers([(0, "0"), (5, "0"), (5, "0.5"), (5, "2"), (6, "2")], 1) == [
        [1], [], [], [2, 4], [],
      ]
    )
  }

  @Test func `a reboot, and what is no number, close the door`() {
    #expect(
      numbers([(9, "0"), (10, "0"), (1, "0"), (2, "0"), (3, "OFF"), (4, "0")], 1)
        == [[1], [], [2, 3], [], [4, 5], [6]]
    )
    #expect(numbers([(0, "1e308"), (1, "-1e308"), (2, "1e308")], 1) == [[1], [], [2]])
    #expect(numbers([(0, "1"), (1, "nan"), (2, "")], 1) == [[1], [2], [3]])
  }

  @Test func `points lie no further apart than max_interval`() {
    let flat = (0...10).map { (Int64($0), "7") }
    #expect(
      numbers(flat, 1, intervalMax: 4_000_000)
        == [[1], [], [], [], [5], [], [], [], [9], [], []]
    )
    #expect(
      numbers([(0, "7"), (3, "7"), (5, "7"), (6, "7"), (20, "7")], 1, intervalMax: 4_000_000)
        == [[1], [], [2], [], [4, 5]]
    )
  }

  @Test func `the last event of a silent topic leaves by the log's time`() {
    var door = StageHarness(stage(1, intervalMax: 4_000_000), format: .text)
    let offset = TestEvent().wallOffset
    _ = door.feed([TestEvent(payload: "7"), TestEvent(payload: "7.5", boot: 1_000_000)])
    // At the end itself an event may still come that ends the line there.
    #expect(door.stage.dueAt == offset + 4_000_001)
    // The wall clock is ahead of the boot clock: not yet.
    #expect(door.tick(boot: 3_000_000, wall: offset + 9_000_000) == [])
    #expect(door.stage.dueAt == offset + 10_000_001)
    let outputs = door.tick(boot: 4_000_001, wall: offset + 10_000_001)
    #expect(outputs.map(\.number) == [2] && outputs.map(\.boot) == [1_000_000])
    #expect(door.stage.dueAt == .max)
  }

  @Test func `a held event leaves when its topic makes room; results are not held`() {
    var door = StageHarness(stage(1, topicCountMax: 1), format: .text)
    let outputs = door.feed([
      TestEvent(topic: "a", payload: "1"), TestEvent(topic: "a", payload: "1", boot: 5),
      TestEvent(topic: "a", payload: "1", boot: 6, isResult: true),
      TestEvent(topic: "b", payload: "1", boot: 7),
    ])
    #expect(outputs.map { $0.map(\.number) } == [[1], [], [3], [2, 4]])
    #expect(door.stage.evictedTopicCount == 1)
  }

  /// Value series that look like what sensors send.
  static func values(_ kind: Int, _ count: Int, _ random: inout SplitMix64) -> [Double] {
    func noise(_ size: Double) -> Double { Double.random(in: -size...size, using: &random) }
    var value = 20.0
    return (0..<count).map { place in
      let angle = Double(place) / 40
      switch kind {
      case 0: value += noise(1)
      case 1: if Int.random(in: 0..<15, using: &random) == 0 { value += noise(50) }
      case 2: value = 21 + 5 * sin(angle) + noise(0.05)
      case 3: value = ((21 + 5 * sin(angle) + noise(0.1)) * 10).rounded() / 10
      case 4: value = 1e9 + Double(place) * 0.25 + noise(0.001)
      case 5: value = place % 60 < 5 ? 2000 + noise(100) : 3 + noise(0.2)
      default: value = noise(1e12)
      }
      return value
    }
  }

  @Test(arguments: 0..<70) func `a line through what left passes every event within the deviation`(
    _ seed: UInt64
  ) throws {
    var random = SplitMix64(seed: seed)
    let values = Self.values(Int(seed % 7), 1500, &random)
    let deviation = [0, 0.1, 0.5, 2, 30][Int(seed / 7 % 5)]
    let intervalMax: Int64? = seed % 2 == 0 ? nil : 60_000_000
    var boot: Int64 = 0
    let events = values.enumerated().map { place, value in
      switch Int.random(in: 0..<100, using: &random) {
      case 0: boot = 0
      case 1...9: break
      default: boot += Int64.random(in: 1...2_000_000, using: &random)
      }
      return TestEvent(payload: place == 700 ? "OFF" : "\(value)", boot: boot)
    }
    let sent = checkLines(events, values, deviation, intervalMax)
    // It does leave something out where the deviation allows it.
    if (1...3).contains(seed % 7) && deviation >= 0.1 {
      #expect(sent.count < events.count / 2, "\(sent.count) of \(events.count)")
    }
    if seed % 7 == 2 && deviation == 0.5 && intervalMax == nil { #expect(sent.count < 150) }
  }

  /// Lets events go through a door, and checks that a line through what leaves passes each of them
  /// within the deviation.
  ///
  /// - Returns: the places of those that leave, with the one held at the end.
  private func checkLines(
    _ events: [TestEvent],
    _ values: [Double],
    _ deviation: Double,
    _ intervalMax: Int64?
  ) -> [Int] {
    let boot = events.last?.boot ?? 0
    var door = StageHarness(stage(deviation, intervalMax: intervalMax), format: .text)
    var sent = door.numbers(events).map { Int($0) - 1 }
    // The one that is still held, or the last one sent stands for what follows it at its stamp.
    #expect(sent == sent.sorted() && Set(sent).count == sent.count)
    if let last = sent.last, last < events.count - 1 {
      // A reboot would let the held one go.
      var more = door
      sent += more.feed(TestEvent(payload: "OFF", boot: -1)).map { Int($0.number) - 1 }.dropLast()
      #expect(sent.last == events.count - 1 || events[sent[sent.count - 1]].boot == boot)
    }
    var worst = -Double.infinity
    for (left, right) in zip(sent, sent.dropFirst()) where right > left + 1 {
      let (start, end) = (events[left], events[right])
      guard let from = Double(start.payload) else {
        Issue.record("events were left out behind one without a number")
        continue
      }
      let to = Double(end.payload)
      for place in (left + 1)..<right {
        let event = events[place]
        var line = from
        // Before a reboot, or what is no number, only events with the same stamp are left out.
        if event.boot != start.boot {
          guard let to, event.boot > start.boot, event.boot <= end.boot else {
            Issue.record("event \(place) lies outside the line that stands for it")
            continue
          }
          line += (to - from) * Double(event.boot - start.boot) / Double(end.boot - start.boot)
        }
        // Each side rounds a few times; each rounding is at most half a unit in the last place.
        let size = max(from.magnitude, (to ?? 0).magnitude, values[place].magnitude) + deviation
        worst = max(worst, (line - values[place]).magnitude - deviation - 8 * size.ulp)
      }
      if let intervalMax, end.boot - start.boot > intervalMax {
        Issue.record("\(end.boot - start.boot) µs between two points, with events between them")
      }
    }
    #expect(worst <= 0)
    for place in (sent.last ?? 0)..<events.count where place > (sent.last ?? 0) {
      #expect((values[place] - values[sent[sent.count - 1]]).magnitude <= deviation)
    }
    return sent
  }

  /// Recorded series: files with a number a line, from a directory of one's own.
  private static let recordings: [String] = {
    guard let directory = getenv("HOLDFAST_SERIES").map({ String(cString: $0) }),
      let names = try? FileManager.default.contentsOfDirectory(atPath: directory)
    else { return [] }
    return names.sorted().map { "\(directory)/\($0)" }
  }()

  @Test(.enabled(if: !recordings.isEmpty, "HOLDFAST_SERIES names no directory"))
  func `so it does for recorded series`() throws {
    for path in Self.recordings {
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let lines = text.split(whereSeparator: \.isNewline).map(String.init)
      let values = lines.compactMap(Double.init)
      try #require(values.count == lines.count && values.count > 10, "\(path)")
      let spread = (values.max() ?? 0) - (values.min() ?? 0)
      let events = lines.enumerated().map {
        TestEvent(payload: $0.element, boot: Int64($0.offset) * 1_000_000)
      }
      for part in [0.001, 0.01, 0.05] where spread > 0 {
        for intervalMax in [nil, 60_000_000] as [Int64?] {
          let sent = checkLines(events, values, part * spread, intervalMax)
          print("\(path): \(sent.count) of \(events.count) within \(part) of the range")
        }
      }
    }
  }

  @Test(arguments: 0..<16) func `a snapshot at any event goes on alike`(_ seed: UInt64) throws {
    var value = 20.0
    let events = randomSeries(seed: seed, count: 80, topicCount: 3) { random, _ in
      value += Double.random(in: -1...1, using: &random)
      return Int.random(in: 0..<25, using: &random) == 0 ? #"{"v":null}"# : "{\"v\":\(value)}"
    }
    let settings = SwingingDoorSettings(
      field: try FieldPath("v"),
      deviation: 1,
      intervalMax: seed % 2 == 0 ? nil : 4_000_000
    )
    try checkSnapshots(events) { SwingingDoorStage(settings, topicCountMax: seed % 3 == 0 ? 2 : 9) }
  }
}
