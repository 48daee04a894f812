// The data directory as the core sees it, by system calls.
//
// * Everything is relative to one directory descriptor; neither a file nor the directory part of
//   a name is ever reached through a symbolic link.
// * The directory is opened, and locked, by whichever operation comes first, and again by the
//   next one while that fails: a data directory that is missing or read-only at boot makes the
//   disk fail, not the agent, and the agent notices by itself when it is there.
// * Nothing in the directory is touched without the lock.

import Glibc
public import HoldfastRingLog
package import HoldfastStatus

/// A ``Disk`` over one directory of the file system, held by a lock of this process.
public final class PosixDisk: Disk {
  /// What the directory is opened for.
  public enum Access: Sendable {
    /// For the agent: made if missing, locked against a second agent.
    case exclusive
    /// For commands that look at a ring, a live agent's too: never writes, never locks.
    case inspection
  }

  /// Name of the lock file within the directory; not a file of the ring's.
  public static let lockName = "lock"

  /// Bytes asked of one system call; the kernel moves at most 2,147,479,552.
  private static let transferByteCountMax = 1 << 30

  /// The directory, as the operator wrote it.
  public let path: String
  private let access: Access
  private var rootDescriptor: Int32?
  private var lockDescriptor: Int32?
  /// Descriptors of files that were opened and not closed.
  private var openDescriptors: Set<Int32> = []
  /// What was asked of it since it was made.
  package private(set) var figures = DiskFigures()
  private var commitBegan: Int64?

  /// Names the directory; nothing is opened yet.
  public init(path: String, access: Access) {
    self.path = path
    self.access = access
    // A write beyond a file size limit, or to a closed pipe, must be an error and not the end.
    _ = signal(SIGXFSZ, SIG_IGN)
    _ = signal(SIGPIPE, SIG_IGN)
  }

  deinit {
    closeFiles()
    if let rootDescriptor { _ = Glibc.close(rootDescriptor) }
    if let lockDescriptor { _ = Glibc.close(lockDescriptor) }
  }

  /// Opens and locks the directory now.
  ///
  /// - Throws: `operation == .lock` with `EWOULDBLOCK` while another process holds it.
  public func lock() throws(DiskError) {
    _ = try root()
  }

