import Glibc

/// Standard output as the place that whole lines go to, durably where it is a file.
struct LineOutput {
  /// What a pipe that polls writable takes without blocking (PIPE_BUF).
  private static let pieceByteCount = 4096
  /// How far back the end of the last whole line is looked for: a line has at most so many bytes.
  private static let lineByteCountMax = 64 << 20

  private let descriptor: Int32

  init(descriptor: Int32 = STDOUT_FILENO) { self.descriptor = descriptor }

  /// Cuts off what an earlier run had written of a line when it was killed: it comes again, whole.
  ///
  /// Only where output is appended to a regular file (`>> events.ndjson`).
  ///
  /// - Returns: how many bytes were cut off; nil where the file can't be read or cut.
  func trim() -> Int? {
    var status = stat()
    let flags = fcntl(descriptor, F_GETFL)
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      flags & O_APPEND != 0, status.st_size > 0
    else { return 0 }
    // What was opened for appending only can't be read.
    let reader = unsafe open("/proc/self/fd/\(descriptor)", O_RDONLY | O_CLOEXEC)
    guard reader >= 0 else { return nil }
    defer { _ = close(reader) }
    let size = Int(status.st_size)
    var end = size
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while end > 0, size - end < Self.lineByteCountMax {
      let start = max(0, end - piece.count)
      let count = unsafe piece.withUnsafeMutableBytes {
        unsafe pread(reader, $0.baseAddress, end - start, off_t(start))
      }
      guard count == end - start else { return nil }
      if let place = piece[..<count].lastIndex(of: UInt8(ascii: "\n")) {
        end = start + place + 1
        break
      }
      end = start
    }
    if end == size { return 0 }
    return ftruncate(descriptor, off_t(end)) == 0 ? size - end : nil
  }

  /// How writing ended.
  enum Outcome: Equatable {
    case written
    /// Ended on request; a part may have been written.
    case interrupted
    /// With the operating system's error number.
    case failed(Int32)
  }

  /// Writes all of it; a reader that is slow holds up the caller, which is how it should be.
  ///
  /// - Parameters:
  ///   - bytes: whole lines.
  ///   - wake: polls readable when `isInterrupted` is worth asking.
  ///   - isInterrupted: whether to end without having written all.
  /// - Returns: how it ended.
  func write(_ bytes: [UInt8], wake: Int32, isInterrupted: () -> Bool) -> Outcome {
    var done = 0
    while done < bytes.count {
      let ready = waitForEvents(
        [PollRequest(descriptor, POLLOUT), PollRequest(wake, POLLIN)],
        microseconds: .max
      )
      if ready[0] == 0 {
        if isInterrupted() { return .interrupted }
        continue
      }
      let count = unsafe bytes[done...].prefix(Self.pieceByteCount).withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count > 0 {
        done += count
      } else if errno != EINTR && errno != EAGAIN {
        return .failed(errno)
      }
    }
    // What is no file can't be synced (EINVAL), nor one on a medium without it (EROFS).
    if fdatasync(descriptor) != 0, errno != EINVAL, errno != EROFS { return .failed(errno) }
    return .written
  }
}
