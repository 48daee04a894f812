import Glibc

/// What systemd wants to know, as one datagram each to `$NOTIFY_SOCKET`; sd_notify(3).
///
/// Without systemd nothing is sent.
package struct ServiceManager: Sendable {
  private let path: String?
  /// How often systemd wants to hear of us, microseconds; nil: not at all.
  package let watchdogInterval: Int64?

  /// Takes `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` from the environment.
  package init() {
    let watchdog = environmentValue("WATCHDOG_USEC").flatMap { Int64($0) }
    let isOurs = environmentValue("WATCHDOG_PID").map { Int32($0) == getpid() } ?? true
    self.init(
      path: environmentValue("NOTIFY_SOCKET"),
      watchdogInterval: isOurs ? watchdog : nil
    )
  }

  package init(path: String?, watchdogInterval: Int64?) {
    self.path = path
    self.watchdogInterval = path == nil ? nil : watchdogInterval.flatMap { $0 > 0 ? $0 : nil }
  }

  /// Sends assignments such as `READY=1`, one per line.
  package func notify(_ text: String) {
    guard let path, path.hasPrefix("/") || path.hasPrefix("@") else { return }
    var name = Array(path.utf8)
    // "@" stands for the NUL of an abstract name.
    if name.first == UInt8(ascii: "@") { name[0] = 0 }
    var address = sockaddr_un()
    guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
    let length = MemoryLayout<sa_family_t>.size + name.count
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { _ = close(descriptor) }
    let bytes = Array(text.utf8)
    _ = unsafe withUnsafePointer(to: &address) { address in
      unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe sendto(
          descriptor,
          bytes,
          bytes.count,
          Int32(MSG_NOSIGNAL | MSG_DONTWAIT),
          address,
          socklen_t(length)
        )
      }
    }
  }
}
