public import HoldfastEvent

/// How much comes in under each topic, for a bounded number of them.
///
/// Those that are heard least make room for new ones: whenever the table is full, a quarter of it
/// with the lowest rates, the longest silent first, is marked as the next to go. So a loud topic
/// stays, however many are used once each. A topic costs one lookup per event, and memory only when
/// it is new.
public struct TopicActivity: Sendable {
  /// Most bytes of a topic that are kept; longer ones are told apart, and shown shortened.
  public static let topicByteCountMax = 256
  /// Between two looks at the rates, microseconds.
  public static let interval: Int64 = 10 * microsecondsPerSecond
  /// Silence that is worth a word, microseconds; and this many of a topic's own intervals.
  static let silenceMin: Int64 = 60 * microsecondsPerSecond
  static let silenceIntervalCount: Int64 = 5
  /// Events before a topic has an interval of its own.
  static let silenceEventCountMin: UInt64 = 3

  /// One topic's traffic since it came into the table.
  public struct Topic: Equatable, Sendable {
    /// Its first bytes, 256 at most.
    public var name: [UInt8] = []
    /// Its length.
    public var byteCount = 0
    /// Events.
    public var eventCount: UInt64 = 0
    /// Bytes of payloads.
    public var payloadByteCount: UInt64 = 0
    /// Events that were not stored.
    public var droppedCount: UInt64 = 0
    /// Events per second, of half a minute or so.
    public var eventRate = 0.0
    /// Bytes of payloads per second, of half a minute or so.
    public var payloadByteRate = 0.0
    /// When the first event came, by boot clock.
    public var firstAt: Int64 = 0
    /// When the latest one came.
    public var lastAt: Int64 = 0

    /// Microseconds from one event to the next, on average; nil before there were three.
    public var interval: Int64? {
      guard eventCount >= TopicActivity.silenceEventCountMin else { return nil }
      return (lastAt - firstAt) / Int64(clamping: eventCount - 1)
    }

    fileprivate mutating func add(
      _ events: UInt64,
      _ payloadBytes: UInt64,
      _ dropped: UInt64,
      lastAt: Int64
    ) {
      eventCount &+= events
      payloadByteCount &+= payloadBytes
      droppedCount &+= dropped
      self.lastAt = lastAt
    }
  }

  /// What an event changes; apart from the rest, so that it touches no reference count.
  private struct Hits {
    var hash: UInt64
    var topicByteCount: Int
    var lastAt: Int64
    /// Since the last look.
    var eventCount: UInt64 = 0
    var payloadByteCount: UInt64 = 0
    var droppedCount: UInt64 = 0
  }

  private struct Entry {
    var topic: Topic
    var isFresh = true
  }

  /// Most topics in the table.
  public let countMax: Int
  /// Topics that made room for others.
  public private(set) var forgottenCount: UInt64 = 0
  private var entries: [Entry] = []
  /// One for each entry.
  private var hits: [Hits] = []
  /// Indices into `entries` plus one; 0 is empty.
  ///
  /// What points to an entry of another hash is void.
  private var slots: [UInt16] = []
  /// The next to go, from the end.
  private var leaving: [UInt16] = []
  private var leavingMarkedAt: Int64 = 0
  private var lookedAt: Int64?

  /// An empty table.
  public init(countMax: Int) { self.countMax = min(max(0, countMax), 10_000) }

  /// Topics in the table.
  public var count: Int { entries.count }

  /// Counts a batch as it came from a source.
  ///
  /// - Parameters:
  ///   - batch: the events.
  ///   - payloadByteCountMax: larger payloads will not be stored.
  ///   - now: boot clock.
  /// - Complexity: O(events); O(countMax) more, once for each quarter of it that makes room.
  public mutating func note(_ batch: EventBatch, payloadByteCountMax: Int, now: Int64) {
    if countMax == 0 { return }
    unsafe batch.bytes.withUnsafeBytes { bytes in
      for row in batch.rows {
        let topic = unsafe UnsafeRawBufferPointer(rebasing: bytes[row.topicRange])
        let index = unsafe entry(of: topic, now: now)
        var hit = hits[index]
        hit.eventCount &+= 1
        hit.payloadByteCount &+= UInt64(row.payloadByteCount)
        hit.lastAt = now
        if Int(row.payloadByteCount) > payloadByteCountMax { hit.droppedCount &+= 1 }
        hits[index] = hit
      }
    }
  }

  /// Brings the rates up to date, every ten seconds.
  public mutating func tick(now: Int64) {
    let since = lookedAt ?? now
    if lookedAt == nil { lookedAt = now }
    let elapsed = now.subtractingSaturated(since)
    guard elapsed >= Self.interval else { return }
    lookedAt = now
    let seconds = Double(elapsed) / Double(microsecondsPerSecond)
    for index in entries.indices {
      let eventRate = Double(hits[index].eventCount) / seconds
      let byteRate = Double(hits[index].payloadByteCount) / seconds
      let weight = entries[index].isFresh ? 1 : 0.3
      entries[index].topic.eventRate += (eventRate - entries[index].topic.eventRate) * weight
      entries[index].topic.payloadByteRate +=
        (byteRate - entries[index].topic.payloadByteRate) * weight
      entries[index].isFresh = false
      settle(index)
    }
  }

