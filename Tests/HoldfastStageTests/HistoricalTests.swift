import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

/// What left a pipeline in one step.
private struct Left: Equatable {
  var payload: [UInt8]
  var seconds: Int64
  var isResult: Bool
}

private struct Feed {
  var pipeline: Pipeline
  var number: SequenceNumber = 0

  init(_ kind: StageConfiguration.Kind, format: PayloadFormat = .sparkplug) {
    pipeline = Pipeline(
      stages: [StageConfiguration(kind: kind)],
      rules: [DecodeRules(format: format)],
      setsAside: true
    )
  }

  /// Arrives at a second since 1970 that is also one since boot.
  mutating func feed(_ payload: SparkplugPayload, second: Int64, topic: String = "t") -> [Left] {
    number += 1
    var batch = EventBatch()
    let time = second * 1_000_000
    batch.append(
      topic: Array(topic.utf8),
      payload: payload.bytes,
      properties: [],
      clock: ClockReading(boot: time, wall: time),
      flags: .qos1
    )
    pipeline.beginBatch()
    pipeline.step(batch.rows[0], of: batch.bytes, number: number)
    // A burst's earlier events are not at hand here: they are left where they are.
    while pipeline.isRecalling {
      while pipeline.recallNumber != nil { pipeline.recallGone() }
      pipeline.resume()
    }
    return pipeline.output.map { event in
      Left(
        payload: Array(pipeline.bytes[event.row.payloadRange]),
        seconds: event.row.wall / 1_000_000,
        isResult: event.result != nil
      )
    }
  }
}

@Suite struct HistoricalTests {
  static func kinds() throws -> [(String, StageConfiguration.Kind)] {
    let field = try FieldPath("m")
    let second: Int64 = 1_000_000
    return [
      ("changed", .changed(ChangedSettings(fields: [field]))),
      ("changed whole", .changed(ChangedSettings(intervalMax: 9 * second))),
      ("deadband", .deadband(DeadbandSettings(field: field, threshold: .absolute(2)))),
      ("swinging-door", .swingingDoor(SwingingDoorSettings(field: field, deviation: 1))),
      ("throttle first", .throttle(ThrottleSettings(interval: 5 * second))),
      ("throttle last", .throttle(ThrottleSettings(interval: 5 * second, pick: .last))),
      ("sample", .sample(SampleSettings(every: 3))),
      ("dedupe", .dedupe(DedupeSettings(span: 4 * second))),
      ("m4", .downsample(DownsampleSettings(field: field, method: .m4, size: 7 * second))),
      ("lttb", .downsample(DownsampleSettings(field: field, method: .lttb, size: 7 * second))),
      ("alarm", .alarm(AlarmSettings(field: field, on: 8, off: 2))),
      (
        "burst",
        .burst(
          BurstSettings(
            when: try Condition("m > 8"),
            interval: 6 * second,
            before: 0,
            after: 2 * second
          )
        )
      ),
      (
        "window",
        .window(WindowSettings(fields: [field], size: 6 * second, aggregates: [.count, .sum]))
      ),
    ]
  }

