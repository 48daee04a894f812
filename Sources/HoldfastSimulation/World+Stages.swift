internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastRingLog
internal import HoldfastStage
internal import HoldfastUpstream

// Upstreams with stages, and sources with stages of their own.

extension World {
  /// An event as the log keeps it.
  func storedEvent(_ id: Int, _ clock: ClockReading) -> EventBatch {
    let unit = microsecondsPerSecond / configuration.ring.ticksPerSecond
    let offset = clock.wall - clock.boot
    let boot = clock.boot / unit * unit
    let rest = offset % unit
    let wall = boot + offset - (rest < 0 ? rest + unit : rest)
    return event(id, ClockReading(boot: boot, wall: wall))
  }

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

  // MARK: what comes

  /// What left stages, as it stands in a message; nil when it can't be read.
  func departures(
    _ topic: ArraySlice<UInt8>,
    _ payload: ArraySlice<UInt8>,
    _ properties: ArraySlice<UInt8>,
    isBatch: Bool
  ) -> [Departure]? {
    if !isBatch {
      guard let log = properties.value(of: Array("log".utf8)).flatMap({ LogID(digits: $0) }) else {
        return nil
      }
      let result = properties.value(of: Array("result".utf8))
      let number = properties.value(of: Array("seq".utf8)).flatMap {
        UInt64(String(decoding: $0, as: UTF8.self))
      }
      return departure(log, number, result.map { Array($0) }, topic, payload).map { [$0] }
    }
    var text = payload
    if properties.value(of: [])?.suffix(5).elementsEqual("+zstd".utf8) ?? false {
      guard let unpacked = unpacked(payload) else { return nil }
      text = unpacked[...]
    }
    var departures: [Departure] = []
    var reader = ObjectReader(text)
    while let fields = reader.next() {
      let result = fields[.result].isEmpty ? nil : fields[.result]
      guard let log = LogID(digits: fields[.log][...]),
        let departure = departure(
          log,
          fields.number(.seq),
          result,
          fields[.topic][...],
          fields[.payload][...]
        )
      else { return nil }
      departures.append(departure)
    }
    return reader.isAtEnd && !departures.isEmpty ? departures : nil
  }

  private func departure(
    _ log: LogID,
    _ number: SequenceNumber?,
    _ result: [UInt8]?,
    _ topic: ArraySlice<UInt8>,
    _ payload: ArraySlice<UInt8>
  ) -> Departure? {
    // It has one identity, and only one.
    guard (number == nil) != (result == nil), number != 0 else { return nil }
    return Departure(
      log: log,
      number: number ?? 0,
      result: result ?? [],
      digest: StageJudge.digest(topic, payload),
      text: result == nil ? message(topic, payload) : nil
    )
  }

  // MARK: processes

