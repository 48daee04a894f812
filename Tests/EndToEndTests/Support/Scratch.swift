import Glibc
import Synchronization

/// A temporary directory of one test; goes with its owner, unless HOLDFAST_KEEP is set.
final class Scratch {
  let path: String
  /// Where the test's programs run, if not in everyone's network.
  var network: Network?
  private var counter = 0

  init() throws {
    var template = Array("/tmp/holdfast-test.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw TestFailure("no temporary directory: \(String(cString: strerror(errno)))")
    }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    // Mosquitto gives up root and must still get at its own part.
    chmod(path, 0o755)
  }

  deinit {
    if getenv("HOLDFAST_KEEP") == nil { Self.remove(path) }
  }

  func newPath(_ name: String) -> String {
    counter += 1
    return "\(path)/\(counter)-\(name)"
  }

  /// Makes a directory that Mosquitto can write to.
  func makeDirectory(_ name: String, forMosquitto: Bool = false) throws -> String {
    let directory = newPath(name)
    guard mkdir(directory, 0o755) == 0 else { throw TestFailure("can't make \(directory)") }
    if forMosquitto, getuid() == 0 {
      guard let user = getpwnam("mosquitto") else { throw TestFailure("no user mosquitto") }
      chown(directory, user.pointee.pw_uid, user.pointee.pw_gid)
    }
    return directory
  }

  private static func remove(_ path: String) {
    guard let directory = opendir(path) else {
      unlink(path)
      return
    }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name != ".", name != ".." else { continue }
      if entry.pointee.d_type == UInt8(DT_DIR) {
        remove(path + "/" + name)
      } else {
        unlink(path + "/" + name)
      }
    }
    closedir(directory)
    rmdir(path)
  }
}

/// Ports on 127.0.0.1 that nobody listens on.
enum Ports {
  private static let range = 21_900...22_860
  private static let next = Mutex(Int(getpid()) * 37 % range.count)

  static func take() throws -> Int {
    for _ in range {
      let port = next.withLock { offset in
        offset = (offset + 1) % range.count
        return range.lowerBound + offset
      }
      if isFree(port) { return port }
    }
    throw TestFailure("no free port in \(range)")
  }

  static func isFree(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    return withAddress(port) { bind(descriptor, $0, $1) } == 0
  }

  static func answers(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    return withAddress(port) { connect(descriptor, $0, $1) } == 0
  }

  private static func withAddress<Result>(
    _ port: Int,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}

/// Where the programs under test are: in HOLDFAST_PROGRAMS, or else beside the test bundle.
enum Programs {
  static let holdfast = path("holdfast")
  static let traffic = path("traffic")
  static let kafkaMock = path("kafka-mock")

  private static func path(_ name: String) -> String {
    if let directory = getenv("HOLDFAST_PROGRAMS") {
      return String(cString: directory) + "/" + name
    }
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    let own = String(
      decoding: buffer.prefix(max(0, count)).map(UInt8.init(bitPattern:)),
      as: UTF8.self
    )
    let beside = (own.split(separator: "/").dropLast() + [Substring(name)]).joined(separator: "/")
    if access("/" + beside, X_OK) == 0 { return "/" + beside }
    // Run by a helper that lives elsewhere: the build directory under the package.
    let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    return "/\(root)/.build/debug/\(name)"
  }
}
