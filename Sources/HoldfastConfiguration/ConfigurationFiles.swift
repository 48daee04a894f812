import Glibc

/// A file's bytes as read, before anything is known about them.
struct ConfigurationText {
  /// For messages.
  var name: String
  var bytes: [UInt8]
  /// Anyone on this machine may read it.
  var isWorldReadable: Bool
}

/// The file that was named and, in the byte order of their names, those of `conf.d` beside it.
///
/// Of `conf.d` count regular files whose name ends in `.toml` and doesn't begin with a dot, so that
/// an editor's or a package manager's leavings change nothing. There need be no such directory.
struct ConfigurationFiles {
  static let directoryName = "conf.d"
  /// Most files in `conf.d`.
  static let fragmentCountMax = 100

  private(set) var texts: [ConfigurationText] = []
  /// What can't be read; one problem per file.
  private(set) var failures: [ConfigurationProblem] = []

  /// - Parameters:
  ///   - path: the file that was named.
  ///   - hasDirectory: whether `conf.d` counts.
  init(path: String, hasDirectory: Bool = true) {
    add(path, isNamed: true)
    if !hasDirectory { return }
    let directory = resolved(Self.directoryName, besides: path)
    guard let names = names(in: directory) else { return }
    guard names.count <= Self.fragmentCountMax else {
      fail(
        directory,
        "there are \(names.count) files, more than \(Self.fragmentCountMax)",
        "put several of them into one"
      )
      return
    }
    for name in names { add("\(directory)/\(name)", isNamed: false) }
  }

  private mutating func add(_ path: String, isNamed: Bool) {
    do {
      let file = try SmallFile(path: path, byteCountMax: SmallFile.configurationByteCountMax)
      texts.append(
        ConfigurationText(name: path, bytes: file.bytes, isWorldReadable: file.isWorldReadable)
      )
    } catch {
      fail(
        isNamed ? nil : path,
        "the file \(error.what)",
        "give a readable TOML file of at most 1MiB"
      )
    }
  }

  private mutating func fail(_ file: String?, _ what: String, _ remedy: String) {
    failures.append(
      ConfigurationProblem(file: file, line: 1, key: "", what: what, remedy: remedy)
    )
  }

  /// Sorted; nil where there is no such directory, or where that is told as a failure.
  private mutating func names(in directory: String) -> [String]? {
    guard let stream = opendir(directory) else {
      if errno != ENOENT {
        fail(
          directory,
          "the directory can't be read (\(String(cString: strerror(errno))))",
          "make it a directory that Holdfast may read, or remove it"
        )
      }
      return nil
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let bytes = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      let name = String(decoding: bytes, as: UTF8.self)
      if name.hasSuffix(".toml") && !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
