import Glibc

/// A temporary directory with files, removed with its owner.
final class ScratchDirectory {
  let path: String
  private var made: [String] = []

  init() {
    var template = Array("/tmp/holdfast-configuration-XXXXXX".utf8CString)
    path =
      mkdtemp(&template) == nil
      ? "/nonexistent"
      : String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in made.reversed() { remove("\(path)/\(name)") }
    rmdir(path)
  }

  func makeDirectory(_ name: String) {
    mkdir("\(path)/\(name)", 0o700)
    made.append(name)
  }

  /// Writes a file and returns its path.
  @discardableResult func write(_ name: String, _ text: String, mode: mode_t = 0o600) -> String {
    let file = "\(path)/\(name)"
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, mode)
    defer { close(descriptor) }
    fchmod(descriptor, mode)
    let bytes = Array(text.utf8)
    _ = Glibc.write(descriptor, bytes, bytes.count)
    if !made.contains(name) { made.append(name) }
    return file
  }
}