  @Test func `historical values go on as they came, and move nothing of the current ones`() throws {
    for (name, kind) in try Self.kinds() {
      var random = SplitMix64(seed: 7)
      var (plain, mixed) = (Feed(kind), Feed(kind))
      var (thinnedCount, historicalCount) = (0, 0)
      for second in Int64(1)...400 {
        let value = Double(Int.random(in: 0...10, using: &random))
        let payload = SparkplugPayload.of("m", value, milliseconds: 7)
        let expected = plain.feed(payload, second: second)
        if expected.isEmpty { thinnedCount += 1 }
        #expect(mixed.feed(payload, second: second) == expected, "\(name) at \(second)")
        for _ in 0..<Int.random(in: 0...3, using: &random) {
          historicalCount += 1
          let old = SparkplugPayload.of(
            "m",
            Double(Int.random(in: -100...100, using: &random)),
            isHistorical: true
          )
          let left = mixed.feed(old, second: second)
          #expect(
            left == [Left(payload: old.bytes, seconds: second, isResult: false)],
            "\(name) at \(second)"
          )
        }
      }
      #expect(thinnedCount > 20 && historicalCount > 300, "\(name): \(thinnedCount)")
      var (one, other) = (plain.pipeline, mixed.pipeline)
      #expect(one.report[0].notes == other.report[0].notes, "\(name)")
      // All but the counters of what went through, and numbers, is the same.
      one.isTracing = true
      other.isTracing = true
      #expect(one.dueAt == other.dueAt, "\(name)")
    }
  }

  @Test func `beside current metrics a historical one is passed over`() throws {
    var feed = Feed(.deadband(DeadbandSettings(field: try FieldPath("m"), threshold: .absolute(2))))
    let live = SparkplugPayload.of("m", 1)
    #expect(feed.feed(live, second: 1).count == 1)
    let mixed = SparkplugPayload.of("m", 50, isHistorical: true).with("m", 2)
    #expect(feed.feed(mixed, second: 2).isEmpty, "2 is within 2 of 1")
    #expect(feed.feed(live, second: 3).isEmpty)
  }

  @Test func `conditions can ask for historical values`() throws {
    let old = SparkplugPayload.of("m", 9, isHistorical: true)
    let live = SparkplugPayload.of("m", 9)
    let table: [(String, old: Bool, live: Bool)] = [
      ("historical", true, false), ("not historical", false, true), ("m > 8", true, true),
      ("historical == false", false, true), ("historical != true", false, true),
      ("m > 8 and historical", true, false), ("historical and m > 10", false, false),
    ]
    for (text, isOldKept, isLiveKept) in table {
      var feed = Feed(.keep(try Condition(text)))
      #expect(feed.feed(old, second: 1).count == (isOldKept ? 1 : 0), "\(text)")
      #expect(feed.feed(live, second: 2).count == (isLiveKept ? 1 : 0), "\(text)")
      var json = Feed(.keep(try Condition(text)), format: .json)
      // It is no JSON; what looks at the mark alone finds none.
      let isKept = !text.contains("m >") && isLiveKept
      #expect(json.feed(old, second: 3).isEmpty != isKept, "\(text)")
    }
    #expect(try Condition("historical").asksForHistorical)
    #expect(try !Condition(#"field("historical") == true"#).asksForHistorical)
    #expect(throws: TextFault.self) { try Condition("historical > 3") }
    #expect(throws: TextFault.self) { try Condition(#"historical == "yes""#) }
  }

  private func window(_ change: (inout WindowSettings) -> Void) throws -> Feed {
    var settings = WindowSettings(
      fields: [try FieldPath("m")],
      size: 10_000_000,
      aggregates: [.count, .sum]
    )
    settings.time = .field(try FieldPath("m.timestamp"))
    change(&settings)
    return Feed(.window(settings))
  }

  private func texts(_ left: [Left]) -> [String] {
    left.map { String(decoding: $0.payload, as: UTF8.self) }
  }

  @Test func `a window by the metric's time takes historical values where they belong`() throws {
    var feed = try window { $0.late = .emitCorrection }
    // A multiple of the window's size.
    let start: Int64 = 1_700_000_000
    func results(
      _ value: Double,
      of second: Int64,
      at arrival: Int64,
      isHistorical: Bool = false
    )
      -> [String]
    {
      let time = UInt64(start + second) * 1000
      let payload = SparkplugPayload.of(
        "m",
        value,
        milliseconds: time,
        isHistorical: isHistorical
      )
      return texts(feed.feed(payload, second: start + arrival))
    }
    #expect(results(1, of: 1, at: 1) == [])
    #expect(results(2, of: 2, at: 3, isHistorical: true) == [], "the window is open")
    let first = results(5, of: 11, at: 12).joined()
    #expect(first.contains(#""count":2,"fields":{"m":{"count":2,"sum":3}}"#), "\(first)")
    let again = results(4, of: 3, at: 13, isHistorical: true).joined()
    #expect(again.contains(#""sum":7"#) && again.contains(#""revision":1"#), "late: \(again)")
    let second = results(0, of: 21, at: 22).joined()
    #expect(second.contains(#""fields":{"m":{"count":1,"sum":5}}"#), "not moved: \(second)")
    #expect(feed.pipeline.report[0].notes == [.late: 1])
  }

  @Test func `without a time of its own a historical value goes past the windows`() throws {
    var feed = try window { _ in }
    let old = SparkplugPayload.of("m", 3, isHistorical: true)
    #expect(feed.feed(old, second: 101).map(\.payload) == [old.bytes])
    #expect(feed.feed(.of("m", 3), second: 101).isEmpty, "a current one counts where it arrives")
    #expect(feed.pipeline.report[0].notes == [.timeless: 1])
  }

  @Test func `what is explained names a historical value, and errors don't count it`() throws {
    let kind = StageConfiguration.Kind.deadband(
      DeadbandSettings(field: try FieldPath("m"), threshold: .absolute(2))
    )
    var run = DryRun(
      stages: [StageConfiguration(kind: kind)],
      rules: [DecodeRules(format: .sparkplug)],
      setsAside: false
    )
    run.isExplaining = true
    let payloads = [
      SparkplugPayload.of("m", 1), .of("m", 90, isHistorical: true), .of("m", 2),
    ]
    var reasons: [String] = []
    for (place, payload) in payloads.enumerated() {
      var batch = EventBatch()
      let time = Int64(place) * 1_000_000
      batch.append(
        topic: Array("t".utf8),
        payload: payload.bytes,
        clock: ClockReading(boot: time, wall: time)
      )
      run.beginBatch()
      run.step(batch.rows[0], of: batch.bytes, number: UInt64(place + 1)) { _ in nil }
      reasons += run.acts.map { "\($0.kind) \($0.reason)" }
    }
    #expect(reasons[1] == "passed a historical value", "\(reasons)")
    #expect(run.report.stages[0].curve?.largest == 1)
  }
}
