import Glibc
import Testing

extension Rounds {
  /// The machine's memory is short, its clock jumps.
  @Suite(.serialized) struct Machines {
    @Test func `in 64 MB of memory a flood costs no event`() async throws {
      guard let group = MemoryGroup(byteCount: 64 << 20) else { return }
      let site = try Site(traffic: ["--topics", "20000", "--padding", "200"])
      var peak = 0
      try await round("64 MB of memory", on: site, rate: 0) {
        try group.add(site.agent.processID)
        try await pause(1)
        try await site.centralBroker.stop()
        try await pause(3)
        try await site.centralBroker.start()
        try await pause(1)
        peak = group.peakByteCount
        #expect(group.killCount == 0, "the kernel killed it: \(site.agent.log)")
        #expect(site.agent.isRunning, "\(site.agent.log)")
      }
      print("64 MB of memory: with the file system's cache it used \(peak >> 20) MB")
      #expect(peak > 0 && peak <= 64 << 20)
    }

    /// To 2016 and to 2036, a second back and an hour on, while the clock since boot goes on.
    @Test func `a wall clock that jumps back and forth changes nothing`() async throws {
      let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
      guard isReadable(library) else {
        Ledger.skip("a wall clock that jumps", because: "no \(library)")
        return
      }
      // The library adds to the environment at its first start, and a Swift program finds its
      // arguments by where the environment was: another program has to be the first.
      let site = try Site { $0.launcher = "env" }
      let clock = site.scratch.newPath("clock")
      try writeText(clock, "+0\n")
      let environment = [
        ("LD_PRELOAD", library), ("FAKETIME_TIMESTAMP_FILE", clock), ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
      ]
      var process: Int32 = 0
      defer {
        // The library leaves these behind.
        unlink("/dev/shm/faketime_shm_\(process)")
        unlink("/dev/shm/sem.faketime_sem_\(process)")
      }
      try await round("jumps of the wall clock", on: site, environment: environment) {
        process = site.agent.processID
        for _ in 0..<Scale.repeats {
          for jump in ["-3650d", "+0", "-1", "+3650d", "+3600", "-3650d", "+0"] {
            // As a whole: the agent reads it at each look at the clock.
            try writeText(clock + ".new", jump + "\n")
            rename(clock + ".new", clock)
            try await pause(0.7)
          }
        }
      }
      let years = try await arrivalYears(site.agent.dataDirectory, in: site.scratch)
      #expect(years.contains("2016") && years.contains("2036"), "the clock never jumped: \(years)")
      #expect(End.allCases.allSatisfy { site.connectionCount(at: $0) == 1 }, "\(site.agent.log)")
    }

    /// The years of the arrival times that the ring log still holds.
    private func arrivalYears(_ directory: String, in scratch: Scratch) async throws -> Set<String>
    {
      let listing = try await run(
        Programs.holdfast,
        ["ring", "cat", "--data-dir", directory],
        in: scratch
      )
      #expect(listing.status == .code(0))
      return Set(
        listing.output.split(separator: "\n").compactMap { line in
          line.split(separator: " ", maxSplits: 2).dropFirst().first.map { String($0.prefix(4)) }
        }
      )
    }
  }
}

/// A control group that bounds the memory of a process, with its share of the file cache.
private final class MemoryGroup {
  private let path: String
  private let isUnified: Bool

  /// Nil, and noted as skipped, where this machine has none that can be written.
  init?(byteCount: Int) {
    let name = "holdfast-round-\(getpid())"
    isUnified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0
    path = "/sys/fs/cgroup/" + (isUnified ? name : "memory/\(name)")
    do {
      guard getuid() == 0 else { throw TestFailure("not root") }
      if isUnified { try writeText("/sys/fs/cgroup/cgroup.subtree_control", "+memory") }
      guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw TestFailure(errorText()) }
      let limit = isUnified ? "memory.max" : "memory.limit_in_bytes"
      try writeText("\(path)/\(limit)", "\(byteCount)")
    } catch {
      rmdir(path)
      Ledger.skip("a memory group of \(byteCount >> 20) MB", because: "\(path): \(error)")
      return nil
    }
  }

  deinit { rmdir(path) }

  func add(_ process: Int32) throws { try writeText("\(path)/cgroup.procs", "\(process)") }

  var peakByteCount: Int {
    let name = isUnified ? "memory.peak" : "memory.max_usage_in_bytes"
    return Int(readText("\(path)/\(name)").prefix { $0.isNumber }) ?? 0
  }

  /// How often the kernel killed something in it.
  var killCount: Int {
    let text = readText("\(path)/" + (isUnified ? "memory.events" : "memory.oom_control"))
    let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") } ?? ""
    return Int(line.filter { $0.isNumber }) ?? 0
  }
}
