public import HoldfastEvent

/// Whether the wall clock can be believed, and how it was set while the agent ran.
public struct ClockWatch: Equatable, Sendable {
  /// A step between two looks that is worth a word, microseconds.
  static let stepMin: Int64 = 2 * microsecondsPerSecond
  /// 2020-01-01: a clock that says less was not set.
  static let credibleWall: Int64 = 1_577_836_800 * microsecondsPerSecond

  /// One time the wall clock was set.
  public struct Step: Equatable, Sendable {
    /// By how much, microseconds; below 0: backwards.
    public var microseconds: Int64
    /// The reading right after it.
    public var at: ClockReading
  }

  /// How often it was set by two seconds or more.
  public private(set) var stepCount: UInt64 = 0
  /// The latest time.
  public private(set) var lastStep: Step?
  private var offset: Int64?

  /// Nothing seen yet.
  public init() {}

  /// Looks at both clocks; to be called every second or so.
  public mutating func note(_ now: ClockReading) {
    let offset = now.wall.subtractingSaturated(now.boot)
    if let before = self.offset {
      let step = offset.subtractingSaturated(before)
      if step.magnitude >= Self.stepMin.magnitude {
        stepCount &+= 1
        lastStep = Step(microseconds: step, at: now)
      }
    }
    self.offset = offset
  }

  /// Whether a reading can be a date of today.
  public static func isCredible(_ now: ClockReading) -> Bool { now.wall >= credibleWall }
}
