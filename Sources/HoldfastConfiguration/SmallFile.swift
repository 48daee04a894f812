import Glibc

/// Why a small file couldn't be read.
enum SmallFileError: Error, Equatable {
  case tooLarge
  case notAFile
  /// In the operating system's words.
  case failed(String)
}

/// A configuration file or a secret, read whole.
struct SmallFile {
  /// Largest configuration file.
  static let configurationByteCountMax = 1 << 20
  /// Largest secret: what fits in an MQTT CONNECT packet, and a line end.
  static let secretByteCountMax = 65_536

  var bytes: [UInt8]
  /// Anyone on this machine may read it.
  var isWorldReadable: Bool

  init(path: String, byteCountMax: Int) throws(SmallFileError) {
    // O_NONBLOCK: opening a named pipe must not wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .failed(Self.lastError) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .failed(Self.lastError) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
    isWorldReadable = status.st_mode & S_IROTH != 0
    var read: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let count = Glibc.read(descriptor, &piece, piece.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .failed(Self.lastError)
      }
      if count == 0 { break }
      read += piece[..<count]
      guard read.count <= byteCountMax else { throw .tooLarge }
    }
    bytes = read
  }

  private static var lastError: String { String(cString: strerror(errno)) }
}

extension SmallFileError {
  /// What is wrong, to follow the file's name.
  var what: String {
    switch self {
    case .tooLarge: "is too large"
    case .notAFile: "is not a regular file"
    case .failed(let words): "can't be read (\(words))"
    }
  }
}

/// `path`, taken from the directory of the file at `base` unless it is absolute.
func resolved(_ path: String, besides base: String) -> String {
  guard !path.hasPrefix("/"), let slash = base.lastIndex(of: "/") else { return path }
  return base[...slash] + path
}

extension SmallFile {
  /// Its only line, without the line's end; nil where it is empty or no text.
  var line: String? {
    var rest = bytes[...]
    if rest.last == UInt8(ascii: "\n") { rest = rest.dropLast() }
    if rest.last == UInt8(ascii: "\r") { rest = rest.dropLast() }
    guard !rest.isEmpty, !rest.contains(0) else { return nil }
    return String(validating: rest, as: UTF8.self)
  }
}
