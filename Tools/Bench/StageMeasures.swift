import CMallocCount
import Glibc
import HoldfastEvent
import HoldfastPayload
import HoldfastStage

/// What stages cost, measured over one made-up trace.
struct StageFigure {
  var nanosecondsPerEvent: Double
  var allocationsPerEvent: Double
  /// Events and results that leave, per event.
  var leavingPerEvent: Double
}

/// JSON events of 465 devices, one a second each, in batches as they are stored.
struct StageTraffic {
  private static let batchEventCount = 500
  private static let deviceCount = 465
  private static let wallStart: Int64 = 1_700_000_000_000_000

  private var batches: [EventBatch] = []
  private var nextNumber: SequenceNumber = 1
  let eventCount: Int
  let payloadByteCount: Int
  /// From one pass over the trace to the next, microseconds.
  private let span: Int64

  init(eventCount: Int) {
    let events = makeTrace(.json, count: eventCount)
    self.eventCount = eventCount
    payloadByteCount = events.reduce(0) { $0 + $1.payload.count }
    span = Int64(eventCount) * 1_000_000 / Int64(Self.deviceCount)
    for start in stride(from: 0, to: eventCount, by: Self.batchEventCount) {
      var batch = EventBatch()
      for index in start..<min(start + Self.batchEventCount, eventCount) {
        let time = Int64(index) * 1_000_000 / Int64(Self.deviceCount)
        batch.append(
          topic: events[index].topic,
          payload: events[index].payload,
          clock: ClockReading(boot: 1_000_000 + time, wall: Self.wallStart + time)
        )
      }
      batches.append(batch)
    }
  }

  /// Runs the trace through stages over and over, and takes the fastest of five passes.
  ///
  /// Passes before bring tables to their size; the log's time goes on from pass to pass.
  mutating func measure(_ stages: [StageConfiguration]) -> StageFigure {
    var pipeline = Pipeline(
      stages: stages,
      rules: [DecodeRules(format: .json)],
      setsAside: false
    )
    var figure = StageFigure(
      nanosecondsPerEvent: .infinity,
      allocationsPerEvent: 0,
      leavingPerEvent: 0
    )
    for pass in 0..<7 {
      moveOn()
      var leavingCount = 0
      let allocations = malloc_count()
      let start = processorNanoseconds()
      for batch in batches {
        pipeline.beginBatch()
        for row in batch.rows {
          pipeline.step(row, of: batch.bytes, number: nextNumber)
          leavingCount += pipeline.output.count
          nextNumber += 1
        }
      }
      let nanoseconds = processorNanoseconds() - start
      guard pass >= 2 else { continue }
      let count = Double(eventCount)
      figure.nanosecondsPerEvent = min(figure.nanosecondsPerEvent, Double(nanoseconds) / count)
      figure.allocationsPerEvent = Double(malloc_count() - allocations) / count
      figure.leavingPerEvent = Double(leavingCount) / count
    }
    return figure
  }

  private mutating func moveOn() {
    for index in batches.indices {
      for row in batches[index].rows.indices {
        batches[index].rows[row].boot += span
        batches[index].rows[row].wall += span
      }
    }
  }
}

/// A setting of each type that does its usual work on the trace, by the type's name.
func stageSamples() throws -> [(name: String, stages: [StageConfiguration])] {
  let temperature = try FieldPath("temperature")
  let second: Int64 = 1_000_000
  let hot = try Condition("temperature > 80")
  var map = MapSettings()
  map.select = [temperature, try FieldPath("humidity")]
  map.rename = [.init(field: temperature, name: "t")]
  map.add = [.init(name: "site", value: "north", isText: true)]
  var last = ThrottleSettings(interval: 10 * second)
  last.pick = .last
  var alarm = AlarmSettings(field: temperature, on: 80, off: 75)
  alarm.duration = 10 * second
  let percentile = WindowSettings(
    fields: [temperature],
    size: 10 * second,
    aggregates: [.count, .mean, .max, .percentile(95)]
  )
  let kinds: [(String, StageConfiguration.Kind)] = [
    ("drop", .drop(hot)),
    ("keep", .keep(hot)),
    ("map", .map(map)),
    ("changed", .changed(ChangedSettings(fields: [temperature]))),
    ("deadband", .deadband(DeadbandSettings(field: temperature, threshold: .absolute(0.5)))),
    ("swinging-door", .swingingDoor(SwingingDoorSettings(field: temperature, deviation: 0.5))),
    ("throttle, first", .throttle(ThrottleSettings(interval: 10 * second))),
    ("throttle, last", .throttle(last)),
    ("sample", .sample(SampleSettings(every: 10))),
    ("dedupe", .dedupe(DedupeSettings(span: 30 * second))),
    ("window", .window(tenSeconds([temperature]))),
    ("window, p95", .window(percentile)),
    ("downsample, m4", .downsample(.init(field: temperature, method: .m4, size: 10 * second))),
    ("downsample, lttb", .downsample(.init(field: temperature, method: .lttb, size: 10 * second))),
    ("alarm", .alarm(alarm)),
    ("burst", .burst(.init(when: hot, interval: 60 * second, before: 30 * second, after: second))),
  ]
  return kinds.map { ($0.0, [StageConfiguration(kind: $0.1)]) }
}

/// The pipeline of the aim: two fields decoded, a deadband, a window of ten seconds.
///
/// - Parameter threshold: of the deadband; 0 lets nearly every event go on to the window.
/// - Returns: two stages.
/// - Throws: nothing that can happen: the paths are good.
func aimedPipeline(threshold: Double) throws -> [StageConfiguration] {
  guard let topics = TopicFilter("telemetry/+/+") else { return [] }
  let temperature = try FieldPath("temperature")
  let deadband = DeadbandSettings(field: temperature, threshold: .absolute(threshold))
  let window = tenSeconds([temperature, try FieldPath("humidity")])
  return [
    StageConfiguration(topics: [topics], kind: .deadband(deadband)),
    StageConfiguration(topics: [topics], kind: .window(window)),
  ]
}

private func tenSeconds(_ fields: [FieldPath]) -> WindowSettings {
  WindowSettings(fields: fields, size: 10_000_000, aggregates: [.count, .mean, .max])
}

/// CPU time of this process, nanoseconds.
private func processorNanoseconds() -> Int64 {
  var time = timespec()
  unsafe _ = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
