// Stages that go by time, done again in the plainest way over a whole log, and exactly: their time is
// that of its stamps, which it tells. Nothing here knows how the agent does it.

/// `throttle` with `first`: an interval begins with the first event that is not within the one before.
func throttleFirst(_ series: [LoggedEvent], interval: Int) -> [LoggedEvent] {
  intervals(series, interval).compactMap(\.first)
}

/// `throttle` with `last`.
func throttleLast(_ series: [LoggedEvent], interval: Int) -> [LoggedEvent] {
  intervals(series, interval).compactMap(\.last)
}

private func intervals(_ series: [LoggedEvent], _ interval: Int) -> [[LoggedEvent]] {
  var all: [[LoggedEvent]] = []
  for event in series {
    if let first = all.last?.first, event.boot - first.boot < interval {
      all[all.count - 1].append(event)
    } else {
      all.append([event])
    }
  }
  return all
}

/// `dedupe`, of topics with at most 16 payloads.
func dedupe(_ series: [LoggedEvent], span: Int, by key: (LoggedEvent) -> String) -> [LoggedEvent] {
  var sent: [String: Int] = [:]
  return series.filter { event in
    if let boot = sent[key(event)], event.boot - boot < span { return false }
    sent[key(event)] = event.boot
    return true
  }
}

/// `deadband` with an absolute threshold and a heartbeat.
func deadband(_ series: [LoggedEvent], threshold: Double, within most: Int) -> [LoggedEvent] {
  var last: LoggedEvent?
  return series.filter { event in
    guard let value = event.value else { return true }
    if let last, let sent = last.value, abs(value - sent) <= threshold,
      event.boot - last.boot < most
    {
      return false
    }
    last = event
    return true
  }
}

/// The windows of arrival that hold an event, in order.
private func spans(_ series: [LoggedEvent], _ size: Int) -> [[LoggedEvent]] {
  Dictionary(grouping: series) { $0.wall / size }.sorted { $0.key < $1.key }.map(\.value)
}

/// `downsample` with `m4`: of each window the first, the least, the greatest, the last.
func m4(_ series: [LoggedEvent], size: Int) -> [LoggedEvent] {
  spans(series, size).flatMap { events in
    let values = events.map { $0.value ?? 0 }
    let places: Set = [
      0, values.firstIndex(of: values.min() ?? 0) ?? 0,
      values.firstIndex(of: values.max() ?? 0) ?? 0, events.count - 1,
    ]
    return places.sorted().map { events[$0] }
  }
}

/// `downsample` with `lttb`: the first of the topic; of each window the corner of the largest triangle
/// with the one chosen before and the middle of the window that follows; where that is empty the last.
func lttb(_ series: [LoggedEvent], size: Int) -> [LoggedEvent] {
  guard let first = series.first else { return [] }
  var chosen = [first]
  let buckets = spans(Array(series.dropFirst()), size)
  for (place, bucket) in buckets.enumerated() {
    let anchor = chosen[chosen.count - 1]
    let next = place + 1 < buckets.count ? buckets[place + 1] : []
    guard let end = next.first, end.wall / size == bucket[0].wall / size + 1 else {
      chosen.append(bucket[bucket.count - 1])
      continue
    }
    func mean(_ numbers: [Double]) -> Double { numbers.reduce(0, +) / Double(numbers.count) }
    let time = mean(next.map { Double($0.wall - anchor.wall) })
    let rise = mean(next.map { $0.value ?? 0 }) - (anchor.value ?? 0)
    func area(_ event: LoggedEvent) -> Double {
      abs(
        Double(event.wall - anchor.wall) * rise
          - time * ((event.value ?? 0) - (anchor.value ?? 0))
      )
    }
    let largest = bucket.map(area).max() ?? 0
    chosen += bucket.filter { area($0) == largest }.prefix(1)
  }
  return chosen
}

