internal import HoldfastCodec
internal import HoldfastEvent
internal import HoldfastRingLog

/// Makes every disk operation of a workload fail in turn, in every way that disks fail, and checks
/// what is left: with the disk healed, and after a power cut.
public struct FaultExplorer {
  /// A way in which one operation fails.
  enum Fault: Equatable {
    /// This operation fails; the next one does not.
    case once(Int32)
    /// This and every later operation fails until the disk is healed.
    case persistent(Int32)
    /// This and every later write, sync and change of names fails; the disk can be read.
    case readOnly(Int32)
    /// The process is killed in it, a write half done.
    case kill
    /// The quota is used up from here on.
    case full(Int32)

    static var all: [Fault] {
      Errno.ofDisks.map { .once($0) } + Errno.ofDisks.map { .persistent($0) } + [
        .readOnly(Errno.readOnly), .readOnly(Errno.inputOutput), .kill, .full(Errno.noSpace),
        .full(Errno.quotaExceeded),
      ]
    }

    var text: String {
      switch self {
      case .once(let errno): "\(Errno.name(errno)) once"
      case .persistent(let errno): "\(Errno.name(errno)) from there on"
      case .readOnly(let errno): "\(Errno.name(errno)) for all that changes from there on"
      case .kill: "killed in it"
      case .full(let errno): "\(Errno.name(errno)) for all growth from there on"
      }
    }
  }

  private var figures = ExplorerFigures()
  private let contexts = CodecContexts(keeping: 2)

  /// A search that has tried nothing yet.
  public init() {}

  /// Tries every operation of each workload with every fault.
  public mutating func run(_ workloads: [RingWorkload]) -> ExplorerFigures {
    figures = ExplorerFigures()
    for workload in workloads {
      figures.workloadCount += 1
      let run = RingRun(seed: workload.seed, contexts: contexts)
      for operation in workload.base + workload.operations { run.performOnFaultyDisk(operation) }
      for place in 1...max(1, run.disk.operationCount) {
        for fault in Fault.all { attempt(workload, place, fault) }
      }
    }
    return figures
  }

  private mutating func attempt(_ workload: RingWorkload, _ place: Int, _ fault: Fault) {
    figures.caseCount += 1
    let injection = Injection(fault: fault, place: place)
    let run = RingRun(seed: workload.seed, contexts: contexts) { injection.arm($0) }
    for operation in workload.base + workload.operations {
      run.performOnFaultyDisk(operation)
      if run.disk.isDead { break }
    }
    let text = {
      "\(workload), disk operation \(place) (\(injection.operation?.rawValue ?? "none")) "
        + "\(fault.text)"
    }
    if let operation = injection.operation {
      figures.counts["at \(operation.rawValue)", default: 0] += 1
    }
    figures.counts[fault.text, default: 0] += 1
    for isHealed in [false, true] {
      if isHealed {
        injection.heal(run.disk)
        if fault == .kill { run.restart() }
        if let problem = run.problemAfterHealing() {
          figures.fail(text() + ", healed: " + problem)
          return
        }
      }
      let expectation = Expectation(
        before: run.history,
        after: run.history,
        byteCountMax: RingRun.configuration(segmentCountMax: RingRun.segmentCountMax).byteCountMax
      )
      var check = RecoveryCheck(run.history, expectation, run.configuration, contexts)
      let problem = check.problem(on: run.disk.fork())
      figures.note(check.steps.union(run.steps), check.reasons)
      if let problem {
        figures.fail(text() + (isHealed ? ", healed, power cut: " : ", power cut: ") + problem)
        return
      }
    }
  }
}

/// One fault at one operation, and what it hit.
private final class Injection {
  let fault: FaultExplorer.Fault
  let place: Int
  private(set) var operation: DiskError.Operation?
  private var isHealed = false

  init(fault: FaultExplorer.Fault, place: Int) {
    self.fault = fault
    self.place = place
  }

  func arm(_ disk: SimulatedDisk) {
    disk.tearsFailedWrites = true
    disk.fault = { [unowned self, unowned disk] operation, _ in
      if disk.operationCount == place { self.operation = operation }
      return isHealed ? nil : errno(operation, disk)
    }
    if fault == .kill { disk.lastOperation = place - 1 }
  }

  private func errno(_ operation: DiskError.Operation, _ disk: SimulatedDisk) -> Int32? {
    guard disk.operationCount >= place else { return nil }
    switch fault {
    case .once(let errno): return disk.operationCount == place ? errno : nil
    case .persistent(let errno): return errno
    case .readOnly(let errno):
      switch operation {
      case .write, .sync, .rename, .remove, .syncDirectory: return errno
      case .list, .open, .size, .read, .close, .lock: return nil
      }
    case .kill: return nil
    case .full(let errno):
      if disk.byteCountMax == .max {
        disk.byteCountMax = disk.byteCount
        disk.errnoBeyond = errno
      }
      return nil
    }
  }

  func heal(_ disk: SimulatedDisk) {
    isHealed = true
    disk.byteCountMax = .max
    disk.lastOperation = .max
  }
}
