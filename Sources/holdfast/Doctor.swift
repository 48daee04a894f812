import ArgumentParser
import HoldfastAgent
import HoldfastConfiguration
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastStatus
import HoldfastSystem
import HoldfastUpstream

/// `holdfast doctor`: what stands between this machine and the promise, with the remedy.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks disk, clock, brokers and permissions, and says what to do.",
    discussion: """
      One line per check: "ok", "warn" for what works and may hurt one day, "FAIL"
      for what doesn't work. Best run as the agent's user, so that permissions
      mean the same: sudo -u holdfast holdfast doctor.

      It can be run beside the agent: brokers are visited by clients of their own,
      which publish nothing, and the disk's flush time is measured on a small file
      that is gone at once. Ends with 0, or with 1 after a "FAIL".

      EXAMPLES:
        holdfast doctor
        holdfast doctor --config new.toml --json
      """
  )

  @OptionGroup var options: ConfigurationOptions

  @Option(help: ArgumentHelp("Goes before agent.data_dir of the file.", valueName: "directory"))
  var dataDir: String?

  @Flag(help: "Leaves the brokers alone.")
  var offline = false

  @Flag(help: "Writes JSON instead of text.")
  var json = false

  func run() throws {
    var configuration = try options.load().configuration
    if let dataDir { configuration.dataDirectory = dataDir }
    var findings = Findings()
    findings.examine(configuration.ring, at: configuration.dataDirectory)
    findings.examine(clock: SystemClock.reading(), MachineFacts.read(dataDirectory: "/"))
    if !offline {
      for source in configuration.sources { findings.examine(source) }
      for upstream in configuration.upstreams where upstream.kafka == nil {
        findings.examine(upstream)
      }
    }
    var output = StandardOutput()
    try output.write(json ? "\(findings.json)\n" : findings.text)
    try output.flush()
    if findings.hasFailure { throw ExitCode(1) }
  }
}

/// What was found, a line each.
struct Findings {
  enum Grade: String {
    case ok
    case warn
    case fail = "FAIL"
  }

  private(set) var lines: [(grade: Grade, subject: String, text: String, remedy: String?)] = []

  var hasFailure: Bool { lines.contains { $0.grade == .fail } }

  mutating func add(_ grade: Grade, _ subject: String, _ text: String, _ remedy: String? = nil) {
    lines.append((grade, subject, text, remedy))
  }

  var text: String {
    table(
      lines.map { line in
        [line.grade.rawValue, line.subject, line.text + (line.remedy.map { "; \($0)" } ?? "")]
      },
      right: []
    )
  }

  var json: JSONValue {
    .object([
      ("good", .bool(!hasFailure)),
      (
        "checks",
        .list(
          lines.map {
            .object([
              ("grade", .text($0.grade.rawValue.lowercased())), ("subject", .text($0.subject)),
              ("text", .text($0.text)), ("remedy", $0.remedy.map { .text($0) } ?? .null),
            ])
          }
        )
      ),
    ])
  }
}

// MARK: the disk

extension Findings {
  mutating func examine(_ ring: RingConfiguration, at path: String) {
    let report = DirectoryProbe.look(at: path)
    let stored = try? RingInspection(disk: RingPlace(path: path).disk())
    examine(report, ring, at: path, storedByteCount: stored?.byteCount ?? 0)
    if let stored { examine(stored) }
  }

  /// The directory and its disk.
  mutating func examine(
    _ report: DirectoryReport,
    _ ring: RingConfiguration,
    at path: String,
    storedByteCount: Int
  ) {
    if let failure = report.failure {
      add(
        .fail,
        "directory",
        "\(path): \(failure)",
        "it must be the agent's: chown -R holdfast: \(path); or run this as that user"
      )
      return
    }
    if report.mode & 0o077 == 0 {
      add(.ok, "directory", path)
    } else {
      add(.warn, "directory", "\(path) can be read by others", "chmod 700 \(path)")
    }
    if let kind = report.fileSystem {
      let what = report.isInMemory ? "is in memory: a power cut takes all of it" : "is on \(kind)"
      add(
        report.isInMemory ? .fail : .warn,
        "file system",
        "\(path) \(what)",
        "put agent.data_dir on a disk of this machine"
      )
    }
    let missing = ring.byteCountMax - storedByteCount - report.freeByteCount
    if missing > 0 {
      add(
        .fail,
        "space",
        "\(byteText(report.freeByteCount)) are free, the ring may grow to "
          + byteText(ring.byteCountMax),
        "free \(byteText(missing)), or make ring.size smaller"
      )
    } else {
      add(.ok, "space", "\(byteText(report.freeByteCount)) are free beside the ring's own")
    }
    examine(flushesOf: report, interval: ring.commitInterval)
  }

  private mutating func examine(flushesOf report: DirectoryReport, interval: Int64) {
    guard let worst = report.flushes.last, let median = report.medianFlush else { return }
    let text = "a flush takes \(milliseconds(median)), at most \(milliseconds(worst))"
    // A flush that reaches flash takes longer than this; one that doesn't keeps no promise.
    if median < 20 {
      add(
        .warn,
        "flush",
        text + ": too fast for a disk that keeps what it says",
        "look for libeatmydata, nobarrier, or a cache of the host below it"
      )
    } else if median > interval / 2 {
      add(
        .warn,
        "flush",
        text + ", most of ring.commit_interval",
        "make that longer, or use a faster card"
      )
    } else {
      add(.ok, "flush", text)
    }
  }

  /// What the ring log says of itself.
  private mutating func examine(_ ring: RingInspection) {
    if ring.account == nil {
      add(
        .warn,
        "ring",
        "its accounts can't be read",
        "counters begin anew; see docs/troubleshooting.md"
      )
    }
    for remark in ring.remarks {
      add(.warn, "ring", remark, "copy what you want to keep, then remove it")
    }
    let lost = (ring.account?.upstreams ?? []).map { ($0.name, $0.lost.reduce(0, &+)) }
    for (name, count) in lost where count > 0 {
      add(
        .warn,
        "ring",
        "upstream \(name) has lost \(count) events since the beginning",
        "`holdfast ring ls` tells the reasons"
      )
    }
    if ring.remarks.isEmpty && ring.account != nil {
      add(.ok, "ring", "\(byteText(ring.byteCount)), accounts can be read")
    }
  }

  private func milliseconds(_ microseconds: Int64) -> String {
    let hundredths = microseconds / 10
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) ms"
  }
}

// MARK: the clock

extension Findings {
  mutating func examine(clock: ClockReading, _ facts: MachineFacts) {
    let time = rfc3339(wallMicroseconds: clock.wall)
    if !ClockWatch.isCredible(clock) {
      add(
        .fail,
        "clock",
        "it says \(time): it was never set",
        "events keep their order; set up time from the network (timedatectl) or a clock chip"
      )
    } else if facts.isClockSynchronised == false {
      add(
        .warn,
        "clock",
        "\(time), not synchronised",
        "install chrony or systemd-timesyncd; without a network, ignore this"
      )
    } else {
      add(.ok, "clock", time + (facts.isClockSynchronised == true ? ", synchronised" : ""))
    }
  }
}
