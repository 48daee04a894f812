/// What will happen, in order of time; at one instant in the order of being scheduled.
struct Schedule {
  private struct Entry {
    var at: Int64
    var order: UInt64
    var action: (World) -> Void

    func precedes(_ other: Entry) -> Bool {
      at != other.at ? at < other.at : order < other.order
    }
  }

  /// A binary heap, the next one first.
  private var entries: [Entry] = []
  private var order: UInt64 = 0

  var nextAt: Int64? { entries.first?.at }

  mutating func add(at: Int64, _ action: @escaping (World) -> Void) {
    order += 1
    entries.append(Entry(at: at, order: order, action: action))
    var child = entries.count - 1
    while child > 0, entries[child].precedes(entries[(child - 1) / 2]) {
      entries.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func popFirst() -> ((World) -> Void)? {
    guard let first = entries.first else { return nil }
    entries.swapAt(0, entries.count - 1)
    entries.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < entries.count && entries[child].precedes(entries[least]) {
        least = child
      }
      if least == parent { break }
      entries.swapAt(parent, least)
      parent = least
    }
    return first.action
  }
}
