import Glibc

/// A small file system of a round's own, which can be filled, cut off and made read-only.
final class SmallDisk {
  enum Kind {
    /// On a loop device; `options` are mount's.
    case ext4(byteCount: Int, options: String = "")
    case memory(byteCount: Int, inodeCount: Int)
  }

  let mountPoint: String
  private let parent: String
  private let kind: Kind
  private let scratch: Scratch
  private var image = ""
  private var device: LoopDevice?
  private var isMounted = false

  /// Where the agent's data go.
  var dataDirectory: String { mountPoint + "/data" }

  /// Nil, and noted as skipped, where this machine has no root, no loop devices or no ext4.
  init?(_ kind: Kind, in scratch: Scratch) async throws {
    self.kind = kind
    self.scratch = scratch
    parent = try scratch.makeDirectory("mnt")
    mountPoint = parent + "/disk"
    mkdir(mountPoint, 0o755)
    do {
      guard getuid() == 0 else { throw TestFailure("not root") }
      // Shared: other namespaces that have the mount must lose it when it is unmounted here.
      guard Glibc.mount(parent, parent, nil, UInt(MS_BIND), nil) == 0,
        Glibc.mount(nil, parent, nil, UInt(MS_SHARED), nil) == 0
      else { throw TestFailure("can't bind \(parent): \(errorText())") }
      if case .ext4(let byteCount, _) = kind {
        image = scratch.newPath("disk.img")
        try writeText(image, "")
        guard truncate(image, byteCount) == 0 else { throw TestFailure("no room for \(image)") }
        // Without lazy initialisation, which would write when nobody expects it.
        let made = try await run(
          "mkfs.ext4",
          ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image],
          in: scratch
        )
        guard made.status == .code(0) else { throw TestFailure("mkfs.ext4: \(made.output)") }
      }
      try mount()
    } catch {
      Ledger.skip("a round on a file system of its own", because: "\(error)")
      return nil
    }
  }

  deinit {
    if isMounted { umount2(mountPoint, Int32(MNT_DETACH)) }
    umount2(parent, Int32(MNT_DETACH))
  }

  /// What was not synced is gone, as after a power cut; the file system answers with EIO from here.
  func cutPower() throws {
    let descriptor = open(mountPoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw TestFailure("can't open \(mountPoint)") }
    defer { close(descriptor) }
    // EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32); 2: without writing the journal first.
    var flag: UInt32 = 2
    guard ioctl(descriptor, 0x8004_587D, &flag) == 0 else {
      throw TestFailure("EXT4_IOC_SHUTDOWN: \(errorText())")
    }
  }

  /// What ext4 does at an error that it finds in itself: read-only from here, under open files.
  func failReadOnly() throws {
    let name = device?.path.split(separator: "/").last ?? ""
    try writeText("/sys/fs/ext4/\(name)/trigger_fs_error", "round")
  }

  /// As when the power comes back: the journal is replayed.
  func remount(isReadOnly: Bool = false) async throws {
    try await unmount()
    try mount(flags: isReadOnly ? UInt(MS_RDONLY) : 0)
  }

  /// A read-only file system becomes writable in place.
  func makeWritable() throws {
    guard Glibc.mount(nil, mountPoint, nil, UInt(MS_REMOUNT), nil) == 0 else {
      throw TestFailure("can't remount \(mountPoint): \(errorText())")
    }
  }

  func unmount() async throws {
    let isDone = try await eventually(within: 10) { umount2(self.mountPoint, 0) == 0 }
    guard isDone else { throw TestFailure("can't unmount \(mountPoint): \(errorText())") }
    isMounted = false
    // A file system that lives on in another namespace would write into the image, over what the
    // next life of the disk has written.
    guard let device else { return }
    guard try await eventually(within: 20, { device.isFree }) else {
      throw TestFailure("\(device.path) is still mounted somewhere")
    }
  }

  private func mount(flags: UInt = 0) throws {
    let result =
      switch kind {
      case .ext4(_, let options):
        Glibc.mount(try connectDevice(), mountPoint, "ext4", flags, options)
      case .memory(let byteCount, let inodeCount):
        Glibc.mount(
          "tmpfs",
          mountPoint,
          "tmpfs",
          flags,
          "size=\(byteCount),nr_inodes=\(inodeCount)"
        )
      }
    guard result == 0 else { throw TestFailure("can't mount \(mountPoint): \(errorText())") }
    isMounted = true
  }

  /// A new device each time: the kernel's cache of the old one must not outlive a power cut.
  private func connectDevice() throws -> String {
    device = nil
    let device = try LoopDevice(image: image)
    self.device = device
    return device.path
  }
}

/// A block device over a file; gone when this is, whatever becomes of the process.
private final class LoopDevice {
  let path: String
  private let descriptor: Int32

  init(image: String) throws {
    let file = open(image, O_RDWR | O_CLOEXEC)
    defer { close(file) }
    let control = open("/dev/loop-control", O_RDWR | O_CLOEXEC)
    guard file >= 0, control >= 0 else { throw TestFailure("no loop devices: \(errorText())") }
    defer { close(control) }
    // Another process may take the free number first.
    for _ in 0..<100 {
      let number = ioctl(control, 0x4C82)  // LOOP_CTL_GET_FREE
      let path = "/dev/loop\(number)"
      let descriptor = open(path, O_RDWR | O_CLOEXEC)
      guard number >= 0, descriptor >= 0 else {
        throw TestFailure("no free loop device: \(errorText())")
      }
      // struct loop_info64, whose lo_flags get LO_FLAGS_AUTOCLEAR.
      var information = [UInt8](repeating: 0, count: 232)
      information[52] = 4
      if ioctl(descriptor, 0x4C00, file) == 0,  // LOOP_SET_FD
        ioctl(descriptor, 0x4C04, &information) == 0  // LOOP_SET_STATUS64
      {
        self.path = path
        self.descriptor = descriptor
        return
      }
      close(descriptor)
    }
    throw TestFailure("all loop devices are taken")
  }

  deinit { close(descriptor) }

  /// Whether nothing is mounted from it, in any namespace.
  var isFree: Bool {
    let exclusive = open(path, O_RDONLY | O_EXCL | O_CLOEXEC)
    if exclusive >= 0 { close(exclusive) }
    return exclusive >= 0
  }
}

func errorText() -> String { String(cString: strerror(errno)) }

func isReadable(_ path: String) -> Bool { access(path, R_OK) == 0 }

/// Writes until a file system has only `spare` bytes left.
///
/// No process of another lane may inherit the file: it would keep the room after its removal.
func fill(_ path: String, sparing spare: Int) throws {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
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

/// Makes empty files in a new directory until the file system has no inode left; returns them.
func fillInodes(_ directory: String) throws -> [String] {
  guard mkdir(directory, 0o700) == 0 else { throw TestFailure("can't make \(directory)") }
  var paths: [String] = []
  while true {
    let path = "\(directory)/\(paths.count)"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      guard errno == ENOSPC else { throw TestFailure("can't make \(path): \(errorText())") }
      return paths
    }
    close(descriptor)
    paths.append(path)
  }
}
