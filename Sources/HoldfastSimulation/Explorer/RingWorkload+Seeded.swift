internal import HoldfastEvent

extension RingWorkload {
  /// A longer row of operations of every kind, drawn from `seed`.
  public init(seed: UInt64, length: Int) {
    var random = SplitMix64(seed: seed)
    var operations: [RingOperation] = []
    // Weighed so that events are there, rings fill and segments are sealed.
    let choices: [RingOperation] = [
      .append, .append, .commit, .commit, .commit, .rotate, .rotate, .recycle, .evict,
      .saveCursor, .saveCursor, .seal, .seal, .drop, .writeThrough, .writeThrough, .handOver, .stop,
      .kill, .lower, .raise,
    ]
    for _ in 0..<length {
      operations.append(choices[Int(random.next() % UInt64(choices.count))])
    }
    self.init(operations: operations, seed: seed)
  }
}
