internal import HoldfastEvent
public import HoldfastRingLog

/// A disk in memory that forgets, tears, reorders and fails like a real one, from one seed.
///
/// Each file has what is durable and what the page cache shows; each write stays pending until a
/// `sync` returned. ``crash()`` keeps a legal subset of what is pending: every 512-byte sector of
/// it independently, and a prefix of the unsynced directory operations. The crash explorer asks
/// for all such subsets instead, see ``CrashPoint``.
public final class SimulatedDisk: Disk {
  /// What a crash tears writes into, bytes.
  public static let sectorByteCount = SparseBytes.sectorByteCount

  /// What the process sees.
  var names: [String: Inode] = [:]
  /// What a power cut leaves of the names for certain.
  var durableNames: [String: Inode] = [:]
  /// Since the directory was last synced, in order.
  var directoryOperations: [DirectoryOperation] = []
  var directories: Set<String> = []
  private var files: [Int32: (inode: Inode, name: String)] = [:]
  private var lastFile: Int32 = 0
  var random: SplitMix64

  /// Asked before each operation: an error number makes it fail.
  public var fault: ((DiskError.Operation, String) -> Int32?)?
  /// Told before each operation that changes something, when no fault stops it.
  var onChange: ((DiskError.Operation) -> Void)?
  /// Whether a write that fails has written a part of its bytes.
  public var tearsFailedWrites = false
  /// How long an operation takes, microseconds; summed up in ``elapsed``.
  public var delay: ((DiskError.Operation, String) -> Int64)?
  /// How long all operations took, microseconds: what the owner adds to its clocks.
  public private(set) var elapsed: Int64 = 0
  /// Most bytes of all files together: a quota; a write beyond it fails with `errnoBeyond`.
  public var byteCountMax = Int.max
  /// What a write beyond ``byteCountMax`` fails with: ENOSPC, or EDQUOT for a quota.
  public var errnoBeyond = Errno.noSpace
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
  /// Bytes of all files.
  public internal(set) var byteCount = 0

  /// An empty disk; all its chances come from `seed`.
  public init(seed: UInt64) { random = SplitMix64(seed: seed) }

  private func check(_ operation: DiskError.Operation, _ name: String) throws(DiskError) {
    operationCount += 1
    if isDead || operationCount > lastOperation {
      isDead = true
      throw DiskError(operation, name, errno: Errno.inputOutput)
    }
    if let delay { elapsed += delay(operation, name) }
    if let errno = fault?(operation, name) { throw DiskError(operation, name, errno: errno) }
    if let onChange, Self.changes(operation) { onChange(operation) }
  }

  private static func changes(_ operation: DiskError.Operation) -> Bool {
    switch operation {
    case .write, .sync, .rename, .remove, .syncDirectory: true
    case .list, .open, .size, .read, .close, .lock: false
    }
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
    guard
      directories.contains(directory)
        || names.keys.contains(where: { $0.utf8.starts(with: prefix.utf8) })
    else { throw DiskError(.list, directory, errno: Errno.noEntry) }
    var entries: [DiskEntry] = []
    for (name, inode) in names {
      guard let rest = Self.name(name, in: prefix) else { continue }
      entries.append(
        DiskEntry(name: rest, kind: .file, byteCount: inode.cached.count, isOwn: true)
      )
    }
    for name in directories {
      guard let rest = Self.name(name, in: prefix) else { continue }
      entries.append(DiskEntry(name: rest, kind: .directory, byteCount: 0, isOwn: true))
    }
    entries += foreignEntries
    return entries.sorted { $0.name < $1.name }
  }

