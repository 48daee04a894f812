internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog

/// The answer to "is data safe?", and what else wants an operator's eye.
public struct Verdict: Equatable, Sendable {
  /// How much it matters.
  public enum Level: Int, Sendable, Comparable {
    /// Nothing to do.
    case fine
    /// Data is safe; something is not as it should be.
    case attention
    /// Events are lost, held back, or safe in memory only.
    case alarm

    /// Whether the left one matters less.
    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

    /// For programs.
    public var word: String {
      switch self {
      case .fine: "fine"
      case .attention: "attention"
      case .alarm: "alarm"
      }
    }
  }

  /// How much it matters.
  public var level: Level
  /// A few words: `Data is safe`.
  public var headline: String
  /// One sentence that says why.
  public var sentence: String
  /// More that should be looked at, the gravest first.
  public var notes: [String] = []

  /// Judges a report.
  public init(_ report: StatusReport) {
    let down = zip(report.agent.upstreams, report.upstreamLinks).filter { !$0.1.isUp }
    let downSources = zip(report.agent.sources, report.sourceLinks).filter { !$0.1.isUp }
    level = .fine
    headline = "Data is safe"
    sentence = "Every acknowledged event is on disk, and what is delivered is confirmed."
    if report.silence > 0 {
      level = .alarm
      headline = "The agent does not answer"
      sentence =
        "It has been busy for \(Words.duration(report.silence)), most likely waiting for the disk. "
        + "What follows is how it stood before."
    } else if report.agent.health == .failing {
      level = .alarm
      headline = report.agent.detail.isRecovered ? "The disk fails" : "The ring can't be read"
      sentence =
        "Events pass through memory and are acknowledged only when every upstream has them. "
        + "Nothing acknowledged is lost; the sensors' broker keeps the rest."
    } else if report.agent.health == .full {
      level = .alarm
      if report.agent.detail.whenFull == .dropOldest {
        headline = "Unsent events are being given up"
        sentence =
          "The ring is full, so the oldest unsent events make room for new ones. "
          + "Each is counted, and named by a gap record."
      } else {
        headline = "New events are held back"
        sentence =
          "The ring is full. Sources are closed until there is room; "
          + "what was acknowledged is safe."
      }
    } else if let refused = report.agent.upstreams.first(where: { $0.refusalText != nil }) {
      level = .alarm
      headline = "Events are refused"
      sentence =
        "\(refused.ledger.name) answers: \(refused.refusalText ?? ""). What it refuses is kept and sent "
        + "again; what it will not take at all is set aside as a dead letter."
    } else if !down.isEmpty {
      level = .attention
      sentence =
        "The link to \(Words.list(down.map(\.0.ledger.name))) is down. "
        + "Events are kept on disk and sent when it is back."
    } else if !downSources.isEmpty {
      level = .attention
      sentence =
        "The link to \(Words.list(downSources.map(\.0.ledger.name))) is down: nothing new comes "
        + "from there. What was acknowledged is on disk."
    }
    // A source that we closed ourselves is no fault of its own.
    note(report, downSources: downSources.filter { !$0.0.ledger.isPaused }.map(\.0.ledger.name))
  }

  private mutating func note(_ report: StatusReport, downSources: [String]) {
    if level == .alarm, !downSources.isEmpty {
      notes.append("No connection to \(Words.list(downSources)).")
    }
    if !ClockWatch.isCredible(report.now) {
      notes.append(
        "The clock is not set: it says \(Words.date(report.now.wall)). Order and safety do not depend "
          + "on it; the times that events carry do."
      )
    }
    if let life = report.machine.device?.lifeUsedPercent, life >= 80 {
      notes.append("The storage device has used \(Words.life(life)) of its life.")
    }
    if !notes.isEmpty { level = max(level, .attention) }
  }
}
