import Glibc
import HoldfastSystem
import Testing

@Suite struct DirectoryProbeTests {
  private let mounts = """
    /dev/root / ext4 rw 0 0
    tmpfs /run tmpfs rw 0 0
    server:/x /mnt/share nfs4 rw 0 0
    /dev/mmcblk0p3 /run/data ext4 rw 0 0
    /dev/sdb /mnt ext4 rw 0 0
    tmpfs /mnt tmpfs rw 0 0
    """

  @Test(arguments: [
    ("/var/lib/holdfast", "ext4"), ("/run/holdfast", "tmpfs"), ("/run/data/holdfast", "ext4"),
    ("/run/database", "tmpfs"), ("/mnt/share", "nfs4"), ("/mnt/card", "tmpfs"),
  ])
  func `the longest mount that holds a directory tells its kind`(path: String, kind: String) {
    #expect(DirectoryProbe.fileSystem(of: path, mounts: mounts) == kind)
  }

  @Test func `a table without a root tells nothing`() {
    #expect(DirectoryProbe.fileSystem(of: "/var", mounts: "tmpfs /run tmpfs rw 0 0") == nil)
    #expect(DirectoryProbe.fileSystem(of: "/var", mounts: "broken") == nil)
  }

  @Test func `a directory is measured and left as it was`() throws {
    var template = Array("/var/tmp/holdfast-probe.XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer { rmdir(path) }
    let report = DirectoryProbe.look(at: path)
    #expect(report.failure == nil)
    #expect(report.mode == 0o700)
    #expect(report.freeByteCount > 0)
    #expect(!report.flushes.isEmpty && report.flushes == report.flushes.sorted())
    #expect(rmdir(path) == 0, "a file was left")
  }

  @Test func `what is not there, and what is no directory, is told`() {
    #expect(DirectoryProbe.look(at: "/nowhere/at/all").failure == "No such file or directory")
    #expect(DirectoryProbe.look(at: "/etc/passwd").failure == "it is no directory")
  }
}
