import Glibc
package import HoldfastEvent
package import Logging
import Synchronization

/// Where log lines end: one line each, repeats counted instead of repeated, memory bounded.
package final class LogSink: Sendable {
  /// An identical line within this long after its first is counted, microseconds.
  package static let repeatInterval: Int64 = 10_000_000
  /// How many different lines are remembered for that.
  package static let rememberedCountMax = 16
  /// Most bytes of one line; also what a pipe takes at once (PIPE_BUF).
  package static let lineByteCountMax = 4096

  private struct Remembered {
    var level: Logger.Level
    var text: String
    /// Microseconds by boot clock.
    var until: Int64
    var repeatCount = 0
  }

  private struct State {
    var remembered: [Remembered] = []
    var lostLineCount = 0
  }

  private let hasPriorityPrefix: Bool
  private let clock: @Sendable () -> ClockReading
  private let output: @Sendable ([UInt8]) -> Bool
  private let state = Mutex(State())

  /// Makes a sink.
  ///
  /// - Parameters:
  ///   - hasPriorityPrefix: `<5>` as in sd-daemon(3) instead of time and level.
  ///   - clock: both clocks.
  ///   - output: takes one line, newline included; false when it could not.
  package init(
    hasPriorityPrefix: Bool,
    clock: @escaping @Sendable () -> ClockReading,
    output: @escaping @Sendable ([UInt8]) -> Bool
  ) {
    self.hasPriorityPrefix = hasPriorityPrefix
    self.clock = clock
    self.output = output
  }

  /// The process's standard error.
  package static let standardError = LogSink(
    hasPriorityPrefix: isJournal(STDERR_FILENO),
    clock: SystemClock.reading,
    output: { line in
      // Nobody reading our log must not stop us: a line that does not fit at once is lost.
      var request = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
      guard unsafe poll(&request, 1, 0) == 1 else { return false }
      let count = unsafe line.withUnsafeBytes { line in
        retryingInterrupted { unsafe Glibc.write(STDERR_FILENO, line.baseAddress, line.count) }
      }
      return count == line.count
    }
  )

  /// Writes a line, or counts it as a repeat.
  package func log(_ level: Logger.Level, _ text: String) {
    let now = clock()
    state.withLock { state in
      expire(&state, now)
      let known = state.remembered.firstIndex { $0.text == text && $0.level == level }
      if let known {
        state.remembered[known].repeatCount += 1
        return
      }
      write(level, text, now, &state)
      if state.remembered.count >= Self.rememberedCountMax {
        tell(state.remembered.removeFirst(), now, &state)
      }
      state.remembered.append(
        Remembered(level: level, text: text, until: now.boot + Self.repeatInterval)
      )
    }
  }

  /// Writes the counts of lines whose time has come; wants to be called now and then.
  package func expire() {
    let now = clock()
    state.withLock { expire(&$0, now) }
  }

  /// Writes all counts, at the end.
  package func flush() {
    let now = clock()
    state.withLock { state in
      for line in state.remembered { tell(line, now, &state) }
      state.remembered.removeAll()
    }
  }

  private func expire(_ state: inout State, _ now: ClockReading) {
    // In order of `until`, because all are remembered equally long.
    while let first = state.remembered.first, first.until <= now.boot {
      state.remembered.removeFirst()
      tell(first, now, &state)
    }
  }

  private func tell(_ line: Remembered, _ now: ClockReading, _ state: inout State) {
    if line.repeatCount == 0 { return }
    let count = line.repeatCount == 1 ? "once" : "\(line.repeatCount) times"
    write(line.level, "message repeated \(count): \(line.text)", now, &state)
  }

  private func write(
    _ level: Logger.Level,
    _ text: String,
    _ now: ClockReading,
    _ state: inout State
  ) {
    if state.lostLineCount > 0 {
      let notice = "\(state.lostLineCount) log lines could not be written"
      if output(line(.warning, notice, now)) { state.lostLineCount = 0 }
    }
    if !output(line(level, text, now)) { state.lostLineCount += 1 }
  }

  private func line(_ level: Logger.Level, _ text: String, _ now: ClockReading) -> [UInt8] {
    let head =
      hasPriorityPrefix
      ? "<\(level.priority)>" : "\(rfc3339(wallMicroseconds: now.wall)) \(level.rawValue) "
    var bytes = Array(head.utf8)
    for scalar in text.unicodeScalars {
      if bytes.count > Self.lineByteCountMax - 16 {
        bytes += Array("...".utf8)
        break
      }
      append(scalar, to: &bytes)
    }
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  /// Control characters are spelled out: a topic or a broker's words must not forge lines or
  /// steer a terminal.
  private func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
    switch scalar.value {
    case 0x0a: bytes += Array("\\n".utf8)
    case 0x09: bytes += Array("\\t".utf8)
    case 0x0d: bytes += Array("\\r".utf8)
    case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069:
      bytes += Array("\\u{\(String(scalar.value, radix: 16))}".utf8)
    default: bytes += Array(String(scalar).utf8)
    }
  }
}

extension Logger.Level {
  /// Syslog's number for it.
  fileprivate var priority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}

/// Whether a descriptor is the stream that systemd connected to the journal.
private func isJournal(_ descriptor: Int32) -> Bool {
  guard let stream = environmentValue("JOURNAL_STREAM") else { return false }
  var status = stat()
  guard unsafe fstat(descriptor, &status) == 0 else { return false }
  return stream == "\(status.st_dev):\(status.st_ino)"
}
