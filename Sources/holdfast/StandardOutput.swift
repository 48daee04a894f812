import ArgumentParser
import Glibc

/// Standard output in large pieces.
///
/// A reader that has seen enough (`holdfast ring cat | head`) ends the command, quietly and well.
struct StandardOutput {
  private static let pieceByteCount = 64 << 10
  /// Another file may stand in its place.
  var descriptor = STDOUT_FILENO
  private var bytes: [UInt8] = []

  /// A closed pipe must be an error of write(2), not a signal.
  init() { _ = signal(SIGPIPE, SIG_IGN) }

  mutating func write(_ text: String) throws {
    bytes.append(contentsOf: text.utf8)
    if bytes.count >= Self.pieceByteCount { try flush() }
  }

  mutating func write(line: String) throws { try write(line + "\n") }

  /// Lets `body` append to what is written next.
  mutating func append(_ body: (inout [UInt8]) -> Void) throws {
    body(&bytes)
    if bytes.count >= Self.pieceByteCount { try flush() }
  }

  mutating func flush() throws {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count > 0 {
        done += count
      } else if errno == EPIPE {
        throw ExitCode.success
      } else if errno != EINTR {
        complain("can't write the output: \(String(cString: strerror(errno)))")
        throw ExitCode(ExitStatus.inputOutput)
      }
    }
    bytes.removeAll(keepingCapacity: true)
  }
}
