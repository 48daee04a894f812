import HoldfastEvent
import HoldfastLink
import HoldfastPayload
import HoldfastRingLog
import HoldfastStage
import HoldfastUpstream
import Testing

/// Live data ahead of a backlog, with stages.
@Suite struct StagedLaneTests {
  private func bench(
    _ stages: [StageConfiguration] = [StageConfiguration(kind: .sample(SampleSettings(every: 10)))],
    ledger: UpstreamLedger? = nil,
    pictures: [[UInt8]] = [],
    _ change: (inout UpstreamConfiguration) -> Void = { _ in }
  ) -> Bench {
    Bench(ledger: ledger, pictures: pictures) {
      $0.order = .liveFirst
      $0.inFlightMax = 8
      $0.stages = stages
      change(&$0)
    }
  }

  private func append(_ numbers: ClosedRange<Int>, to bench: inout Bench) {
    for number in numbers { bench.log.append("t", "\(number)", boot: bench.now) }
  }

  private func isHistorical(_ message: Message) -> Bool { message["historical"] == "true" }

  /// All that is left; the backlog's last number waits for the file.
  private func drain(_ bench: inout Bench) {
    for _ in 0..<3 {
      bench.drain()
      bench.step()
    }
  }

  private func numbers(_ messages: [Message]) -> [Int] { messages.compactMap { Int($0.text) } }

  @Test func theBacklogsStagesGoOnAndThoseOfLiveDataBeginAnew() {
    var bench = bench()
    append(1...5, to: &bench)
    bench.connect()
    drain(&bench)
    bench.close()
    append(6...1000, to: &bench)
    bench.connect()
    append(1001...1020, to: &bench)
    bench.step()
    drain(&bench)
    let live = bench.published.filter { !isHistorical($0) }
    #expect(numbers(live) == [1, 1001, 1011])
    let historical = bench.published.filter(isHistorical)
    // Every tenth, counted from the very first.
    #expect(numbers(historical) == Array(stride(from: 11, through: 1000, by: 10)))
    #expect(bench.ledger.cursor == 1021 && bench.ledger.ahead.isEmpty)
    #expect(bench.ledger.delivered == 102 && bench.ledger.filtered == 1020 - 102)
    #expect(bench.lines.contains { $0.message.contains("its stages are let go") })
    // The live lane is the only one, and counts on.
    append(1021...1040, to: &bench)
    bench.step()
    drain(&bench)
    #expect(numbers(bench.published.suffix(2)) == [1021, 1031])
    #expect(bench.forwarder.stageCounts[0].enteredCount == 1040)
  }

  @Test func theBacklogsLastNumberWaitsUntilTheCutIsInTheFile() {
    var bench = bench([StageConfiguration(kind: .sample(SampleSettings(every: 1)))])
    bench.savesStages = false
    append(1...300, to: &bench)
    bench.connect()
    append(301...310, to: &bench)
    bench.step()
    drain(&bench)
    #expect(bench.ledger.cursor == 300 && bench.ledger.ahead == [301..<311])
    bench.savesStages = true
    bench.step()
    #expect(bench.pictures.count == 2)
    bench.step()
    drain(&bench)
    #expect(bench.ledger.cursor == 311 && bench.ledger.delivered == 310)
    // A picture of the one that is left takes the place of the two.
    bench.step()
    #expect(bench.pictures.count == 1 && bench.ledger.hold == 311)
  }

  @Test(arguments: [false, true])
  func eachLaneGoesOnWhereItsPictureHasIt(_ isOldestFirst: Bool) {
    var bench = bench()
    append(1...1005, to: &bench)
    bench.connect()
    append(1006...1013, to: &bench)
    bench.step()
    for _ in 0..<5 { bench.acknowledge(bench.take()) }
    let ledger = bench.ledger
    #expect(ledger.ahead == [1006..<1014] && ledger.cursor > 100 && bench.pictures.count == 2)
    let sent = Set(numbers(bench.published))
    var later = self.bench(ledger: ledger, pictures: bench.pictures) {
      if isOldestFirst { $0.order = .oldestFirst }
    }
    later.log = bench.log
    append(1014...1030, to: &later)
    later.connect()
    drain(&later)
    let live = later.published.filter { !isHistorical($0) }
    #expect(numbers(live) == [1016, 1026])
    let all = sent.union(numbers(later.published))
    #expect(all == Set(stride(from: 1, through: 1005, by: 10)).union([1006, 1016, 1026]))
    #expect(later.ledger.cursor == 1031 && later.ledger.settled == 1030)
    #expect(!later.lines.contains { $0.message.contains("begin anew") })
  }

