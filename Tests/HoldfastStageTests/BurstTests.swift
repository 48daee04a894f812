import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

private func stage(
  interval: Double = 60,
  before: Double = 10,
  after: Double = 5,
  countMax: Int = 1000,
  byteCountMax: Int = 1 << 20,
  topicCountMax: Int = 100
) throws -> BurstStage {
  var settings = BurstSettings(
    when: try Condition("v > 8"),
    interval: Int64(interval * 1e6),
    before: Int64(before * 1e6),
    after: Int64(after * 1e6)
  )
  settings.heldCountMax = countMax
  settings.heldByteCountMax = byteCountMax
  return BurstStage(settings, stageHash: 1, topicCountMax: topicCountMax)
}

private let quiet = #"{"v":1}"#
private let loud = #"{"v":9}"#

@Suite struct BurstTests {
  @Test func `around the condition all events go, those before it marked as historical`() throws {
    var harness = StageHarness(try stage())
    // Sent by interval; kept back; within 10 s of the trigger; the trigger; within 5 s; kept back.
    #expect(harness.numbers([event(0, quiet), event(5, quiet), event(12, quiet)]) == [1])
    #expect(harness.pass.verdict == .filtered)
    #expect(harness.numbers([event(18, quiet)]) == [])
    #expect(harness.feed(event(20, loud)).map(\.number) == [3, 4, 5])
    #expect(harness.pass.out.map(\.isHistorical) == [true, true, false])
    #expect(harness.numbers([event(21, loud), event(26, quiet), event(26.1, quiet)]) == [6, 7])
    // None is sent a second time.
    #expect(harness.feed(event(30, loud)).map(\.number) == [8, 9])
    // The interval counts from what was sent last.
    #expect(harness.numbers([event(89, quiet), event(90, quiet), event(100, quiet)]) == [11])
  }

  @Test func `each topic has a condition of its own`() throws {
    var harness = StageHarness(try stage())
    _ = harness.numbers(["a", "b", "a", "b"].map { event(1, quiet, topic: $0) })
    #expect(harness.feed(event(2, loud, topic: "a")).map(\.topic) == ["a", "a"])
    #expect(harness.feed(event(3, quiet, topic: "b")).isEmpty)
  }

  @Test func `after a restart what was kept back stays back`() throws {
    var harness = StageHarness(try stage())
    _ = harness.feed([event(0, quiet), event(1, quiet)])
    let later = TestEvent(payload: quiet, boot: 5, wallOffset: origin + 60_000_000)
    #expect(harness.feed(later).map(\.number) == [3])
    var trigger = later
    trigger.payload = loud
    #expect(harness.feed(trigger).map(\.number) == [4])
    #expect(harness.stage.heldCount == 0)
  }

  @Test func `what can't be read, and a result, goes on at once`() throws {
    var harness = StageHarness(try stage())
    _ = harness.feed(event(0, quiet))
    #expect(harness.numbers([event(1, "{")]) == [2])
    var result = event(1, quiet)
    result.isResult = true
    #expect(harness.feed(result).map(\.isResult) == [true])
    #expect(harness.numbers([event(1, quiet)]) == [])
  }

  @Test func `properties, topic and stamps are kept`() throws {
    var harness = StageHarness(try stage())
    var kept = event(1, quiet, topic: "p/1")
    kept.properties = [1, 2, 3]
    _ = harness.feed([event(0, quiet, topic: "p/1"), kept])
    let output = harness.feed(event(2, loud, topic: "p/1")).first
    let expected = Output(
      topic: "p/1",
      payload: quiet,
      number: 2,
      boot: kept.boot,
      wall: kept.wall,
      properties: [1, 2, 3]
    )
    #expect(output == expected)
  }

  /// What leaves by the letter: each event is looked at with the whole history at hand.
  private func oracle(
    _ events: [TestEvent],
    _ interval: Int64,
    _ before: Int64,
    _ after: Int64
  ) -> [[SequenceNumber]] {
    var sent: Set<Int> = []
    return events.indices.map { place in
      let event = events[place]
      let own = events.indices.filter { $0 < place && events[$0].topic == event.topic }
      if event.payload == loud {
        let kept = own.filter {
          before > 0 && !sent.contains($0) && event.boot - events[$0].boot <= before
        }
        sent.formUnion(kept + [place])
        return (kept + [place]).map { SequenceNumber($0 + 1) }
      }
      let isAfter = own.contains {
        events[$0].payload == loud && event.boot - events[$0].boot <= after
      }
      let isSoon = own.contains { sent.contains($0) && event.boot - events[$0].boot < interval }
      if isSoon && !isAfter { return [] }
      sent.insert(place)
      return [SequenceNumber(place + 1)]
    }
  }

