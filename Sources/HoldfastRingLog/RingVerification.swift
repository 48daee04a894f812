public import HoldfastEvent

/// What reading every block of a ring log tells: damage, coverage, and whether the law holds.
public struct RingVerification: Equatable, Sendable {
  /// One upstream's account: offered = settled + buffered + lost ahead + unreadable.
  public struct Upstream: Equatable, Sendable {
    /// As saved.
    public var ledger: UpstreamLedger
    /// Events between its cursor and the saved durable end, counted by reading them.
    public var buffered: UInt64 = 0
    /// Numbers ahead of its cursor that gap records give up, or that were evicted in flight.
    public var lostAhead: UInt64 = 0
    /// Numbers ahead of its cursor that can't be read and that no record explains.
    public var unreadable: UInt64 = 0

    /// What the terms add up to.
    public var accounted: UInt64 { ledger.settled &+ buffered &+ lostAhead &+ unreadable }
    /// Whether each event offered stands in exactly one term.
    public var isBalanced: Bool { ledger.offered == accounted }
  }

  /// Events read and decoded.
  public var eventCount: UInt64 = 0
  /// Blocks that passed both checksums and were decoded.
  public var blockCount = 0
  /// Numbers that gap records say were never given to an event.
  public var unusedCount: UInt64 = 0
  /// Needed numbers that can't be read and that no gap record covers.
  public var unrecorded: [Range<SequenceNumber>] = []
  /// Numbers that can't be read and that no upstream needs any more.
  public var unneededCount: UInt64 = 0
  /// As saved.
  public var sources: [SourceLedger] = []
  /// Each with what was found by reading.
  public var upstreams: [Upstream] = []
  /// Whether the state file could be read; without it there are no accounts to check.
  public var hasAccount = false
  /// The agent saved its state while the log was being read: sums need not agree.
  public var wasLive = false

  /// Most ranges listed in `unrecorded`; further ones are joined to the last.
  public static let rangeCountMax = 1000

  /// Whether sums are exact and disagree.
  public var isUnbalanced: Bool {
    !wasLive && !(sources.allSatisfy(\.isBalanced) && upstreams.allSatisfy(\.isBalanced))
  }
  /// Whether everything is as it must be.
  public var isGood: Bool { hasAccount && unrecorded.isEmpty && !isUnbalanced }
}

extension RingInspection {
  /// Reads every block from the oldest on and balances the accounts.
  ///
  /// - Parameters:
  ///   - isLive: an agent is at work, so that sums need not agree.
  ///   - progress: told of each number that reading has come to, block by block.
  /// - Returns: what was found.
  /// - Complexity: O(bytes of the log).
  public func verify(
    isLive: Bool,
    progress: (SequenceNumber) -> Void = { _ in }
  ) -> RingVerification {
    var result = RingVerification()
    result.hasAccount = account != nil
    result.sources = account?.sources ?? []
    result.upstreams = (account?.upstreams ?? []).map { RingVerification.Upstream(ledger: $0) }
    let generation = account?.generation
    let durableEnd = (account?.durable ?? end - 1) + 1
    let needed = result.upstreams.map(\.ledger.cursor).min() ?? (result.hasAccount ? end : 1)
    var position = max(1, min(needed, oldest))
    var passed = 0
    var block: SequenceNumber = 0
    walk: while true {
      let start = position
      progress(position)
      switch read(from: position, passedGaps: passed) {
      case .end: break walk
      case .gap(let gap):
        guard gap.reason.coversNumbers else {
          passed += 1
          continue walk
        }
        position = gap.end
        if gap.reason == .unused {
          result.unusedCount += gap.end - start
        } else {
          result.count(from: start, until: min(position, durableEnd), \.lostAhead)
        }
      case .released(let next):
        position = next
        result.count(from: start, until: min(position, durableEnd), \.lostAhead)
      case .unreadable(let next):
        position = next
        result.count(from: start, until: min(position, durableEnd), \.unreadable)
        result.noteUnreadable(start..<position, needed: needed)
      case .events(let batch, let row):
        position = batch.end
        result.eventCount += UInt64(batch.events.count - row)
        if batch.first != block { result.blockCount += 1 }
        block = batch.first
        result.count(from: start, until: min(position, durableEnd), \.buffered)
      }
      passed = 0
    }
    result.wasLive = isLive || account?.generation != generation
    return result
  }
}

extension RingVerification {
  /// Adds the numbers at or after each cursor to one of its terms.
  fileprivate mutating func count(
    from start: SequenceNumber,
    until end: SequenceNumber,
    _ term: WritableKeyPath<Upstream, UInt64>
  ) {
    for index in upstreams.indices {
      for part in upstreams[index].ledger.pending(in: start..<max(start, end)) {
        upstreams[index][keyPath: term] += part.upperBound - part.lowerBound
      }
    }
  }

  fileprivate mutating func noteUnreadable(
    _ range: Range<SequenceNumber>,
    needed: SequenceNumber
  ) {
    let first = max(range.lowerBound, min(needed, range.upperBound))
    unneededCount += first - range.lowerBound
    guard first < range.upperBound else { return }
    let count = unrecorded.count
    if let last = unrecorded.last, last.upperBound == first || count >= Self.rangeCountMax {
      unrecorded[count - 1] = last.lowerBound..<range.upperBound
    } else {
      unrecorded.append(first..<range.upperBound)
    }
  }
}
