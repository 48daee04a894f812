/// What is due at which time of the log: the earliest first, and of the same time the one that was
/// entered first.
///
/// A binary heap. Entries are not taken out when they no longer hold: who takes one looks whether it
/// still does, and ``trim(liveCount:isLive:)`` bounds those that don't.
struct DueQueue: Sendable {
  /// Names what is due.
  struct Entry: Equatable, Sendable {
    /// Microseconds since 1970.
    var due: Int64
    /// Unique within the stage, rising.
    var order: UInt64
    /// The slot of its topic.
    var slot: Int32

    fileprivate func isBefore(_ other: Entry) -> Bool {
      due != other.due ? due < other.due : order < other.order
    }
  }

  private var heap: [Entry] = []

  /// The earliest; `.max`: none.
  var next: Int64 { heap.first?.due ?? .max }

  var count: Int { heap.count }

  mutating func removeAll() { heap.removeAll(keepingCapacity: true) }

  /// Enters something; what is due at the end of time is never due.
  ///
  /// - Complexity: O(log count).
  mutating func add(due: Int64, order: UInt64, slot: Int) {
    if due == .max { return }
    heap.append(Entry(due: due, order: order, slot: Int32(truncatingIfNeeded: slot)))
    var place = heap.count - 1
    while place > 0, heap[place].isBefore(heap[(place - 1) / 2]) {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  /// Takes the earliest entry that is due at `now`; nil where there is none.
  ///
  /// - Complexity: O(log count).
  mutating func takeFirst(dueAt now: Int64) -> Entry? {
    guard let first = heap.first, first.due <= now else { return nil }
    let last = heap.removeLast()
    if heap.isEmpty { return first }
    heap[0] = last
    var place = 0
    while true {
      var least = place
      for child in (2 * place + 1)...(2 * place + 2)
      where child < heap.count && heap[child].isBefore(heap[least]) { least = child }
      if least == place { return first }
      heap.swapAt(place, least)
      place = least
    }
  }

  /// Drops the entries that no longer hold once they are more than those that do.
  ///
  /// - Complexity: O(1), amortized over the entries made.
  mutating func trim(liveCount: Int, isLive: (Entry) -> Bool) {
    guard heap.count > 2 * liveCount + 64 else { return }
    heap.removeAll { !isLive($0) }
    // In order is a heap.
    heap.sort { $0.isBefore($1) }
  }
}
