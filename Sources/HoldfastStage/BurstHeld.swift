internal import HoldfastEvent

/// What `burst` knows of one topic.
struct BurstTopic: Sendable {
  /// When its latest event came to the stage, microseconds since boot; so are those that follow.
  var latestBoot = Int64.min
  /// When the condition held last; nil: never.
  var heldAtBoot: Int64?
  /// When an event was sent last; nil: never.
  var sentAtBoot: Int64?
  /// The events that were kept back.
  var held = HeldLine()
  /// Events that had to be forgotten since a burst began last, and when the latest of them came.
  var forgottenCount: UInt32 = 0
  var forgottenBoot = Int64.min

  init() {}

  /// An event makes room that a burst might have asked for.
  mutating func noteForgotten(_ position: HeldPosition, before: Int64) {
    if position.boot.subtractingSaturated(forgottenBoot) > before { forgottenCount = 0 }
    forgottenCount = forgottenCount == .max ? .max : forgottenCount + 1
    forgottenBoot = position.boot
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(latestBoot)
    for time in [heldAtBoot, sentAtBoot] {
      bytes.append(time != nil)
      bytes.append(time ?? 0)
    }
    bytes.append(forgottenCount)
    bytes.append(forgottenBoot)
    held.save(into: &bytes)
  }

  init?(from bytes: inout SnapshotReader, countMax: Int) {
    guard let latestBoot: Int64 = bytes.number(), let wasHeld = bytes.bool(),
      let heldAtBoot: Int64 = bytes.number(), let wasSent = bytes.bool(),
      let sentAtBoot: Int64 = bytes.number(), let forgottenCount: UInt32 = bytes.number(),
      let forgottenBoot: Int64 = bytes.number(),
      let held = HeldLine(from: &bytes, countMax: countMax)
    else { return nil }
    self.latestBoot = latestBoot
    self.heldAtBoot = wasHeld ? heldAtBoot : nil
    self.sentAtBoot = wasSent ? sentAtBoot : nil
    self.forgottenCount = forgottenCount
    self.forgottenBoot = forgottenBoot
    self.held = held
  }
}

/// Where an event that was kept back stands.
struct HeldPosition: Equatable, Sendable {
  var number: SequenceNumber
  /// When it came to the stage, microseconds since boot.
  var boot: Int64
  /// Bytes of the log before it, see ``StagePass/logByteCount``.
  var logByteCount: UInt64
  /// Unique within the stage, rising.
  var order: UInt64
}

/// The events of one topic that were kept back, in the order in which they came.
struct HeldLine: Sendable {
  /// Those before `start` are gone; they make room when they are the greater part.
  private var items: [HeldPosition] = []
  private var start = 0

  init() {}

  var count: Int { items.count - start }
  var first: HeldPosition? { start < items.count ? items[start] : nil }
  var all: ArraySlice<HeldPosition> { items[start...] }

  /// Whether the event of that order is still held.
  func contains(order: UInt64) -> Bool { first.map { $0.order <= order } ?? false }

  mutating func append(_ position: HeldPosition) { items.append(position) }

  /// - Complexity: O(1), amortized.
  mutating func removeFirst() -> HeldPosition? {
    guard start < items.count else { return nil }
    let position = items[start]
    start += 1
    if start == items.count || start > 32 && 2 * start > items.count {
      items.removeFirst(start)
      start = 0
    }
    return position
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(UInt32(truncatingIfNeeded: count))
    for item in all {
      bytes.append(item.number)
      bytes.append(item.boot)
      bytes.append(item.logByteCount)
      bytes.append(item.order)
    }
  }

  init?(from bytes: inout SnapshotReader, countMax: Int) {
    guard let count: UInt32 = bytes.number(), Int(clamping: count) <= max(0, countMax) else {
      return nil
    }
    for _ in 0..<count {
      guard let number: UInt64 = bytes.number(), let boot: Int64 = bytes.number(),
        let logByteCount: UInt64 = bytes.number(), let order: UInt64 = bytes.number(),
        items.last.map({ $0.order < order }) ?? true
      else { return nil }
      append(
        HeldPosition(number: number, boot: boot, logByteCount: logByteCount, order: order)
      )
    }
  }
}

/// Names the held events of all topics in the order in which they came.
///
/// Events that a topic let go stay in it until they come to the front, or are more than the others.
struct BurstLine: Sendable {
  struct Entry: Sendable {
    var order: UInt64
    var slot: Int32
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

  var first: Entry? { start < entries.count ? entries[start] : nil }

  /// Enters the event that is held next, and gives it its order.
  mutating func append(slot: Int) -> UInt64 {
    entries.append(Entry(order: nextOrder, slot: Int32(truncatingIfNeeded: slot)))
    defer { nextOrder &+= 1 }
    return nextOrder
  }

  mutating func removeFirst() { if start < entries.count { start += 1 } }

  /// Drops what is no longer held once that is more than what is.
  ///
  /// - Complexity: O(1), amortized over the entries made.
  mutating func trim(liveCount: Int, isLive: (Entry) -> Bool) {
    guard entries.count > 2 * liveCount + 64 else { return }
    entries = entries[start...].filter(isLive)
    start = 0
  }
}
