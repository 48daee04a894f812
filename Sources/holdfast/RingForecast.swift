import ArgumentParser
import HoldfastAgent
import HoldfastConfiguration
import HoldfastEvent
import HoldfastRingLog
import HoldfastStatus
import HoldfastSystem

/// `holdfast ring forecast`: how long the ring lasts.
struct RingForecast: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forecast",
    abstract: "Tells how long an outage the ring holds at the present rate.",
    discussion: """
      The rate is that of the newest events in the log, bytes per event those of
      the files on disk. With undelivered events it tells when the first of them
      would be lost, or refused, if their upstream stayed away.

      EXAMPLES:
        holdfast ring forecast
        holdfast ring forecast --size 1GiB --json
      """
  )

  @OptionGroup var options: ConfigurationOptions

  @Option(help: ArgumentHelp("Goes before agent.data_dir of the file.", valueName: "directory"))
  var dataDir: String?

  @Option(help: ArgumentHelp("Reckons with a ring of this size.", valueName: "size"))
  var size: String?

  @Flag(help: "Writes JSON instead of text.")
  var json = false

  func validate() throws {
    if let size, byteCount(ofSize: size) == nil {
      throw ValidationError("\"\(size)\" is no size; write 256MiB, for example.")
    }
  }

  func run() throws {
    let configuration = try options.load().configuration
    let place = RingPlace(path: dataDir ?? configuration.dataDirectory)
    let ring = try place.inspect(place.disk())
    let limit = size.flatMap { byteCount(ofSize: $0) } ?? configuration.ring.byteCountMax
    var settings = configuration.ring
    settings.byteCountMax = limit
    let forecast = RingHorizon(
      ring,
      byteCountMax: limit,
      reservedByteCount: 2 * settings.segmentByteCount
    )
    var output = StandardOutput()
    try output.write(json ? "\(forecast.json)\n" : forecast.text)
    try output.flush()
  }
}

/// What the newest part of a log says about its future.
struct RingHorizon {
  /// Events that the rate is taken from.
  private static let sampleCount: UInt64 = 20_000
  /// Fewest events and shortest time that a rate can be taken from.
  private static let eventCountMin: UInt64 = 20
  private static let elapsedMin: Int64 = 10_000_000

  var byteCount: Int
  var byteCountMax: Int
  var eventCount: UInt64
  /// Events a second; nil where too little is recorded.
  var rate: Double?
  /// Bytes on disk; nil where no file is full.
  var bytesPerEvent: Double?
  /// Upstreams that events wait for, and how many.
  var lags: [(name: String, count: UInt64)]

  /// Events that the ring holds at most; nil where it can't be told.
  var eventCountMax: Double?

  init(_ ring: RingInspection, byteCountMax: Int, reservedByteCount: Int) {
    byteCount = ring.byteCount
    self.byteCountMax = byteCountMax
    let segments = ring.segmentSummaries
    eventCount = segments.reduce(0) { $0 &+ $1.eventCount }
    // The newest file is not full; its size says nothing yet.
    let sealed = segments.filter(\.isSealed)
    let full = sealed.isEmpty ? Array(segments.dropLast()) : sealed
    let fullCount = full.reduce(0) { $0 &+ $1.eventCount }
    if fullCount > 0 {
      bytesPerEvent = Double(full.reduce(0) { $0 + $1.byteCount }) / Double(fullCount)
    }
    rate = Self.rate(ring)
    let other = ring.byteCount - segments.reduce(0) { $0 + $1.byteCount }
    let room = byteCountMax - reservedByteCount - max(0, other)
    eventCountMax = bytesPerEvent.map { Double(max(0, room)) / $0 }
    lags = (ring.account?.upstreams ?? []).map { upstream in
      (upstream.name, ring.account.map { ring.lag(upstream, $0) } ?? 0)
    }
  }

  /// Over the newest events, by the boot clock, and by the wall clock over a restart.
  private static func rate(_ ring: RingInspection) -> Double? {
    let end = ring.end
    var walk = RingWalk(position: max(1, ring.oldest, end - min(end, sampleCount)))
    var count: UInt64 = 0
    var elapsed: Int64 = 0
    var last: EventBatch.Row?
    while walk.position < end, let item = walk.next(in: ring) {
      guard case .events(let batch, let start) = item else { continue }
      for row in batch.events.rows[start...] where !row.flags.contains(.tick) {
        if let last {
          let boot = row.boot.subtractingSaturated(last.boot)
          elapsed = elapsed.addingSaturated(
            boot >= 0 ? boot : max(0, row.wall.subtractingSaturated(last.wall))
          )
        }
        last = row
        count &+= 1
      }
    }
    guard count >= eventCountMin, elapsed >= elapsedMin else { return nil }
    return Double(count - 1) / (Double(elapsed) / Double(microsecondsPerSecond))
  }

  /// Seconds that so many events come to at the present rate.
  private func seconds(_ events: Double) -> Double? { rate.map { max(0, events) / max($0, 1e-9) } }

  /// For people.
  var text: String {
    var rows = [
      ["ring", "\(byteText(byteCount)) of \(byteText(byteCountMax)), \(eventCount) events"]
    ]
    if let rate {
      var text = "\(decimal(rate)) events/s"
      if let bytesPerEvent {
        text += ", \(decimal(bytesPerEvent)) bytes each on disk"
        text += ", \(byteText(Int64(min(rate * bytesPerEvent * 86_400, 1e18)))) a day"
      }
      rows.append(["rate", text])
    } else {
      rows.append(["rate", "too few events in the log to tell one"])
    }
    if let eventCountMax, let seconds = seconds(eventCountMax) {
      rows.append(["holds", "\(longText(seconds)) of events at this rate"])
    } else {
      rows.append(["holds", "can't be told before a file of the log is full"])
    }
    for (name, count) in lags {
      var text = "up to date"
      if count > 0 {
        text = "\(count) events behind"
        if let behind = seconds(Double(count)) { text += ", \(longText(behind)) of them" }
        if let eventCountMax, let left = seconds(eventCountMax - Double(count)) {
          text +=
            left > 0
            ? "; the ring is full in \(longText(left)) if it stays away" : "; the ring is full"
        }
      }
      rows.append(["upstream \(name)", text])
    }
    return table(rows, right: [])
  }

  var json: JSONValue {
    .object([
      ("bytes", .number(byteCount)), ("bytes_max", .number(byteCountMax)),
      ("events", .number(eventCount)), ("events_per_second", rate.map { .decimal($0) } ?? .null),
      ("bytes_per_event", bytesPerEvent.map { .decimal($0) } ?? .null),
      ("holds_seconds", eventCountMax.flatMap(seconds).map { .decimal($0) } ?? .null),
      (
        "upstreams",
        .list(
          lags.map { name, count in
            let left = eventCountMax.flatMap { seconds($0 - Double(count)) }
            return .object([
              ("name", .text(name)), ("lag", .number(count)),
              ("full_in_seconds", left.map { .decimal($0) } ?? .null),
            ])
          }
        )
      ),
    ])
  }

  /// Three digits that mean something.
  private func decimal(_ value: Double) -> String {
    guard value < 1e15 else { return "\(value)" }
    if value >= 100 { return "\(Int64(value.rounded()))" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}

/// `9 d 4 h`, of any number of seconds.
private func longText(_ seconds: Double) -> String {
  Words.duration(Int64(min(max(0, seconds), 1e11) * Double(microsecondsPerSecond)))
}
