import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

/// A `burst` before a `window`: what is read back belongs to windows that may be closed already.
@Suite struct BurstWindowTests {
  private func stages(_ late: WindowSettings.LatePolicy) throws -> [StageConfiguration] {
    let second: Int64 = 1_000_000
    var window = WindowSettings(
      fields: [try FieldPath("v")],
      size: 2 * second,
      aggregates: [.count, .sum]
    )
    window.late = late
    let burst = BurstSettings(
      when: try Condition("v > 8"),
      interval: 100 * second,
      before: 60 * second,
      after: 0
    )
    return [StageConfiguration(kind: .burst(burst)), StageConfiguration(kind: .window(window))]
  }

  /// Drives the pipeline over a log, from a snapshot on if there is one.
  private struct Run {
    var pipeline: Pipeline
    var log: [EventBatch] = []

    init(_ stages: [StageConfiguration]) {
      pipeline = Pipeline(stages: stages, rules: [DecodeRules(format: .json)], setsAside: false)
      pipeline.keepsOutput = true
    }

    mutating func feed(_ second: Double, _ value: Int) -> [String] {
      var batch = EventBatch()
      let time = Int64(second * 1e6)
      batch.append(
        topic: Array("p".utf8),
        payload: Array("{\"v\":\(value)}".utf8),
        clock: ClockReading(boot: time, wall: 1_000_000_000_000 + time)
      )
      log.append(batch)
      pipeline.beginBatch()
      pipeline.step(batch.rows[0], of: batch.bytes, number: SequenceNumber(log.count))
      while pipeline.isRecalling {
        while let number = pipeline.recallNumber {
          let earlier = log[Int(number) - 1]
          pipeline.recall(earlier.rows[0], of: earlier.bytes)
        }
        pipeline.resume()
      }
      return pipeline.output.map {
        String(decoding: pipeline.bytes[$0.row.payloadRange], as: UTF8.self)
      }
    }
  }

  /// Count, sum and revision of a result, and what it follows if it is not whole.
  private func told(_ result: String) -> [Int] {
    ["\"count\":", "\"sum\":", "\"revision\":", "\"after_revision\":"].compactMap { key in
      guard let place = result.firstRange(of: key) else { return nil }
      return Int(result[place.upperBound...].prefix { $0.isNumber })
    }
  }

  /// One event goes by interval and opens the first window; five are kept back over three windows; the
  /// last one asks for them.
  private static let series: [(Double, Int)] = [
    (0.5, 1), (1, 2), (2.5, 3), (3, 4), (4.5, 5), (5.5, 6), (6.5, 9), (8.5, 0),
  ]

  @Test(arguments: WindowSettings.LatePolicy.allCases)
  func `closed windows open once more, and their results are raised`(
    late: WindowSettings.LatePolicy
  ) throws {
    var run = Run(try stages(late))
    var left = Self.series.map { run.feed($0.0, $0.1) }
    #expect(left[2].map(told) == [[1, 1, 0]], "what went by interval, when its window is over")
    #expect(left[3...5].joined().isEmpty, "the others are held back")
    left += [run.feed(70, 0)]
    let results = left.joined().map { told($0) }
    switch late {
    case .emitCorrection:
      // [0, 2) was sent with the one event when time came to 2; then with both.
      #expect(results.contains([1, 1, 0]) && results.contains([2, 3, 1]), "\(results)")
    case .countOnly:
      // What was added stands alone, and says what it follows.
      #expect(results.contains([1, 1, 0]) && results.contains([1, 2, 1, 0]), "\(results)")
    }
    // [2, 4) and [4, 6) had nothing before: a first result, or a raised one, with all there is.
    #expect(
      results.contains { $0.prefix(2) == [2, 7] } && results.contains { $0.prefix(2) == [2, 11] }
    )
    let identities = left.joined().compactMap { text in
      text.firstRange(of: "\"id\":").map { String(text[$0.lowerBound...].prefix { $0 != "}" }) }
    }
    #expect(Set(identities).count == identities.count && identities.count >= 5, "\(identities)")
    #expect(run.pipeline.report[1].notes[.late] == nil, "none of them is late")
  }

  @Test(arguments: WindowSettings.LatePolicy.allCases)
  func `the same results come from any snapshot on`(late: WindowSettings.LatePolicy) throws {
    var random = SplitMix64(seed: 11)
    var series: [(Double, Int)] = []
    var time = 0.0
    for _ in 0..<300 {
      time += Double.random(in: 0...1.5, using: &random)
      series.append((time, Int.random(in: 0...9, using: &random)))
    }
    let stages = try stages(late)
    var whole = Run(stages)
    var snapshots: [[UInt8]] = []
    var outputs: [[String]] = []
    for (time, value) in series {
      snapshots.append(whole.pipeline.snapshot())
      outputs.append(whole.feed(time, value))
    }
    #expect(
      outputs.joined().contains { $0.contains("\"revision\":1") },
      "a window opened again"
    )
    for place in stride(from: 1, to: series.count, by: 7) {
      var part = Run(stages)
      part.log = Array(whole.log[..<place])
      let isRestored = part.pipeline.restore(snapshots[place][...])
      try #require(isRestored)
      for next in place..<series.count {
        try #require(
          part.feed(series[next].0, series[next].1) == outputs[next],
          "\(place), \(next)"
        )
      }
    }
  }
}
