import Testing

/// What came to the centre in a round, each identity once, beside the agent's log.
///
/// Made when everything that was published is through; it stops the agent.
struct Outcome {
  let log: [LoggedEvent]
  /// The first with each identity, in the order of arrival.
  private(set) var arrivals: [Arrival] = []
  /// How many came with an identity that was there already.
  private(set) var repeatedCount = 0
  /// The numbers of events of the log.
  private(set) var numbers: Set<Int> = []
  private(set) var historical: Set<Int> = []
  let account: Account

  /// - Parameters:
  ///   - site: where.
  ///   - results: what must still come of a log without another event.
  /// - Throws: what keeps the commands from running, or the law from being kept.
  init(
    of site: StageSite,
    waitingFor results: ([LoggedEvent]) -> [Expectation.Result] = { _ in [] }
  ) async throws {
    let resultCount = results(try await site.log()).count
    for _ in 0..<100 {
      let arrived = Set(site.arrivedLines().filter { $0.contains("result") })
      if arrived.count >= resultCount { break }
      try await pause(0.1)
    }
    // What is doubled would come now.
    try await pause(0.3)
    try await site.agent.stop()
    account = try await site.account()
    log = try await site.log()
    var known: [String: Arrival] = [:]
    var lines: Set<Substring> = []
    for line in site.arrivedLines() {
      // Most that is repeated is so to the letter, and needs no closer look.
      guard lines.insert(line).inserted else {
        repeatedCount += 1
        continue
      }
      let arrival = try site.arrival(line)
      if let first = known[arrival.identity] {
        repeatedCount += 1
        #expect(first == arrival, "one identity, two messages")
        continue
      }
      known[arrival.identity] = arrival
      arrivals.append(arrival)
      if let number = arrival.number {
        numbers.insert(number)
        if arrival.isHistorical { historical.insert(number) }
      }
    }
  }

  /// Nothing is missing, nothing is too much, and each says what it should.
  ///
  /// - Parameters:
  ///   - expected: what it should.
  ///   - isOrdered: whether the events of a topic came in order.
  ///   - sourceLocation: where that is asked.
  func expect(
    _ expected: Expectation,
    isOrdered: Bool = true,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      Set(log.map(\.log)).count == 1,
      "the log was carried on",
      sourceLocation: sourceLocation
    )
    let missing = expected.events.keys.filter { !numbers.contains($0) }.sorted()
    let needless = numbers.filter { expected.events[$0] == nil }.sorted()
    #expect(missing.isEmpty, "\(missing.count) events missing", sourceLocation: sourceLocation)
    #expect(needless.isEmpty, "\(needless.count) events too much", sourceLocation: sourceLocation)
    #expect(historical == expected.historical, sourceLocation: sourceLocation)
    var altered: [Arrival] = []
    var latest: [String: Int] = [:]
    var inversionCount = 0
    for arrival in arrivals {
      guard let number = arrival.number, let event = expected.events[number] else { continue }
      if event != (arrival.topic, arrival.payload) { altered.append(arrival) }
      // What was recorded before a trigger may stand before what was sent meanwhile.
      if arrival.isHistorical { continue }
      if number < latest[arrival.topic, default: 0] { inversionCount += 1 }
      latest[arrival.topic] = number
    }
    #expect(altered.isEmpty, "\(altered.prefix(2))", sourceLocation: sourceLocation)
    #expect(
      inversionCount == 0 || !isOrdered,
      "out of order within a topic",
      sourceLocation: sourceLocation
    )
    expectResults(expected.results, sourceLocation)
    print(
      "stages: \(log.count) events in the log, \(numbers.count) of them and"
        + " \(arrivals.count - numbers.count) results at the centre, \(repeatedCount) repeated"
    )
  }

  private func expectResults(_ results: [Expectation.Result], _ sourceLocation: SourceLocation) {
    let derived = arrivals.filter { $0.result != nil }
    var read: [Expectation.Result] = []
    for arrival in derived {
      guard let result = Expectation.Result(arrival) else {
        Issue.record("no result of its stage: \(arrival)", sourceLocation: sourceLocation)
        continue
      }
      read.append(result)
    }
    let missing = results.without(read)
    let needless = read.without(results)
    #expect(read.count == results.count, sourceLocation: sourceLocation)
    #expect(missing.isEmpty, "\(missing.prefix(2))", sourceLocation: sourceLocation)
    #expect(needless.isEmpty, "\(needless.prefix(2))", sourceLocation: sourceLocation)
  }
}

extension Expectation.Result {
  /// Reads what a result says; nil where it is none, isn't whole, or bears another identity than
  /// its message.
  init?(_ arrival: Arrival) {
    guard let tree = JSONTree(arrival.payload), let id = tree["id"], let key = id["key"]?.text,
      let stage = id["stage"]?.text, let start = id["start"]?.integer,
      let revision = id["revision"]?.integer,
      arrival.result == "\(stage)-\(start)-\(revision)-\(key)",
      tree["partial"] == nil, tree["early"] == nil, tree["reopened"] == nil
    else { return nil }
    if let count = tree["count"]?.number, case .object(let fields)? = tree["fields"] {
      guard let text = tree["window"]?["start"]?.text,
        let milliseconds = LoggedEvent.milliseconds(text), milliseconds * 1000 == start
      else { return nil }
      var figures = [count]
      for field in fields {
        guard case .object(let members) = field.value else { return nil }
        figures += members.compactMap(\.value.number)
      }
      self.init(
        topic: arrival.topic,
        key: key,
        milliseconds: milliseconds,
        figures: figures,
        revision: revision
      )
      return
    }
    guard let state = tree["state"]?.text, let value = tree["value"]?.number,
      let milliseconds = tree["since"]?.text.flatMap(LoggedEvent.milliseconds),
      start / 1000 == milliseconds, revision == 0
    else { return nil }
    self.init(
      topic: arrival.topic,
      key: key,
      milliseconds: milliseconds,
      figures: [value],
      state: state
    )
  }
}

extension [Expectation.Result] {
  /// Those that none of `others` says as well.
  fileprivate func without(_ others: Self) -> Self {
    let byTime = Dictionary(grouping: others, by: \.milliseconds)
    return filter { result in
      !(byTime[result.milliseconds] ?? []).contains { $0.saysNearly(result) }
    }
  }
}