  /// The process that the lock file names; nil where it can't be read.
  public func lockHolder() -> Int32? {
    guard let bytes = readSmallFile("\(path)/\(Self.lockName)", byteCountMax: 16) else {
      return nil
    }
    return Int32(String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self))
  }

  /// `""` or `"."` is the root; what is gone again by the time it is looked at is left out.
  public func list(_ directory: String) throws(DiskError) -> [DiskEntry] {
    let descriptor = try openDirectory(directory, for: .list)
    guard let stream = unsafe fdopendir(descriptor) else {
      let error = errno
      _ = Glibc.close(descriptor)
      throw DiskError(.list, directory, errno: error)
    }
    defer { unsafe closedir(stream) }
    var entries: [DiskEntry] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        if errno != 0 { throw DiskError(.list, directory, errno: errno) }
        return entries
      }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
          unsafe String(cString: $0)
        }
      }
      if name == "." || name == ".." { continue }
      var status = stat()
      guard unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
        // Removed between the two calls.
        if errno == ENOENT { continue }
        throw DiskError(.list, name, errno: errno)
      }
      entries.append(DiskEntry(name: name, status: status))
    }
  }

  /// Mode 0700.
  public func makeDirectory(_ name: String) throws(DiskError) {
    let place = try place(of: name, for: .open)
    defer { place.close() }
    try refuseUnlessExclusive(.open, name)
    guard unsafe mkdirat(place.directory, place.base, 0o700) == 0 || errno == EEXIST else {
      throw DiskError(.open, name, errno: errno)
    }
  }

  /// Refuses what is no regular file with EINVAL, and a symbolic link with ELOOP.
  public func open(_ name: String, isWritable: Bool) throws(DiskError) -> DiskFile {
    if isWritable { try refuseUnlessExclusive(.open, name) }
    return try open(name, flags: isWritable ? O_RDWR : O_RDONLY)
  }

  /// Mode 0600.
  public func create(_ name: String) throws(DiskError) -> DiskFile {
    try refuseUnlessExclusive(.open, name)
    return try open(name, flags: O_RDWR | O_CREAT | O_EXCL)
  }

  /// The file's size.
  public func byteCount(of file: DiskFile) throws(DiskError) -> Int {
    var status = stat()
    guard unsafe fstat(file.id, &status) == 0 else {
      throw failure(.size, file, errno)
    }
    return Int(status.st_size)
  }

  /// Keeps `buffer`'s memory for the next read.
  public func read(
    _ file: DiskFile,
    at offset: Int,
    count: Int,
    into buffer: inout [UInt8]
  ) throws(DiskError) {
    if buffer.count > count { buffer.removeLast(buffer.count - count) }
    if buffer.count < count {
      buffer.append(contentsOf: repeatElement(0, count: count - buffer.count))
    }
    var done = 0
    let error = unsafe buffer.withUnsafeMutableBytes { bytes in
      Self.transfer(bytes.count, &done) { start, count in
        let place = unsafe bytes.baseAddress.map { unsafe $0 + start }
        return unsafe pread(file.id, place, count, off_t(offset + start))
      }
    }
    guard error == 0 else { throw failure(.read, file, error) }
    buffer.removeLast(buffer.count - done)
  }

  /// Writes straight from the slice's memory.
  public func write(
    _ file: DiskFile,
    at offset: Int,
    _ bytes: ArraySlice<UInt8>
  ) throws(DiskError) {
    var done = 0
    var error = unsafe bytes.withUnsafeBytes { bytes in
      Self.transfer(bytes.count, &done) { start, count in
        let place = unsafe bytes.baseAddress.map { unsafe $0 + start }
        return unsafe pwrite(file.id, place, count, off_t(offset + start))
      }
    }
    // No file system writes nothing to a regular file; trying on would never end.
    if error == 0 && done < bytes.count { error = EIO }
    figures.writtenByteCount &+= UInt64(done)
    guard error == 0 else { throw failure(.write, file, error) }
  }

  /// Calls until `count` bytes are moved, or none is.
  ///
  /// - Returns: the error number, or 0; `done` says how far it came.
  private static func transfer(
    _ count: Int,
    _ done: inout Int,
    _ call: (_ start: Int, _ count: Int) -> Int
  ) -> Int32 {
    while done < count {
      let start = done
      let moved = retryingInterrupted { call(start, min(count - start, transferByteCountMax)) }
      if moved < 0 { return errno }
      if moved == 0 { break }
      done += moved
    }
    return 0
  }

  /// The failure of a call on an open file, with the name that the file has now.
  private func failure(
    _ operation: DiskError.Operation,
    _ file: DiskFile,
    _ error: Int32
  ) -> DiskError {
    var text = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink("/proc/self/fd/\(file.id)", &text, text.count)
    let bytes = text.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/")
    let place = count > 0 ? parts.suffix(2).joined(separator: "/") : "file \(file.id)"
    return DiskError(operation, place, errno: error)
  }

  /// One fdatasync(2), never repeated.
  public func sync(_ file: DiskFile) throws(DiskError) {
    figures.syncCount &+= 1
    // EINTR included: after any failure the unsynced bytes are in doubt, so it is told, not retried.
    guard fdatasync(file.id) == 0 else {
      throw failure(.sync, file, errno)
    }
  }

  /// Closes what was opened and not closed; the directory and its lock stay.
  func closeFiles() {
    for descriptor in openDescriptors { _ = Glibc.close(descriptor) }
    openDescriptors = []
  }

  /// Closes the descriptor.
  public func close(_ file: DiskFile) {
    openDescriptors.remove(file.id)
    // Never again after EINTR: Linux has freed the descriptor by then.
    _ = Glibc.close(file.id)
  }

  /// Replaces `newName` where it exists.
  public func rename(_ name: String, to newName: String) throws(DiskError) {
    try refuseUnlessExclusive(.rename, name)
    let place = try place(of: name, for: .rename)
    defer { place.close() }
    let newPlace = try self.place(of: newName, for: .rename)
    defer { newPlace.close() }
    guard unsafe renameat(place.directory, place.base, newPlace.directory, newPlace.base) == 0
    else {
      throw DiskError(.rename, name, errno: errno)
    }
  }

  /// Removes a file; never a directory.
  public func remove(_ name: String) throws(DiskError) {
    try refuseUnlessExclusive(.remove, name)
    let place = try place(of: name, for: .remove)
    defer { place.close() }
    guard unsafe unlinkat(place.directory, place.base, 0) == 0 else {
      throw DiskError(.remove, name, errno: errno)
    }
  }

  /// One fsync(2), never repeated.
  public func syncDirectory(_ directory: String) throws(DiskError) {
    let descriptor = try openDirectory(directory, for: .syncDirectory)
    defer { _ = Glibc.close(descriptor) }
    figures.syncCount &+= 1
    guard fsync(descriptor) == 0 else {
      throw DiskError(.syncDirectory, directory, errno: errno)
    }
  }

  /// Looks at the clock.
  public func beginCommit() { commitBegan = SystemClock.boot() }

  /// Counts how long it took.
  public func endCommit() {
    guard let began = commitBegan else { return }
    commitBegan = nil
    figures.commits.note(microseconds: SystemClock.boot() - began)
  }
}

