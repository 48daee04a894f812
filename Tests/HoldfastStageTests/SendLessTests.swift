import Foundation
import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

/// `changed`, `deadband`, `sample`, `dedupe`: what goes on, against tables and plain oracles.
@Suite struct SendLessTests {
  static func reading(_ random: inout SplitMix64, _: Int) -> String {
    let number = Double(Int.random(in: -4...4, using: &random)) / 2
    switch Int.random(in: 0..<12, using: &random) {
    case 0: return #"{"w":1}"#
    case 1: return #"{"v":null,"w":2}"#
    case 2: return #"{"v":"\#(number)","w":0}"#
    case 3: return #"{"v":true,"w":0}"#
    case 4: return #"{"v":1e999,"w":0}"#
    default: return #"{"v":\#(number),"w":\#(Int.random(in: 0...1, using: &random))}"#
    }
  }

  static func series(_ seed: UInt64, count: Int = 80) -> [TestEvent] {
    randomSeries(seed: seed, count: count, payload: reading)
  }

  /// What a plain oracle lets through: state by topic in a dictionary, no bound.
  func expected<State>(
    _ events: [TestEvent],
    _ passes: (TestEvent, inout State?) throws -> Bool
  ) rethrows -> [SequenceNumber] {
    var states: [String: State] = [:]
    var numbers: [SequenceNumber] = []
    for (place, event) in events.enumerated() {
      if try passes(event, &states[event.topic]) { numbers.append(SequenceNumber(place + 1)) }
    }
    return numbers
  }

  func isLate(_ event: TestEvent, _ boot: Int64, _ interval: Int64?) -> Bool {
    interval.map { event.boot < boot || event.boot - boot >= $0 } ?? false
  }

  /// A payload's member by an independent reader; nil where it is missing.
  func member(_ name: String, _ event: TestEvent) throws -> String? {
    let text = event.payload.dropFirst().dropLast()
    for part in text.split(separator: ",") where part.hasPrefix("\"\(name)\":") {
      return String(part.dropFirst(name.count + 3))
    }
    return nil
  }

  func number(_ event: TestEvent) throws -> Double? {
    guard let text = try member("v", event) else { return nil }
    if text == "true" { return 1 }
    let number = Double(text.replacing("\"", with: ""))
    return number?.isFinite == true ? number : nil
  }

  // MARK: changed

  @Test(arguments: 0..<20) func `changed lets go on what differs from what went on last`(
    _ seed: UInt64
  ) throws {
    let events = Self.series(seed)
    let interval: Int64? = seed % 2 == 0 ? nil : 3_000_000
    for fields in [[], ["v"], ["v", "w"]] {
      let paths = try fields.map { try FieldPath($0) }
      let outputs = try checkSnapshots(events) {
        ChangedStage(ChangedSettings(fields: paths, intervalMax: interval), topicCountMax: 10)
      }
      let numbers = try expected(events) { (event, last: inout (value: [String], boot: Int64)?) in
        let value =
          fields.isEmpty ? [event.payload] : try fields.map { try member($0, event) ?? "" }
        if let last, last.value == value, !isLate(event, last.boot, interval) { return false }
        last = (value: value, boot: event.boot)
        return true
      }
      #expect(outputs.flatMap(\.self).map(\.number) == numbers)
    }
  }

