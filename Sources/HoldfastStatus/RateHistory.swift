internal import HoldfastEvent

/// What went in and out in the last quarter of an hour and the last day, in fixed memory.
public struct RateHistory: Equatable, Sendable {
  /// Counters as they stand; they never go back within one run.
  public struct Totals: Equatable, Sendable {
    /// Events received from all sources.
    public var received: UInt64 = 0
    /// Events, and results of stages, that upstreams acknowledged.
    public var delivered: UInt64 = 0
    /// Bytes written to disk.
    public var written: UInt64 = 0

    /// Nothing.
    public init(received: UInt64 = 0, delivered: UInt64 = 0, written: UInt64 = 0) {
      self.received = received
      self.delivered = delivered
      self.written = written
    }

    /// What came since `earlier`; nothing where a counter began anew.
    func since(_ earlier: Totals) -> Totals {
      let difference = { (new: UInt64, old: UInt64) in new > old ? new - old : 0 }
      return Totals(
        received: difference(received, earlier.received),
        delivered: difference(delivered, earlier.delivered),
        written: difference(written, earlier.written)
      )
    }
  }

  /// Buckets of one width, oldest first; the newest ones that are complete.
  public struct Series: Equatable, Sendable {
    /// Microseconds of one bucket.
    public let width: Int64
    /// Most buckets that are kept.
    public let countMax: Int
    /// What came in each.
    public private(set) var buckets: [Totals] = []
    private var base: Totals?
    private var place: Int64 = 0

    init(width: Int64, countMax: Int) {
      self.width = width
      self.countMax = countMax
    }

    mutating func note(_ totals: Totals, now: Int64) {
      let place = now / width
      guard let base else {
        self.base = totals
        self.place = place
        return
      }
      guard place > self.place else { return }
      buckets.append(totals.since(base))
      // The machine slept, or the agent was held up: then nothing came.
      let emptyCount = min(place - self.place - 1, Int64(countMax))
      buckets.append(contentsOf: repeatElement(Totals(), count: Int(emptyCount)))
      if buckets.count > countMax { buckets.removeFirst(buckets.count - countMax) }
      self.base = totals
      self.place = place
    }

    /// A counter's rate per second in each bucket.
    public func rates(_ counter: KeyPath<Totals, UInt64>) -> [Double] {
      let seconds = Double(width) / Double(microsecondsPerSecond)
      return buckets.map { Double($0[keyPath: counter]) / seconds }
    }
  }

  /// Ten seconds each, for a quarter of an hour.
  public private(set) var quarterHour = Series(width: 10 * microsecondsPerSecond, countMax: 90)
  /// A quarter of an hour each, for a day.
  public private(set) var day = Series(width: 900 * microsecondsPerSecond, countMax: 96)
  private var first: (totals: Totals, at: Int64)?
  private var last = Totals()

  /// Nothing yet.
  public init() {}

  /// Whether both have seen the same.
  public static func == (left: RateHistory, right: RateHistory) -> Bool {
    left.quarterHour == right.quarterHour && left.day == right.day && left.last == right.last
  }

  /// Takes in the counters; to be called every second or so.
  public mutating func note(_ totals: Totals, now: Int64) {
    if first == nil { first = (totals, now) }
    last = totals
    quarterHour.note(totals, now: now)
    day.note(totals, now: now)
  }

  /// A counter's rate per second over the last minute, or for as long as there is anything; nil
  /// before that.
  public func presentRate(_ counter: KeyPath<Totals, UInt64>) -> Double? {
    let latest = quarterHour.rates(counter).suffix(6)
    return latest.isEmpty ? nil : latest.reduce(0, +) / Double(latest.count)
  }

  /// Bytes written to disk per day: of the last day, or of what there is of it; nil before a minute
  /// has passed.
  public func writtenPerDay(now: Int64) -> UInt64? {
    guard let first else { return nil }
    let whole = now.subtractingSaturated(first.at)
    guard whole >= 60 * microsecondsPerSecond else { return nil }
    let isLong = day.buckets.count >= 4
    let count =
      isLong ? day.buckets.reduce(0) { $0 &+ $1.written } : last.since(first.totals).written
    let span = isLong ? Int64(day.buckets.count) * day.width : whole
    let perDay = Double(count) / Double(span) * Double(86_400 * microsecondsPerSecond)
    return perDay < 1e18 ? UInt64(perDay) : nil
  }
}
