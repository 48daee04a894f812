/// A first-in, first-out sequence whose elements keep their number for life.
struct Queue<Element: Sendable>: Sendable {
  private var storage: [Element] = []
  private var head = 0
  /// The number of the first element; of the next one while empty.
  private(set) var firstID: UInt64 = 0

  var count: Int { storage.count - head }
  var isEmpty: Bool { head == storage.count }
  /// The number that the next element will get.
  var endID: UInt64 { firstID &+ UInt64(count) }
  var first: Element? { isEmpty ? nil : storage[head] }

  /// Whether an element of that number is here.
  func contains(_ id: UInt64) -> Bool { id >= firstID && id < endID }

  subscript(id: UInt64) -> Element {
    get { storage[head + Int(id &- firstID)] }
    _modify { yield &storage[head + Int(id &- firstID)] }
  }

  mutating func append(_ element: Element) { storage.append(element) }

  mutating func removeFirst() {
    head += 1
    firstID &+= 1
    if head == storage.count {
      storage.removeAll(keepingCapacity: true)
      head = 0
    } else if head >= 256 && head * 2 >= storage.count {
      storage.removeFirst(head)
      head = 0
    }
  }
}
