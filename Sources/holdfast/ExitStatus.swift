import Glibc

/// What the command itself ends with; the agent's loop has codes of its own (docs/commands.md).
enum ExitStatus {
  /// `check`: the configuration can't be used.
  static let invalid: Int32 = 1
  /// `status`: data is safe, and something wants attention.
  static let attention: Int32 = 1
  /// `status`: events are lost or held back, or the disk fails.
  static let alarm: Int32 = 2
  /// EX_USAGE: called in a way that can't work.
  static let usage: Int32 = 64
  /// EX_DATAERR: the ring log is damaged or its accounts don't balance.
  static let data: Int32 = 65
  /// EX_NOINPUT: there is no ring log, or it can't be read.
  static let noInput: Int32 = 66
  /// EX_UNAVAILABLE: the upstream can't be reached, or refuses.
  static let unavailable: Int32 = 69
  /// EX_IOERR: a file or standard output takes no more.
  static let inputOutput: Int32 = 74
  /// EX_TEMPFAIL: another process holds the data directory.
  static let locked: Int32 = 75
  /// EX_CONFIG of sysexits.h, which systemd shows by name.
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
