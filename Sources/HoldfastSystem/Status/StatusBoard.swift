import Glibc
package import HoldfastStatus
import Synchronization

/// Where the agent's thread leaves a report for whoever asks for one.
///
/// The asker wakes the agent, waits a bounded time, and takes what is there: the agent never waits
/// for anybody, and makes a report only when it is wanted.
package final class StatusBoard: Sendable {
  /// A report this young is good enough, microseconds.
  static let freshTime: Int64 = 200_000
  /// How long an asker waits for the agent before it takes an old report, microseconds.
  static let waitMax: Int64 = 2_000_000

  private struct Posting {
    var report: StatusReport?
    /// By boot clock; of the report, or of the board where there is none.
    var at: Int64
  }

  private let wake: @Sendable () -> Void
  private let posting: Mutex<Posting>
  private let wanted = Atomic<Bool>(false)
  /// Counts reports, so that several askers can wait at once.
  private let generation = Atomic<UInt64>(0)

  /// - Parameter wake: makes the agent's thread look at ``isWanted``; called by any thread.
  package init(wake: @escaping @Sendable () -> Void) {
    self.wake = wake
    posting = Mutex(Posting(report: nil, at: SystemClock.boot()))
  }

  /// Whether somebody waits for a report.
  package var isWanted: Bool { wanted.load(ordering: .relaxed) }

  /// Leaves a report; called by the agent's thread alone.
  package func post(_ report: StatusReport) {
    wanted.store(false, ordering: .relaxed)
    posting.withLock { posting in
      posting.report = report
      posting.at = SystemClock.boot()
    }
    generation.add(1, ordering: .releasing)
  }

  /// A report, made just now where the agent answers; nil where it never did.
  ///
  /// One that is older says so in its `silence`.
  package func report() -> StatusReport? {
    let (known, at) = posting.withLock { ($0.report, $0.at) }
    let asked = SystemClock.boot()
    if let known, asked - at < Self.freshTime { return known }
    let before = generation.load(ordering: .acquiring)
    wanted.store(true, ordering: .relaxed)
    wake()
    while generation.load(ordering: .acquiring) == before {
      if SystemClock.boot() - asked >= Self.waitMax { break }
      usleep(1000)
    }
    let (latest, latestAt) = posting.withLock { ($0.report, $0.at) }
    guard var latest else { return nil }
    let age = SystemClock.boot() - latestAt
    if age >= Self.waitMax { latest.silence = age }
    return latest
  }
}