  /// A process reads a log from the saved cursors on.
  func beginStages(_ status: AgentStatus) {
    for (index, upstream) in upstreams.enumerated() {
      guard let judge = upstream.judge, let row = status.upstreams.at(index) else { continue }
      let cursor = row.ledger.cursor
      judge.begin(status.log, at: cursor, world: self)
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
    guard let phrase = line.message.firstRange(of: "the stages begin anew at number ") else {
      return
    }
    let digits = line.message[phrase.upperBound...].prefix { $0.isNumber }
    guard let judge, let number = UInt64(digits) else {
      return fail("no upstream has the stages of: \(line.message)")
    }
    if numbering.log != mainLog { return }
    report.freshStartCount += 1
    let isPartGone = line.message.contains("a part of the log")
    let hasLosses = mayEvict || hasRotted || plan.hasReadFaults || hasLivedInMemory
    let isExplained =
      isPartGone
      ? hasLosses || judge.wasFileDoubtful : judge.wasFileDoubtful || isStartDoubtful
    if !isExplained { fail("nothing explains: \(line.message)") }
    judge.beginAnew(at: number, world: self)
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

  // MARK: the law

  /// How something that left may have ended.
  func terms(of item: StageJudge.Item, at index: Int) -> Terms {
    var terms: Terms = []
    if item.key.isUndecodable { return [.deadLettered, .dropped] }
    if item.marks.contains(.delivered) { terms.insert(.delivered) }
    if item.marks.contains(.setAside) { terms.insert(.deadLettered) }
    let isLarge = plan.packetByteCountMax[index].map { item.byteCount > $0 / 3 } ?? false
    if item.marks.contains(.rejected) || isLarge { terms.formUnion([.deadLettered, .dropped]) }
    return terms
  }

  /// Compares the account of an upstream with stages with what they make of the log.
  func checkStagedLaw(_ ledger: UpstreamLedger, at index: Int, end: SequenceNumber) {
    guard let judge = upstreams[index].judge else { return }
    judge.check(end, world: self)
    if report.failure != nil { return }
    if judge.wasBlind || judge.view.position != end {
      report.blindUpstreamCount += 1
      return
    }
    report.judgedUpstreamCount += 1
    var events = TermBounds()
    var results = TermBounds()
    var eventCount: UInt64 = 0
    for (item, _) in judge.view.produced {
      let item = judge.items[item]
      if item.key.number == 0 {
        results.add(terms(of: item, at: index))
      } else {
        events.add(terms(of: item, at: index))
        eventCount += 1
      }
    }
    var lost = [UInt64](repeating: 0, count: LossReason.allCases.count)
    var aggregatedCount: UInt64 = 0
    for reading in judge.view.readings {
      aggregatedCount += UInt64(reading.aggregatedCount)
      guard case .gap(let record) = reading.kind else { continue }
      if record.reason == .evicted {
        lost[LossReason.evicted.rawValue] += record.end - record.first
      }
      if record.reason == .corrupt {
        lost[LossReason.corrupt.rawValue] += record.end - record.first
      }
    }
    let filteredCount = ledger.offered &- eventCount &- aggregatedCount &- lost.reduce(0, +)
    let counts = [ledger.delivered, ledger.deadLettered, ledger.dropped.reduce(0, +)]
    let derived = [ledger.derivedDelivered, ledger.derivedDeadLettered, ledger.derivedDropped]
    if !events.allow(counts, as: [0, 2, 3]) || !results.allow(derived, as: [0, 2, 3])
      || counts.reduce(0, +) != eventCount || derived.reduce(0, +) != UInt64(results.count)
      || ledger.aggregated != aggregatedCount || ledger.filtered != filteredCount
      || ledger.lost != lost
    {
      fail(
        "upstream \(index): \(ledger), known: \(eventCount) events \(events), \(results.count)"
          + " results \(results), \(aggregatedCount) aggregated, \(filteredCount) filtered, \(lost)"
      )
    }
    report.aggregatedCount += aggregatedCount
  }

  /// Notes what a dead letter of an upstream with stages holds.
  func take(_ letter: DeadLetter, judge: StageJudge) {
    let (topic, payload) = (letter.topic[...], letter.payload[...])
    let digest = StageJudge.digest(topic, payload)
    if letter.count == 1, letter.properties[...].value(of: Array("log".utf8)) == nil {
      if judge.setAside(number: letter.first, log: letter.log, digest) { return }
      return noteUnknown(letter, judge: judge)
    }
    let isBatch = judge.configuration.format != .event
    guard
      let departures = departures(topic, payload, letter.properties[...], isBatch: isBatch),
      UInt64(departures.count) == letter.count
    else { return fail("upstream \(judge.index): a dead letter holds foreign bytes") }
    for departure in departures {
      let key = StageJudge.Key(
        log: departure.log,
        number: departure.number,
        result: departure.result
      )
      if !judge.setAside(key, departure.digest) { noteUnknown(letter, judge: judge) }
    }
  }

  /// What was set aside by a reading that nobody knows: a crash took it back, and its events went.
  private func noteUnknown(_ letter: DeadLetter, judge: StageJudge) {
    let evidence = upstreams[judge.index].evidence
    let isGone =
      letter.log != mainLog
      || (letter.first..<max(letter.end, letter.first + 1)).contains {
        evidence.isTold(Identity(log: letter.log, number: $0))
      }
    if isGone || judge.wasBlind || report.freshStartCount > 0 { return }
    fail(
      "upstream \(judge.index): a dead letter of \(letter.first)..<\(letter.end) holds what the"
        + " stages do not make of the log"
    )
  }
}

extension TermBounds {
  /// Whether these counts of some terms can be.
  func allow(_ counts: [UInt64], as places: [Int]) -> Bool {
    zip(counts, places).allSatisfy { least[$1] <= $0 && $0 <= most[$1] }
  }
}
