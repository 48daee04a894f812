import Synchronization

/// Says once that the agent is ready: the ring is open, or known to fail, and each source is
/// subscribed, or known to be down.
final class ReadyGate: Sendable {
  /// A source that takes longer than this, microseconds, counts as down: the service manager's own
  /// patience is bounded.
  static let patience: Int64 = 20_000_000

  private let waiting: Mutex<Set<Int>>
  private let open: @Sendable () -> Void
  /// Stands for the ring.
  private static let ring = -1

  init(sourceCount: Int, open: @escaping @Sendable () -> Void) {
    waiting = Mutex(Set(0..<sourceCount).union([Self.ring]))
    self.open = open
  }

  func settle(source: Int) { settle { $0.remove(source) != nil } }

  func settleRing() { settle { $0.remove(Self.ring) != nil } }

  /// Whatever the sources do.
  func settleSources() {
    settle { waiting in
      let isRingMissing = waiting.contains(Self.ring)
      let isChanged = waiting.count > (isRingMissing ? 1 : 0)
      waiting = isRingMissing ? [Self.ring] : []
      return isChanged
    }
  }

  private func settle(_ change: (inout Set<Int>) -> Bool) {
    let isLast = waiting.withLock { waiting in change(&waiting) && waiting.isEmpty }
    if isLast { open() }
  }
}