  @Test(arguments: [(60, 10, 5), (3, 10, 0), (20, 3, 20), (10, 0, 5), (0, 5, 5)])
  func `what leaves is what a plain look at the history says`(
    interval: Int64,
    before: Int64,
    after: Int64
  ) throws {
    let events = steadySeries(seed: UInt64(interval + 7), count: 900) { random, _ in
      random.next() % 12 == 0 ? loud : quiet
    }
    let fresh = try stage(
      interval: Double(interval),
      before: Double(before),
      after: Double(after)
    )
    var harness = StageHarness(fresh)
    let found = events.map { event in harness.feed(event).map(\.number) }
    let expected = oracle(events, interval * 1_000_000, before * 1_000_000, after * 1_000_000)
    #expect(found == expected)
    #expect(harness.stage.droppedEventCount == 0)
  }

  @Test func `all topics together hold a bounded number of events, the oldest goes first`() throws {
    var harness = StageHarness(try stage(countMax: 3))
    for (second, topic) in ["a", "b", "a", "b", "a", "b"].enumerated() {
      _ = harness.feed(event(Double(second) / 2, quiet, topic: topic))
    }
    #expect(harness.stage.droppedEventCount == 1)
    #expect(harness.stage.heldCount == 3)
    #expect(harness.feed(event(4, loud, topic: "a")).map(\.number) == [5, 7])
    #expect(harness.pass.out.map(\.missingCount) == [0, 1], "the event that asked says it")
    #expect(harness.feed(event(4, loud, topic: "b")).map(\.number) == [4, 6, 8])
    #expect(harness.pass.out.map(\.missingCount) == [0, 0, 0])
    #expect(harness.stage.heldCount == 0)
  }

  @Test func `what was forgotten long ago is missed by nobody`() throws {
    var harness = StageHarness(try stage(countMax: 1))
    _ = harness.feed([event(0, quiet), event(1, quiet), event(2, quiet)])
    #expect(harness.stage.droppedEventCount == 1)
    #expect(harness.feed(event(12, loud)).map(\.number) == [3, 4])
    #expect(harness.pass.out.last?.missingCount == 0)
  }

  @Test func `the log keeps a bounded part for it, counted beyond`() throws {
    var harness = StageHarness(try stage(byteCountMax: 1000))
    _ = harness.feed([event(0, quiet), event(1, quiet)])
    harness.pass.logByteCount = 600
    _ = harness.feed(event(2, quiet))
    #expect(harness.stage.recallFloor == 2)
    harness.stage.expire(event(3, quiet).boot, 1001)
    #expect(harness.stage.droppedEventCount == 1)
    #expect(harness.stage.recallFloor == 3)
    harness.pass.logByteCount = 1100
    #expect(harness.feed(event(3, loud)).map(\.number) == [3, 4])
    #expect(harness.pass.out.last?.missingCount == 1)
    #expect(harness.stage.recallFloor == nil)
  }

  @Test func `a topic that falls silent keeps nothing of the log longer than before says`() throws {
    var harness = StageHarness(try stage())
    _ = harness.feed([event(0, quiet), event(1, quiet)])
    harness.stage.expire(event(11, quiet).boot, 0)
    #expect(harness.stage.recallFloor == 2)
    harness.stage.expire(event(11, quiet).boot + 1, 0)
    #expect(harness.stage.recallFloor == nil)
    #expect(harness.stage.droppedEventCount == 0, "nothing could have asked for it")
  }

  @Test func `what is gone from the log is counted, and the event that asked says so`() throws {
    var harness = StageHarness(try stage())
    _ = harness.feed((0..<6).map { event(Double($0), quiet) })
    harness.goneBelow = 4
    #expect(harness.feed(event(6, loud)).map(\.number) == [4, 5, 6, 7])
    #expect(harness.pass.out.map(\.missingCount) == [0, 0, 0, 2])
    #expect(harness.pass.out.map(\.isHistorical) == [true, true, true, false])
    #expect(harness.stage.goneEventCount == 2)
    #expect(harness.stage.heldCount == 0)
  }

  @Test func `an evicted topic lets go what it holds`() throws {
    var harness = StageHarness(try stage(topicCountMax: 1))
    _ = harness.feed([event(0, quiet, topic: "a"), event(1, quiet, topic: "a")])
    #expect(harness.stage.heldCount > 0)
    #expect(harness.feed(event(2, quiet, topic: "b")).map(\.number) == [3])
    #expect(harness.stage.heldCount == 0)
    #expect(harness.stage.evictedTopicCount == 1)
  }

  @Test(arguments: [1 << 20, 9])
  func `a snapshot at every position goes on with the same events`(countMax: Int) throws {
    let events = randomSeries(seed: 41, count: 250, topicCount: 6) { random, _ in
      random.next() % 12 == 0 ? loud : quiet
    }
    let fresh = try stage(
      interval: 20,
      countMax: countMax,
      topicCountMax: 4
    )
    let outputs = try checkSnapshots(events) { fresh }
    #expect(outputs.joined().count > 20)
  }
}
