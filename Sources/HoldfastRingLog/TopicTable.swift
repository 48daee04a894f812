internal import HoldfastEvent

/// The topics of one chain, numbered from 1 in order of first appearance.
///
/// Open addressing over raw bytes: no string is made, and a lookup costs one hash and one
/// comparison. Bounded by ``Format/topicCountMax`` and ``Format/topicByteCountMax``; a full table
/// begins a new chain.
struct TopicTable {
  private struct Entry {
    var hash: UInt64
    var offset: Int
    var byteCount: Int
    var source: UInt8
  }

  private var entries: [Entry] = []
  private var arena: [UInt8] = []
  /// Indices into `entries` plus one; 0 is empty.
  ///
  /// Twice as many slots as topics.
  private var slots = [UInt16](repeating: 0, count: 2 * Format.topicCountMax)

  var count: Int { entries.count }

  mutating func removeAll() {
    if entries.isEmpty { return }
    entries.removeAll(keepingCapacity: true)
    arena.removeAll(keepingCapacity: true)
    for index in slots.indices { slots[index] = 0 }
  }

  /// Whether one more topic of this length fits.
  func hasRoom(for topicByteCount: Int) -> Bool {
    entries.count < Format.topicCountMax
      && arena.count + topicByteCount <= Format.topicByteCountMax
  }

  /// The number of a topic; `isNew` when it was added by this call.
  @inline(__always)
  mutating func number(
    of topic: UnsafeRawBufferPointer,
    source: UInt8
  ) -> (number: Int, isNew: Bool) {
    let hash = unsafe hashed(topic, seed: UInt64(source))
    var slot = Int(truncatingIfNeeded: hash) & (2 * Format.topicCountMax - 1)
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if unsafe entries[index].hash == hash && isSame(entries[index], topic, source) {
        return (index + 1, false)
      }
      slot = (slot + 1) & (2 * Format.topicCountMax - 1)
    }
    entries.append(
      Entry(hash: hash, offset: arena.count, byteCount: topic.count, source: source)
    )
    unsafe arena.append(contentsOf: topic)
    slots[slot] = UInt16(entries.count)
    return (entries.count, true)
  }

  private func isSame(
    _ entry: Entry,
    _ topic: UnsafeRawBufferPointer,
    _ source: UInt8
  ) -> Bool {
    guard entry.byteCount == topic.count, entry.source == source else { return false }
    return unsafe arena.withUnsafeBytes { arena in
      unsafe arena[entry.offset..<entry.offset + entry.byteCount].elementsEqual(topic)
    }
  }
}
