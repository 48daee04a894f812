import Glibc

/// What the command ends with: the numbers of sysexits.h, which systemd shows by name.
enum ExitStatus {
  static let fault: Int32 = 70
  static let cannotCreate: Int32 = 73
  static let locked: Int32 = 75
  static let configuration: Int32 = 78
}

/// Writes lines to standard error, as far as it takes them.
func complain(_ text: String) {
  let bytes = Array((text + "\n").utf8)
  var written = 0
  while written < bytes.count {
    let count = bytes[written...].withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else { return }
    written += count
  }
}
