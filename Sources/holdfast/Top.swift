import ArgumentParser
import Glibc
import HoldfastSystem

/// `holdfast top`: the topics of a running agent, live.
struct Top: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows the loudest topics of the running agent, live.",
    discussion: """
      Needs a terminal; works over ssh, from 80 columns and 24 lines on. Keys:
      r, b, d, s sort by events per second, bytes per second, dropped events,
      silence; q or Ctrl-C ends it and leaves the terminal as it was. Topics are
      those that the agent remembers, see max_topics in [status].

      EXAMPLES:
        holdfast top
        holdfast top --sort bytes --data-dir /tmp/holdfast-demo
        ssh -t gateway-7 sudo holdfast top
      """
  )

  /// Between two questions, milliseconds.
  private static let interval: Int32 = 2000

  @OptionGroup var place: StatusPlace

  @Option(help: "What to sort by at first: rate, bytes, drops or silence.")
  var sort = "rate"

  func validate() throws {
    guard TopScreen.Order(rawValue: sort) != nil else {
      throw ValidationError("--sort must be rate, bytes, drops or silence.")
    }
  }

  func run() throws {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
      complain("holdfast top needs a terminal; holdfast status writes text and JSON")
      throw ExitCode(ExitStatus.usage)
    }
    var screen = TopScreen()
    // Once before the terminal is touched, so that a failure is an ordinary message.
    try ask(&screen)
    guard let terminal = RawTerminal() else {
      complain("the terminal can't be used: \(String(cString: strerror(errno)))")
      throw ExitCode(ExitStatus.inputOutput)
    }
    defer { terminal.restore() }
    var order = TopScreen.Order(rawValue: sort) ?? .rate
    while true {
      let size = RawTerminal.size()
      terminal.show(screen.lines(width: size.width, height: size.height, order: order))
      switch terminal.key(within: Self.interval) {
      case .key(let key):
        if key == "q" || key == "\u{3}" || key == "\u{4}" { return }
        if let chosen = TopScreen.Order.allCases.first(where: { $0.key == key }) { order = chosen }
      case .end: return
      case .none:
        do { try ask(&screen) } catch { screen.trouble = "no agent answers; what follows is old" }
      }
    }
  }

  private func ask(_ screen: inout TopScreen) throws {
    let isFirst = screen.head.isEmpty
    let status = try place.get("/status.txt", isQuiet: !isFirst)
    let topics = try place.get("/topics.tsv", isQuiet: !isFirst)
    let text = String(decoding: status.body, as: UTF8.self)
    screen.head = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(2).map(
      String.init
    )
    screen.rows = TopScreen.rows(of: String(decoding: topics.body, as: UTF8.self))
    screen.trouble = nil
  }
}

/// A terminal in raw mode on its second screen; gives both back.
private final class RawTerminal {
  enum Event { case key(Character), none, end }

  private var before = termios()
  private var isRestored = false

  /// Nil where the terminal refuses.
  init?() {
    guard tcgetattr(STDIN_FILENO, &before) == 0 else { return nil }
    // These end the process: it must give the terminal back first. They are looked for with each key.
    for number in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] { signal(number, noteSignal) }
    // A new size is drawn at once, as the signal ends the wait.
    signal(SIGWINCH, noteResize)
    var raw = before
    cfmakeraw(&raw)
    guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0 else { return nil }
    // The second screen; no cursor.
    write("\u{1b}[?1049h\u{1b}[?25l")
  }

  deinit { restore() }

  func restore() {
    if isRestored { return }
    isRestored = true
    write("\u{1b}[?25h\u{1b}[?1049l")
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
  }

  /// Columns and lines; 80 and 24 where the terminal doesn't tell.
  static func size() -> (width: Int, height: Int) {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
    else {
      return (80, 24)
    }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Draws over what is there, without a flicker.
  func show(_ lines: [String]) {
    write("\u{1b}[H" + lines.map { $0 + "\u{1b}[K" }.joined(separator: "\r\n") + "\u{1b}[J")
  }

  /// The next key; none after the time, or when the size changed.
  func key(within milliseconds: Int32) -> Event {
    var request = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    let count = poll(&request, 1, milliseconds)
    if hasSignal != 0 { return .end }
    guard count > 0 else { return .none }
    var byte: UInt8 = 0
    guard read(STDIN_FILENO, &byte, 1) == 1 else { return .end }
    return .key(Character(UnicodeScalar(byte)))
  }

  private func write(_ text: String) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      done += count
    }
  }
}

// Written by a signal handler, which may touch nothing else; read by the only thread there is.
nonisolated(unsafe) private var hasSignal: sig_atomic_t = 0

private func noteSignal(_ number: Int32) { hasSignal = 1 }

private func noteResize(_ number: Int32) {}