  @Test func theFileKnowsTheCutWhenTheLedgerDoesNotAnyMore() {
    var bench = bench()
    append(1...205, to: &bench)
    bench.connect()
    append(206...213, to: &bench)
    bench.step()
    // As if the machine stopped before a picture of the one lane was saved.
    while bench.ledger.cursor < 214 {
      if bench.pictures.count == 2 { bench.savesStages = false }
      bench.acknowledge(bench.take())
    }
    #expect(bench.ledger.ahead.isEmpty && bench.pictures.count == 2)
    var later = self.bench(ledger: bench.ledger, pictures: bench.pictures)
    later.log = bench.log
    append(214...230, to: &later)
    later.connect()
    drain(&later)
    #expect(numbers(later.published) == [216, 226])
    #expect(!later.lines.contains { $0.message.contains("begin anew") })
    #expect(later.ledger.cursor == 231 && later.pictures.count == 1)
  }

  @Test func withoutAPictureBothBeginAnew() {
    var bench = bench()
    append(1...505, to: &bench)
    bench.connect()
    append(506...513, to: &bench)
    bench.step()
    for _ in 0..<2 { bench.acknowledge(bench.take()) }
    let cursor = Int(bench.ledger.cursor)
    #expect(bench.ledger.ahead == [506..<514] && cursor < 505)
    var later = self.bench(ledger: bench.ledger)
    later.log = bench.log
    append(514...530, to: &later)
    later.connect()
    drain(&later)
    let historical = later.published.filter(isHistorical)
    #expect(numbers(historical) == Array(stride(from: cursor, through: 505, by: 10)))
    #expect(numbers(later.published.filter { !isHistorical($0) }) == [514, 524])
    #expect(later.lines.filter { $0.message.contains("begin anew") }.count == 2)
    #expect(later.ledger.settled == 530)
  }

  @Test func aStateTooLargeToBeKeptLosesTheStateAndNotTheCut() {
    var bench = bench()
    bench.picturesByteCountMax = 10
    append(1...505, to: &bench)
    bench.connect()
    append(506...513, to: &bench)
    bench.step()
    drain(&bench)
    #expect(bench.ledger.cursor == 514 && bench.ledger.settled == 513)
    #expect(bench.lines.contains { $0.message.contains("that are kept") })
    #expect(bench.pictures.count == 1, "the backlog is sent, and what began behind it is alone")
    var later = self.bench(ledger: bench.ledger, pictures: bench.pictures)
    later.log = bench.log
    append(514...530, to: &later)
    later.connect()
    drain(&later)
    #expect(numbers(later.published) == [514, 524])
    #expect(later.lines.contains { $0.message.contains("too large to be kept") })
  }

  @Test func whatWaitsAlreadyIsNotDividedAgain() {
    var bench = bench()
    append(1...5000, to: &bench)
    bench.connect()
    bench.acknowledge(bench.take())
    bench.close()
    append(5001...6000, to: &bench)
    bench.connect()
    #expect(bench.forwarder.undividedCount == 1)
    #expect(bench.lines.contains { $0.message.contains("a backlog with stages waits already") })
    drain(&bench)
    let live = bench.published.filter { !isHistorical($0) }
    #expect(numbers(live) == Array(stride(from: 5001, through: 6000, by: 10)))
    #expect(bench.ledger.settled == 6000)
    // When all is sent the next outage divides.
    bench.step()
    bench.close()
    append(6001...6200, to: &bench)
    bench.connect()
    drain(&bench)
    #expect(bench.forwarder.undividedCount == 1 && bench.ledger.settled == 6200)
    #expect(isHistorical(bench.published[bench.published.count - 1]))
  }

  @Test func gapsGoToTheStagesOfTheirLane() {
    var bench = bench()
    append(1...300, to: &bench)
    bench.log.appendGap(10, .corrupt)
    bench.connect()
    bench.log.appendGap(10, .corrupt)
    append(321...330, to: &bench)
    bench.step()
    drain(&bench)
    #expect(bench.ledger.cursor == 331 && bench.ledger.lost[LossReason.corrupt.rawValue] == 20)
    #expect(bench.ledger.settled == 330)
    #expect(numbers(bench.published.filter { !isHistorical($0) && $0.topic == "t" }) == [321])
  }

  @Test func noResultOfOneLaneHasTheIdentityOfOneOfTheOther() throws {
    let path = try FieldPath("")
    var alarm = AlarmSettings(field: path, on: 8, off: 4)
    alarm.topic = "{topic}/alarm"
    var configuration = UpstreamConfiguration(
      name: "central",
      link: LinkConfiguration(host: "central", port: 1883),
      topics: [TopicFilter("#")].compactMap(\.self)
    )
    configuration.stages = [StageConfiguration(kind: .alarm(alarm))]
    func identity(_ origin: SequenceNumber) -> ResultIdentity? {
      var pipeline = Pipeline(
        stages: configuration.stages,
        rules: [DecodeRules(format: .text)],
        setsAside: false,
        origin: origin
      )
      var batch = EventBatch()
      batch.append(
        topic: Array("t".utf8),
        payload: Array("9".utf8),
        clock: ClockReading(boot: 5, wall: 5)
      )
      pipeline.beginBatch()
      pipeline.step(batch.rows[0], of: batch.bytes, number: 7)
      return pipeline.output.first?.result
    }
    #expect(identity(0) != nil && identity(0) != identity(501) && identity(501) != identity(777))
  }
}
