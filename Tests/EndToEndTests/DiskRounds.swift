import Glibc
import Testing

extension Rounds {
  /// The disk under the ring log fails and comes back.
  @Suite(.serialized) struct Disks {
    private static let bulky = ["--padding", "2000", "--topics", "50"]
    /// Longer than the agent waits before it tries a failed disk again.
    private static let recoverySeconds = 6.0

    @Test func `a full file system that is freed again loses nothing`() async throws {
      guard let (site, disk) = try await site(.ext4(byteCount: 64 << 20)) else { return }
      let filler = disk.mountPoint + "/filler"
      try await round("no space", on: site, rate: 1000, isAccountWhole: false) {
        for _ in 0..<Scale.repeats {
          // With the centre there: what can't be stored passes through memory.
          try fill(filler, sparing: 0)
          try await pause(2)
          // And without: it waits at the sensors' broker, through a restart of the agent, too.
          try await site.centralBroker.stop()
          try await pause(2)
          try await site.agent.kill()
          try site.agent.start()
          try await pause(2)
          #expect(site.agent.isRunning, "\(site.agent.log)")
          unlink(filler)
          try await site.centralBroker.start()
          try await pause(Self.recoverySeconds)
        }
      }
      expectDiskFailed(site)
      try await disk.unmount()
    }

    @Test func `a file system without inodes that has some again loses nothing`() async throws {
      let kind = SmallDisk.Kind.memory(byteCount: 64 << 20, inodeCount: 64)
      guard let (site, disk) = try await site(kind) else { return }
      let directory = disk.mountPoint + "/filler"
      try await round("no inodes", on: site, rate: 1000, isAccountWhole: false) {
        for _ in 0..<Scale.repeats {
          var fillers = try fillInodes(directory)
          try await pause(2)
          try await site.centralBroker.stop()
          try await pause(3)
          try await site.agent.kill()
          try site.agent.start()
          try await pause(1)
          #expect(site.agent.isRunning, "\(site.agent.log)")
          fillers.removeAll { unlink($0) == 0 }
          rmdir(directory)
          try await site.centralBroker.start()
          try await pause(Self.recoverySeconds)
        }
      }
      expectDiskFailed(site)
      try await disk.unmount()
    }

    /// First as ext4 does it at an error of its own, then as an operator does it.
    @Test func `a file system that becomes read-only and writable again loses nothing`()
      async throws
    {
      let kind = SmallDisk.Kind.ext4(byteCount: 64 << 20, options: "errors=remount-ro")
      guard let (site, disk) = try await site(kind) else { return }
      try await round("read-only", on: site, rate: 1000, isAccountWhole: false) {
        for _ in 0..<Scale.repeats {
          try disk.failReadOnly()
          try await pause(2)
          #expect(site.agent.isRunning, "\(site.agent.log)")
          try await site.agent.kill()
          try await disk.remount(isReadOnly: true)
          try site.agent.start()
          try await pause(2)
          try disk.makeWritable()
          try await pause(Self.recoverySeconds)
        }
      }
      expectDiskFailed(site)
      try await disk.unmount()
    }

    /// Shows that the fault was met.
    private func expectDiskFailed(_ site: Site) {
      #expect(site.agent.log.contains("the disk fails"), "\(site.agent.log)")
    }

    private func site(_ kind: SmallDisk.Kind) async throws -> (Site, SmallDisk)? {
      let scratch = try Scratch()
      guard let disk = try await SmallDisk(kind, in: scratch) else { return nil }
      let site = try Site(
        traffic: Self.bulky,
        dataDirectory: disk.dataDirectory,
        scratch: scratch
      ) {
        $0.ringSize = "40MiB"
      }
      return (site, disk)
    }
  }

  /// System calls fail, one kind after another, some of the time and all of the time.
  @Suite struct Calls {
    private struct Fault {
      var call: FailingCalls.Call
      var errors: [Int32]
      /// Whether the agent is started anew with it: that is when it opens, lists and renames.
      var isAtStart: Bool
    }

