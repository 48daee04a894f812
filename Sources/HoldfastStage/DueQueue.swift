internal import HoldfastEvent

/// Topics that wait for a time, the soonest first: at most one time for each slot.
///
/// A binary heap that knows each slot's place. Equal times go by the number that asked, which is
/// the same after a restart while slots are not; so the order never depends on the heap's shape.
struct DueQueue: Sendable {
  private struct Entry: Sendable {
    var due: Int64
    var number: SequenceNumber
    var slot: Int

    func isBefore(_ other: Entry) -> Bool {
      due != other.due ? due < other.due : number < other.number
    }
  }

  private var heap: [Entry] = []
  /// By slot; -1: does not wait.
  private var places: [Int32] = []

  /// The soonest, microseconds since 1970; `.max`: none.
  var dueAt: Int64 { heap.first?.due ?? .max }

  /// The slot whose time comes first, when it has come.
  func slotDue(at now: Int64) -> Int? {
    // A time at the end of all time never comes: else one set anew could come for ever.
    guard let first = heap.first, first.due <= now, first.due < .max else { return nil }
    return first.slot
  }

  /// Lets a slot wait for another time.
  ///
  /// - Complexity: O(log slots).
  mutating func set(_ slot: Int, due: Int64, number: SequenceNumber) {
    remove(slot)
    while places.count <= slot { places.append(-1) }
    heap.append(Entry(due: due, number: number, slot: slot))
    rise(heap.count - 1)
  }

  /// Lets a slot wait no longer.
  mutating func remove(_ slot: Int) {
    guard slot < places.count, places[slot] >= 0 else { return }
    let place = Int(places[slot])
    places[slot] = -1
    let last = heap.removeLast()
    guard place < heap.count else { return }
    heap[place] = last
    places[last.slot] = Int32(place)
    rise(place)
    sink(Int(places[last.slot]))
  }

  private mutating func rise(_ start: Int) {
    var place = start
    let entry = heap[place]
    while place > 0, entry.isBefore(heap[(place - 1) / 2]) {
      put(heap[(place - 1) / 2], at: place)
      place = (place - 1) / 2
    }
    put(entry, at: place)
  }

  private mutating func sink(_ start: Int) {
    var place = start
    let entry = heap[place]
    while 2 * place + 1 < heap.count {
      var child = 2 * place + 1
      if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
      guard heap[child].isBefore(entry) else { break }
      put(heap[child], at: place)
      place = child
    }
    put(entry, at: place)
  }

  private mutating func put(_ entry: Entry, at place: Int) {
    heap[place] = entry
    places[entry.slot] = Int32(place)
  }
}
