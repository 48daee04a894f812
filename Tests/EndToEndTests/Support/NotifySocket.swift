import Glibc

/// Takes what a service tells systemd.
final class NotifySocket {
  let path: String
  private let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)

  init(_ path: String) throws {
    self.path = path
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    var isStamped: Int32 = 1
    let stamped = setsockopt(
      descriptor,
      SOL_SOCKET,
      SO_TIMESTAMP,
      &isStamped,
      socklen_t(MemoryLayout<Int32>.size)
    )
    guard bound == 0, stamped == 0 else { throw TestFailure("can't bind \(path)") }
  }

  deinit { close(descriptor) }

  /// The next message, if there is one.
  func next() -> String? { nextStamped()?.text }

  /// The same with when the kernel took it from its sender, by wall clock: this process may be
  /// late to look.
  func nextStamped() -> (text: String, sentAt: Duration)? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    // A control message of 16 bytes of header, then a timeval: the layout of 64-bit Linux.
    var control = [Int64](repeating: 0, count: 8)
    let count = bytes.withUnsafeMutableBytes { bytes in
      control.withUnsafeMutableBytes { control in
        var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &part) { part in
          var message = msghdr()
          message.msg_iov = part
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
          return recvmsg(descriptor, &message, 0)
        }
      }
    }
    guard count >= 0 else { return nil }
    let sentAt = Duration.seconds(control[2]) + .microseconds(control[3])
    return (String(decoding: bytes.prefix(count), as: UTF8.self), sentAt)
  }
}
