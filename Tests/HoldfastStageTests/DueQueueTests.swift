import HoldfastEvent
import Testing

@testable import HoldfastStage

@Suite struct DueQueueTests {
  @Test func `what is due leaves in the order of time, then of entry`() {
    var random = SplitMix64(seed: 11)
    var queue = DueQueue()
    var all: [(due: Int64, order: UInt64)] = []
    for order in 0..<2000 as Range<UInt64> {
      let due = Int64(random.next() % 50) - 25
      queue.add(due: due, order: order, slot: Int(order % 7))
      all.append((due, order))
    }
    for now: Int64 in [-30, -10, 0, 24] {
      let expected = all.filter { $0.due <= now }.sorted { ($0.due, $0.order) < ($1.due, $1.order) }
      all.removeAll { $0.due <= now }
      var taken: [UInt64] = []
      while let entry = queue.takeFirst(dueAt: now) { taken.append(entry.order) }
      #expect(taken == expected.map(\.order))
      #expect(queue.next == all.map(\.due).min() ?? .max)
    }
    #expect(queue.count == 0 && queue.next == .max)
  }

  @Test func `the end of time is never due`() {
    var queue = DueQueue()
    queue.add(due: .max, order: 0, slot: 0)
    #expect(queue.takeFirst(dueAt: .max) == nil)
  }

  @Test func `entries that no longer hold are bounded`() {
    var queue = DueQueue()
    for order in 0..<10_000 as Range<UInt64> {
      queue.add(due: Int64(20_000 - order), order: order, slot: 0)
      queue.trim(liveCount: 1) { $0.order == order }
      #expect(queue.count <= 66)
    }
    var last: DueQueue.Entry?
    while let entry = queue.takeFirst(dueAt: .max) {
      if let last { #expect(last.due <= entry.due) }
      last = entry
    }
  }
}
