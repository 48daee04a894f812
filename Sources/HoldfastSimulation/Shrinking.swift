/// The least that still fails of a run that failed.
public struct ShrunkFailure: Sendable {
  /// What fails, with fewer faults and less time.
  public var settings: WorldSettings
  /// What the smaller run shows.
  public var report: WorldReport
  /// Runs that it took to find it.
  public var runCount: Int
  /// The last steps before the failure.
  public var trace: [String]
}

extension WorldSettings {
  /// Most runs spent on making a failure smaller.
  private static let shrinkRunCountMax = 60

  /// Takes faults away from a run that fails for as long as it still fails, in any way.
  ///
  /// The time after the failure goes first; then halves of the faults, quarters, and so on down
  /// to single ones. Nil when the settings don't fail.
  public func shrunk() -> ShrunkFailure? {
    var best = self
    var report = World(best).run()
    guard report.failure != nil else { return nil }
    var runCount = 1
    func stillFails(_ settings: WorldSettings) -> Bool {
      runCount += 1
      let tried = World(settings).run()
      guard tried.failure != nil, tried.time <= report.time else { return false }
      (best, report) = (settings, tried)
      return true
    }
    var ending = best
    ending.endsAt = report.time
    _ = stillFails(ending)
    var kept = Array(World(best).faults.indices.filter { onlyFaults?.contains($0) ?? true })
    var count = max(1, kept.count / 2)
    while runCount < Self.shrinkRunCountMax {
      var start = 0
      var hasShrunk = false
      while start < kept.count && runCount < Self.shrinkRunCountMax {
        var fewer = kept
        fewer.removeSubrange(start..<min(kept.count, start + count))
        var tried = best
        tried.onlyFaults = Set(fewer)
        if stillFails(tried) {
          kept = fewer
          hasShrunk = true
        } else {
          start += count
        }
      }
      if count == 1 && !hasShrunk { break }
      count = max(1, count / 2)
    }
    let trace = Trace(countMax: 60)
    var told = best
    told.tell = { trace.append($0) }
    report = World(told).run()
    return ShrunkFailure(settings: best, report: report, runCount: runCount, trace: trace.lines)
  }
}

/// The last lines that a run has told; used by one run alone.
private final class Trace: @unchecked Sendable {
  private(set) var lines: [String] = []
  private let countMax: Int

  init(countMax: Int) { self.countMax = countMax }

  func append(_ line: String) {
    lines.append(line)
    if lines.count > countMax { lines.removeFirst() }
  }
}
