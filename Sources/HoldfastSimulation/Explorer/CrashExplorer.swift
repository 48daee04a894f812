internal import HoldfastCodec
internal import HoldfastEvent
internal import HoldfastRingLog

/// Cuts the power at every moment of a workload, in every legal way, and starts on what is left.
public final class CrashExplorer {
  /// Random subsets tried at moments with too many pending items for all of them.
  private let randomCount: Int
  /// What is done to each fresh disk: a fault that the search must notice.
  private let sabotage: (SimulatedDisk) -> Void
  /// Stops after so many failures.
  private let failureCountMax: Int

  private var figures = ExplorerFigures()
  private var known: Set<UInt64> = []
  private var checked = CheckedStarts()
  private var random = SplitMix64(seed: 1)
  private let contexts = CodecContexts(keeping: 2)

  /// - Parameters:
  ///   - randomCount: random subsets tried where there are too many for all.
  ///   - failureCountMax: a search ends after so many failures.
  ///   - sabotage: what is done to each fresh disk.
  public init(
    randomCount: Int = 64,
    failureCountMax: Int = 5,
    sabotage: @escaping (SimulatedDisk) -> Void = { _ in }
  ) {
    self.randomCount = randomCount
    self.failureCountMax = failureCountMax
    self.sabotage = sabotage
  }

  /// Explores workloads; equal states of different ones are checked once.
  public func run(_ workloads: [RingWorkload]) -> ExplorerFigures {
    figures = ExplorerFigures()
    known.removeAll(keepingCapacity: true)
    checked = CheckedStarts()
    for workload in workloads where figures.failureCount < failureCountMax { explore(workload) }
    figures.counts["starts after the first one", default: 0] += checked.count
    figures.counts["of these, on a disk that was checked", default: 0] += checked.equalCount
    return figures
  }

  private func explore(_ workload: RingWorkload) {
    figures.workloadCount += 1
    random = SplitMix64(seed: workload.seed)
    // What an operation does to the end is known from a first, undisturbed run.
    let after = histories(of: workload)
    let run = RingRun(seed: workload.seed, contexts: contexts) { [unowned self] disk in
      sabotage(disk)
      if workload.operations.isEmpty { exploreFirstStart(on: disk, workload) }
    }
    run.disk.onChange = nil
    let all = workload.base + workload.operations
    let firstExplored = workload.exploresLastOnly ? all.count - 1 : workload.base.count
    for (place, operation) in all.enumerated() {
      guard place < after.count else {
        return figures.fail("\(workload): \(operation) fails on a good disk")
      }
      let moment = Moment(workload: workload, place: place)
      if place >= firstExplored {
        let before = run.history
        run.disk.onChange = { [unowned self, unowned run] _ in
          cut(run, before, after[place], moment)
        }
      }
      do throws(RingLogError) { try run.perform(operation) } catch {
        return figures.fail("\(workload): \(operation): \(error)")
      }
      run.disk.onChange = nil
      if place >= firstExplored { cut(run, run.history, after[place], moment) }
    }
  }

  private func exploreFirstStart(on disk: SimulatedDisk, _ workload: RingWorkload) {
    let configuration = RingRun.configuration(segmentCountMax: RingRun.segmentCountMax)
    let nothing = RingHistory()
    let expectation = Expectation(
      before: nothing,
      after: nothing,
      byteCountMax: configuration.byteCountMax
    )
    let check = RecoveryCheck(nothing, expectation, configuration, contexts)
    disk.onChange = { [unowned self, unowned disk] _ in
      visit(disk, check, isNested: false) { "\(workload), at the first start" }
    }
  }

  /// Where in a workload the power fails.
  private struct Moment {
    var workload: RingWorkload
    var place: Int

    var text: String { "\(workload), during operation \(place + 1)" }
  }

  /// The history after each operation of an undisturbed run.
  private func histories(of workload: RingWorkload) -> [RingHistory] {
    let run = RingRun(seed: workload.seed, contexts: contexts, prepare: sabotage)
    var histories: [RingHistory] = []
    for operation in workload.base + workload.operations {
      do throws(RingLogError) { try run.perform(operation) } catch { return histories }
      histories.append(run.history)
    }
    return histories
  }

  private func cut(
    _ run: RingRun,
    _ before: RingHistory,
    _ after: RingHistory,
    _ moment: Moment
  ) {
    var byteCountMax = run.configuration.byteCountMax
    if moment.workload.operations.contains(.lower) {
      // What is above a lowered bound goes piece by piece.
      byteCountMax = RingRun.configuration(segmentCountMax: RingRun.segmentCountMax).byteCountMax
    }
    let expectation = Expectation(before: before, after: after, byteCountMax: byteCountMax)
    var check = RecoveryCheck(after, expectation, run.configuration, contexts)
    check.checked = checked
    visit(run.disk, check, isNested: false) { moment.text }
  }

  private func visit(
    _ disk: SimulatedDisk,
    _ check: RecoveryCheck,
    isNested: Bool,
    trail: () -> String
  ) {
    let point = CrashPoint(disk)
    let salt = check.expectation.hash
    var random = random
    CrashSubsets.visit(point, randomCount: randomCount, random: &random) { kept in
      figures.stateCount += 1
      guard known.insert(point.hash(keeping: kept) ^ salt).inserted else { return }
      figures.distinctCount += 1
      if isNested { figures.nestedCount += 1 }
      start(on: point.disk(keeping: kept), check, isNested: isNested) {
        let items = kept.indices.filter { kept[$0] }.map { point.text($0) }
        return trail() + ", of \(kept.count) pending kept: [" + items.joined(separator: ", ") + "]"
      }
    }
    self.random = random
  }

  private func start(
    on disk: SimulatedDisk,
    _ check: RecoveryCheck,
    isNested: Bool,
    trail: () -> String
  ) {
    var check = check
    if isNested {
      note(check.problem(on: disk), check, trail)
      return
    }
    // The power may fail again during the start.
    let recovery = check
    let problem = withoutActuallyEscaping(trail) { trail in
      disk.onChange = { [unowned self, unowned disk] _ in
        // With nothing pending it is a disk that was tried already.
        guard disk.hasPending else { return }
        visit(disk, recovery, isNested: true) { trail() + ", at the start" }
      }
      defer { disk.onChange = nil }
      return check.problem(on: disk)
    }
    note(problem, check, trail)
  }

  private func note(_ problem: String?, _ check: RecoveryCheck, _ trail: () -> String) {
    figures.note(check.steps, check.reasons)
    if let problem { figures.fail(trail() + ": " + problem) }
  }
}
