/// A file that the disk has open.
public struct DiskFile: Hashable, Sendable {
  /// Chosen by the disk.
  public var id: Int32

  /// Names an open file.
  public init(id: Int32) { self.id = id }
}

/// What a disk operation failed at, with the operating system's error number.
public struct DiskError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The verb that failed.
  public enum Operation: String, Sendable {
    case list, open, size, read, write, sync, rename, remove, syncDirectory, close, lock
  }

  /// The verb that failed.
  public var operation: Operation
  /// The file's name within the ring's directory.
  public var name: String
  /// As in errno(3).
  public var errno: Int32

  /// Describes a failure.
  public init(_ operation: Operation, _ name: String, errno: Int32) {
    self.operation = operation
    self.name = name
    self.errno = errno
  }

  /// For the operator: `write ring/hot-00000003.seg: no space left (errno 28)`.
  public var description: String {
    let number = "errno \(errno)"
    return "\(operation.rawValue) \(name): " + (reason.map { "\($0) (\(number))" } ?? number)
  }

  /// Words for what a disk fails with most, by Linux' numbers; the core asks no C library.
  private var reason: String? {
    switch errno {
    case 1: "not permitted"
    case 2: "no such file"
    case 5: "input/output error"
    case 12: "no memory left"
    case 13: "permission denied"
    case 23, 24: "too many open files"
    case 27: "file too large"
    case 28: "no space left"
    case 30: "read-only file system"
    case 122: "disk quota exceeded"
    default: nil
    }
  }
}

/// An entry of the ring's directory.
public struct DiskEntry: Equatable, Sendable {
  /// What stands under a name.
  public enum Kind: Sendable { case file, directory, symbolicLink, other }

  /// Within its directory.
  public var name: String
  /// What stands under the name.
  public var kind: Kind
  /// Size in bytes; 0 for anything but a file.
  public var byteCount: Int
  /// Whether it belongs to the user we run as.
  public var isOwn: Bool

  /// Describes an entry.
  public init(name: String, kind: Kind, byteCount: Int, isOwn: Bool) {
    self.name = name
    self.kind = kind
    self.byteCount = byteCount
    self.isOwn = isOwn
  }
}

/// The dozen verbs by which the core reaches one directory on disk.
///
/// Called synchronously from the core's single owner. Nothing is durable before `sync` (file
/// contents) or `syncDirectory` (names) has returned; after a failed `sync` the state of the
/// file's unsynced bytes is unknown for ever. Names are relative and may hold two `/`:
/// `ring/quarantine/NAME`.
public protocol Disk: AnyObject {
  /// The entries of the directory, in any order.
  func list(_ directory: String) throws(DiskError) -> [DiskEntry]
  /// Makes a directory unless it exists.
  func makeDirectory(_ name: String) throws(DiskError)
  /// Opens an existing file, never following a symbolic link; `isWritable` false: for reading.
  func open(_ name: String, isWritable: Bool) throws(DiskError) -> DiskFile
  /// Creates and opens a file for reading and writing; fails if the name exists (EEXIST).
  func create(_ name: String) throws(DiskError) -> DiskFile
  func byteCount(of file: DiskFile) throws(DiskError) -> Int
  /// Reads up to `count` bytes at `offset` into `buffer`, which is replaced; fewer at the end.
  func read(
    _ file: DiskFile,
    at offset: Int,
    count: Int,
    into buffer: inout [UInt8]
  ) throws(DiskError)
  /// Writes all of `bytes` at `offset`, growing the file where needed.
  func write(_ file: DiskFile, at offset: Int, _ bytes: ArraySlice<UInt8>) throws(DiskError)
  /// Makes the file's contents and size durable (fdatasync).
  func sync(_ file: DiskFile) throws(DiskError)
  func close(_ file: DiskFile)
  func rename(_ name: String, to newName: String) throws(DiskError)
  func remove(_ name: String) throws(DiskError)
  /// Makes creations, renames and removals in the directory durable (fsync of the directory).
  func syncDirectory(_ directory: String) throws(DiskError)
  /// A commit begins; for whoever measures how long they take.
  func beginCommit()
  /// The commit that began last has ended, whether it came to an error or not.
  func endCommit()
}

extension Disk {
  /// Nobody measures.
  public func beginCommit() {}
  /// Nobody measures.
  public func endCommit() {}
}
