import Glibc

/// What a directory and the disk below it are like.
public struct DirectoryReport: Equatable, Sendable {
  /// Why the directory can't be used; nil: it can be written to.
  public var failure: String?
  /// Permission bits of the directory, as chmod(1) takes them.
  public var mode: UInt32 = 0
  /// Bytes that this user may still write.
  public var freeByteCount = 0
  /// The kind of file system where it matters: one in memory, or on another machine.
  public var fileSystem: String?
  /// Whether it is gone when the power fails.
  public var isInMemory = false
  /// Microseconds that each of the writes with fdatasync(2) took, in ascending order.
  public var flushes: [Int64] = []

  /// A report that says nothing yet.
  public init() {}

  /// The one in the middle, microseconds.
  public var medianFlush: Int64? { flushes.isEmpty ? nil : flushes[flushes.count / 2] }
}

/// Looks at a data directory, beside a running agent too.
public enum DirectoryProbe {
  /// Writes with a flush, as many as give a median that means something on a slow card.
  private static let flushCount = 21
  private static let blockByteCount = 4096
  /// Flushing ends after so long, microseconds; what was measured by then counts.
  private static let timeMax: Int64 = 5_000_000
  /// Kinds of file systems, as mount(8) names them, that are not on a disk of this machine.
  private static let inMemory = ["tmpfs", "ramfs"]
  private static let remote = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs"]
  /// Most of `/proc/self/mounts` that is read, bytes.
  private static let mountsByteCountMax = 1 << 20

  /// Asks the system about the directory, and writes a few blocks into a file without a name left.
  ///
  /// - Complexity: some twenty flushes of the disk, five seconds at most.
  public static func look(at path: String) -> DirectoryReport {
    var report = DirectoryReport()
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      report.failure = errorText(errno)
      return report
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      report.failure = "it is no directory"
      return report
    }
    report.mode = UInt32(status.st_mode & 0o7777)
    var space = statvfs()
    if unsafe statvfs(path, &space) == 0 {
      let (bytes, isOver) = Int(space.f_bavail).multipliedReportingOverflow(by: Int(space.f_frsize))
      report.freeByteCount = isOver ? .max : bytes
    }
    let mounts = readSmallFile("/proc/self/mounts", byteCountMax: mountsByteCountMax) ?? []
    if let kind = fileSystem(of: path, mounts: String(decoding: mounts, as: UTF8.self)) {
      report.isInMemory = inMemory.contains(kind)
      if report.isInMemory || remote.contains(kind) { report.fileSystem = kind }
    }
    measure(path, &report)
    return report
  }

  /// The kind of the file system that a path lies on, by the mount with the longest matching
  /// directory; the last one where several lie upon another (proc(5)).
  package static func fileSystem(of path: String, mounts: String) -> String? {
    var found: (length: Int, kind: String)?
    for line in mounts.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 2 else { continue }
      // Spaces in directories are written as octal numbers; such a mount is not recognised.
      let directory = words[1] == "/" ? "" : words[1]
      guard path == directory || path.hasPrefix(directory + "/") else { continue }
      if directory.count >= found?.length ?? 0 { found = (directory.count, String(words[2])) }
    }
    return found?.kind
  }

  private static func measure(_ path: String, _ report: inout DirectoryReport) {
    let name = "\(path)/.doctor-\(getpid())"
    let descriptor = unsafe open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      report.failure = errorText(errno)
      return
    }
    defer { _ = close(descriptor) }
    _ = unsafe unlink(name)
    // Written once before it is measured: the ring log writes into blocks that exist.
    let block = [UInt8](repeating: 0x5a, count: blockByteCount)
    for index in 0..<flushCount {
      guard unsafe pwrite(descriptor, block, block.count, off_t(index * blockByteCount)) > 0 else {
        report.failure = errorText(errno)
        return
      }
    }
    _ = fsync(descriptor)
    let began = SystemClock.boot()
    for index in 0..<flushCount where SystemClock.boot() - began < timeMax {
      let start = SystemClock.boot()
      _ = unsafe pwrite(descriptor, block, block.count, off_t(index * blockByteCount))
      guard fdatasync(descriptor) == 0 else {
        report.failure = "fdatasync: \(errorText(errno))"
        return
      }
      report.flushes.append(SystemClock.boot() - start)
    }
    report.flushes.sort()
  }
}
