/// A step from a table to what it holds.
enum PathStep: Hashable {
  case key(String)
  case index(Int)
}

/// Where the keys and array elements of a TOML text stand.
///
/// The TOML library names a line for a broken text only; an operator needs it for a wrong key
/// too. This scanner reads just enough of TOML to find them: headers, keys (bare, quoted,
/// dotted), strings of all four kinds, arrays, inline tables and comments. It judges nothing,
/// takes any bytes, always ends and never traps; what it misunderstands costs a line number.
struct KeyPositions {
  /// Deeper paths than this are not kept: no key of ours lies that deep.
  static let depthMax = 8
  /// Deeper nesting than this is refused before the library sees it.
  static let nestingMax = 64

  /// Lines, from 1, by path.
  private(set) var lines: [[PathStep]: Int] = [:]
  /// What the library must not see: escaped NULs (it would cut the text there), nesting without
  /// end, and what it would take for a mistake of its own.
  private(set) var defects: [(line: Int, what: String)] = []

  init(_ text: [UInt8]) {
    var scanner = KeyScanner(text)
    scanner.run()
    lines = scanner.lines
    defects = scanner.defects
  }

  /// The line of `path`, or of the nearest table around it; 1 if nothing is known.
  func line(of path: [PathStep]) -> Int {
    var path = path
    while !path.isEmpty {
      if let line = lines[path] { return line }
      path.removeLast()
    }
    return 1
  }
}
