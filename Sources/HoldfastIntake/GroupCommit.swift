/// When what was appended is made durable.
///
/// The first event after a quiet spell commits at once, so that a lone event waits for nothing;
/// under load there is at most one commit per interval, so that an agent does not wear out flash;
/// earlier only when much is pending or a source's window is half used up.
public struct GroupCommit: Equatable, Sendable {
  /// Compressed bytes that are worth a commit of their own.
  public static let pendingByteCountMax = 64 << 10
  /// QoS 0 events are written, though not synced, this soon, microseconds.
  public static let writeDelay: Int64 = 100_000

  /// Microseconds between commits under load.
  public let interval: Int64
  private var lastCommitAt: Int64?
  /// When what is pending must be durable; nil while nothing is.
  public private(set) var commitAt: Int64?
  /// When pending QoS 0 events must be written; nil while there are none.
  public private(set) var writeAt: Int64?

  /// Nothing pending, and no commit yet.
  public init(interval: Int64) { self.interval = interval }

  /// Something was appended.
  ///
  /// - Parameters:
  ///   - now: boot clock.
  ///   - pendingByteCount: compressed bytes pending.
  ///   - isWindowHalfUsed: whether a source has half its window unacknowledged.
  ///   - hasQoS0: whether an event at QoS 0 is among them.
  /// - Returns: whether to commit now.
  public mutating func appended(
    now: Int64,
    pendingByteCount: Int,
    isWindowHalfUsed: Bool,
    hasQoS0: Bool
  ) -> Bool {
    if hasQoS0 && writeAt == nil { writeAt = now &+ Self.writeDelay }
    if commitAt == nil { commitAt = lastCommitAt.map { max(now, $0 &+ interval) } ?? now }
    return isDue(now: now) || isWindowHalfUsed || pendingByteCount >= Self.pendingByteCountMax
  }

  /// Whether what is pending must be durable by now.
  public func isDue(now: Int64) -> Bool { commitAt.map { now >= $0 } ?? false }

  /// Whether pending events at QoS 0 must be written by now.
  public func isWriteDue(now: Int64) -> Bool { writeAt.map { now >= $0 } ?? false }

  /// What was pending has been written, and will be synced at the next commit.
  public mutating func written() { writeAt = nil }

  /// Everything pending is durable.
  public mutating func committed(now: Int64) {
    lastCommitAt = now
    commitAt = nil
    writeAt = nil
  }

  /// When the owner must look again; nil: not before something is appended.
  public var wakeAt: Int64? {
    guard let commitAt else { return writeAt }
    return min(commitAt, writeAt ?? commitAt)
  }
}
