internal import HoldfastAgent
internal import HoldfastEvent

/// What becomes of the ring if everything goes on as it does now.
public struct Forecast: Equatable, Sendable {
  /// Which way it goes.
  public enum Course: Equatable, Sendable {
    /// No upstream is behind.
    case upToDate
    /// The furthest behind has caught up in so many microseconds.
    case draining(Int64)
    /// Undelivered events will need more than the ring in so many microseconds.
    case filling(Int64)
    /// They need all of it now.
    case full
    /// Behind, and neither catching up nor falling further behind.
    case standing
    /// Nothing to measure by yet.
    case unknown
  }

  /// Which way it goes.
  public var course: Course
  /// How long the whole ring would last without any upstream, at the present rate, microseconds;
  /// nil where nothing comes in, or where too little is stored to say what an event takes.
  public var capacity: Int64?
  /// Bytes that an event takes on disk, as far as there are any.
  public var bytesPerEvent: Double?

  /// Fewest events that tell what one takes.
  private static let eventCountMin: UInt64 = 200
  /// A backlog that is worth a word: so many seconds of what comes in, and so many events.
  private static let lagSecondsMin = 3.0
  private static let lagCountMin = 20.0

  /// Works it out.
  public init(_ report: StatusReport) {
    let agent = report.agent
    let detail = agent.detail
    bytesPerEvent =
      detail.segmentEventCount >= Self.eventCountMin
      ? Double(detail.segmentByteCount) / Double(detail.segmentEventCount) : nil
    // What isn't stored takes no room, so the rate is that of numbers given out.
    let rate = report.paces.compactMap { $0?.offered }.max()
    if let rate, rate > 0, let bytesPerEvent, bytesPerEvent > 0 {
      capacity = Self.microseconds(Double(agent.ringByteCountMax) / (rate * bytesPerEvent))
    }
    var worst: (lag: UInt64, pace: StatusReport.Pace?, isUp: Bool)?
    for (index, upstream) in agent.upstreams.enumerated() {
      let pace = report.paces.indices.contains(index) ? report.paces[index] : nil
      if upstream.lagEventCount >= worst?.lag ?? 0 {
        worst = (upstream.lagEventCount, pace, upstream.isConnected)
      }
    }
    guard let worst else {
      course = .unknown
      return
    }
    let lag = Double(worst.lag)
    if agent.health == .full {
      course = .full
      return
    }
    // Nothing is stored while the disk fails, so nothing tells.
    guard agent.health != .failing, let pace = worst.pace else {
      course = worst.lag == 0 ? .upToDate : .unknown
      return
    }
    let isSmall = lag < max(Self.lagCountMin, Self.lagSecondsMin * pace.offered)
    if worst.lag == 0 || worst.isUp && isSmall {
      course = .upToDate
      return
    }
    let growth = pace.offered - pace.settled
    if growth < -0.01 * max(1, pace.offered) {
      course = .draining(Self.microseconds(lag / -growth))
    } else if growth > 0 {
      let free = Double(
        max(0, agent.ringByteCountMax - agent.ringByteCount + agent.ringKeptByteCount)
      )
      guard let bytesPerEvent, bytesPerEvent > 0 else {
        course = .unknown
        return
      }
      course = .filling(Self.microseconds(free / (growth * bytesPerEvent)))
    } else {
      course = .standing
    }
  }

  private static func microseconds(_ seconds: Double) -> Int64 {
    let value = seconds * Double(microsecondsPerSecond)
    return value < 1e18 ? Int64(max(0, value)) : Int64(1e18)
  }
}
