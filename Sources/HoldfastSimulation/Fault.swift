internal import HoldfastEvent

/// A fault that is planned: it strikes at its instant unless the world is in no state for it.
///
/// Its details come from a seed of its own, so that leaving out one fault changes no other.
public struct Fault: Sendable {
  /// What goes wrong.
  public var kind: FaultKind
  /// When, microseconds since the run began.
  public var at: Int64
  /// Where its details come from.
  public var seed: UInt64
}

/// What can go wrong; one row of the report each.
public enum FaultKind: String, CaseIterable, Sendable {
  // The machine.
  case kill = "kill"
  case killWithin = "kill within a disk operation"
  case powerCut = "power cut"
  case powerCutWithin = "power cut within a disk operation"
  case killThenPowerCut = "kill, then a power cut"
  case stop = "orderly stop"
  case stopWithoutDisk = "orderly stop while the disk fails"
  case resize = "orderly stop, other ring size"
  case suspend = "suspend"
  case clockJump = "wall clock jumps"
  case clockUnset = "wall clock at 1970 after boot"
  case clockStep = "wall clock set after boot"
  // The disk.
  case writeError = "disk: EIO at write"
  case syncError = "disk: EIO at sync"
  case openError = "disk: EIO at open"
  case nameError = "disk: EIO at names"
  case readError = "disk: EIO at read"
  case diskError = "disk: EIO everywhere"
  case diskFull = "disk: full, ENOSPC"
  case quota = "disk: EDQUOT"
  case readOnly = "disk: read-only, EROFS"
  case interrupted = "disk: EINTR"
  case descriptorLimit = "disk: EMFILE"
  case bitRot = "disk: bit rot"
  case lostFile = "disk: a segment can't be opened"
  case stagesDamaged = "disk: the state of stages is damaged"
  case stagesUnwritable = "disk: the state of stages can't be written"
  // The sensors' brokers.
  case sourceCut = "source: link cut"
  case sourceAway = "source: away"
  case sessionLost = "source: session lost"
  case sourceTakenOver = "source: session taken over"
  case pubackCut = "source: cut among PUBACKs"
  // The upstreams.
  case upstreamCut = "upstream: link cut"
  case upstreamCutWithin = "upstream: cut within a batch"
  case upstreamAway = "upstream: away"
  case upstreamAbsent = "upstream: away for days"
  case upstreamTakenOver = "upstream: session taken over"
  case connectRefused = "upstream: refuses to connect"
  case refusalRetryable = "upstream: refuses, may pass"
  case refusalPermanent = "upstream: refuses for good"
  case refusalUnauthorized = "upstream: not authorized"
  case poison = "upstream: poison message"
  case acknowledgementLoss = "upstream: PUBACKs lost"
  case acknowledgementRepeat = "upstream: PUBACKs doubled"
  case acknowledgementDisorder = "upstream: PUBACKs reordered"
  case acknowledgementDelay = "upstream: PUBACKs late"
  case slowDrain = "upstream: slow"
  // All together.
  case overrun = "ring overrun"

  /// The kinds that end the process without a word.
  static let crashes: [FaultKind] = [
    .kill, .killWithin, .powerCut, .powerCutWithin, .killThenPowerCut,
  ]
  /// What follows from a power cut and is not planned by itself.
  static let consequences: [FaultKind] = [.clockUnset, .clockStep]
  /// What is planned at random.
  static let planned = FaultKind.allCases.filter {
    !consequences.contains($0) && !ofStages.contains($0)
  }
  /// What strikes only where an upstream has stages.
  static let ofStages: [FaultKind] = [.stagesDamaged, .stagesUnwritable]

  /// Its place among all kinds.
  var index: Int { FaultKind.allCases.firstIndex(of: self) ?? 0 }
}

extension Fault {
  /// The faults of a run: at least six crashes, one overrun, and of the rest what chance brings.
  static func plan(
    seed: UInt64,
    activeTime: Int64,
    hasOnlyPowerCuts: Bool,
    hasReadFaults: Bool,
    canRot: Bool,
    hasStages: Bool
  ) -> [Fault] {
    var random = SplitMix64(seed: seed)
    var kinds: [FaultKind] = []
    if hasOnlyPowerCuts {
      let few: [FaultKind] = [.powerCut, .powerCutWithin, .upstreamAway]
      for _ in 0..<Int.random(in: 10...30, using: &random) {
        kinds.append(few[Int.random(in: few.indices, using: &random)])
      }
    } else {
      kinds.append(.overrun)
      for _ in 0..<6 {
        let crashes = FaultKind.crashes
        kinds.append(crashes[Int.random(in: crashes.indices, using: &random)])
      }
      let others = FaultKind.planned.filter {
        ($0 != .readError || hasReadFaults) && ($0 != .bitRot && $0 != .lostFile || canRot)
          && $0 != .overrun
      }
      for _ in 0..<Int.random(in: 24...44, using: &random) {
        kinds.append(others[Int.random(in: others.indices, using: &random)])
      }
      if hasStages {
        for _ in 0..<Int.random(in: 0...3, using: &random) {
          kinds.append(FaultKind.ofStages[Int.random(in: 0...1, using: &random)])
        }
      }
    }
    return kinds.map { kind in
      // An overrun takes a while; it begins in the first half.
      let latest = kind == .overrun ? activeTime / 2 : activeTime
      return Fault(
        kind: kind,
        at: Int64.random(in: 0...latest, using: &random),
        seed: random.next()
      )
    }
  }
}
