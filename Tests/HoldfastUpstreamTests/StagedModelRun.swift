import HoldfastEvent
import HoldfastPayload
import HoldfastRingLog
import HoldfastStage
import HoldfastUpstream
import Testing

private func path(_ text: String) -> FieldPath { (try? FieldPath(text)) ?? .whole }
private func condition(_ text: String) -> Condition? { try? Condition(text) }
private func filters(_ texts: String...) -> [TopicFilter] { texts.compactMap { TopicFilter($0) } }

/// What the seeds try, in turn.
let stageLists: [[StageConfiguration]] = [
  [
    StageConfiguration(kind: .deadband(DeadbandSettings(field: path("v"), threshold: .absolute(2))))
  ],
  [StageConfiguration(kind: .swingingDoor(SwingingDoorSettings(field: path("v"), deviation: 1.5)))],
  [
    StageConfiguration(
      topics: filters("t/+"),
      kind: .throttle(ThrottleSettings(interval: 5 * second, pick: .last))
    )
  ],
  [StageConfiguration(kind: .sample(SampleSettings(every: 3)))],
  [
    StageConfiguration(
      topics: filters("t/1", "t/2"),
      kind: .window(
        WindowSettings(fields: [path("v")], size: 10 * second, aggregates: [.mean, .count, .last])
      )
    )
  ],
  [
    StageConfiguration(
      topics: filters("t/+"),
      kind: .downsample(DownsampleSettings(field: path("v"), method: .m4, size: 8 * second))
    )
  ],
  [StageConfiguration(kind: .alarm(AlarmSettings(field: path("v"), on: 8, off: 3)))],
  [
    StageConfiguration(
      kind: .burst(
        BurstSettings(
          when: condition("v > 9") ?? anyEvent,
          interval: 20 * second,
          before: 10 * second,
          after: 5 * second
        )
      )
    ),
    StageConfiguration(kind: .sample(SampleSettings(every: 2))),
  ],
  [
    StageConfiguration(
      kind: .throttle(ThrottleSettings(interval: 3 * second, pick: .last))
    ),
    StageConfiguration(
      topics: filters("t/+"),
      kind: .window(WindowSettings(fields: [path("v")], size: 15 * second, aggregates: [.max]))
    ),
    StageConfiguration(kind: .changed(ChangedSettings())),
  ],
  [
    StageConfiguration(
      topics: filters("t/3"),
      kind: .downsample(DownsampleSettings(field: path("v"), method: .lttb, size: 10 * second))
    ),
    StageConfiguration(kind: .dedupe(DedupeSettings(span: 4 * second))),
  ],
  [
    StageConfiguration(topics: filters("t/+"), kind: .map(doubled)),
    StageConfiguration(kind: .burst(burst("v > 18", before: 30, countMax: 12))),
    StageConfiguration(kind: .burst(burst("v > 6", before: 20, countMax: 1000))),
    StageConfiguration(
      topics: filters("t/+"),
      kind: .window(
        {
          var window = WindowSettings(fields: [path("v")], size: 10 * second, aggregates: [.count])
          window.late = .emitCorrection
          window.lateness = 5 * second
          return window
        }()
      )
    ),
  ],
  [
    StageConfiguration(
      kind: .deadband(
        DeadbandSettings(field: path("v"), threshold: .absolute(4), intervalMax: 20 * second)
      )
    ),
    StageConfiguration(
      topics: filters("t/+"),
      kind: .alarm(
        {
          var alarm = AlarmSettings(field: path("v"), on: 6, off: 3)
          alarm.duration = 8 * second
          return alarm
        }()
      )
    ),
  ],
  [
    // One number, and often more than one that leaves on its account.
    StageConfiguration(
      topics: filters("t/+"),
      kind: .alarm(
        {
          var alarm = AlarmSettings(field: path("v"), on: 6, off: 3)
          alarm.passesEvents = true
          return alarm
        }()
      )
    )
  ],
]

/// Changes every payload, so that what is read back must be changed again.
private let doubled: MapSettings = {
  var settings = MapSettings()
  settings.compute = [MapSettings.Compute(field: path("v"))]
  settings.compute[0].scale = 2
  return settings
}()

private func burst(_ when: String, before: Int64, countMax: Int) -> BurstSettings {
  var settings = BurstSettings(
    when: condition(when) ?? anyEvent,
    interval: 20 * second,
    before: before * second,
    after: 5 * second
  )
  settings.heldCountMax = countMax
  return settings
}

private let anyEvent: Condition = {
  guard let condition = condition("size >= 0") else { preconditionFailure() }
  return condition
}()

extension StagedWorld {
  /// What the stages alone make of the whole log.
  struct Expectation {
    /// By the parts of the log that were divided.
    var sent: [[Sent]] = [[]]
    var undecodableCount = 0
    var aggregatedCount: UInt64 = 0
    var resultCount: UInt64 = 0
  }

