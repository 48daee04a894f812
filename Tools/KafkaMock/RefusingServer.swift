import Glibc

/// A server of Kafka's protocol that refuses whoever logs in.
///
/// It answers what comes before that, and offers PLAIN. The library's mock brokers know nothing of SASL.
struct RefusingServer {
  /// What it says to each client.
  static let words = "Authentication failed: Invalid username or password"

  private enum Key: Int16 {
    case saslHandshake = 17
    case versions = 18
    case saslAuthenticate = 36
  }

  private enum Code: Int16 {
    case none = 0
    case unsupportedVersion = 35
    case authenticationFailed = 58
  }

  /// Largest request that it reads, bytes.
  private static let requestByteCountMax = 1 << 16

  private let listener: Int32
  /// `HOST:PORT`.
  let bootstrap: String

  init?() {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var byteCount = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, byteCount) == 0 && listen(listener, 16) == 0
          && getsockname(listener, $0, &byteCount) == 0
      }
    }
    guard isListening else { return nil }
    self.listener = listener
    bootstrap = "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
  }

  /// One connection after the other, each answered until it ends, and so to the end of standard input.
  func serve() {
    while true {
      var ends = [
        pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
        pollfd(fd: 0, events: 0, revents: 0),
      ]
      guard poll(&ends, nfds_t(ends.count), -1) > 0 else { continue }
      if ends[1].revents != 0 { return }
      let connection = accept(listener, nil, nil)
      if connection < 0 { continue }
      while let request = Self.request(on: connection) {
        guard let answer = Self.answer(to: request), Self.send(answer, on: connection) else {
          break
        }
      }
      close(connection)
    }
  }

  /// A size and so many bytes.
  private static func request(on connection: Int32) -> [UInt8]? {
    guard let size = read(4, on: connection) else { return nil }
    let byteCount = size.reduce(0) { $0 << 8 | Int($1) }
    guard (8...requestByteCountMax).contains(byteCount) else { return nil }
    return read(byteCount, on: connection)
  }

  private static func read(_ byteCount: Int, on connection: Int32) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var done = 0
    while done < byteCount {
      let count = bytes.withUnsafeMutableBytes {
        recv(connection, $0.baseAddress.map { $0 + done }, byteCount - done, 0)
      }
      if count <= 0 { return nil }
      done += count
    }
    return bytes
  }

  private static func send(_ bytes: [UInt8], on connection: Int32) -> Bool {
    Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }

  /// Every request begins with its key, the version of that, and what the answer must repeat.
  private static func answer(to request: [UInt8]) -> [UInt8]? {
    let version = Int16(request[2]) << 8 | Int16(request[3])
    var body = Array(request[4..<8])
    switch Key(rawValue: Int16(request[0]) << 8 | Int16(request[1])) {
    case .versions:
      // A version that it does not know is answered as the first one is, with the list all the same.
      body += bytes(version > 2 ? Code.unsupportedVersion.rawValue : Code.none.rawValue)
      let known: [(key: Int16, last: Int16)] = [
        (0, 7), (3, 4), (Key.saslHandshake.rawValue, 1), (Key.versions.rawValue, 0),
        (Key.saslAuthenticate.rawValue, 0),
      ]
      body += [0, 0, 0, UInt8(known.count)]
      for (key, last) in known { body += bytes(key) + bytes(0) + bytes(last) }
      // Later versions than the first end with how long the client shall wait.
      if version == 1 || version == 2 { body += [0, 0, 0, 0] }
    case .saslHandshake:
      body += bytes(Code.none.rawValue) + [0, 0, 0, 1] + text("PLAIN")
    case .saslAuthenticate:
      body += bytes(Code.authenticationFailed.rawValue) + text(words) + [0, 0, 0, 0]
    case nil:
      return nil
    }
    return [0, 0, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
  }

  private static func bytes(_ number: Int16) -> [UInt8] {
    [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
  }

  private static func text(_ text: String) -> [UInt8] {
    bytes(Int16(text.utf8.count)) + Array(text.utf8)
  }
}
