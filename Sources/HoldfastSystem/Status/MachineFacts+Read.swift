import CTimex
import Glibc
package import HoldfastStatus

// What the operating system says, from /proc and /sys; what it does not say stays unknown.

extension MachineFacts {
  /// Reads all of it.
  ///
  /// - Parameter dataDirectory: whose device is meant.
  /// - Returns: what could be read.
  package static func read(dataDirectory: String) -> MachineFacts {
    var facts = MachineFacts()
    facts.readProcess()
    facts.isClockSynchronised = isClockSynchronised()
    var space = statvfs()
    if unsafe statvfs(dataDirectory, &space) == 0 {
      facts.freeByteCount = UInt64(space.f_bavail) &* UInt64(space.f_frsize)
    }
    var status = stat()
    if unsafe stat(dataDirectory, &status) == 0 {
      facts.device = Device.read(number: UInt64(status.st_dev), system: "/sys")
    }
    return facts
  }

  private mutating func readProcess() {
    let page = UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
    if let words = text("/proc/self/statm")?.split(separator: " "), words.count > 1 {
      residentByteCount = UInt64(words[1]).map { $0 &* page }
    }
    // The name in parentheses may hold anything; numbers follow the last of them (proc(5)).
    if let stat = text("/proc/self/stat"), let end = stat.lastIndex(of: ")") {
      let words = stat[end...].split(separator: " ")
      let tick = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
      if words.count > 18, let user = UInt64(words[12]), let system = UInt64(words[13]) {
        cpuMicroseconds = (user &+ system) &* 1_000_000 / tick
        threadCount = UInt64(words[18])
      }
    }
    var limit = rlimit()
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      descriptorCountMax = UInt64(limit.rlim_cur)
    }
    descriptorCount = Self.openDescriptorCount()
  }

  private static func openDescriptorCount() -> UInt64? {
    guard let directory = unsafe opendir("/proc/self/fd") else { return nil }
    defer { unsafe closedir(directory) }
    var count: UInt64 = 0
    while unsafe readdir(directory) != nil { count += 1 }
    // Not `.`, `..` and the directory itself.
    return count > 3 ? count - 3 : 0
  }

  /// STA_UNSYNC of adjtimex(2), which anybody may ask for.
  private static func isClockSynchronised() -> Bool? {
    let state = holdfast_clock_is_synchronised()
    return state < 0 ? nil : state == 1
  }
}

extension MachineFacts.Device {
  /// The device of that number below `system`, which is `/sys` but for tests; nil where there is
  /// none, such as for a file system in memory.
  package static func read(number: UInt64, system: String) -> MachineFacts.Device? {
    // As in makedev(3).
    let major = (number >> 8 & 0xfff) | (number >> 32 & ~0xfff)
    let minor = (number & 0xff) | (number >> 12 & ~0xff)
    var path = "\(system)/dev/block/\(major):\(minor)"
    guard unsafe access(path, F_OK) == 0 else { return nil }
    // A partition lies within its device's directory.
    if unsafe access(path + "/partition", F_OK) == 0 { path += "/.." }
    var device = MachineFacts.Device()
    device.name = resolvedName(path)
    if let sectors = text(path + "/size").flatMap({ UInt64($0) }) {
      device.byteCount = sectors &* 512
    }
    if let words = text(path + "/stat")?.split(separator: " "), words.count > 6 {
      // Sectors of 512 bytes, whatever the device's own are.
      device.writtenByteCount = UInt64(words[6]).map { $0 &* 512 }
    }
    device.kind = text(path + "/device/type") ?? ""
    device.lifeUsedPercent = lifeUsed(text(path + "/device/life_time"))
    device.made = made(text(path + "/device/date"))
    return device
  }

  /// `0x03 0x01`: the worse of both areas; 1 to 10 are tenths, 11 is beyond, 0 is not defined.
  package static func lifeUsed(_ text: String?) -> Int? {
    let values = (text ?? "").split(separator: " ").compactMap { word -> Int? in
      guard word.hasPrefix("0x") else { return nil }
      return Int(word.dropFirst(2), radix: 16)
    }
    return values.filter { (1...11).contains($0) }.max().map { $0 * 10 }
  }

  /// `08/2017`.
  package static func made(_ text: String?) -> (year: Int, month: Int)? {
    let words = (text ?? "").split(separator: "/")
    guard words.count == 2, let month = Int(words[0]), let year = Int(words[1]),
      (1...12).contains(month), (2000...2200).contains(year)
    else { return nil }
    return (year, month)
  }

  private static func resolvedName(_ path: String) -> String {
    guard let resolved = unsafe realpath(path, nil) else { return "" }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved).split(separator: "/").last.map(String.init) ?? ""
  }
}

/// A small file's text without what surrounds it.
private func text(_ path: String) -> String? {
  guard let bytes = readSmallFile(path, byteCountMax: 4096) else { return nil }
  let isSpace = { (byte: UInt8) in byte <= 32 }
  let trimmed = bytes.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
  return String(decoding: trimmed, as: UTF8.self)
}
