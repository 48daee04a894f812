/// An event of the agent's log.
struct LoggedEvent {
  var number: Int
  var log: String
  /// Its arrival, milliseconds since 1970, rounded down.
  var milliseconds: Int
  /// The same to the microsecond, and by the boot clock.
  var wall: Int
  var boot: Int
  /// Empty for a tick.
  var topic: String
  var payload: String
  /// Nil where the payload is no JSON.
  var fields: JSONTree?

  /// From a line of `ring cat --json --stamps`; nil for a gap record, which no log here may have.
  init?(_ line: JSONTree) {
    guard let number = line["seq"]?.integer, let log = line["log"]?.text,
      let topic = line["topic"]?.text, let payload = line["payload"]?.text,
      let milliseconds = line["time"]?.text.flatMap(Self.milliseconds)
    else { return nil }
    self.number = number
    self.log = log
    self.milliseconds = milliseconds
    guard let wall = line["wall_us"]?.integer, let boot = line["boot_us"]?.integer else {
      return nil
    }
    (self.wall, self.boot) = (wall, boot)
    self.topic = topic
    self.payload = payload
    fields = JSONTree(payload)
  }

  /// From a tick's line of `ring cat --json --stamps`.
  init?(tick line: JSONTree) {
    guard let tick = line["tick"], let number = tick["seq"]?.integer,
      let wall = tick["wall_us"]?.integer, let boot = tick["boot_us"]?.integer
    else { return nil }
    self.number = number
    (self.wall, self.boot) = (wall, boot)
    milliseconds = wall / 1000
    (log, topic, payload) = ("", "", "")
  }

  /// What the sensor measures: the third level of the topic.
  var quantity: String {
    let levels = topic.split(separator: "/")
    return levels.count > 2 ? String(levels[2]) : ""
  }

  /// The reading.
  var value: Double? { fields?[quantity]?.number }

  /// Of `2026-01-31T10:00:00.000Z`.
  static func milliseconds(_ text: String) -> Int? {
    let parts = text.split { "-T:.Z".contains($0) }.compactMap { Int($0) }
    guard parts.count == 7 else { return nil }
    // Days from 1970-01-01, counted year by year and month by month.
    func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
    var days = (1970..<max(1970, parts[0])).reduce(0) { $0 + (isLeap($1) ? 366 : 365) }
    let lengths = [31, isLeap(parts[0]) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    days += lengths.prefix(parts[1] - 1).reduce(0, +) + parts[2] - 1
    return (((days * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]) * 1000 + parts[6]
  }
}

/// An event or a result at the centre.
struct Arrival: Equatable {
  var log: String
  var topic: String
  var payload: String
  /// Of an event of the log.
  var number: Int?
  /// Of a result.
  var result: String?
  var isHistorical: Bool

  /// What tells it from all others.
  var identity: String { "\(log) \(number.map { "\($0)" } ?? "") \(result ?? "")" }

  /// From a line of topic, user properties and payload, with tabs between them.
  init?(message: Substring) {
    let parts = message.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    var properties: [Substring: String] = [:]
    for entry in parts[1].split(separator: " ") {
      let name = entry.prefix { $0 != ":" }
      properties[name] = String(entry.dropFirst(name.count + 1))
    }
    guard properties["agent"] == "edge", let log = properties["log"] else { return nil }
    self.log = log
    topic = String(parts[0])
    payload = String(parts[2])
    number = properties["seq"].flatMap { Int($0) }
    result = properties["result"]
    isHistorical = properties["historical"] == "true"
    if (number == nil) == (result == nil) { return nil }
  }

  /// From a line of an `ndjson` batch.
  init?(row: JSONTree) {
    guard let topic = row["topic"]?.text, let payload = row["payload"]?.text,
      let log = row["log"]?.text, row["agent"]?.text == "edge"
    else { return nil }
    self.log = log
    self.topic = topic
    self.payload = payload
    number = row["seq"]?.integer
    result = row["result"]?.text
    isHistorical = row["historical"]?.word == "true"
    if (number == nil) == (result == nil) { return nil }
  }
}
