import HoldfastEvent
import Testing

@testable import HoldfastStage

@Suite struct TopicStatesTests {
  /// The same by an array in the order of use, the most recently used last.
  struct Model {
    var countMax: Int
    var rows: [(topic: String, value: Int)] = []
    var evictedCount: UInt64 = 0

    mutating func use(_ topic: String, _ value: Int) -> (isNew: Bool, evicted: String?) {
      if let place = rows.firstIndex(where: { $0.topic == topic }) {
        rows.append(rows.remove(at: place))
        return (false, nil)
      }
      var evicted: String?
      if rows.count == countMax {
        let old = rows.removeFirst()
        evicted = "\(old.topic)=\(old.value)"
        evictedCount += 1
      }
      rows.append((topic, value))
      return (true, evicted)
    }
  }

  func rows(_ states: TopicStates<Int>) -> [String] {
    states.slotsByUse.map { slot in
      "\(String(decoding: states.topic(slot), as: UTF8.self))=\(states[slot])"
    }
  }

  @Test(arguments: 0..<60)
  func `topics, values, order of use and evictions are those of a plain list`(
    _ seed: UInt64
  ) throws {
    var random = SplitMix64(seed: seed)
    let countMax = [1, 2, 3, 7, 16, 33, 100][Int(seed % 7)]
    let topicCount = countMax * Int.random(in: 1...3, using: &random) + 1
    var states = TopicStates<Int>(countMax: countMax)
    var model = Model(countMax: countMax)
    for step in 0..<600 {
      let topic = "t/\(Int.random(in: 0..<topicCount, using: &random))"
      let bytes = Array(topic.utf8)[...]
      if Int.random(in: 0..<4, using: &random) == 0 {
        // Looking does not count as use.
        let found = states.find(bytes).map { states[$0] }
        #expect(found == model.rows.first { $0.topic == topic }?.value)
        continue
      }
      let (slot, isNew, evicted) = states.slot(of: bytes, value: step)
      let expected = model.use(topic, step)
      try #require(isNew == expected.isNew)
      let text = evicted.map { "\(String(decoding: $0.topic, as: UTF8.self))=\($0.value)" }
      try #require(text == expected.evicted)
      if Bool.random(using: &random) {
        states[slot] = -step
        model.rows[model.rows.count - 1].value = -step
      }
      try #require(rows(states) == model.rows.map { "\($0.topic)=\($0.value)" })
      try #require(states.evictedCount == model.evictedCount)
      try #require(states.count == model.rows.count)
      if step % 50 == 0 { states = try restored(states) }
    }
    for row in model.rows { #expect(states.find(Array(row.topic.utf8)[...]) != nil) }
  }

  func restored(_ states: TopicStates<Int>) throws -> TopicStates<Int> {
    var writer = SnapshotWriter()
    states.save(into: &writer) { value, bytes in bytes.append(value) }
    var reader = SnapshotReader(writer.bytes[...])
    var copy = TopicStates<Int>(countMax: states.countMax)
    let isRestored = copy.restore(from: &reader) { $0.number() }
    try #require(isRestored && reader.isAtEnd)
    #expect(rows(copy) == rows(states))
    #expect(copy.evictedCount == states.evictedCount)
    return copy
  }

  @Test func `a copy goes its own way`() {
    var states = TopicStates<Int>(countMax: 2)
    _ = states.slot(of: [1], value: 1)
    let copy = states
    _ = states.slot(of: [2], value: 2)
    _ = states.slot(of: [3], value: 3)
    states[0] = 9
    #expect(copy.count == 1 && copy.evictedCount == 0)
    #expect(copy.find([1]).map { copy[$0] } == 1)
    #expect(states.find([1]) == nil)
  }

  @Test func `what can't be a snapshot is refused`() {
    func isRestored(_ fill: (inout SnapshotWriter) -> Void) -> Bool {
      var writer = SnapshotWriter()
      fill(&writer)
      var reader = SnapshotReader(writer.bytes[...])
      var states = TopicStates<UInt8>(countMax: 2)
      return states.restore(from: &reader) { $0.number() }
    }
    func header(_ count: UInt64) -> (inout SnapshotWriter) -> Void {
      { bytes in
        bytes.append(UInt64(0))
        bytes.append(count)
      }
    }
    func fill(_ topics: [UInt8], _ count: UInt64) -> (inout SnapshotWriter) -> Void {
      { bytes in
        header(count)(&bytes)
        for topic in topics {
          bytes.append(bytes: [topic])
          bytes.append(UInt8(7))
        }
      }
    }
    #expect(isRestored(fill([1, 2], 2)))
    #expect(!isRestored(fill([1], 2)))
    #expect(!isRestored(fill([1, 1], 2)), "a topic twice")
    #expect(!isRestored(fill([1, 2, 3], 3)), "more than the bound")
    #expect(!isRestored(fill([], .max)))
  }

  @Test(arguments: 0..<40) func `a queue of times gives the soonest, as a sorted list does`(
    _ seed: UInt64
  ) throws {
    var random = SplitMix64(seed: seed)
    var queue = DueQueue()
    var model: [(due: Int64, number: UInt64, slot: Int)] = []
    for number in 0..<UInt64(400) {
      let slot = Int.random(in: 0..<20, using: &random)
      model.removeAll { $0.slot == slot }
      if Int.random(in: 0..<3, using: &random) == 0 {
        queue.remove(slot)
      } else {
        let due = Int64.random(in: 0..<10, using: &random)
        queue.set(slot, due: due, number: number)
        model.append((due, number, slot))
      }
      model.sort { ($0.due, $0.number) < ($1.due, $1.number) }
      try #require(queue.dueAt == model.first?.due ?? .max)
      try #require(queue.slotDue(at: 5) == model.first { $0.due <= 5 }?.slot)
    }
  }
}
