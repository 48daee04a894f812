import Glibc

/// A small ext4 file system in a file, whose power can be cut.
final class LoopDisk {
  let mountPoint: String
  private let image: String
  private let scratch: Scratch
  private var isMounted = false

  /// Nil, and noted as skipped, where this machine has no root, no loop devices or no ext4.
  init?(byteCount: Int, in scratch: Scratch) async throws {
    self.scratch = scratch
    image = scratch.newPath("disk.img")
    mountPoint = try scratch.makeDirectory("mnt")
    guard getuid() == 0 else {
      Skips.note("a round on a file system of its own: not root")
      return nil
    }
    try writeText(image, "")
    guard truncate(image, byteCount) == 0,
      try await run("mkfs.ext4", ["-q", "-F", image], in: scratch).status == .code(0)
    else {
      Skips.note("a round on a file system of its own: mkfs.ext4 failed")
      return nil
    }
    guard try await mount() else {
      Skips.note("a round on a file system of its own: can't mount a loop device")
      return nil
    }
  }

  deinit {
    if isMounted { umount2(mountPoint, Int32(MNT_DETACH)) }
  }

  /// What was not synced is gone, as after a power cut; the file system answers with EIO from here.
  func cutPower() throws {
    let descriptor = open(mountPoint, O_RDONLY | O_DIRECTORY)
    guard descriptor >= 0 else { throw TestFailure("can't open \(mountPoint)") }
    defer { close(descriptor) }
    // EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32); 2: without writing the journal first.
    var flag: UInt32 = 2
    guard ioctl(descriptor, 0x8004_587D, &flag) == 0 else {
      throw TestFailure("EXT4_IOC_SHUTDOWN: \(String(cString: strerror(errno)))")
    }
  }

  /// As when the power comes back: the journal is replayed.
  func remount() async throws {
    try await unmount()
    guard try await mount() else { throw TestFailure("can't mount \(image) again") }
  }

  func unmount() async throws {
    let isDone = try await eventually(within: 10) { umount2(self.mountPoint, 0) == 0 }
    guard isDone else { throw TestFailure("can't unmount \(mountPoint)") }
    isMounted = false
  }

  private func mount() async throws -> Bool {
    let result = try await run("mount", ["-o", "loop", image, mountPoint], in: scratch)
    isMounted = result.status == .code(0)
    return isMounted
  }
}

func isReadable(_ path: String) -> Bool { access(path, R_OK) == 0 }

/// Writes until a file system has only `spare` bytes left.
func fill(_ path: String, sparing spare: Int) throws {
  let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
  guard descriptor >= 0 else { throw TestFailure("can't write \(path)") }
  defer { close(descriptor) }
  var statistics = statvfs()
  guard fstatvfs(descriptor, &statistics) == 0 else { throw TestFailure("no statvfs of \(path)") }
  let free = Int(statistics.f_bavail) * Int(statistics.f_bsize)
  let chunk = [UInt8](repeating: 0x55, count: 64 << 10)
  var rest = free - spare
  while rest > 0 {
    let count = write(descriptor, chunk, min(chunk.count, rest))
    if count <= 0 { break }
    rest -= count
  }
}