  /// The name within the directory; nil for what lies elsewhere or deeper.
  private static func name(_ name: String, in prefix: String) -> String? {
    let bytes = name.utf8
    guard bytes.starts(with: prefix.utf8) else { return nil }
    let rest = bytes.dropFirst(prefix.utf8.count)
    return rest.contains(UInt8(ascii: "/")) ? nil : String(rest)
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
    directoryOperations.append(DirectoryOperation(.add(name, inode), order: operationCount))
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
    try inode(file, .read).cached.read(offset..<offset + count, into: &buffer)
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
      // A process that is killed within write(2), or that a full disk stops, has written a part.
      let isTorn = isDead ? !wasDead : tearsFailedWrites
      if isTorn, let open = files[file.id] {
        put(bytes.prefix(Int(random.next() % UInt64(bytes.count + 1))), at: offset, open.inode)
      }
      throw error
    }
    let growth = max(0, offset + bytes.count - inode.cached.count)
    if growth > 0 && byteCount + growth > byteCountMax {
      throw DiskError(.write, files[file.id]?.name ?? "?", errno: errnoBeyond)
    }
    put(bytes, at: offset, inode)
    writtenByteCount += bytes.count
  }

  private func put(_ bytes: ArraySlice<UInt8>, at offset: Int, _ inode: Inode) {
    let before = inode.cached.count
    inode.cached.write(bytes, at: offset)
    inode.pending.append(
      PendingWrite(offset: offset, bytes: Array(bytes), order: operationCount)
    )
    // Bytes of a file whose name is gone count no more.
    if inode.isNamed { byteCount += inode.cached.count - before }
  }

  /// See ``Disk``.
  public func sync(_ file: DiskFile) throws(DiskError) {
    guard let open = files[file.id] else { throw DiskError(.sync, "?", errno: Errno.badFile) }
    syncCount += 1
    do throws(DiskError) {
      try check(.sync, open.name)
    } catch {
      // The kernel marks the pages clean: some reached the disk, no later sync will write them.
      if !isDead {
        persistSome(open.inode)
        open.inode.hasLostWrites = true
      }
      throw error
    }
    if isLying { return }
    open.inode.persistAll()
  }

  /// See ``Disk``.
  public func close(_ file: DiskFile) { files[file.id] = nil }

  /// See ``Disk``.
  public func rename(_ name: String, to newName: String) throws(DiskError) {
    try check(.rename, name)
    guard let inode = names.removeValue(forKey: name) else {
      throw DiskError(.rename, name, errno: Errno.noEntry)
    }
    if let replaced = names[newName] { forget(replaced) }
    names[newName] = inode
    directoryOperations.append(
      DirectoryOperation(.rename(name, newName, inode), order: operationCount)
    )
  }

  /// See ``Disk``.
  public func remove(_ name: String) throws(DiskError) {
    try check(.remove, name)
    guard let inode = names.removeValue(forKey: name) else {
      throw DiskError(.remove, name, errno: Errno.noEntry)
    }
    forget(inode)
    directoryOperations.append(DirectoryOperation(.remove(name), order: operationCount))
  }

  private func forget(_ inode: Inode) {
    inode.isNamed = false
    byteCount -= inode.cached.count
  }

  /// See ``Disk``.
  public func syncDirectory(_ directory: String) throws(DiskError) {
    try check(.syncDirectory, directory)
    if isLying { return }
    for operation in directoryOperations { operation.apply(to: &durableNames) }
    directoryOperations.removeAll(keepingCapacity: true)
  }

  /// The process dies, the kernel lives: the page cache keeps everything.
  public func kill() {
    files.removeAll()
    lastOperation = Int.max
    isDead = false
  }

  /// The bytes of a file, for tests that damage them; nil if there is none.
  public func contents(_ name: String) -> [UInt8]? { names[name]?.cached.bytes }

  /// Replaces a file's bytes, durable at once.
  public func setContents(_ name: String, _ bytes: [UInt8]) {
    setContents(name, SparseBytes(bytes))
  }

  /// Replaces a file's bytes, durable at once, sharing them.
  func setContents(_ name: String, _ bytes: SparseBytes) {
    let inode = names[name] ?? Inode()
    if names[name] != nil { byteCount -= inode.cached.count }
    inode.cached = bytes
    inode.durable = bytes
    inode.pending.removeAll()
    inode.hasLostWrites = false
    byteCount += bytes.count
    names[name] = inode
    durableNames[name] = inode
  }

  /// Makes a file disappear, durably at once.
  func removeForGood(_ name: String) {
    guard let inode = names.removeValue(forKey: name) else { return }
    forget(inode)
    durableNames[name] = nil
  }

  /// Flips a bit of a file on the disk, counted from its first byte's lowest.
  public func rot(_ name: String, bit: Int) {
    guard let inode = names[name], bit / 8 < inode.cached.count else { return }
    inode.cached.flip(bit: bit)
    if bit / 8 < inode.durable.count { inode.durable.flip(bit: bit) }
  }

  /// The names of all files, sorted.
  public var fileNames: [String] { names.keys.sorted() }
}
