public import HoldfastRingLog

/// How often a search tried what, and the first thing that it found.
public struct ExplorerFigures: Sendable {
  /// Workloads, or files that were damaged.
  public var workloadCount = 0
  /// Disks that a crash could leave, equal ones counted each time.
  public var stateCount = 0
  /// Different disks, or different things to be expected of one: recovered and checked.
  public var distinctCount = 0
  /// Of these, left by a second crash during the start after the first.
  public var nestedCount = 0
  /// Faults that were injected, or changes of bytes.
  public var caseCount = 0
  /// Cases with something wrong.
  public var failureCount = 0
  /// The first ones, each with all it takes to replay it.
  public var failures: [String] = []
  /// How often a start had to do what.
  public var steps: [RecoverySteps: Int] = [:]
  /// How often a gap of each reason was read, by raw value.
  public var reasons = [Int](repeating: 0, count: 16)
  /// Further figures by name.
  public var counts: [String: Int] = [:]

  /// Nothing tried.
  public init() {}

  mutating func note(_ step: RecoverySteps, _ reasonBits: UInt16) {
    steps[step, default: 0] += 1
    if reasonBits == 0 { return }
    for bit in reasons.indices where reasonBits >> UInt16(bit) & 1 == 1 { reasons[bit] += 1 }
  }

  mutating func fail(_ text: @autoclosure () -> String) {
    failureCount += 1
    if failures.count < 5 { failures.append(text()) }
  }

  /// Adds what another part of the search did.
  public mutating func add(_ other: ExplorerFigures) {
    workloadCount += other.workloadCount
    stateCount += other.stateCount
    distinctCount += other.distinctCount
    nestedCount += other.nestedCount
    caseCount += other.caseCount
    failureCount += other.failureCount
    failures += other.failures.prefix(max(0, 5 - failures.count))
    for (step, count) in other.steps { steps[step, default: 0] += count }
    for index in reasons.indices { reasons[index] += other.reasons[index] }
    for (name, count) in other.counts { counts[name, default: 0] += count }
  }

  /// How often each single step was taken.
  public func count(of step: RecoverySteps) -> Int {
    steps.reduce(0) { $0 + ($1.key.contains(step) ? $1.value : 0) }
  }
}
