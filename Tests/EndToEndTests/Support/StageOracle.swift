// What the documentation says that stages do, done again in the plainest way over a whole log.
// Nothing here knows how the agent does it.

/// What must have come to the centre.
struct Expectation {
  /// A result by what it says, without its identity.
  struct Result: Hashable {
    var topic: String
    var key: String
    /// Where its window begins, or since when its state holds, milliseconds since 1970.
    var milliseconds: Int
    /// The figures, in a fixed order.
    var figures: [Double]
    var state = ""
    var revision = 0

    /// Whether another says the same, but for what the order of additions makes of a figure.
    func saysNearly(_ other: Result) -> Bool {
      (topic, key, milliseconds, state, revision)
        == (other.topic, other.key, other.milliseconds, other.state, other.revision)
        && figures.count == other.figures.count
        && zip(figures, other.figures).allSatisfy { abs($0 - $1) <= 1e-9 * max(1, abs($0)) }
    }
  }

  /// By number: topic and payload.
  var events: [Int: (topic: String, payload: String)] = [:]
  var historical: Set<Int> = []
  var results: [Result] = []

  mutating func pass(_ event: LoggedEvent) { events[event.number] = (event.topic, event.payload) }

  mutating func pass(_ events: [LoggedEvent]) { for event in events { pass(event) } }
}

extension [LoggedEvent] {
  /// The events of a quantity, topic by topic.
  func series(_ quantity: String) -> [[LoggedEvent]] {
    var all: [String: [LoggedEvent]] = [:]
    for event in self where event.quantity == quantity {
      all[event.topic, default: []].append(event)
    }
    return all.sorted { $0.key < $1.key }.map(\.value)
  }
}

/// `deadband` with an absolute threshold: further than it from the value sent last.
func deadband(_ series: [LoggedEvent], threshold: Double) -> [LoggedEvent] {
  var last: Double?
  return series.filter { event in
    guard let value = event.value else { return true }
    if let last, abs(value - last) <= threshold { return false }
    last = value
    return true
  }
}

/// `sample`: the first of each n.
func sample(_ series: [LoggedEvent], every n: Int) -> [LoggedEvent] {
  series.enumerated().filter { $0.offset % n == 0 }.map(\.element)
}

/// `changed` with one field, compared as it is written.
func changed(_ series: [LoggedEvent], field: String) -> [LoggedEvent] {
  var last: JSONTree??
  return series.filter { event in
    defer { last = .some(event.fields?[field]) }
    return last == nil || last != .some(event.fields?[field])
  }
}

/// `window` over arrival: one result per topic and span that has events.
func windows(
  _ series: [LoggedEvent],
  milliseconds size: Int,
  topic: (String) -> String,
  figures: ([LoggedEvent]) -> [Double]
) -> [Expectation.Result] {
  var spans: [Int: [LoggedEvent]] = [:]
  for event in series { spans[event.milliseconds / size * size, default: []].append(event) }
  return spans.map { start, events in
    Expectation.Result(
      topic: topic(events[0].topic),
      key: events[0].topic,
      milliseconds: start,
      figures: figures(events)
    )
  }
}

/// `alarm` above a value, without a duration.
func alarms(_ series: [LoggedEvent], on: Double, off: Double) -> [Expectation.Result] {
  var isOn = false
  var results: [Expectation.Result] = []
  for event in series {
    guard let value = event.value, isOn ? value < off : value > on else { continue }
    isOn.toggle()
    results.append(
      Expectation.Result(
        topic: event.topic + "/alarm",
        key: event.topic,
        milliseconds: event.milliseconds,
        figures: [value],
        state: isOn ? "on" : "off"
      )
    )
  }
  return results
}

/// A `burst` over events of several topics in the log's order, with an interval and a `before` longer
/// than the round.
///
/// Its `after` is 0: the clock then counts for one thing only, that what arrives in the same
/// microsecond as a trigger goes on as well. The log shows milliseconds; within one, `sent` decides.
func burst(
  _ log: [LoggedEvent],
  above limit: Double,
  keeping most: Int,
  sent: Set<Int>
) -> (events: [LoggedEvent], historical: Set<Int>) {
  var events: [LoggedEvent] = []
  var historical: Set<Int> = []
  var held: [LoggedEvent] = []
  var known: Set<String> = []
  var triggers: [String: Int] = [:]
  for event in log {
    let holds = (event.value ?? 0) > limit
    if holds {
      let own = held.filter { $0.topic == event.topic }
      events += own
      historical.formUnion(own.map(\.number))
      held.removeAll { $0.topic == event.topic }
      triggers[event.topic] = event.milliseconds
    }
    let isNear = event.milliseconds == triggers[event.topic] && sent.contains(event.number)
    let isFirst = known.insert(event.topic).inserted
    if isFirst || holds || isNear {
      events.append(event)
    } else {
      held = Array((held + [event]).suffix(most))
    }
  }
  return (events, historical)
}

/// What `swinging-door` promises of a topic's events, of which those in `sent` came to the centre;
/// empty if it is kept.
///
/// A straight line between two that were sent passes each one between them within the deviation; so
/// does one from the last that was sent to the newest, which may be held; and none is sent that the
/// line could have done without. The log shows milliseconds, rounded down: an instant is anywhere
/// within its own, which is given to the door as leeway.
func faults(ofSwingingDoor series: [LoggedEvent], sent: Set<Int>, deviation: Double) -> [String] {
  // Rounding of the line's values.
  let slack = 1e-6
  func passes(
    _ first: LoggedEvent,
    _ last: LoggedEvent,
    _ event: LoggedEvent
  ) -> (
    perhaps: Bool, surely: Bool
  ) {
    guard let start = first.value, let end = last.value, let value = event.value else {
      return (false, false)
    }
    let span = Double(last.milliseconds - first.milliseconds)
    let past = Double(event.milliseconds - first.milliseconds)
    let least = max(0, min(1, (past - 1) / (span + 1)))
    let most = span > 1 ? max(0, min(1, (past + 1) / (span - 1))) : 1
    let ends = [least, most].map { start + (end - start) * $0 }
    let (low, high) = (min(ends[0], ends[1]), max(ends[0], ends[1]))
    return (
      value >= low - deviation - slack && value <= high + deviation + slack,
      value >= high - deviation + slack && value <= low + deviation - slack
    )
  }
  var faults: [String] = []
  var corners = series.indices.filter { sent.contains(series[$0].number) }
  guard corners.first == 0 else { return ["the first of the topic was not sent"] }
  corners.append(series.count - 1)
  for (start, end) in zip(corners, corners.dropFirst()) where end > start + 1 {
    for place in start + 1..<end
    where !passes(series[start], series[end], series[place]).perhaps {
      faults.append("\(series[place]) is off the line")
    }
  }
  for (start, corner) in zip(corners, corners.dropFirst().dropLast()) {
    // Events of one instant that are close to the first count as it; others go on, and so does it.
    let instant = series.indices.filter {
      series[$0].milliseconds == series[corner].milliseconds
    }
    let isJump = instant.contains {
      abs((series[$0].value ?? 0) - (series[corner].value ?? 0)) > deviation - slack
    }
    guard let next = instant.last.map({ $0 + 1 }), next < series.count, !isJump else { continue }
    let between = series[(start + 1)..<next]
    if between.allSatisfy({ passes(series[start], series[next], $0).surely }) {
      faults.append("\(series[corner]) is no corner")
    }
  }
  return faults
}
