internal import HoldfastEvent

/// One value per topic, for a bounded number of topics: the least recently used makes room.
///
/// Values stand in slots of an array; a table of slot numbers finds them by the topic's hash. The
/// order of use is a list through the slots, so that nothing depends on the order of a dictionary,
/// and a copy or a snapshot goes on exactly like the original.
struct TopicStates<Value: Sendable>: Sendable {
  private struct Slot: Sendable {
    var topic: [UInt8]
    var hash: UInt64
    var value: Value
    /// Neighbours in the order of use; -1 at the ends.
    var newer: Int32 = -1
    var older: Int32 = -1
  }

  let countMax: Int
  /// Topics whose state was given up for want of room.
  private(set) var evictedCount: UInt64 = 0
  private var slots: [Slot] = []
  /// Open addressing: slot number + 1, or 0.
  private var table: [Int32] = []
  private var newest: Int32 = -1
  private var oldest: Int32 = -1

  init(countMax: Int) { self.countMax = max(1, countMax) }

  var count: Int { slots.count }

  subscript(slot: Int) -> Value {
    _read { yield slots[slot].value }
    _modify { yield &slots[slot].value }
  }

  func topic(_ slot: Int) -> [UInt8] { slots[slot].topic }

  /// Finds a topic's slot, or makes one, and marks it as used now.
  ///
  /// - Parameters:
  ///   - topic: its bytes.
  ///   - value: what a new slot holds.
  /// - Returns: the slot; whether it is new; what had to make room for it.
  /// - Complexity: O(bytes of the topic).
  mutating func slot(
    of topic: ArraySlice<UInt8>,
    value: @autoclosure () -> Value
  ) -> (slot: Int, isNew: Bool, evicted: (topic: [UInt8], value: Value)?) {
    let hash = Self.hash(topic)
    if let slot = find(topic, hash) {
      use(Int32(slot))
      return (slot, false, nil)
    }
    if slots.count < countMax {
      if 2 * (slots.count + 1) > table.count { grow() }
      let slot = slots.count
      slots.append(Slot(topic: Array(topic), hash: hash, value: value()))
      enter(Int32(slot))
      link(Int32(slot))
      return (slot, true, nil)
    }
    let slot = oldest
    evictedCount &+= 1
    remove(slot)
    unlink(slot)
    let old = slots[Int(slot)]
    slots[Int(slot)] = Slot(topic: Array(topic), hash: hash, value: value())
    enter(slot)
    link(slot)
    return (Int(slot), true, (old.topic, old.value))
  }

  /// A topic's slot without marking it as used; nil where there is none.
  func find(_ topic: ArraySlice<UInt8>) -> Int? { find(topic, Self.hash(topic)) }

  /// Slots from the least recently used to the most recently used.
  var slotsByUse: [Int] {
    var order: [Int] = []
    order.reserveCapacity(slots.count)
    var slot = oldest
    while slot >= 0 {
      order.append(Int(slot))
      slot = slots[Int(slot)].newer
    }
    return order
  }

  /// Writes all values, least recently used first.
  func save(into bytes: inout SnapshotWriter, _ saveValue: (Value, inout SnapshotWriter) -> Void) {
    bytes.append(evictedCount)
    bytes.append(UInt64(slots.count))
    for slot in slotsByUse {
      bytes.append(bytes: slots[slot].topic[...])
      saveValue(slots[slot].value, &bytes)
    }
  }

  /// Reads what ``save(into:_:)`` wrote; false where it can't be that.
  mutating func restore(
    from bytes: inout SnapshotReader,
    _ restoreValue: (inout SnapshotReader) -> Value?
  ) -> Bool {
    self = TopicStates(countMax: countMax)
    guard let evicted: UInt64 = bytes.number(), let count: UInt64 = bytes.number(),
      count <= UInt64(countMax)
    else { return false }
    for _ in 0..<count {
      guard let topic = bytes.bytes(), let value = restoreValue(&bytes),
        slot(of: topic, value: value).isNew
      else { return false }
    }
    evictedCount = evicted
    return true
  }

  private static func hash(_ topic: ArraySlice<UInt8>) -> UInt64 {
    unsafe topic.withUnsafeBytes { unsafe hashed($0, seed: 0) }
  }

  private func find(_ topic: ArraySlice<UInt8>, _ hash: UInt64) -> Int? {
    if table.isEmpty { return nil }
    let mask = table.count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while table[place] != 0 {
      let slot = Int(table[place]) - 1
      if slots[slot].hash == hash && slots[slot].topic[...] == topic { return slot }
      place = (place + 1) & mask
    }
    return nil
  }

  private mutating func grow() {
    table = [Int32](repeating: 0, count: max(16, table.count * 2))
    for slot in slots.indices { enter(Int32(slot)) }
  }

  private mutating func enter(_ slot: Int32) {
    let mask = table.count - 1
    var place = Int(truncatingIfNeeded: slots[Int(slot)].hash) & mask
    while table[place] != 0 { place = (place + 1) & mask }
    table[place] = slot + 1
  }

  /// Takes a slot out of the table; those behind it move up, so that each is still found.
  private mutating func remove(_ slot: Int32) {
    let mask = table.count - 1
    var hole = Int(truncatingIfNeeded: slots[Int(slot)].hash) & mask
    while table[hole] != slot + 1 { hole = (hole + 1) & mask }
    var place = hole
    while true {
      place = (place + 1) & mask
      if table[place] == 0 { break }
      let home = Int(truncatingIfNeeded: slots[Int(table[place]) - 1].hash) & mask
      if (place - home) & mask >= (place - hole) & mask {
        table[hole] = table[place]
        hole = place
      }
    }
    table[hole] = 0
  }

  private mutating func use(_ slot: Int32) {
    if newest == slot { return }
    unlink(slot)
    link(slot)
  }

  private mutating func unlink(_ slot: Int32) {
    let (newer, older) = (slots[Int(slot)].newer, slots[Int(slot)].older)
    if newer >= 0 { slots[Int(newer)].older = older } else { newest = older }
    if older >= 0 { slots[Int(older)].newer = newer } else { oldest = newer }
  }

  private mutating func link(_ slot: Int32) {
    slots[Int(slot)].newer = -1
    slots[Int(slot)].older = newest
    if newest >= 0 { slots[Int(newest)].newer = slot } else { oldest = slot }
    newest = slot
  }
}