  @Test func `changed tells apart what looks alike`() throws {
    func count(_ first: String, _ second: String, _ fields: [String]) throws -> Int {
      var harness = StageHarness(
        ChangedStage(
          ChangedSettings(fields: try fields.map { try FieldPath($0) }),
          topicCountMax: 10
        )
      )
      return harness.numbers([TestEvent(payload: first), TestEvent(payload: second)]).count
    }
    #expect(try count(#"{"a":1}"#, #"{"a":1 }"#, []) == 2)
    #expect(try count(#"{"a":1}"#, #"{ "a" : 1 }"#, ["a"]) == 1)
    #expect(try count(#"{"a":1}"#, #"{"a":1.0}"#, ["a"]) == 2)
    #expect(try count(#"{"a":1}"#, #"{"a":"1"}"#, ["a"]) == 2)
    #expect(try count(#"{"a":null}"#, #"{}"#, ["a"]) == 2)
    #expect(try count(#"{"a":"x","b":"yz"}"#, #"{"a":"xy","b":"z"}"#, ["a", "b"]) == 2)
    for size in [255, 256, 257, 5000] {
      let long = String(repeating: "x", count: size)
      #expect(try count(long, long, []) == 1)
      #expect(try count(long, long + "x", []) == 2)
      #expect(try count(long, "y" + long.dropFirst(), []) == 2)
      #expect(try count(long, long.dropLast() + "y", []) == 2)
    }
    // The bytes that are kept of a short value don't stand for a long one, nor the other way round.
    var harness = StageHarness(ChangedStage(ChangedSettings(), topicCountMax: 10))
    let long = String(repeating: "x", count: 300)
    let payloads = ["", long, "", long, long, "", ""]
    #expect(harness.numbers(payloads.map { TestEvent(payload: $0) }) == [1, 2, 3, 4, 6])
  }

  @Test func `fingerprints of similar payloads differ`() {
    var seen: [[UInt8]: Int] = [:]
    var payloads: [[UInt8]] = (0..<40).map { [UInt8](repeating: 0, count: $0) }
    for place in 0..<40 {
      for bit in 0..<8 {
        var bytes = [UInt8](repeating: 0x30, count: 40)
        bytes[place] ^= 1 << UInt8(bit)
        payloads.append(bytes)
        // The pair of changes that a multiplication without its high half does not see.
        bytes[(place + 8) % 40] ^= 0x80
        payloads.append(bytes)
        bytes[(place + 12) % 40] ^= 0x80
        payloads.append(bytes)
      }
    }
    for payload in Set(payloads) {
      var writer = SnapshotWriter()
      Fingerprint(payload[...]).save(into: &writer)
      // Each half alone is enough to tell these apart.
      seen[Array(writer.bytes[4..<12]), default: 0] += 1
      seen[Array(writer.bytes[12..<20]), default: 0] += 1
    }
    #expect(seen.values.allSatisfy { $0 == 1 })
    #expect(seen.count == 2 * Set(payloads).count)
  }

  // MARK: deadband

  static let thresholds: [DeadbandSettings.Threshold] = [
    .absolute(0.5), .fractionOfLast(0.5), .fractionOfSpan(0.125, span: 4), .absolute(0),
  ]
  @Test(arguments: 0..<24) func `deadband lets go on what moved further than the threshold`(
    _ seed: UInt64
  ) throws {
    let events = Self.series(seed)
    let interval: Int64? = seed % 3 == 0 ? 4_000_000 : nil
    let threshold = Self.thresholds[Int(seed % 4)]
    let settings = DeadbandSettings(
      field: try FieldPath("v"),
      threshold: threshold,
      intervalMax: interval
    )
    let outputs = try checkSnapshots(events) { DeadbandStage(settings, topicCountMax: 10) }
    let numbers = try expected(events) { (event, last: inout (value: Double?, boot: Int64)?) in
      let value = try number(event)
      if let value, let sent = last, let old = sent.value, !isLate(event, sent.boot, interval) {
        let limit =
          switch threshold {
          case .absolute(let limit): limit
          case .fractionOfLast(let fraction): fraction * abs(old)
          case .fractionOfSpan(let fraction, let span): fraction * span
          }
        if abs(value - old) <= limit { return false }
      }
      last = (value: value, boot: event.boot)
      return true
    }
    #expect(outputs.flatMap(\.self).map(\.number) == numbers)
  }