  func expectation() -> Expectation {
    var expected = Expectation()
    var splits = splits[...]
    var pipeline = freshPipeline(0)
    var position: SequenceNumber = 1
    var passed = 0
    while true {
      if let split = splits.first, position == split {
        splits.removeFirst()
        pipeline = freshPipeline(split)
        expected.sent.append([])
      }
      switch log.read(position, passed) {
      case .end: return expected
      case .gap(let record):
        let record = record.clipped(from: position)?.clipped(to: splits.first ?? .max) ?? record
        pipeline.gap(record)
        if record.reason.coversNumbers {
          position = record.end
          passed = 0
        } else {
          passed += 1
        }
      case .events(let batch, let row):
        let event = batch.events.rows[row]
        if configuration.topics.contains(where: { $0.matches(batch.events.topic(row)) }) {
          pipeline.beginBatch()
          pipeline.step(event, of: batch.events.bytes, number: position)
          recall(&pipeline)
          collect(pipeline, into: &expected)
        } else {
          pipeline.pass(over: event)
        }
        position += 1
        passed = 0
      }
    }
  }

  private func freshPipeline(_ origin: SequenceNumber) -> Pipeline {
    var pipeline = Pipeline(
      stages: configuration.stages,
      rules: Self.rules,
      setsAside: configuration.undecodable == .deadLetter,
      origin: origin
    )
    pipeline.keepsOutput = true
    return pipeline
  }

  private func recall(_ pipeline: inout Pipeline) {
    while pipeline.isRecalling {
      while let number = pipeline.recallNumber {
        if case .events(let batch, let row) = log.read(number, .max) {
          pipeline.recall(batch.events.rows[row], of: batch.events.bytes)
        } else {
          pipeline.recallGone()
        }
      }
      pipeline.resume()
    }
  }

  private func collect(_ pipeline: Pipeline, into expected: inout Expectation) {
    expected.undecodableCount += pipeline.undecodable.count
    expected.aggregatedCount += UInt64(pipeline.aggregatedCount)
    for event in pipeline.output {
      if event.result != nil { expected.resultCount += 1 }
      expected.sent[expected.sent.count - 1].append(
        Sent(
          identity: event.result.map(text) ?? String(event.number),
          topic: String(decoding: pipeline.bytes[event.row.topicRange], as: UTF8.self),
          payload: String(decoding: pipeline.bytes[event.row.payloadRange], as: UTF8.self)
        )
      )
    }
  }

  /// As `docs/stages.md` says.
  private func text(_ identity: ResultIdentity) -> String {
    let stage = String(identity.stage, radix: 16)
    let zeros = String(repeating: "0", count: 16 - stage.count)
    let key = String(decoding: identity.key, as: UTF8.self)
    return "\(zeros)\(stage)-\(identity.start)-\(identity.revision)-\(key)"
  }

  /// Days with faults, then a night without any: everything must come to its end.
  mutating func run() {
    for _ in 0..<150 where problem == nil {
      grow()
      if chance(5) { now += 40 * second }
      step()
      if isLinked { serve(isBenign: false) }
      if chance(3), isLinked { close() }
      if chance(20) { save(isWhole: chance(70)) }
      if chance(4) { crash() }
    }
    for _ in 0..<600 where problem == nil {
      now += second
      step()
      if isLinked { serve(isBenign: true) }
      save(isWhole: true)
    }
  }

  func faults() -> [String] {
    var faults = problem.map { [$0] } ?? []
    let expected = expectation()
    for sent in expected.sent {
      let part = Set(sent)
      let came = arrivals.filter { part.contains($0) }
      let first = zip(came, sent).enumerated().first { $0.element.0 != $0.element.1 }
      if let first { faults.append("at \(first.offset): \(first.element)") }
      if came.count != sent.count || part.count != sent.count {
        faults.append("\(came.count) came, \(sent.count) must")
      }
    }
    let sentCount = expected.sent.reduce(0) { $0 + $1.count }
    if arrivals.count != sentCount { faults.append("\(arrivals.count) came, \(sentCount) must") }
    let ledger = forwarder.ledger
    if ledger.cursor != log.end { faults.append("cursor \(ledger.cursor), end \(log.end)") }
    var unused: UInt64 = 0
    for case .gap(let record) in log.entries where record.reason == .unused { unused += 1 }
    if ledger.settled + unused != log.end - 1 {
      faults.append("settled \(ledger.settled) + unused \(unused) of \(log.end - 1)")
    }
    let events = UInt64(sentCount) - expected.resultCount
    let pairs: [(String, UInt64, UInt64)] = [
      ("delivered", ledger.delivered, events),
      ("aggregated", ledger.aggregated, expected.aggregatedCount),
      ("derived", ledger.derivedDelivered, expected.resultCount),
      ("dead letters", ledger.deadLettered, UInt64(expected.undecodableCount)),
      ("letters kept", UInt64(Set(letters.map(\.first)).count), UInt64(expected.undecodableCount)),
    ]
    for (name, is_, must) in pairs where is_ != must {
      faults.append("\(name) \(is_), must \(must)")
    }
    return faults
  }
}

@Suite struct StagedModelTests {
  @Test
  func `whatever fails, what leaves the stages is what they make of the log, and counted once`() {
    var crashCount = 0
    var duplicateCount = 0
    var resultCount: UInt64 = 0
    var divisionCount = 0
    for seed: UInt64 in 0..<500 {
      var world = StagedWorld(seed: seed)
      world.run()
      let faults = world.faults()
      if !faults.isEmpty { Issue.record("seed \(seed): \(faults)") }
      crashCount += world.crashCount
      duplicateCount += world.counts.values.reduce(0) { $0 + $1 - 1 }
      resultCount += world.forwarder.ledger.derived
      divisionCount += world.splits.count
    }
    #expect(crashCount > 1000 && duplicateCount > 1000 && resultCount > 1000, "it tries something")
    #expect(divisionCount > 200, "and divides the log")
  }
}
