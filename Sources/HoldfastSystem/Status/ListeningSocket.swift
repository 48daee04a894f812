import Glibc

/// An IPv4 or IPv6 address with a port, in the kernel's form.
struct SocketAddress {
  private var storage = sockaddr_storage()
  private var byteCount: socklen_t = 0

  /// Nil where `text` is no address; names are not looked up.
  init?(_ text: String, port: UInt16) {
    var v4 = in_addr()
    var v6 = in6_addr()
    if unsafe inet_pton(AF_INET, text, &v4) == 1 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr = v4
      byteCount = socklen_t(MemoryLayout<sockaddr_in>.size)
      unsafe withUnsafeMutableBytes(of: &storage) {
        unsafe $0.storeBytes(of: address, as: sockaddr_in.self)
      }
    } else if unsafe inet_pton(AF_INET6, text, &v6) == 1 {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      address.sin6_addr = v6
      byteCount = socklen_t(MemoryLayout<sockaddr_in6>.size)
      unsafe withUnsafeMutableBytes(of: &storage) {
        unsafe $0.storeBytes(of: address, as: sockaddr_in6.self)
      }
    } else {
      return nil
    }
  }

  /// The path of a Unix socket; nil where it is too long for one (unix(7)).
  init?(path: String) {
    var address = sockaddr_un()
    let name = Array(path.utf8)
    guard !name.isEmpty, name.count < MemoryLayout.size(ofValue: address.sun_path) else {
      return nil
    }
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
    byteCount = socklen_t(MemoryLayout<sockaddr_un>.size)
    unsafe withUnsafeMutableBytes(of: &storage) {
      unsafe $0.storeBytes(of: address, as: sockaddr_un.self)
    }
  }

  var family: Int32 { Int32(storage.ss_family) }

  func bind(_ descriptor: Int32) -> Int32 {
    unsafe withUnsafePointer(to: storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.bind(descriptor, $0, byteCount)
      }
    }
  }
}

extension SocketAddress {
  func connect(_ descriptor: Int32) -> Int32 {
    unsafe withUnsafePointer(to: storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.connect(descriptor, $0, byteCount)
      }
    }
  }
}

/// Sockets that listen, for a server that takes them over.
enum ListeningSocket {
  /// Connections that the kernel holds before they are taken.
  private static let backlog: Int32 = 16

  /// What could not be done, in the operating system's words.
  struct Failure: Error {
    var words: String
  }

  /// Listens at an address.
  static func open(_ address: SocketAddress) throws(Failure) -> Int32 {
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(words: errorText(errno)) }
    if address.family != AF_UNIX {
      // What an agent before us left in TIME_WAIT must not keep the port.
      var one: Int32 = 1
      _ = unsafe setsockopt(
        descriptor,
        SOL_SOCKET,
        SO_REUSEADDR,
        &one,
        socklen_t(MemoryLayout<Int32>.size)
      )
    }
    guard address.bind(descriptor) == 0, listen(descriptor, backlog) == 0 else {
      let error = errno
      _ = close(descriptor)
      throw Failure(words: errorText(error))
    }
    return descriptor
  }

  /// Listens at a path, for its owner and group alone.
  ///
  /// Whoever calls holds the data directory, so a socket that lies there is nobody's; any other
  /// kind of file is left alone.
  static func open(path: String) throws(Failure) -> Int32 {
    guard let address = SocketAddress(path: path) else {
      throw Failure(words: "the path is longer than 107 bytes")
    }
    var status = stat()
    if unsafe lstat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFSOCK else {
        throw Failure(words: "a file that is no socket is in the way")
      }
      _ = unsafe unlink(path)
    }
    let descriptor = try open(address)
    _ = unsafe chmod(path, 0o660)
    return descriptor
  }

  /// The port that a socket got.
  static func port(of descriptor: Int32) -> UInt16 {
    var storage = sockaddr_storage()
    var byteCount = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &byteCount)
      }
    }
    guard result == 0 else { return 0 }
    // At the same place for both families.
    return unsafe withUnsafeBytes(of: storage) {
      UInt16(bigEndian: unsafe $0.load(fromByteOffset: 2, as: UInt16.self))
    }
  }
}