extension PosixDisk {
  /// A name taken apart: the directory it lies in, and its last component.
  private struct Place {
    var directory: Int32
    var base: String
    /// Whether `directory` was opened for this place alone.
    var isOwned: Bool

    func close() {
      if isOwned { _ = Glibc.close(directory) }
    }
  }

  private func place(
    of name: String,
    for operation: DiskError.Operation
  ) throws(DiskError) -> Place {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 3, let base = parts.last,
      parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0) })
    else { throw DiskError(operation, name, errno: EINVAL) }
    guard parts.count > 1 else {
      return Place(directory: try root(), base: String(base), isOwned: false)
    }
    let directory = try openDirectory(parts.dropLast().joined(separator: "/"), for: operation)
    return Place(directory: directory, base: String(base), isOwned: true)
  }

  /// A descriptor of its own for a directory below the root, or for the root itself ("" or ".").
  private func openDirectory(
    _ name: String,
    for operation: DiskError.Operation
  ) throws(DiskError) -> Int32 {
    // Part by part, as the kernel keeps away from a symbolic link in the last one alone.
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ $0 != ".." && (parts.count == 1 || !$0.isEmpty) })
    else { throw DiskError(operation, name, errno: EINVAL) }
    var parent = try root()
    for (depth, part) in parts.enumerated() {
      let descriptor = unsafe openat(
        parent,
        part.isEmpty ? "." : String(part),
        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
      )
      let error = errno
      if depth > 0 { _ = Glibc.close(parent) }
      guard descriptor >= 0 else { throw DiskError(operation, name, errno: error) }
      parent = descriptor
    }
    return parent
  }

  private func open(_ name: String, flags: Int32) throws(DiskError) -> DiskFile {
    let place = try place(of: name, for: .open)
    defer { place.close() }
    // O_NONBLOCK: a pipe that someone left there must not stop the agent.
    let descriptor = unsafe openat(
      place.directory,
      place.base,
      flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
      0o600
    )
    guard descriptor >= 0 else { throw DiskError(.open, name, errno: errno) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      _ = Glibc.close(descriptor)
      throw DiskError(.open, name, errno: EINVAL)
    }
    openDescriptors.insert(descriptor)
    return DiskFile(id: descriptor)
  }

  private func refuseUnlessExclusive(
    _ operation: DiskError.Operation,
    _ name: String
  ) throws(DiskError) {
    if access != .exclusive { throw DiskError(operation, name, errno: EROFS) }
  }

  private func root() throws(DiskError) -> Int32 {
    if let rootDescriptor { return rootDescriptor }
    if access == .exclusive, unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
      throw DiskError(.open, path, errno: errno)
    }
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DiskError(.open, path, errno: errno) }
    if access == .exclusive {
      do throws(DiskError) {
        lockDescriptor = try acquireLock(in: descriptor)
      } catch {
        _ = Glibc.close(descriptor)
        throw error
      }
    }
    rootDescriptor = descriptor
    return descriptor
  }

  private func acquireLock(in directory: Int32) throws(DiskError) -> Int32 {
    let flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
    var descriptor = unsafe openat(directory, Self.lockName, flags | O_RDWR | O_CREAT, 0o600)
    if descriptor < 0 && errno == EROFS {
      // A second agent is kept away from a read-only file system as well.
      descriptor = unsafe openat(directory, Self.lockName, flags | O_RDONLY)
    }
    guard descriptor >= 0 else { throw DiskError(.lock, Self.lockName, errno: errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let error = errno
      _ = Glibc.close(descriptor)
      throw DiskError(.lock, Self.lockName, errno: error)
    }
    // For people only, so a failure (a full disk) changes nothing.
    let text = Array("\(getpid())\n".utf8)
    _ = ftruncate(descriptor, 0)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    return descriptor
  }
}

extension DiskEntry {
  fileprivate init(name: String, status: stat) {
    let kind: Kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .directory
      case S_IFLNK: .symbolicLink
      default: .other
      }
    self.init(
      name: name,
      kind: kind,
      byteCount: kind == .file ? Int(status.st_size) : 0,
      isOwn: status.st_uid == geteuid()
    )
  }
}
