internal import HoldfastEvent
public import HoldfastRingLog

/// A disk in memory that forgets, tears, reorders and fails like a real one, from one seed.
///
/// Each file has what is durable and what the page cache shows; each write stays pending until a
/// `sync` returned. ``crash()`` keeps a legal subset of what is pending: every 512-byte sector of
/// it independently, and a prefix of the unsynced directory operations.
public final class SimulatedDisk: Disk {
  final class Inode {
    var durable: [UInt8] = []
    var cached: [UInt8] = []
    var pending: [(offset: Int, bytes: [UInt8])] = []
  }

  private enum DirectoryOperation {
    case add(String, Inode)
    case remove(String)
    case rename(String, String)
  }

  /// What a crash tears writes into, bytes.
  public static let sectorByteCount = 512

  private var names: [String: Inode] = [:]
  private var durableNames: [String: Inode] = [:]
  private var directoryOperations: [DirectoryOperation] = []
  private var directories: Set<String> = []
  private var files: [Int32: (inode: Inode, name: String)] = [:]
  private var lastFile: Int32 = 0
  private var random: SplitMix64

  /// Asked before each operation: an error number makes it fail.
  public var fault: ((DiskError.Operation, String) -> Int32?)?
  /// Most bytes of all files together; a write beyond it fails with ENOSPC.
  public var byteCountMax = Int.max
  /// The last operation, by its number, before the process dies.
  ///
  /// All later ones fail and do nothing, but that a write may have been begun. Reset by
  /// ``crash()`` and ``kill()``.
  public var lastOperation = Int.max
  /// Whether an operation after ``lastOperation`` was asked for.
  public private(set) var isDead = false
  /// Listed in every directory beside the files: what a test wants to find there.
  public var foreignEntries: [DiskEntry] = []
  /// `sync` returns and does nothing: the mutant that a crash test must catch.
  public var isLying = false
  /// Operations asked for, by kind, in all.
  public private(set) var operationCount = 0
  /// Bytes handed to `write`, and calls of `sync`.
  public private(set) var writtenByteCount = 0
  /// Calls of `sync`.
  public private(set) var syncCount = 0

  /// An empty disk; all its chances come from `seed`.
  public init(seed: UInt64) { random = SplitMix64(seed: seed) }

  /// Bytes of all files.
  public var byteCount: Int { names.values.reduce(0) { $0 + $1.cached.count } }

  private func check(_ operation: DiskError.Operation, _ name: String) throws(DiskError) {
    operationCount += 1
    if isDead || operationCount > lastOperation {
      isDead = true
      throw DiskError(operation, name, errno: Errno.inputOutput)
    }
    if let errno = fault?(operation, name) { throw DiskError(operation, name, errno: errno) }
  }

  private func inode(_ file: DiskFile, _ operation: DiskError.Operation) throws(DiskError) -> Inode
  {
    guard let open = files[file.id] else { throw DiskError(operation, "?", errno: Errno.badFile) }
    try check(operation, open.name)
    return open.inode
  }

  /// See ``Disk``.
  public func list(_ directory: String) throws(DiskError) -> [DiskEntry] {
    try check(.list, directory)
    let prefix = directory + "/"
    var entries: [DiskEntry] = []
    for (name, inode) in names where name.hasPrefix(prefix) {
      let rest = String(name.dropFirst(prefix.count))
      if rest.contains("/") { continue }
      entries.append(
        DiskEntry(name: rest, kind: .file, byteCount: inode.cached.count, isOwn: true)
      )
    }
    for name in directories where name.hasPrefix(prefix) {
      let rest = String(name.dropFirst(prefix.count))
      entries.append(DiskEntry(name: rest, kind: .directory, byteCount: 0, isOwn: true))
    }
    entries += foreignEntries
    return entries.sorted { $0.name < $1.name }
  }

  /// See ``Disk``.
  public func makeDirectory(_ name: String) throws(DiskError) {
    try check(.open, name)
    directories.insert(name)
  }

  /// See ``Disk``.
  public func open(_ name: String, isWritable: Bool) throws(DiskError) -> DiskFile {
    try check(.open, name)
    guard let inode = names[name] else { throw DiskError(.open, name, errno: Errno.noEntry) }
    return register(inode, name)
  }

  /// See ``Disk``.
  public func create(_ name: String) throws(DiskError) -> DiskFile {
    try check(.open, name)
    guard names[name] == nil else { throw DiskError(.open, name, errno: Errno.exists) }
    let inode = Inode()
    names[name] = inode
    directoryOperations.append(.add(name, inode))
    return register(inode, name)
  }

  private func register(_ inode: Inode, _ name: String) -> DiskFile {
    lastFile += 1
    files[lastFile] = (inode, name)
    return DiskFile(id: lastFile)
  }

  /// See ``Disk``.
  public func byteCount(of file: DiskFile) throws(DiskError) -> Int {
    try inode(file, .size).cached.count
  }

  /// See ``Disk``.
  public func read(
    _ file: DiskFile,
    at offset: Int,
    count: Int,
    into buffer: inout [UInt8]
  ) throws(DiskError) {
    let inode = try inode(file, .read)
    let end = min(offset + count, inode.cached.count)
    buffer.removeAll(keepingCapacity: true)
    if offset < end { buffer.append(contentsOf: inode.cached[offset..<end]) }
  }

