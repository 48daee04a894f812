internal import HoldfastEvent

/// The last gaps of the log, as long as windows may open that they cut into.
///
/// A window that opens after a gap, but begins before the first event behind it, may have lost
/// events. Gaps within the same window of arrival time count together; what is missing is at most
/// the number told.
struct WindowGap: Equatable, Sendable {
  /// The arrival of the first event behind the gap; `.min`: there was none.
  private(set) var wall = Int64.min
  /// How many events are missing; nil: unknown.
  private(set) var count: UInt64? = 0
  /// Whether a gap was told and no event has followed yet.
  private var isPending = false
  private var pendingCount: UInt64? = 0

  init() {}

  mutating func note(missing count: UInt64?) {
    pendingCount = Self.sum(isPending ? pendingCount : 0, count)
    isPending = true
  }

  /// Time goes on behind a gap.
  @inline(__always)
  mutating func settle(at now: Int64, _ grid: WindowGrid) {
    if isPending { settlePending(at: now, grid) }
  }

  private mutating func settlePending(at now: Int64, _ grid: WindowGrid) {
    let isInSameWindow = grid.start(of: now).map { $0 <= wall } ?? false
    count = Self.sum(isInSameWindow ? count : 0, pendingCount)
    wall = isInSameWindow ? max(wall, now) : now
    isPending = false
  }

  private static func sum(_ left: UInt64?, _ right: UInt64?) -> UInt64? {
    guard let left, let right else { return nil }
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(wall)
    bytes.append(isPending)
    for count in [count, pendingCount] {
      bytes.append(count != nil)
      bytes.append(count ?? 0)
    }
  }

  init?(from bytes: inout SnapshotReader) {
    guard let wall: Int64 = bytes.number(), let isPending = bytes.bool(),
      let isKnown = bytes.bool(), let count: UInt64 = bytes.number(),
      let isPendingKnown = bytes.bool(), let pendingCount: UInt64 = bytes.number()
    else { return nil }
    self.wall = wall
    self.isPending = isPending
    self.count = isKnown ? count : nil
    self.pendingCount = isPendingKnown ? pendingCount : nil
  }
}
