internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

// Upstreams with stages, and sources with stages of their own.

extension World {
  /// An event as the log keeps it.
  func storedEvent(_ id: Int, _ clock: ClockReading) -> EventBatch { event(id, clock) }

  /// The times that the log gives what is appended now.
  func stampedNow() -> ClockReading { process?.stamper.stamped(reading) ?? reading }

  /// An event as a source hands it over.
  func event(_ id: Int, _ clock: ClockReading) -> EventBatch {
    var batch = EventBatch()
    let message = messages[id]
    var flags: EventFlags = message.isQoS1 ? .qos1 : []
    if message.kind == .retained { flags.insert(.retained) }
    batch.append(
      topic: topic(of: id),
      payload: payload(of: id),
      properties: sources[message.source].speaksFive ? properties(of: id) : [],
      clock: clock,
      source: UInt8(message.source),
      flags: flags
    )
    return batch
  }

  // MARK: sources

  /// What sources' stages know ends with the process.
  func renewSourceStages() {
    let rules = configuration.sources.map(\.decode)
    sourceStages = configuration.sources.map {
      Pipeline(stages: $0.stages, rules: rules, setsAside: false)
    }
  }

  func renewSourceStages(_ source: Int) {
    let rules = configuration.sources.map(\.decode)
    sourceStages[source] = Pipeline(
      stages: configuration.sources[source].stages,
      rules: rules,
      setsAside: false
    )
  }

  /// Those of a batch that the source's stages let through.
  func filteredAtSource(_ ids: [Int], source: Int) -> Set<Int> {
    if configuration.sources[source].stages.isEmpty { return [] }
    var filtered: Set<Int> = []
    sourceStages[source].beginBatch()
    for (place, id) in ids.enumerated() {
      let event = event(id, reading)
      sourceStages[source].beginBatch()
      sourceStages[source].step(event.rows[0], of: event.bytes, number: UInt64(place) + 1)
      if sourceStages[source].output.isEmpty {
        filtered.insert(place)
        messages[id].isFilteredAtSource = true
      }
    }
    report.sourceFilteredCount += filtered.count
    return filtered
  }

  // MARK: processes

  /// A process reads a log from the saved cursors on.
  func beginStages(_ status: AgentStatus) {
    for (index, upstream) in upstreams.enumerated() {
      guard let judge = upstream.judge, let row = status.upstreams.at(index) else { continue }
      let cursor = row.ledger.cursor
      judge.begin(status.log, row.ledger, world: self)
      guard status.log == mainLog, let position = judge.pictureAtStart else { continue }
      if position > cursor {
        fail("upstream \(index): a picture of the stages at \(position), cursor \(cursor)")
      }
      report.coverage.note(.stagesRestored)
      if position < cursor { report.coverage.note(.stagesReplayed) }
      judge.pictureAtStart = nil
    }
  }

  /// Looks at the files that a process is going to find.
  func lookAtStagesFiles() {
    isStartDoubtful = false
    for judge in upstreams.compactMap(\.judge) {
      judge.wasFileDoubtful = judge.isFileDoubtful
      judge.pictureAtStart = nil
      if judge.isFileDoubtful || diskFaults.mayStrike(at: now) { continue }
      judge.pictureAtStart = disk.contents(stagesFile(judge.index)).flatMap {
        snapshotPosition(in: $0, of: judge.configuration.name)
      }
    }
  }

  func stagesFile(_ index: Int) -> String { "ring/stages-\(configuration.upstreams[index].name)" }

  /// The number before which the picture in the file was taken.
  private func snapshotPosition(in file: [UInt8], of name: String) -> SequenceNumber? {
    let start = RecordFile.headerByteCount + 1 + 4 + name.utf8.count + 16
    guard file.count >= start + 8 else { return nil }
    return (0..<8).reduce(0) { $0 | UInt64(file[start + $1]) << UInt64(8 * $1) }
  }

  /// Reads a line of the agent's: whose stages begin anew, and whether something explains it.
  func noteStages(_ line: LogEntry) {
    let judge = upstreams.first { upstream in
      line.message.hasPrefix("upstream \(upstream.configuration.name):")
    }?.judge
    // What is too large to be kept is let go, as the line says.
    if line.message.contains("the stages' state has") { judge?.isFileDoubtful = true }
    noteGone(line, judge)
    if let judge { noteDivision(line, judge) }
    guard let phrase = line.message.firstRange(of: "the stages begin anew at number ") else {
      return
    }
    let digits = line.message[phrase.upperBound...].prefix { $0.isNumber }
    guard let judge, let number = UInt64(digits) else {
      return fail("no upstream has the stages of: \(line.message)")
    }
    // The log may have been opened again within this very step.
    if let status = process?.agent.status(now: reading), status.log != numbering.log {
      checkStart(status)
    }
    if numbering.log != mainLog { return }
    report.freshStartCount += 1
    let isPartGone = line.message.contains("a part of the log")
    let hasLosses = mayEvict || hasRotted || plan.hasReadFaults
    let isTooLarge = line.message.contains("their state was too large to be kept")
    let isExplained =
      isPartGone
      ? hasLosses || hasFailed || judge.wasFileDoubtful : judge.wasFileDoubtful || isStartDoubtful
    if !isExplained && !isTooLarge { fail("nothing explains: \(line.message)") }
    judge.beginAnew(at: number, world: self)
  }

  /// Reads a line of the agent's: where it divides live data from a backlog.
  private func noteDivision(_ line: LogEntry, _ judge: StageJudge) {
    if line.message.contains("and its stages are let go") {
      report.coverage.note(.stagesJoined)
      return
    }
    guard let phrase = line.message.firstRange(of: "sending live data from number ") else { return }
    let numbers = line.message[phrase.upperBound...].split { !$0.isNumber }
    guard numbers.count == 3, let split = UInt64(numbers[0]), let start = UInt64(numbers[1]) else {
      return fail("not understood: \(line.message)")
    }
    report.coverage.note(.stagesDivided)
    judge.divide(at: split, world: self)
    judge.historicalStart = start
  }

  /// Reads a line of the agent's: which earlier events a stage asked for in vain.
  private func noteGone(_ line: LogEntry, _ judge: StageJudge?) {
    guard let judge, let phrase = line.message.firstRange(of: " events before number ") else {
      return
    }
    let before = line.message[..<phrase.lowerBound]
    let numbers = line.message[phrase.upperBound...].split { !$0.isNumber }.prefix(2)
    guard let count = before.split(separator: " ").last.flatMap({ Int($0) }),
      let cause = numbers.first.flatMap({ UInt64($0) }),
      let last = numbers.last.flatMap({ UInt64($0) }), numbers.count == 2
    else { return fail("not understood: \(line.message)") }
    let mayBeGone = mayEvict || hasRotted || plan.hasReadFaults || hasFailed
    if !mayBeGone { fail("nothing explains: \(line.message)") }
    if numbering.log == mainLog {
      judge.noteGone(count, before: cause, end: last + 1, world: self)
    }
  }

  /// Told of each operation: whether a picture of stages gets its name.
  func noteStagesFile(_ operation: DiskError.Operation, _ name: String, isFailing: Bool) {
    guard plan.hasStages, name.utf8.starts(with: "ring/stages-".utf8) else { return }
    if isFailing {
      if process == nil || bornAt == now { isStartDoubtful = true }
      return
    }
    guard operation == .rename else { return }
    report.coverage.note(.stagesSaved)
    for upstream in upstreams where name == stagesFile(upstream.index) + ".new" {
      upstream.judge?.isFileDoubtful = false
    }
  }
}
