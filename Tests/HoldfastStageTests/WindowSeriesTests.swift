import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

@Suite struct WindowSeriesTests {
  private static let size: Int64 = 10_000_000

  private static func settings(
    _ late: WindowSettings.LatePolicy,
    lateness: Int64 = 3_000_000
  ) throws -> WindowSettings {
    var settings = WindowSettings(
      fields: [try .of("v"), try .of("w")],
      size: size,
      aggregates: [.count, .sum, .min, .max, .mean, .first, .last, .stddev, .percentile(90)]
    )
    settings.time = .field(try .of("t"))
    settings.lateness = lateness
    settings.late = late
    return settings
  }

  private static func payload(_ random: inout SplitMix64, _ wall: Int64) -> String {
    let value = Int(random.next() % 2000) - 1000
    let back = random.next() % 4 == 0 ? Int64(random.next() % 30_000_000) : 0
    return #"{"v":\#(value),"t":\#(wall - back)}"#
  }

  private struct Key: Hashable {
    var end: Int64
    var topic: String
  }

  /// Groups the events that are in time by topic and window, and nothing else.
  private static func oracle(_ events: [TestEvent], lateness: Int64) throws -> [Key: [Int]] {
    var groups: [Key: [Int]] = [:]
    for event in events {
      let value = try #require(member("v", of: event.payload).flatMap { Int($0) })
      let time = try #require(member("t", of: event.payload).flatMap { Int64($0) })
      let end = floored(time, size) + size
      if event.wall >= end + lateness { continue }
      groups[Key(end: end, topic: event.topic), default: []].append(value)
    }
    return groups
  }

  @Test(arguments: 1...8)
  func `results are those of a plain grouping`(seed: UInt64) throws {
    let events = steadySeries(seed: seed, count: 1500, payload: Self.payload)
    let expected = try Self.oracle(events, lateness: 3_000_000)
    var harness = StageHarness(
      WindowStage(try Self.settings(.countOnly), stageHash: 1, topicCountMax: 10)
    )
    var outputs: [Output] = []
    for event in events {
      let before = outputs.count
      outputs += harness.feed(event)
      // What leaves together leaves in the order of the windows' ends, and none before it is due.
      let walls = outputs[before...].map(\.wall)
      #expect(walls == walls.sorted())
      #expect(walls.allSatisfy { $0 + 3_000_000 <= event.wall })
    }
    outputs += harness.tick(boot: 0, wall: .max)
    #expect(outputs.count == expected.count)
    for output in outputs {
      let values = try #require(expected[Key(end: output.wall, topic: output.topic)])
      let sum = values.reduce(0, +)
      let mean = Double(sum) / Double(values.count)
      let number = { (name: String) in member(name, of: output.payload).flatMap { Double($0) } }
      #expect(number("count") == Double(values.count))
      #expect(number("sum") == Double(sum))
      #expect(number("min") == values.min().map { Double($0) })
      #expect(number("max") == values.max().map { Double($0) })
      #expect(number("mean") == mean)
      #expect(number("first") == values.first.map { Double($0) })
      #expect(number("last") == values.last.map { Double($0) })
      let squares = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
      if values.count > 1 {
        let deviation = (squares / Double(values.count - 1)).squareRoot()
        #expect((try #require(number("stddev")) - deviation).magnitude < 1e-9 * (1 + deviation))
      }
      let rank = Int((0.9 * Double(values.count)).rounded(.up))
      let exact = Double(values.sorted()[rank - 1])
      let error = (try #require(number("p90")) - exact).magnitude
      #expect(error <= WindowSketch.relativeError * exact.magnitude)
      #expect(member("w", of: output.payload) == "null")
    }
    let count = expected.values.reduce(0) { $0 + $1.count }
    #expect(harness.stage.lateEventCount == UInt64(events.count - count))
    #expect(harness.stage.lateEventCount > 100)
  }

  @Test(arguments: WindowSettings.LatePolicy.allCases)
  func `a snapshot at every position goes on with the same results`(
    late: WindowSettings.LatePolicy
  ) throws {
    let settings = try Self.settings(late)
    // Clocks that jump and reboot; and more topics than there is room for.
    let jumpy = randomSeries(seed: 21, count: 160, topicCount: 6, spacing: 4_000_000) { random, _ in
      Self.payload(&random, 1_000_005_000_000 + Int64(random.next() % 100_000_000))
    }
    for events in [jumpy, steadySeries(seed: 22, count: 160, payload: Self.payload)] {
      let outputs = try checkSnapshots(events) {
        WindowStage(settings, stageHash: 7, topicCountMax: 4)
      }
      #expect(outputs.joined().count > 20)
    }
  }

  @Test(arguments: WindowSettings.LatePolicy.allCases, 1...4)
  func `whatever the clocks do, no identity comes twice and every event is accounted for`(
    late: WindowSettings.LatePolicy,
    seed: UInt64
  ) throws {
    var settings = try Self.settings(late)
    if seed % 2 == 0 { settings.time = .arrival }
    let events = randomSeries(seed: seed, count: 2500, topicCount: 7, spacing: 3_000_000) {
      random,
      _ in
      Self.payload(&random, 1_000_005_000_000 + Int64(random.next() % 4_000_000_000))
    }
    var harness = StageHarness(WindowStage(settings, stageHash: 7, topicCountMax: 5))
    var seen: Set<ResultIdentity> = []
    var latest: [ResultIdentity: UInt64] = [:]
    var total: UInt64 = 0
    func take(_ outputs: [Output]) throws {
      for (output, event) in zip(outputs, harness.pass.out) {
        var identity = try #require(event.result)
        let isNew = seen.insert(identity).inserted
        #expect(isNew, "\(identity)")
        let count = try #require(member("count", of: output.payload).flatMap { UInt64($0) })
        total += count
        // A result stands for those of lower revision, unless it says that it comes after them.
        identity.revision =
          member("after_revision", of: output.payload).flatMap { UInt32($0) } ?? .max
        total -= latest[identity] ?? 0
        latest[identity] = count
      }
    }
    for event in events { try take(harness.feed(event)) }
    try take(harness.tick(boot: 0, wall: .max))
    #expect(harness.stage.earlyWindowCount > 0)
    #expect(harness.stage.evictedTopicCount > 0)
    #expect(total + harness.stage.uncorrectedEventCount == UInt64(events.count))
    #expect(harness.stage.dueAt == .max)
  }
}
