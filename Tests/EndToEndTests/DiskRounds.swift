import Glibc
import Testing

extension Rounds {
  /// The disk under the ring log fails and comes back.
  @Suite(.serialized) struct Disks {
    private static let bulky = ["--padding", "2000", "--topics", "50"]

    @Test func `a full file system that is freed again loses nothing`() async throws {
      guard let (site, disk) = try await site(.ext4(byteCount: 64 << 20)) else { return }
      let filler = disk.mountPoint + "/filler"
      try await round("ENOSPC", on: site) {
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
          try await pause(1)
        }
      }
      #expect(site.agent.log.contains("No space left"), "\(site.agent.log)")
      try await disk.unmount()
    }

    @Test func `a file system without inodes that has some again loses nothing`() async throws {
      let kind = SmallDisk.Kind.memory(byteCount: 64 << 20, inodeCount: 64)
      guard let (site, disk) = try await site(kind) else { return }
      let directory = disk.mountPoint + "/filler"
      try await round("no inodes", on: site) {
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
          try await pause(1)
        }
      }
      try await disk.unmount()
    }

    /// First as ext4 does it at an error of its own, then as an operator does it.
    @Test func `a file system that becomes read-only and writable again loses nothing`()
      async throws
    {
      let kind = SmallDisk.Kind.ext4(byteCount: 64 << 20, options: "errors=remount-ro")
      guard let (site, disk) = try await site(kind) else { return }
      try await round("read-only", on: site) {
        for _ in 0..<Scale.repeats {
          try disk.failReadOnly()
          try await pause(2)
          #expect(site.agent.isRunning, "\(site.agent.log)")
          try await site.agent.kill()
          try await disk.remount(isReadOnly: true)
          try site.agent.start()
          try await pause(2)
          try disk.makeWritable()
          try await pause(1)
        }
      }
      #expect(site.agent.log.contains("Read-only file system"), "\(site.agent.log)")
      try await disk.unmount()
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
  @Suite(.serialized) struct Calls {
    private static let faults: [(call: FailingCalls.Call, errors: [Int32])] = [
      (.pwrite, [EIO, ENOSPC, EDQUOT, EROFS, EINTR]),
      (.fdatasync, [EIO, ENOSPC, EINTR]),
      (.openat, [EMFILE, EIO, ENOMEM]),
      (.pread, [EIO, EINTR]),
      (.fsync, [EIO]),
      (.renameat, [EIO, ENOSPC]),
      (.unlinkat, [EIO]),
    ]

    /// 1: each call; 3: each third.
    @Test(arguments: [3, 1])
    func `failing system calls cost no event`(every: Int) async throws {
      let scratch = try Scratch()
      guard let calls = try await FailingCalls(in: scratch) else { return }
      let site = try Site(
        traffic: ["--padding", "1000"],
        scratch: scratch
      ) { $0.ringSize = "32MiB" }
      try await round("failing calls", on: site, environment: calls.environment) {
        for _ in 0..<Scale.repeats {
          for (call, errors) in Self.faults {
            for error in errors {
              calls.fail(call, with: error, every: every)
              try await pause(0.5)
              calls.heal(call)
              try await pause(0.3)
              #expect(site.agent.isRunning, "\(call) \(error): \(site.agent.log)")
            }
          }
          calls.shorten(.pwrite)
          calls.shorten(.pread)
          try await pause(0.5)
          calls.heal(.pwrite)
          calls.heal(.pread)
        }
      }
      let hits = FailingCalls.Call.allCases.map { "\($0) \(calls.hitCount($0))" }
      print("failed calls, each \(every).: \(hits.joined(separator: ", "))")
      for call in [FailingCalls.Call.pwrite, .fdatasync, .openat] {
        #expect(calls.hitCount(call) > 0, "\(call) was never called while it failed")
      }
    }
  }
}
