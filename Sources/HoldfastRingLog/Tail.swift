internal import HoldfastEvent

/// The newest durable events in memory, for readers that are up to date.
struct Tail {
  private var batches: [StoredBatch] = []
  /// Batches before it were dropped.
  private var head = 0
  /// Memory held by the batches.
  private(set) var byteCount = 0
  private let byteCountMax: Int

  init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

  mutating func append(_ batch: StoredBatch) {
    batches.append(batch)
    byteCount += batch.events.memoryByteCount
    while byteCount > byteCountMax && head < batches.count {
      byteCount -= batches[head].events.memoryByteCount
      batches[head].events = EventBatch()
      head += 1
    }
    if head > 64 && head * 2 > batches.count {
      batches.removeFirst(head)
      head = 0
    }
  }

  /// The batch that holds `sequence`.
  ///
  /// - Complexity: O(log batches).
  func batch(holding sequence: SequenceNumber) -> StoredBatch? {
    var low = head
    var high = batches.count
    while low < high {
      let middle = (low + high) / 2
      if batches[middle].end <= sequence { low = middle + 1 } else { high = middle }
    }
    guard low < batches.count, batches[low].index(of: sequence) != nil else { return nil }
    return batches[low]
  }
}