  @Test func `deadband compares with what went on, not with what came last`() throws {
    let settings = DeadbandSettings(field: .whole, threshold: .absolute(1))
    var harness = StageHarness(DeadbandStage(settings, topicCountMax: 10), format: .text)
    let values = ["20", "20.6", "21", "21.01", "OFF", "OFF", "21.01", "21", "nan", "21", ""]
    #expect(
      harness.numbers(values.map { TestEvent(payload: $0) }) == [1, 4, 5, 6, 7, 9, 10, 11]
    )
  }

  // MARK: sample

  @Test(arguments: [1, 2, 3, 7] as [UInt64]) func `sample lets every n-th event of a topic go on`(
    _ every: UInt64
  ) throws {
    let events = Self.series(every)
    let outputs = try checkSnapshots(events) {
      SampleStage(SampleSettings(every: every), topicCountMax: 10)
    }
    let numbers = expected(events) { (_, count: inout UInt64?) in
      let place = count ?? 0
      count = place + 1
      return place % every == 0
    }
    #expect(outputs.flatMap(\.self).map(\.number) == numbers)
  }

  // MARK: dedupe

  @Test(arguments: 0..<20) func `dedupe leaves out what went on within the span`(
    _ seed: UInt64
  ) throws {
    let events = Self.series(seed)
    var settings = DedupeSettings(span: 5_000_000)
    settings.payloadCountMax = [1, 2, 4, 16][Int(seed % 4)]
    let outputs = try checkSnapshots(events) { DedupeStage(settings, topicCountMax: 10) }
    let numbers = expected(events) { (event, sent: inout [(payload: String, boot: Int64)]?) in
      var list: [(payload: String, boot: Int64)] = sent ?? []
      if let same = list.firstIndex(where: { $0.payload == event.payload }) {
        if !isLate(event, list[same].boot, 5_000_000) { return false }
        list.remove(at: same)
      }
      list = list.suffix(settings.payloadCountMax - 1) + [(event.payload, event.boot)]
      sent = list
      return true
    }
    #expect(outputs.flatMap(\.self).map(\.number) == numbers)
  }

  // MARK: bounds

  @Test func `the topic used least recently makes room, and is counted`() throws {
    let topics = ["a", "b", "a", "c", "a", "b", "a"]
    let events = topics.map { TestEvent(topic: $0, payload: "1") }
    // b makes room for c, then c for b.
    let expected: [SequenceNumber] = [1, 2, 4, 6]
    var changed = StageHarness(ChangedStage(ChangedSettings(), topicCountMax: 2))
    #expect(changed.numbers(events) == expected)
    #expect(changed.stage.evictedTopicCount == 2)
    let settings = DeadbandSettings(field: .whole, threshold: .absolute(1))
    var deadband = StageHarness(DeadbandStage(settings, topicCountMax: 2))
    #expect(deadband.numbers(events) == expected)
    #expect(deadband.stage.evictedTopicCount == 2)
    var sample = StageHarness(SampleStage(SampleSettings(every: 100), topicCountMax: 2))
    #expect(sample.numbers(events) == expected)
    #expect(sample.stage.evictedTopicCount == 2)
    var dedupe = StageHarness(DedupeStage(DedupeSettings(span: 9), topicCountMax: 2))
    #expect(dedupe.numbers(events) == expected)
    #expect(dedupe.stage.evictedTopicCount == 2)
  }

  @Test func `what can't be read goes the policy's way and changes no state`() throws {
    let bad = TestEvent(payload: #"{"v":"#), good = TestEvent(payload: #"{"v":1}"#)
    let path = try FieldPath("v")
    let deadband = DeadbandStage(
      DeadbandSettings(field: path, threshold: .absolute(1)),
      topicCountMax: 10
    )
    let changed = ChangedStage(ChangedSettings(fields: [path]), topicCountMax: 10)
    var passing = StageHarness(deadband)
    #expect(passing.numbers([good, bad, good, bad]) == [1, 2, 4])
    var strict = StageHarness(deadband, setsAside: true)
    #expect(strict.numbers([good, bad]) == [1])
    #expect(strict.pass.verdict == .undecodable)
    var comparing = StageHarness(changed, setsAside: true)
    #expect(comparing.numbers([good, bad, good]) == [1])
  }
}