    private static let faults = [
      Fault(call: .pwrite, errors: [EIO, ENOSPC, EDQUOT, EROFS, EINTR], isAtStart: false),
      Fault(call: .fdatasync, errors: [EIO, ENOSPC, EINTR], isAtStart: false),
      Fault(call: .openat, errors: [EMFILE, ENOMEM], isAtStart: true),
      Fault(call: .pread, errors: [EIO, EINTR], isAtStart: true),
      Fault(call: .fsync, errors: [EIO], isAtStart: true),
      Fault(call: .pwrite, errors: [EIO], isAtStart: true),
      Fault(call: .fdatasync, errors: [EIO], isAtStart: true),
    ]

    /// 1: each call; 3: each third.
    @Test(arguments: [3, 1])
    func `failing system calls cost no event`(every: Int) async throws {
      let scratch = try Scratch()
      guard let calls = try await FailingCalls(in: scratch) else { return }
      let site = try Site(scratch: scratch)
      let (tally, account) = try await round(
        "failing calls",
        on: site,
        isAccountWhole: false,
        environment: calls.environment
      ) {
        for _ in 0..<Scale.repeats {
          for fault in Self.faults {
            // No kernel interrupts every call for ever.
            for error in fault.errors where error != EINTR || every > 1 || fault.call == .fdatasync
            {
              try await inject(fault, error, every: every, calls, site)
            }
          }
          calls.shorten(.pwrite)
          calls.shorten(.pread)
          try await pause(0.7)
          calls.heal(.pwrite)
          calls.heal(.pread)
        }
      }
      #expect(tally["logs"] == 1, "nothing passes under another log's numbers: \(tally)")
      #expect(account["connects"] < 50, "the broker is left in peace meanwhile: \(account)")
      Ledger.add(calls.hitCounts.reduce(0, +), "failed system calls")
      print("failed calls, one in \(every): \(calls.hitCounts)")
    }

    /// The centre comes back while the agent, started anew, can't read what it holds for it.
    @Test(arguments: [FailingCalls.Call.pread, .openat])
    func `nothing overtakes what a start can't read`(call: FailingCalls.Call) async throws {
      let scratch = try Scratch()
      guard let calls = try await FailingCalls(in: scratch) else { return }
      let site = try Site(scratch: scratch)
      let (tally, _) = try await round("unread log", on: site, environment: calls.environment) {
        for _ in 0..<Scale.repeats {
          try await site.centralBroker.stop()
          try await pause(1)
          try await site.agent.kill()
          calls.fail(call, with: call == .pread ? EIO : EMFILE)
          try site.agent.start(environment: calls.environment)
          try await site.centralBroker.start()
          try await pause(3)
          #expect(site.agent.log.contains("what is stored can't be reached"), "\(site.agent.log)")
          calls.heal(call)
          // Longer than between two tries.
          try await pause(6)
        }
      }
      #expect(tally["logs"] == 1, "all have their numbers from the one log")
      Ledger.add(calls.hitCounts.reduce(0, +), "failed system calls")
    }

    private func inject(
      _ fault: Fault,
      _ error: Int32,
      every: Int,
      _ calls: FailingCalls,
      _ site: Site
    ) async throws {
      let before = calls.hitCount(fault.call)
      if fault.isAtStart { try await site.agent.kill() }
      calls.fail(fault.call, with: error, every: every)
      if fault.isAtStart { try site.agent.start(environment: calls.environment) }
      // A commit comes every 50 ms, and none once the disk has failed.
      let isMet = try await eventually(within: 5) { calls.hitCount(fault.call) > before }
      try await pause(0.3)
      calls.heal(fault.call)
      try await pause(0.3)
      #expect(isMet, "\(fault.call) was never called while it failed with \(error)")
      #expect(site.agent.isRunning, "\(fault.call), \(error):\n\(site.agent.log)")
    }
  }
}
