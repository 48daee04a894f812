import CMallocCount
import HoldfastEvent
import HoldfastPayload
import HoldfastStage
import Testing

/// The way of an event through the stages takes no memory of its own: what is allocated belongs to
/// windows, results and tables, of which there are few.
@Suite struct AllocationTests {
  private static let eventCount = 100_000
  private static let topicCount = 8

  /// A thousand JSON events a second over eight topics.
  private static func batch() -> EventBatch {
    var batch = EventBatch()
    for index in 0..<eventCount {
      let time = Int64(index) * 1000
      // A walk between 0 and 100 with steps of several sizes.
      let value = (index * 37 / 8) % 200
      let text =
        "{\"device\":\"d-\(index % topicCount)\",\"n\":\(index),\"ok\":true,"
        + "\"t\":\(value > 100 ? 200 - value : value).\(index % 10),\"h\":\(index % 90)}"
      batch.append(
        topic: Array("plant/\(index % topicCount)/t".utf8),
        payload: Array(text.utf8),
        clock: ClockReading(boot: 1_000_000 + time, wall: 1_700_000_000_000_000 + time)
      )
    }
    return batch
  }

  /// Each type and how often it may allocate for all the events.
  ///
  /// Not per event, but per window or result: with windows of 10 s and eight topics those are some
  /// hundred. Only `lttb` keeps every event of a window, and takes memory for each.
  private static func stages() throws -> [(name: String, limit: UInt64, StageConfiguration.Kind)] {
    let (field, second) = (try FieldPath("t"), Int64(1_000_000))
    let hot = try Condition("t > 95 and h < 80")
    var map = MapSettings()
    map.select = [field, try FieldPath("h")]
    map.rename = [.init(field: field, name: "temperature")]
    map.add = [.init(name: "site", value: "north", isText: true)]
    map.compute = [.init(field: try FieldPath("h"))]
    map.compute[0].scale = 0.5
    var alarm = AlarmSettings(field: field, on: 80, off: 20)
    alarm.duration = second / 10
    func window(_ aggregates: [WindowSettings.Aggregate]) -> StageConfiguration.Kind {
      .window(WindowSettings(fields: [field], size: 10 * second, aggregates: aggregates))
    }
    return [
      ("drop", 200, .drop(hot)), ("keep", 200, .keep(hot)), ("map", 200, .map(map)),
      ("changed", 200, .changed(ChangedSettings(fields: [field]))),
      ("changed whole", 200, .changed(ChangedSettings())),
      ("deadband", 200, .deadband(DeadbandSettings(field: field, threshold: .absolute(5)))),
      ("swinging-door", 200, .swingingDoor(SwingingDoorSettings(field: field, deviation: 1))),
      ("throttle", 200, .throttle(ThrottleSettings(interval: second))),
      ("throttle last", 200, .throttle(ThrottleSettings(interval: second, pick: .last))),
      ("sample", 200, .sample(SampleSettings(every: 10))),
      ("dedupe", 200, .dedupe(DedupeSettings(span: second))),
      ("window", 1500, window([.count, .mean, .max, .last])),
      ("window p95", 4000, window([.percentile(95)])),
      ("m4", 4000, .downsample(DownsampleSettings(field: field, method: .m4, size: 10 * second))),
      ("alarm", 200, .alarm(alarm)),
      (
        "burst", 200,
        .burst(BurstSettings(when: hot, interval: second, before: second, after: second))
      ),
      (
        "lttb", UInt64(eventCount) * 2,
        .downsample(DownsampleSettings(field: field, method: .lttb, size: 10 * second))
      ),
    ]
  }

  /// Without the optimizer Swift allocates for what it would not.
  @Test(.enabled(if: !_isDebugAssertConfiguration(), "only of optimized code"))
  func `the way of an event through a stage allocates nothing`() throws {
    var batch = Self.batch()
    for (name, limit, kind) in try Self.stages() {
      var pipeline = Pipeline(
        stages: [
          StageConfiguration(topics: [TopicFilter("plant/#")].compactMap(\.self), kind: kind)
        ],
        rules: [DecodeRules(format: .json)],
        setsAside: false
      )
      var number: SequenceNumber = 0
      var count: UInt64 = 0
      // The first pass brings tables to their size.
      for pass in 0..<2 {
        for index in batch.rows.indices {
          batch.rows[index].boot += 200_000_000
          batch.rows[index].wall += 200_000_000
        }
        let before = malloc_count()
        pipeline.beginBatch()
        for row in batch.rows {
          number += 1
          pipeline.step(row, of: batch.bytes, number: number)
          while pipeline.isRecalling {
            while let wanted = pipeline.recallNumber {
              let place = Int(wanted - 1) % Self.eventCount
              pipeline.recall(batch.rows[place], of: batch.bytes)
            }
            pipeline.resume()
          }
        }
        count = malloc_count() - before
        if pass == 0 { #expect(pipeline.counts[0].enteredCount == UInt64(Self.eventCount)) }
      }
      #expect(count <= limit, "\(name): \(count) allocations for \(Self.eventCount) events")
    }
  }
}
