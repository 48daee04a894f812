import Glibc
import HoldfastRingLog
import HoldfastSystem
import Testing

@Suite struct PosixDiskTests {
  private let directory = TemporaryDirectory()

  private func disk(_ access: PosixDisk.Access = .exclusive, below: String = "data") -> PosixDisk {
    PosixDisk(path: "\(directory.path)/\(below)", access: access)
  }

  private func errorNumber(_ body: () throws -> Void) -> Int32? {
    do {
      try body()
      return nil
    } catch {
      return (error as? DiskError)?.errno
    }
  }

  @Test func writesGrowAFileAndReadsReturnThem() throws {
    let disk = disk()
    let file = try disk.create("a")
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    try disk.write(file, at: 4096, bytes[10...])
    try disk.sync(file)
    #expect(try disk.byteCount(of: file) == 4096 + bytes.count - 10)
    var buffer: [UInt8] = [9, 9, 9]
    try disk.read(file, at: 4096, count: bytes.count, into: &buffer)
    #expect(buffer == Array(bytes[10...]))
    try disk.read(file, at: 0, count: 8, into: &buffer)
    #expect(buffer == [UInt8](repeating: 0, count: 8))
    try disk.read(file, at: 1 << 20, count: 8, into: &buffer)
    #expect(buffer.isEmpty)
    try disk.write(file, at: 2, [])
    disk.close(file)
  }

  @Test func theDirectoryIsMadeForItsOwnerAlone() throws {
    try disk().lock()
    var status = stat()
    #expect(stat("\(directory.path)/data", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o700)
  }

  @Test func createRefusesANameThatExists() throws {
    let disk = disk()
    disk.close(try disk.create("a"))
    #expect(errorNumber { _ = try disk.create("a") } == EEXIST)
    #expect(errorNumber { _ = try disk.open("b", isWritable: true) } == ENOENT)
  }

  @Test func listTellsKindsSizesAndOwners() throws {
    let disk = disk()
    let file = try disk.create("a")
    try disk.write(file, at: 0, [1, 2, 3])
    try disk.makeDirectory("d")
    try disk.makeDirectory("d")
    disk.close(try disk.create("d/inner"))
    symlink("a", "\(disk.path)/link")
    mkfifo("\(disk.path)/pipe", 0o600)
    var entries: [String: DiskEntry] = [:]
    for entry in try disk.list("") { entries[entry.name] = entry }
    #expect(entries["a"] == DiskEntry(name: "a", kind: .file, byteCount: 3, isOwn: true))
    #expect(entries["d"]?.kind == .directory)
    #expect(entries["link"]?.kind == .symbolicLink)
    #expect(entries["pipe"]?.kind == .other)
    #expect(entries[PosixDisk.lockName]?.kind == .file)
    #expect(try disk.list("d").map(\.name) == ["inner"])
    #expect(errorNumber { _ = try disk.list("none") } == ENOENT)
  }

  @Test func noSymbolicLinkIsFollowed() throws {
    let disk = disk()
    disk.close(try disk.create("real"))
    try disk.makeDirectory("realdir")
    disk.close(try disk.create("realdir/x"))
    symlink("real", "\(disk.path)/link")
    symlink("realdir", "\(disk.path)/linkdir")
    symlink("nowhere", "\(disk.path)/dangling")
    #expect(errorNumber { _ = try disk.open("link", isWritable: false) } == ELOOP)
    #expect(errorNumber { _ = try disk.open("linkdir/x", isWritable: false) } == ENOTDIR)
    #expect(errorNumber { _ = try disk.create("dangling") } == EEXIST)
    #expect(errorNumber { _ = try disk.create("linkdir/y") } == ENOTDIR)
    #expect(errorNumber { _ = try disk.list("linkdir") } == ENOTDIR)
    #expect(errorNumber { try disk.rename("real", to: "linkdir/z") } == ENOTDIR)
  }

  @Test func whatIsNoRegularFileIsRefusedAtOnce() throws {
    let disk = disk()
    try disk.makeDirectory("d")
    mkfifo("\(disk.path)/pipe", 0o600)
    #expect(errorNumber { _ = try disk.open("pipe", isWritable: false) } == EINVAL)
    #expect(errorNumber { _ = try disk.open("d", isWritable: false) } == EINVAL)
  }

  @Test(arguments: ["", "..", "../a", "a/../b", "/etc/passwd", "a/b/c/d", "a//b", "a\0b", "."])
  func namesThatLeadElsewhereAreRefused(name: String) throws {
    let disk = disk()
    #expect(errorNumber { _ = try disk.create(name) } == EINVAL)
    #expect(errorNumber { try disk.remove(name) } == EINVAL)
  }

  @Test func renameReplacesAndRemoveRemoves() throws {
    let disk = disk()
    let file = try disk.create("a")
    try disk.write(file, at: 0, [1])
    disk.close(file)
    disk.close(try disk.create("b"))
    try disk.makeDirectory("q")
    try disk.rename("a", to: "b")
    try disk.rename("b", to: "q/c")
    try disk.syncDirectory("")
    try disk.syncDirectory("q")
    #expect(try disk.list("q").map(\.byteCount) == [1])
    try disk.remove("q/c")
    #expect(errorNumber { try disk.remove("q/c") } == ENOENT)
    #expect(errorNumber { try disk.remove("q") } == EISDIR)
  }

  @Test func aSecondLockerIsRefusedAndToldWhoHoldsIt() throws {
    let first = disk()
    try first.lock()
    let second = disk()
    #expect(errorNumber { try second.lock() } == EWOULDBLOCK)
    #expect(errorNumber { _ = try second.create("a") } == EWOULDBLOCK)
    #expect(second.lockHolder() == getpid())
  }

  @Test func theLockGoesWithItsHolder() throws {
    do {
      let first = disk()
      try first.lock()
    }
    try disk().lock()
  }

  @Test func inspectionNeitherLocksNorWrites() throws {
    let owner = disk()
    let file = try owner.create("a")
    try owner.write(file, at: 0, [1, 2])
    let looker = disk(.inspection)
    var buffer: [UInt8] = []
    try looker.read(looker.open("a", isWritable: false), at: 0, count: 9, into: &buffer)
    #expect(buffer == [1, 2])
    #expect(errorNumber { _ = try looker.open("a", isWritable: true) } == EROFS)
    #expect(errorNumber { _ = try looker.create("b") } == EROFS)
    #expect(errorNumber { try looker.remove("a") } == EROFS)
    #expect(errorNumber { try looker.rename("a", to: "b") } == EROFS)
    #expect(errorNumber { try looker.makeDirectory("c") } == EROFS)
    #expect(errorNumber { _ = try disk(.inspection, below: "none").list("") } == ENOENT)
  }

  @Test func aDirectoryThatAppearsLaterIsUsed() throws {
    let disk = disk(below: "mount/data")
    #expect(errorNumber { _ = try disk.list("") } == ENOENT)
    mkdir("\(directory.path)/mount", 0o700)
    #expect(try disk.list("").map(\.name) == [PosixDisk.lockName])
  }

  @Test func aFileSizeLimitIsAnErrorAndNotTheEnd() async {
    await #expect(processExitsWith: .exitCode(7)) {
      var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let directory = TemporaryDirectory()
      let disk = PosixDisk(path: directory.path, access: .exclusive)
      do throws(DiskError) {
        let file = try disk.create("a")
        try disk.write(file, at: 0, [UInt8](repeating: 1, count: 10_000)[...])
      } catch {
        exit(error.errno == EFBIG ? 7 : 8)
      }
      exit(9)
    }
  }
}
