import HoldfastAgent
import HoldfastEvent
import HoldfastStatus

/// The agent's thread's side of the status page: looks at the core once a second, and makes a report
/// when somebody wants one.
struct StatusWatch {
  var observer: Observer
  /// The next look, microseconds by boot clock.
  private(set) var tickAt: Int64
  private let board: StatusBoard

  init(board: StatusBoard, configuration: AgentConfiguration, version: String) {
    self.board = board
    let now = SystemClock.reading()
    observer = Observer(configuration: configuration, version: version, now: now)
    tickAt = now.boot
  }

  mutating func look(at agent: borrowing Agent, disk: PosixDisk, now boot: Int64) {
    let isWanted = board.isWanted
    guard boot >= tickAt || isWanted else { return }
    let now = SystemClock.reading()
    if boot >= tickAt {
      tickAt = boot + Observer.interval
      observer.tick(agent.status(now: now), disk: disk.figures, now: now)
    }
    if isWanted {
      board.post(observer.report(agent.detailedStatus(now: now), disk: disk.figures, now: now))
    }
  }
}