  /// The topics with most events per second, loudest first.
  ///
  /// - Complexity: O(topics · log topics).
  public func loudest(_ count: Int) -> [Topic] { topics(count) { $0.eventRate } }

  /// The topics with most bytes per second, loudest first.
  public func heaviest(_ count: Int) -> [Topic] { topics(count) { $0.payloadByteRate } }

  /// Topics that have been silent for five times their usual interval, and a minute at least;
  /// the latest to fall silent first.
  public func silent(_ count: Int, now: Int64) -> [Topic] {
    let silent = all.filter { topic in
      guard let interval = topic.interval else { return false }
      let silence = now.subtractingSaturated(topic.lastAt)
      return silence >= Self.silenceMin && silence / Self.silenceIntervalCount >= interval
    }
    let sorted = silent.sorted { left, right in
      left.lastAt == right.lastAt
        ? left.name.lexicographicallyPrecedes(right.name) : left.lastAt > right.lastAt
    }
    return Array(sorted.prefix(count))
  }

  private func topics(_ count: Int, by value: (Topic) -> Double) -> [Topic] {
    let active = all.filter { value($0) > 0 || $0.eventCount > 0 }
    let sorted = active.sorted { left, right in
      let (a, b) = ((value(left), left.eventCount), (value(right), right.eventCount))
      return a == b ? left.name.lexicographicallyPrecedes(right.name) : a > b
    }
    return Array(sorted.prefix(count))
  }

  /// Every topic with what came since the last look.
  private var all: [Topic] {
    zip(entries, hits).map { entry, hits in
      var topic = entry.topic
      topic.add(hits.eventCount, hits.payloadByteCount, hits.droppedCount, lastAt: hits.lastAt)
      return topic
    }
  }

  private mutating func settle(_ index: Int) {
    let new = hits[index]
    entries[index].topic
      .add(new.eventCount, new.payloadByteCount, new.droppedCount, lastAt: new.lastAt)
    hits[index].eventCount = 0
    hits[index].payloadByteCount = 0
    hits[index].droppedCount = 0
  }

  // MARK: the table

  private mutating func entry(of topic: UnsafeRawBufferPointer, now: Int64) -> Int {
    if slots.isEmpty { slots = [UInt16](repeating: 0, count: Self.slotCount(countMax)) }
    let hash = unsafe hashed(topic, seed: 0)
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      // Two topics of one length and one hash are not told apart: nothing but a count depends on it.
      if hits[index].hash == hash && hits[index].topicByteCount == topic.count { return index }
      slot = (slot + 1) & mask
    }
    var new = Entry(topic: Topic())
    new.topic.byteCount = topic.count
    new.topic.name = unsafe Array(topic.prefix(Self.topicByteCountMax))
    new.topic.firstAt = now
    let hit = Hits(hash: hash, topicByteCount: topic.count, lastAt: now)
    let index: Int
    if entries.count < countMax {
      index = entries.count
      entries.append(new)
      hits.append(hit)
    } else {
      index = makeRoom(now: now)
      entries[index] = new
      hits[index] = hit
      // The table was built anew where the quarter was marked.
      slot = Int(truncatingIfNeeded: hash) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
    }
    slots[slot] = UInt16(index + 1)
    return index
  }

  /// An entry that nobody will miss.
  private mutating func makeRoom(now: Int64) -> Int {
    forgottenCount &+= 1
    while true {
      while let next = leaving.popLast() {
        // One that was heard again since it was marked stays.
        if hits[Int(next)].lastAt <= leavingMarkedAt { return Int(next) }
      }
      markLeaving(now: now)
    }
  }

  private mutating func markLeaving(now: Int64) {
    leavingMarkedAt = now
    let order = entries.indices.sorted { left, right in
      let (a, b) = (entries[left].topic.eventRate, entries[right].topic.eventRate)
      return (a, hits[left].eventCount, hits[left].lastAt, left)
        < (b, hits[right].eventCount, hits[right].lastAt, right)
    }
    leaving = order.prefix(max(1, countMax / 4)).reversed().map { UInt16($0) }
    rebuildSlots()
  }

  private mutating func rebuildSlots() {
    for slot in slots.indices { slots[slot] = 0 }
    let mask = slots.count - 1
    for (index, hit) in hits.enumerated() {
      var slot = Int(truncatingIfNeeded: hit.hash) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt16(index + 1)
    }
  }

  /// A power of two, at least four times as many as topics.
  private static func slotCount(_ countMax: Int) -> Int {
    var count = 16
    while count < 4 * countMax { count *= 2 }
    return count
  }
}
