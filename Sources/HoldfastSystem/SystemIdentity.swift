import Glibc

/// What tells this machine, and this boot, from others.
public enum SystemIdentity {
  /// A hash of the machine's id, stable for as long as the id is.
  ///
  /// From `/etc/machine-id`; where that is missing, empty or not set up yet, from the host name.
  public static func machine() -> UInt64 {
    if let id = readSmallFile("/etc/machine-id", byteCountMax: 64).map(trimmed),
      id.count >= 16, id.allSatisfy(isHexadecimal)
    {
      return hash(id)
    }
    var name = [CChar](repeating: 0, count: 256)
    _ = unsafe gethostname(&name, name.count - 1)
    return hash(name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }[...])
  }

  /// A hash of the kernel's boot id; 0 where there is none.
  public static func bootID() -> UInt64 {
    readSmallFile("/proc/sys/kernel/random/boot_id", byteCountMax: 64).map { hash(trimmed($0)) }
      ?? 0
  }

  /// 64 random bits of the kernel's.
  public static func seed() -> UInt64 {
    // getrandom(2) on Linux.
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }

  /// FNV-1a, 64 bits, with MurmurHash3's finalizer.
  ///
  /// Its results are kept on disk, so it must never change.
  package static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
    hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
    return hash ^ hash >> 33
  }

  private static func trimmed(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
    bytes.prefix { $0 > 32 }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
    default: false
    }
  }
}
