/// One simulated run: everything in it follows from the seed.
public struct WorldSettings: Sendable {
  /// All choices come from it.
  public var seed: UInt64
  /// Simulated hours with traffic and faults; nil: the seed's own choice, a day or two.
  public var hours: Int?
  /// Ends the active time at this instant, microseconds; what a failing run needs of it.
  public var endsAt: Int64?
  /// Which of the planned faults strike, by their place in ``World/faults``; nil: all.
  public var onlyFaults: Set<Int>?
  /// Mutant: `sync` does nothing, so that a power cut must lose what was acknowledged.
  public var isSyncLying = false
  /// Mutant: the shell sends PUBACKs as soon as it has handed events over.
  public var acknowledgesEarly = false
  /// Only power cuts and absent upstreams: what the two mutants must not survive.
  public var hasOnlyPowerCuts = false
  /// Whether upstreams may send live data first, change their order between two starts, and have
  /// budgets: a third of them each.
  public var hasLanes = true
  /// Told each step; nil: nobody.
  public var tell: (@Sendable (String) -> Void)?

  /// A run of a day or two.
  public init(seed: UInt64) { self.seed = seed }
}