  /// See ``Disk``.
  public func write(
    _ file: DiskFile,
    at offset: Int,
    _ bytes: ArraySlice<UInt8>
  ) throws(DiskError) {
    let wasDead = isDead
    let inode: Inode
    do throws(DiskError) {
      inode = try self.inode(file, .write)
    } catch {
      // A process that is killed within write(2) has written a part of it.
      if isDead && !wasDead, let open = files[file.id] {
        let part = bytes.prefix(Int(random.next() % UInt64(bytes.count + 1)))
        Self.apply(offset, part, to: &open.inode.cached)
        open.inode.pending.append((offset, Array(part)))
      }
      throw error
    }
    let growth = max(0, offset + bytes.count - inode.cached.count)
    if growth > 0 && byteCount + growth > byteCountMax {
      throw DiskError(.write, files[file.id]?.name ?? "?", errno: Errno.noSpace)
    }
    Self.apply(offset, bytes, to: &inode.cached)
    inode.pending.append((offset, Array(bytes)))
    writtenByteCount += bytes.count
  }

  private static func apply(
    _ offset: Int,
    _ bytes: ArraySlice<UInt8>,
    to target: inout [UInt8]
  ) {
    if target.count < offset + bytes.count {
      target.append(contentsOf: repeatElement(0, count: offset + bytes.count - target.count))
    }
    target.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }

  /// See ``Disk``.
  public func sync(_ file: DiskFile) throws(DiskError) {
    guard let open = files[file.id] else { throw DiskError(.sync, "?", errno: Errno.badFile) }
    syncCount += 1
    do throws(DiskError) {
      try check(.sync, open.name)
    } catch {
      // The kernel marks the pages clean: some reached the disk, no later sync will write them.
      if !isDead { persistSome(open.inode) }
      throw error
    }
    if isLying { return }
    for write in open.inode.pending {
      Self.apply(write.offset, write.bytes[...], to: &open.inode.durable)
    }
    open.inode.pending.removeAll()
  }

  /// See ``Disk``.
  public func close(_ file: DiskFile) { files[file.id] = nil }

  /// See ``Disk``.
  public func rename(_ name: String, to newName: String) throws(DiskError) {
    try check(.rename, name)
    guard let inode = names.removeValue(forKey: name) else {
      throw DiskError(.rename, name, errno: Errno.noEntry)
    }
    names[newName] = inode
    directoryOperations.append(.rename(name, newName))
  }

  /// See ``Disk``.
  public func remove(_ name: String) throws(DiskError) {
    try check(.remove, name)
    guard names.removeValue(forKey: name) != nil else {
      throw DiskError(.remove, name, errno: Errno.noEntry)
    }
    directoryOperations.append(.remove(name))
  }

  /// See ``Disk``.
  public func syncDirectory(_ directory: String) throws(DiskError) {
    try check(.syncDirectory, directory)
    if isLying { return }
    for operation in directoryOperations { apply(operation) }
    directoryOperations.removeAll()
  }

  private func apply(_ operation: DirectoryOperation) {
    switch operation {
    case .add(let name, let inode): durableNames[name] = inode
    case .remove(let name): durableNames[name] = nil
    case .rename(let name, let newName):
      if let inode = durableNames.removeValue(forKey: name) { durableNames[newName] = inode }
    }
  }

  /// Persists a random subset of the sectors that are pending, and forgets the rest.
  private func persistSome(_ inode: Inode) {
    for write in inode.pending {
      var start = 0
      while start < write.bytes.count {
        let offset = write.offset + start
        let end = min(
          write.bytes.count,
          start + Self.sectorByteCount - offset % Self.sectorByteCount
        )
        if random.next() & 1 == 0 {
          Self.apply(offset, write.bytes[start..<end], to: &inode.durable)
        }
        start = end
      }
    }
    inode.pending.removeAll()
  }

  /// The power fails: what is pending survives in part, every open file is gone.
  public func crash() {
    let kept =
      directoryOperations.isEmpty ? 0 : Int(random.next() % UInt64(directoryOperations.count + 1))
    for operation in directoryOperations.prefix(kept) { apply(operation) }
    directoryOperations.removeAll()
    // Sorted, so that the random choices fall the same way each time.
    for name in durableNames.keys.sorted() {
      guard let inode = durableNames[name] else { continue }
      // All, none, or any part: the whole is as likely as the rest together.
      switch random.next() % 3 {
      case 0: inode.pending.removeAll()
      case 1:
        for write in inode.pending {
          Self.apply(write.offset, write.bytes[...], to: &inode.durable)
        }
        inode.pending.removeAll()
      default: persistSome(inode)
      }
      inode.cached = inode.durable
    }
    names = durableNames
    kill()
  }

  /// The process dies, the kernel lives: the page cache keeps everything.
  public func kill() {
    files.removeAll()
    lastOperation = Int.max
    isDead = false
  }

  /// The bytes of a file, for tests that damage them; nil if there is none.
  public func contents(_ name: String) -> [UInt8]? { names[name]?.cached }

  /// Replaces a file's bytes, durable at once.
  public func setContents(_ name: String, _ bytes: [UInt8]) {
    let inode = names[name] ?? Inode()
    inode.cached = bytes
    inode.durable = bytes
    inode.pending.removeAll()
    names[name] = inode
    durableNames[name] = inode
  }

  /// The names of all files, sorted.
  public var fileNames: [String] { names.keys.sorted() }
}

/// The error numbers that the simulation uses, as on Linux.
public enum Errno {
  /// As in errno(3).
  public static let noEntry: Int32 = 2
  /// As in errno(3).
  public static let inputOutput: Int32 = 5
  /// As in errno(3).
  public static let badFile: Int32 = 9
  /// As in errno(3).
  public static let exists: Int32 = 17
  /// As in errno(3).
  public static let noSpace: Int32 = 28
  /// As in errno(3).
  public static let readOnly: Int32 = 30
}
