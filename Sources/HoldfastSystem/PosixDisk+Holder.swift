import Glibc

extension PosixDisk {
  /// Bytes of `/proc/locks` looked at: some thousand locks.
  private static let locksByteCountMax = 256 << 10

  /// Whether a process holds the directory's lock, found out without touching the lock: a look
  /// must never keep an agent from starting.
  ///
  /// False as well where `/proc/locks` can't be read.
  public func isHeld() -> Bool {
    var status = stat()
    guard unsafe stat("\(path)/\(Self.lockName)", &status) == 0, let locks = readLocks() else {
      return false
    }
    let inode = "\(status.st_ino)"
    let device = "\(Self.major(status.st_dev)):\(Self.minor(status.st_dev))"
    let holder = lockHolder().map { "\($0)" }
    for line in locks.split(separator: "\n") {
      // `1: FLOCK  ADVISORY  WRITE 4242 08:01:131090 0 EOF`
      let words = line.split(separator: " ")
      guard words.count >= 6, words[1] == "FLOCK", words[3] == "WRITE" else { continue }
      let place = words[5].split(separator: ":")
      guard place.count == 3, place[2] == inode, let high = Int(place[0], radix: 16),
        let low = Int(place[1], radix: 16)
      else { continue }
      // Some file systems name another device here; the process decides then.
      if "\(high):\(low)" == device || holder == String(words[4]) { return true }
    }
    return false
  }

  /// The kernel hands the file out in pieces.
  private func readLocks() -> String? {
    let descriptor = unsafe Glibc.open("/proc/locks", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { _ = Glibc.close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16 << 10)
    while bytes.count < Self.locksByteCountMax {
      let count = retryingInterrupted { unsafe Glibc.read(descriptor, &piece, piece.count) }
      if count <= 0 { break }
      bytes += piece.prefix(count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// As in makedev(3).
  private static func major(_ device: dev_t) -> UInt64 {
    UInt64(device) >> 8 & 0xfff | UInt64(device) >> 32 & 0xffff_f000
  }

  private static func minor(_ device: dev_t) -> UInt64 {
    UInt64(device) & 0xff | UInt64(device) >> 12 & 0xffff_ff00
  }
}
