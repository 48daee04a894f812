import HoldfastEvent
import HoldfastPayload
import Testing

@testable import HoldfastStage

/// An event as a test writes it down.
struct TestEvent: Equatable, Sendable {
  var topic = "a"
  var payload = ""
  /// Microseconds; the wall clock stands `wallOffset` ahead of the boot clock.
  var boot: Int64 = 0
  var wallOffset: Int64 = 1_000_000_000_000
  var flags: EventFlags = .qos1
  var properties: [UInt8] = []
  var isResult = false

  var wall: Int64 { boot + wallOffset }
}

/// What left a stage.
struct Output: Equatable, Sendable, CustomStringConvertible {
  var topic: String
  var payload: String
  var number: SequenceNumber
  var boot: Int64
  var wall: Int64
  var properties: [UInt8] = []
  var isResult = false
  var description: String { "#\(number) \(topic) \(payload)" }
}

/// Drives one stage as the pipeline does: the event's bytes into the arena, `advance` when it is due,
/// then `step`.
struct StageHarness<Kind: StageKind> {
  var stage: Kind
  var pass: StagePass
  var number: SequenceNumber = 0
  /// All that was fed, for stages that ask for it again.
  var log: [TestEvent] = []
  /// Numbers that the log has let go of.
  var goneBelow: SequenceNumber = 0

  init(_ stage: Kind, format: PayloadFormat? = .json, setsAside: Bool = false) {
    self.stage = stage
    pass = StagePass(
      decoder: PayloadDecoder(rules: [DecodeRules(format: format)], setsAside: setsAside)
    )
  }

  /// Takes the next event; numbers count from 1.
  mutating func feed(_ event: TestEvent) -> [Output] {
    number += 1
    log.append(event)
    var input = begin(event)
    if event.isResult {
      input.result = ResultIdentity(stage: 1, key: Array(event.topic.utf8), start: 0)
    }
    if event.wall >= stage.dueAt { stage.advance(&pass) }
    if stage.dueAt <= event.wall { Issue.record("advance left something that is due") }
    stage.step(input, &pass)
    recall(input)
    return outputs
  }

  /// Reads back what the stage asks for, as the pipeline and its owner do.
  private mutating func recall(_ asking: StageEvent) {
    guard pass.isRecalling, var burst = stage as? BurstStage else { return }
    pass.isRecalling = false
    while let wanted = burst.recallNumber {
      let isGone = wanted < goneBelow
      if !isGone {
        var event = copy(log[Int(wanted) - 1], number: wanted)
        event.isHistorical = true
        pass.emit(event)
      }
      burst.recall(isGone: isGone)
    }
    burst.endRecall(asking, &pass)
    if let stage = burst as? Kind { self.stage = stage }
  }

  /// Takes a tick: time passes, nothing arrives.
  mutating func tick(boot: Int64, wall: Int64) -> [Output] {
    number += 1
    pass.out = []
    pass.bytes.removeAll(keepingCapacity: true)
    pass.number = number
    pass.now = ClockReading(boot: boot, wall: wall)
    if wall >= stage.dueAt { stage.advance(&pass) }
    return outputs
  }

  mutating func feed(_ events: [TestEvent]) -> [[Output]] { events.map { feed($0) } }

  /// The numbers that leave, in order.
  mutating func numbers(_ events: [TestEvent]) -> [SequenceNumber] {
    events.flatMap { feed($0) }.map(\.number)
  }

  private mutating func begin(_ event: TestEvent) -> StageEvent {
    pass.out = []
    pass.bytes.removeAll(keepingCapacity: true)
    pass.number = number
    pass.now = ClockReading(boot: event.boot, wall: event.wall)
    pass.verdict = .filtered
    return copy(event, number: number)
  }

