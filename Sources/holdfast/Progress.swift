import Glibc

/// A bar on standard error for work that takes a while; nothing where that is no terminal.
struct Progress {
  private static let barWidth = 30
  /// Microseconds between two pictures: often enough to look alive over ssh.
  private static let interval: Int64 = 100_000

  private let title: String
  private let isShown: Bool
  private var shownAt: Int64 = .min
  private var isVisible = false

  /// - Parameters:
  ///   - title: what is done, in one short word.
  ///   - isAmongOutput: whether lines go to standard output meanwhile. On one terminal with them, a
  ///     bar would end up within a line.
  init(_ title: String, isAmongOutput: Bool = false) {
    self.title = title
    isShown = isatty(STDERR_FILENO) == 1 && !(isAmongOutput && isatty(STDOUT_FILENO) == 1)
  }

  /// Draws it, if the last time was long enough ago.
  mutating func show(_ done: UInt64, of total: UInt64) {
    guard isShown else { return }
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let now = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    guard shownAt == .min || now - shownAt >= Self.interval else { return }
    // A short piece of work needs no bar: the first picture comes after the first interval.
    if shownAt != .min {
      write(Self.line(title, done, of: total))
      isVisible = true
    }
    shownAt = now
  }

  /// Takes it away, so that what follows begins on a clean line.
  mutating func clear() {
    if isVisible { write("\r\u{1b}[K") }
    isVisible = false
  }

  /// `verify  [#########.....................]  31 %`.
  static func line(_ title: String, _ done: UInt64, of total: UInt64) -> String {
    let share = total == 0 ? 1 : min(1, Double(done) / Double(total))
    let full = Int(share * Double(barWidth))
    let bar = String(repeating: "#", count: full) + String(repeating: ".", count: barWidth - full)
    return "\r\(title)  [\(bar)]  \(Int(share * 100)) %\u{1b}[K"
  }

  private func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