/// `alarm` above a value, which must stay there for a duration by the boot clock.
///
/// Time comes on with each entry of the log, of whatever topic, ticks included. The end of the duration
/// is looked for by the wall clock before the entry counts, so that the transition says the topic's
/// latest value before it; as the stamps are whole milliseconds of two clocks, the topic's own event may
/// see it first.
func alarms(
  of topic: String,
  in log: [LoggedEvent],
  on: Double,
  off: Double,
  duration: Int
) -> [Expectation.Result] {
  var isOn = false
  var since: (first: LoggedEvent, lookAt: Int)?
  var latest = 0.0
  var results: [Expectation.Result] = []
  func change(_ first: LoggedEvent) {
    isOn.toggle()
    since = nil
    results.append(
      Expectation.Result(
        topic: topic + "/alarm",
        key: topic,
        milliseconds: first.milliseconds,
        figures: [latest],
        state: isOn ? "on" : "off"
      )
    )
  }
  for entry in log {
    if let (first, lookAt) = since, entry.wall >= lookAt {
      let left = duration - (entry.boot - first.boot)
      if left <= 0 { change(first) } else { since?.lookAt = entry.wall + left }
    }
    guard entry.topic == topic, let value = entry.value else { continue }
    let isBeyond = isOn ? value < off : value > on
    if !isBeyond {
      since = nil
      continue
    }
    latest = value
    let first = since?.first ?? entry
    since = since ?? (entry, entry.wall + duration)
    if entry.boot - first.boot >= duration { change(first) }
  }
  return results
}

/// `burst` over the events of one topic.
func burst(
  _ series: [LoggedEvent],
  above limit: Double,
  interval: Int,
  before: Int,
  after: Int
) -> (events: [LoggedEvent], historical: Set<Int>) {
  var sent: Set<Int> = []
  var historical: Set<Int> = []
  var (sentAt, heldAt): (Int?, Int?)
  for (place, event) in series.enumerated() {
    let holds = (event.value ?? 0) > limit
    if holds {
      for other in series[..<place] where event.boot - other.boot <= before {
        if sent.insert(other.number).inserted { historical.insert(other.number) }
      }
      heldAt = event.boot
    }
    let isNear = heldAt.map { event.boot - $0 <= after } ?? false
    guard holds || isNear || sentAt.map({ event.boot - $0 >= interval }) ?? true else { continue }
    sent.insert(event.number)
    sentAt = event.boot
  }
  return (series.filter { sent.contains($0.number) }, historical)
}

/// `window` by the time that the events say, over one topic; each result has count and sum.
///
/// - Returns: the results in the order of their coming, and how many events were late.
func windows(
  _ series: [LoggedEvent],
  time: (LoggedEvent) -> Int?,
  size: Int,
  lateness: Int,
  corrects: Bool
) -> (results: [Expectation.Result], lateCount: Int) {
  var open: [Int: [Double]] = [:]
  // The last two that were closed, with their revisions.
  var closed: [(start: Int, values: [Double], revision: Int)] = []
  var (newest, lateCount) = (Int.min, 0)
  var results: [Expectation.Result] = []
  func send(_ start: Int, _ values: [Double], _ revision: Int) {
    results.append(
      Expectation.Result(
        topic: series[0].topic,
        key: series[0].topic,
        milliseconds: start / 1000,
        figures: [Double(values.count), Double(values.count), values.reduce(0, +)],
        revision: revision
      )
    )
    newest = max(newest, start)
  }
  func close(until wall: Int) {
    for (start, values) in open.sorted(by: { $0.key < $1.key })
    where start + size + lateness <= wall {
      open[start] = nil
      send(start, values, 0)
      closed = (closed + [(start, values, 0)]).suffix(2)
    }
  }
  for event in series {
    close(until: event.wall)
    guard let instant = time(event), let value = event.value else { continue }
    let start = instant / size * size
    if event.wall < start + size + lateness {
      open[start, default: []].append(value)
      continue
    }
    lateCount += 1
    if !corrects { continue }
    if let place = closed.firstIndex(where: { $0.start == start }) {
      closed[place].values.append(value)
      closed[place].revision += 1
      send(start, closed[place].values, closed[place].revision)
    } else if start > newest {
      send(start, [value], 0)
      closed = (closed + [(start, [value], 0)]).suffix(2)
    }
  }
  close(until: .max)
  return (results, lateCount)
}