  private mutating func copy(_ event: TestEvent, number: SequenceNumber) -> StageEvent {
    let (topic, payload) = (Array(event.topic.utf8), Array(event.payload.utf8))
    let start = pass.bytes.count
    pass.bytes += topic + payload + event.properties
    let row = EventBatch.Row(
      boot: event.boot,
      wall: event.wall,
      topicOffset: UInt32(start),
      topicByteCount: UInt16(topic.count),
      payloadOffset: UInt32(start + topic.count),
      payloadByteCount: UInt32(payload.count),
      propertiesOffset: UInt32(start + topic.count + payload.count),
      propertiesByteCount: UInt32(event.properties.count),
      source: 0,
      flags: event.flags
    )
    return StageEvent(row: row, number: number)
  }

  private var outputs: [Output] {
    pass.out.map { event in
      Output(
        topic: String(decoding: pass.topic(event), as: UTF8.self),
        payload: String(decoding: pass.payload(event), as: UTF8.self),
        number: event.number,
        boot: event.row.boot,
        wall: event.row.wall,
        properties: event.row.propertiesByteCount == 0
          ? [] : Array(pass.bytes[event.row.propertiesRange]),
        isResult: event.result != nil
      )
    }
  }
}

/// Runs a series, and from a snapshot at every position the rest of it: the same must come out.
@discardableResult
func checkSnapshots<Kind: StageKind>(
  _ events: [TestEvent],
  format: PayloadFormat? = .json,
  _ make: () -> Kind
) throws -> [[Output]] {
  var whole = StageHarness(make(), format: format)
  var snapshots: [[UInt8]] = []
  var outputs: [[Output]] = []
  for event in events {
    snapshots.append(snapshot(whole.stage))
    outputs.append(whole.feed(event))
  }
  for (place, bytes) in snapshots.enumerated() {
    var part = StageHarness(make(), format: format)
    part.number = SequenceNumber(place)
    part.log = Array(events[..<place])
    var reader = SnapshotReader(bytes[...])
    let isRestored = part.stage.restore(from: &reader)
    try #require(isRestored && reader.isAtEnd)
    try #require(snapshot(part.stage) == bytes)
    for next in place..<events.count {
      let rest = part.feed(events[next])
      if rest != outputs[next] {
        Issue.record("from the snapshot before event \(place + 1), at event \(next + 1)")
        return outputs
      }
    }
    try #require(snapshot(part.stage) == snapshot(whole.stage))
  }
  // What is cut short can't be a snapshot, and never traps.
  if let last = snapshots.last {
    for count in stride(from: 0, to: last.count, by: 13) {
      var reader = SnapshotReader(last[..<count])
      var stage = make()
      if stage.restore(from: &reader) { Issue.record("\(count) of \(last.count) bytes restored") }
    }
  }
  return outputs
}

func snapshot(_ stage: some StageKind) -> [UInt8] {
  var writer = SnapshotWriter()
  stage.save(into: &writer)
  return writer.bytes
}

/// A random series: a few topics, stamps that repeat and sometimes go back, a value that walks.
func randomSeries(
  seed: UInt64,
  count: Int,
  topicCount: Int = 4,
  spacing: Int64 = 1_000_000,
  payload: (inout SplitMix64, _ topic: Int) -> String
) -> [TestEvent] {
  var random = SplitMix64(seed: seed)
  var boot: Int64 = 5_000_000
  var wallOffset: Int64 = 1_000_000_000_000
  return (0..<count).map { _ in
    switch Int.random(in: 0..<40, using: &random) {
    case 0:
      // A reboot: the boot clock starts anew, the wall clock goes on.
      wallOffset += boot
      boot = Int64.random(in: 0...1000, using: &random)
    case 1: wallOffset += Int64.random(in: -20...20, using: &random) * spacing
    case 2...10: break
    default: boot += Int64.random(in: 1...spacing, using: &random)
    }
    let topic = Int.random(in: 0..<topicCount, using: &random)
    return TestEvent(
      topic: "t/\(topic)",
      payload: payload(&random, topic),
      boot: boot,
      wallOffset: wallOffset,
      isResult: Int.random(in: 0..<50, using: &random) == 0
    )
  }
}

extension FieldPath {
  /// For tests, where a wrong path is a mistake of the test.
  static func of(_ text: String) throws -> FieldPath { try FieldPath(text) }
}
