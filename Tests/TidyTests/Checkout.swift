import Glibc

/// The checkout that these tests were compiled from.
struct Checkout {
  /// Its directory, without a slash at the end.
  static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    .dropLast(3).joined(separator: "/")
  /// Larger files are no sources.
  private static let fileByteCountMax = 4 << 20

  /// The paths of all files below `directory`, relative to the root and sorted; build products
  /// and hidden files are left out.
  static func files(below directory: String = "") -> [String] {
    var found: [String] = []
    for (name, isDirectory) in entries(of: directory) where !name.hasPrefix(".") {
      let path = directory.isEmpty ? name : "\(directory)/\(name)"
      if isDirectory {
        found += files(below: path)
      } else {
        found.append(path)
      }
    }
    return found.sorted()
  }

  static func swiftFiles(below directories: [String]) -> [String] {
    directories.flatMap { files(below: $0) }.filter { $0.hasSuffix(".swift") }
  }

  /// The text of a file; nil if there is none, or if it isn't text.
  static func text(of path: String) -> String? {
    guard let file = fopen("\(root)/\(path)", "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      if count == 0 { break }
      bytes += piece[..<count]
      if bytes.count > fileByteCountMax { return nil }
    }
    return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
  }

  private static func entries(of directory: String) -> [(name: String, isDirectory: Bool)] {
    guard let stream = opendir("\(root)/\(directory)") else { return [] }
    defer { closedir(stream) }
    var found: [(name: String, isDirectory: Bool)] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      var status = stat()
      guard lstat("\(root)/\(directory)/\(name)", &status) == 0 else { continue }
      found.append((name, status.st_mode & S_IFMT == S_IFDIR))
    }
    return found
  }
}

/// A broken rule: where, and what to do instead.
struct Fault: Equatable, CustomStringConvertible {
  var path: String
  /// From 1.
  var line: Int
  var remedy: String

  var description: String { "\(path):\(line): \(remedy)" }
}
