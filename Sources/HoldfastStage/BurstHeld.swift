internal import HoldfastEvent

/// What `burst` knows of one topic.
struct BurstTopic: Sendable {
  /// Arrival of its latest event, microseconds since boot.
  var latestBoot = Int64.min
  /// When the condition held last; nil: never.
  var heldAtBoot: Int64?
  /// When an event was sent last; nil: never.
  var sentAtBoot: Int64?
  var held = HeldLine()

  init() {}

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(latestBoot)
    for time in [heldAtBoot, sentAtBoot] {
      bytes.append(time != nil)
      bytes.append(time ?? 0)
    }
    held.save(into: &bytes)
  }

  init?(from bytes: inout SnapshotReader, countMax: Int) {
    guard let latestBoot: Int64 = bytes.number(), let wasHeld = bytes.bool(),
      let heldAtBoot: Int64 = bytes.number(), let wasSent = bytes.bool(),
      let sentAtBoot: Int64 = bytes.number(),
      let held = HeldLine(from: &bytes, countMax: countMax)
    else { return nil }
    self.latestBoot = latestBoot
    self.heldAtBoot = wasHeld ? heldAtBoot : nil
    self.sentAtBoot = wasSent ? sentAtBoot : nil
    self.held = held
  }
}

/// The events of one topic that are held, in the order of their arrival.
struct HeldLine: Sendable {
  private struct Item: Sendable {
    var event: HeldEvent
    /// Unique within the stage, rising.
    var order: UInt64
  }

  /// Those before `start` are gone; they make room when they are the greater part.
  private var items: [Item] = []
  private var start = 0
  private(set) var memoryByteCount = 0

  init() {}

  var count: Int { items.count - start }
  var first: HeldEvent? { start < items.count ? items[start].event : nil }
  var firstOrder: UInt64? { start < items.count ? items[start].order : nil }
  var orders: [UInt64] { items[start...].map(\.order) }

  /// Whether the event of that order is still held.
  func contains(order: UInt64) -> Bool { firstOrder.map { $0 <= order } ?? false }

  mutating func append(_ event: HeldEvent, order: UInt64) {
    items.append(Item(event: event, order: order))
    memoryByteCount += event.memoryByteCount
  }

  /// - Complexity: O(1), amortized.
  mutating func removeFirst() -> HeldEvent? {
    guard start < items.count else { return nil }
    var bytes: [UInt8] = []
    swap(&bytes, &items[start].event.bytes)
    var event = items[start].event
    event.bytes = bytes
    memoryByteCount -= event.memoryByteCount
    start += 1
    if start == items.count || start > 32 && 2 * start > items.count {
      items.removeFirst(start)
      start = 0
    }
    return event
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(UInt32(truncatingIfNeeded: count))
    for item in items[start...] {
      bytes.append(item.order)
      bytes.append(item.event)
    }
  }

  init?(from bytes: inout SnapshotReader, countMax: Int) {
    guard let count: UInt32 = bytes.number(), Int(count) <= max(0, countMax) else { return nil }
    for _ in 0..<count {
      guard let order: UInt64 = bytes.number(), let event = bytes.held(),
        items.last.map({ $0.order < order }) ?? true
      else { return nil }
      append(event, order: order)
    }
  }
}

/// Names the held events of all topics in the order of their arrival.
///
/// Events that a topic let go stay in it until they come to the front, or are more than the others.
struct BurstLine: Sendable {
  struct Entry: Sendable {
    var order: UInt64
    var slot: Int
  }

  private var entries: [Entry] = []
  private var start = 0
  private(set) var nextOrder: UInt64 = 0

  init() {}

  /// Made of entries in any order.
  init(_ entries: [Entry], nextOrder: UInt64) {
    self.entries = entries.sorted { $0.order < $1.order }
    self.nextOrder = nextOrder
  }

  /// Enters the event that is held next, and gives it its order.
  mutating func append(slot: Int) -> UInt64 {
    entries.append(Entry(order: nextOrder, slot: slot))
    defer { nextOrder &+= 1 }
    return nextOrder
  }

  /// - Complexity: O(1), amortized.
  mutating func removeFirst() -> Entry? {
    guard start < entries.count else { return nil }
    defer { start += 1 }
    return entries[start]
  }

  /// Drops what is no longer held once that is more than what is.
  ///
  /// - Complexity: O(1), amortized over the entries made.
  mutating func trim(liveCount: Int, isLive: (Entry) -> Bool) {
    guard entries.count > 2 * liveCount + 64 else { return }
    entries = entries[start...].filter(isLive)
    start = 0
  }
}
