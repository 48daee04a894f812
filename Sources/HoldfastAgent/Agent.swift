public import HoldfastEvent
public import HoldfastRingLog

/// The agent's core: one synchronous state machine over an injected disk.
///
/// `step` is the only way in; effects and the disk are the only ways out.
public struct Agent: ~Copyable {
  /// When `step(.timer)` is wanted, microseconds by boot clock.
  public private(set) var wakeAt: Int64 = 0

  /// Opens the ring log, recovering what an unclean stop left; never fails.
  ///
  /// - Parameters:
  ///   - configuration: checked settings.
  ///   - disk: the data directory.
  ///   - machine: a hash of the machine's id; another machine begins a new log id.
  ///   - bootID: a hash of the kernel's boot id.
  ///   - seed: all randomness (log id, jitter) comes from it.
  ///   - now: both clocks.
  ///   - effects: what the shell must do first.
  public init(
    configuration: AgentConfiguration, disk: any Disk, machine: UInt64, bootID: UInt64,
    seed: UInt64, now: ClockReading, effects: inout [Effect]
  ) {
  }

  /// Takes one input and appends what must be done, in order.
  public mutating func step(_ input: Input, now: ClockReading, effects: inout [Effect]) {
  }

  /// A picture for the status line, commands and tests. O(sources + upstreams).
  public func status(now: ClockReading) -> AgentStatus {
    AgentStatus()
  }
}
