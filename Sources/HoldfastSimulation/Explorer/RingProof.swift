public import HoldfastRingLog

/// The searches in parallel: each part is a search of its own, and their figures are added.
public enum RingProof {
  /// What a power cut at any moment makes a start do; all of it must be reached.
  public static let crashSteps: RecoverySteps = [
    .newLog, .spoiledSlot, .cleanStop, .freedBelowFloor, .freedSealedCopy, .freedHeadless,
    .freedEmpty, .tornTail, .recounted, .passedUnused, .evictedInFlight, .removedTemporary,
    .removedEmpty, .foundSpare, .removedSpare,
  ]
  /// What failing operations make a start do.
  public static let faultSteps: RecoverySteps = [
    .newLog, .spoiledSlot, .cleanStop, .freedBelowFloor, .freedSealedCopy, .freedHeadless,
    .freedEmpty, .freedGivenUp, .rewroteTail, .recounted, .passedUnused, .removedTemporary,
    .removedEmpty,
    .foundSpare, .removedSpare,
  ]

  /// Runs `part` for each number on `threadCount` threads; the figures do not depend on how many
  /// there are, unless some fail: soon after, nothing more is begun.
  public static func run(
    partCount: Int,
    threadCount: Int,
    _ part: @escaping @Sendable (Int) -> ExplorerFigures
  ) async -> ExplorerFigures {
    let queue = PartQueue(count: partCount)
    var figures: [(part: Int, figures: ExplorerFigures)] = []
    await withTaskGroup(of: [(Int, ExplorerFigures)].self) { group in
      for _ in 0..<max(1, threadCount) {
        group.addTask {
          var done: [(Int, ExplorerFigures)] = []
          while let index = await queue.next() {
            let figures = part(index)
            done.append((index, figures))
            if figures.failureCount > 0 { await queue.stop() }
          }
          return done
        }
      }
      for await done in group { figures += done.map { ($0.0, $0.1) } }
    }
    var sum = ExplorerFigures()
    for part in figures.sorted(by: { $0.part < $1.part }) { sum.add(part.figures) }
    return sum
  }

  /// Explores every workload of up to `length` operations after each base, and `seeds.count`
  /// longer ones of all operations.
  ///
  /// - Parameters:
  ///   - bases: how many of ``RingWorkload/bases``.
  ///   - length: of the short workloads.
  ///   - seeds: of the longer ones.
  ///   - seededLength: operations of each longer one.
  ///   - threadCount: searches at a time.
  /// - Returns: the figures of all.
  public static func explore(
    bases: Int = RingWorkload.bases.count,
    length: Int,
    seeds: Range<UInt64>,
    seededLength: Int = 14,
    threadCount: Int = 2
  ) async -> ExplorerFigures {
    let baseCount = min(bases, RingWorkload.bases.count)
    return await run(partCount: baseCount + seeds.count, threadCount: threadCount) { part in
      if part < baseCount {
        let base = RingWorkload.bases[part]
        return CrashExplorer().run(RingWorkload.exhaustive(base: base, length: length))
      }
      let seed = seeds.lowerBound + UInt64(part - baseCount)
      return CrashExplorer().run([RingWorkload(seed: seed, length: seededLength)])
    }
  }

  /// Fails every disk operation of one workload per seed in every way.
  public static func injectFaults(
    seeds: Range<UInt64>,
    length: Int = 8,
    threadCount: Int = 2
  ) async -> ExplorerFigures {
    await run(partCount: seeds.count, threadCount: threadCount) { part in
      let seed = seeds.lowerBound + UInt64(part)
      var explorer = FaultExplorer()
      return explorer.run([RingWorkload(seed: seed, length: length)])
    }
  }
}

/// Hands out the numbers of parts, each once.
private actor PartQueue {
  private var index = 0
  private var count: Int

  init(count: Int) { self.count = count }

  func next() -> Int? {
    guard index < count else { return nil }
    index += 1
    return index - 1
  }

  func stop() { count = index }
}
