import HoldfastEvent
import HoldfastRingLog
import HoldfastUpstream

/// Writes events and gap records, one per line, for people or for programs.
struct EventPrinter {
  /// Only events of matching topics; nil: all.
  var filter: TopicFilter?
  var isJSON: Bool
  /// Whether numbers that were freed before they could be read are worth a line.
  var isFollowing = false
  /// Only events that arrived within, microseconds since 1970.
  var times = Int64.min..<Int64.max
  /// Whether objects have both clocks' arrival stamps as well.
  var hasStamps = false
  /// Events that may still be written.
  var rest: Int
  /// Events written.
  private(set) var writtenCount: UInt64 = 0
  private var object = EventObject(agentID: nil)
  private var output = StandardOutput()

  init(filter: TopicFilter?, isJSON: Bool, count: Int?) {
    self.filter = filter
    self.isJSON = isJSON
    rest = count ?? .max
  }

  /// Writes everything that is there now and was not written yet.
  ///
  /// - Throws: `ExitCode` when standard output takes no more.
  mutating func drain(_ ring: RingInspection, _ walk: inout RingWalk) throws {
    while rest > 0, try step(ring, &walk, before: .max) {}
    try flush()
  }

  /// Writes what stands at the walk's place, below number `end`; false where there is nothing.
  mutating func step(
    _ ring: RingInspection,
    _ walk: inout RingWalk,
    before end: SequenceNumber
  ) throws -> Bool {
    guard let item = walk.next(in: ring) else { return false }
    switch item {
    case .gap(let gap): try write(gap)
    case .released(let range): if isFollowing { try write(range: range, "passed") }
    case .unreadable(let range): try write(range: range, "unreadable")
    case .events(let batch, let row):
      let count = Int(min(UInt64(batch.events.count), end - min(end, batch.first)))
      for index in row..<max(row, count) where rest > 0 {
        if times.contains(batch.events.rows[index].wall) { try write(batch, index) }
      }
    }
    return true
  }

  /// Hands over what was not written yet.
  mutating func flush() throws { try output.flush() }

  /// Writes to a file from now on; the caller closes it.
  mutating func redirect(to descriptor: Int32) { output.descriptor = descriptor }

  private mutating func write(_ batch: StoredBatch, _ index: Int) throws {
    let events = batch.events
    let number = batch.first + UInt64(index)
    if events.rows[index].flags.contains(.tick) {
      if filter == nil { try write(tick: events.rows[index], number) }
      return
    }
    if let filter, !filter.matches(events.topic(index)) { return }
    rest -= 1
    writtenCount &+= 1
    if isJSON {
      try output.append {
        object.append(
          events.rows[index],
          of: events.bytes,
          number: number,
          log: batch.log,
          to: &$0
        )
        if hasStamps { events.rows[index].appendStamps(to: &$0) }
        $0.append(UInt8(ascii: "\n"))
      }
      return
    }
    let time = rfc3339(wallMicroseconds: events.rows[index].wall)
    let topic = printable(events.topic(index))
    try output.write(line: "\(number)  \(time)  \(topic)  \(printable(events.payload(index)))")
  }

  /// A number without an event, which is there for its time.
  private mutating func write(tick row: EventBatch.Row, _ number: SequenceNumber) throws {
    let time = rfc3339(wallMicroseconds: row.wall)
    var members: [(String, JSONValue)] = [("seq", .number(number)), ("time", .text(time))]
    if hasStamps { members += [("wall_us", .integer(row.wall)), ("boot_us", .integer(row.boot))] }
    let object = JSONValue.object(members)
    try output.write(
      line: isJSON ? "\(JSONValue.object([("tick", object)]))" : "-- tick \(number)  \(time)"
    )
  }

  private mutating func write(_ gap: GapRecord) throws {
    try output.write(line: isJSON ? "\(gap.json)" : "-- gap \(gap.text)")
  }

  /// A range in the place of its events, for a reason that no gap record gives.
  private mutating func write(range: Range<SequenceNumber>, _ what: String) throws {
    let last = range.upperBound - 1
    let place = JSONValue.object([("first", .number(range.lowerBound)), ("last", .number(last))])
    try output.write(
      line: isJSON
        ? "\(JSONValue.object([(what, place)]))" : "-- \(what) \(range.lowerBound)-\(last)"
    )
  }
}

extension EventBatch.Row {
  /// Both stamps, microseconds, as the last members of the object that `bytes` end with.
  fileprivate func appendStamps(to bytes: inout [UInt8]) {
    bytes.removeLast()
    bytes.append(contentsOf: #","wall_us":\#(wall),"boot_us":\#(boot)}"#.utf8)
  }
}

extension GapRecord {
  /// For people.
  var text: String {
    let amount = count.map { "\($0) events" } ?? "unknown number of events"
    let place = reason.coversNumbers ? "\(first)-\(end - 1)" : "before \(first)"
    let some = topics.prefix(3).map { printable($0[...]) }.joined(separator: " ")
    return "\(place)  \(reason)  \(reason == .unused ? "nothing missing" : amount)"
      + (some.isEmpty ? "" : "  \(some)\(topics.count > 3 ? " …" : "")")
  }

  /// The object that gap messages hold, without the agent.
  var json: JSONValue {
    .object([
      ("log", .text(log.description)), ("first", .number(first)),
      ("last", .number(end == 0 ? 0 : end - 1)), ("count", count.map { .number($0) } ?? .null),
      ("reason", .text(reason.description)),
      ("topics", .list(topics.map { .text(String(decoding: $0, as: UTF8.self)) })),
      ("time", .text(rfc3339(wallMicroseconds: wall))),
    ])
  }
}
