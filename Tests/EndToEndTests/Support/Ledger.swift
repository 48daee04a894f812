import Glibc
import Synchronization

/// What a run did with real systems, and what it could not do; said once, when it ends.
enum Ledger {
  private struct Entries {
    var counts: [(name: String, count: Int)] = []
    var skips: [String] = []
  }

  private static let entries = Mutex(Entries())
  private static let summaryAtExit: Void = {
    atexit {
      for line in Ledger.lines { print(line) }
      fflush(nil)
    }
  }()

  /// Adds to a figure such as "ext4 power cuts".
  static func add(_ count: Int, _ name: String) {
    _ = summaryAtExit
    entries.withLock { entries in
      guard let index = entries.counts.firstIndex(where: { $0.name == name }) else {
        entries.counts.append((name, count))
        return
      }
      entries.counts[index].count += count
    }
  }

  /// Notes a round that this machine can't do, so that a run without it is seen to be one.
  static func skip(_ round: String, because reason: String) {
    _ = summaryAtExit
    print("SKIPPED: \(round): \(reason)")
    entries.withLock { $0.skips.append("\(round): \(reason)") }
  }

  /// The summary; `scripts/proof.sh` reads it.
  private static var lines: [String] {
    entries.withLock { entries in
      entries.counts.sorted { $0.name < $1.name }.map { "end to end: \($0.count) \($0.name)" }
        + ["end to end: \(entries.skips.count) rounds skipped"]
        + entries.skips.sorted().map { "  SKIPPED: \($0)" }
    }
  }
}

/// How much a run does; more than the default where the environment says so.
enum Scale {
  /// `kill -9` of the agent, all rounds together.
  static let kills = number("HOLDFAST_KILLS", default: 110)
  /// Power cuts under an ext4 file system.
  static let powerCuts = number("HOLDFAST_POWER_CUTS", default: 20)
  /// How often each other round repeats its fault.
  static let repeats = number("HOLDFAST_ROUND_REPEATS", default: 1)

  /// Events through each broker of the matrix.
  static let events = number("HOLDFAST_EVENTS", default: 3000)
  /// Which brokers of other makes than Mosquitto and NATS the matrix is played with.
  static let brokers = (getenv("HOLDFAST_BROKERS").map { String(cString: $0) } ?? "")
    .split(separator: " ").map(String.init)

  private static func number(_ name: String, default value: Int) -> Int {
    guard let text = getenv(name) else { return value }
    return max(1, Int(String(cString: text)) ?? value)
  }

  /// `total` in slices of at most `most`, so that no round grows without bound.
  static func slices(of total: Int, most: Int) -> [Int] {
    stride(from: 0, to: total, by: most).map { min(most, total - $0) }
  }
}
