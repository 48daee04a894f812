import Glibc
import HoldfastSystem

/// What a test expected of a peer's bytes and did not get.
struct PeerError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// A TCP peer on loopback that a test plays by hand, byte for byte.
final class ScriptedPeer {
  let port: UInt16
  private let listener: Int32
  private var connection: Int32 = -1

  /// Listens; `backlog` 0 with nobody accepting makes further SYNs vanish.
  init(port: UInt16, backlog: Int32 = 8) throws {
    self.port = port
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = loopback(port)
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0, listen(listener, backlog) == 0 else {
      throw PeerError("port \(port): errno \(errno)")
    }
  }

  deinit {
    closeConnection()
    close(listener)
  }

  func accept(seconds: Double = 5) throws {
    guard isReadable(listener, seconds: seconds) else { throw PeerError("nobody connected") }
    closeConnection()
    connection = Glibc.accept(listener, nil, nil)
  }

  func closeConnection() {
    if connection >= 0 { close(connection) }
    connection = -1
  }

  /// Closes with RST.
  func reset() {
    var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      connection,
      SOL_SOCKET,
      SO_LINGER,
      &linger,
      socklen_t(MemoryLayout<Glibc.linger>.size)
    )
    closeConnection()
  }

  func send(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }

  /// The next control packet, fixed header included.
  func packet(seconds: Double = 5) throws -> [UInt8] {
    var bytes = try take(1, seconds: seconds)
    var length = 0
    var shift = 0
    while true {
      let byte = try take(1, seconds: seconds)[0]
      bytes.append(byte)
      length |= Int(byte & 127) << shift
      shift += 7
      if byte & 128 == 0 { break }
    }
    return bytes + (try take(length, seconds: seconds))
  }

  /// Throws when a byte arrives, or the connection ends, within the time.
  func expectSilence(seconds: Double) throws {
    guard isReadable(connection, seconds: seconds) else { return }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = recv(connection, &bytes, bytes.count, 0)
    throw PeerError("expected silence, got \(bytes.prefix(max(0, count)))")
  }

  /// Whether the other side closes within the time, having sent nothing more.
  func expectEnd(seconds: Double = 5) throws {
    guard isReadable(connection, seconds: seconds) else { throw PeerError("still open") }
    var byte: UInt8 = 0
    let count = recv(connection, &byte, 1, 0)
    if count > 0 { throw PeerError("expected the end, got \(byte)") }
  }

  private func take(_ count: Int, seconds: Double) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      guard isReadable(connection, seconds: seconds) else {
        throw PeerError("no bytes within \(seconds) s; have \(bytes)")
      }
      var chunk = [UInt8](repeating: 0, count: count - bytes.count)
      let got = recv(connection, &chunk, chunk.count, 0)
      if got <= 0 { throw PeerError("closed; have \(bytes)") }
      bytes += chunk.prefix(got)
    }
    return bytes
  }

  private func isReadable(_ descriptor: Int32, seconds: Double) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, Int32(seconds * 1000)) > 0
  }
}

func loopback(_ port: UInt16) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  return address
}

/// Packets a broker sends.
enum Packet {
  static let connack311: [UInt8] = [0x20, 2, 0, 0]
  static let connack5: [UInt8] = [0x20, 3, 0, 0, 0]
  static let pingresp: [UInt8] = [0xd0, 0]

  /// SUBACK to a SUBSCRIBE that was received.
  static func suback(to subscribe: [UInt8], codes: [UInt8], isV5: Bool) -> [UInt8] {
    let body = Array(subscribe[2..<4]) + (isV5 ? [0] : []) + codes
    return [0x90, UInt8(body.count)] + body
  }

  static func publish(
    topic: String,
    payload: [UInt8],
    messageID: UInt16?,
    isRetained: Bool = false,
    properties: [UInt8]? = nil
  ) -> [UInt8] {
    var body = text(topic)
    if let messageID { body += [UInt8(messageID >> 8), UInt8(messageID & 255)] }
    if let properties { body += [UInt8(properties.count)] + properties }
    body += payload
    let first: UInt8 = 0x30 | (messageID == nil ? 0 : 2) | (isRetained ? 1 : 0)
    return [first] + length(body.count) + body
  }

  static func puback(_ messageID: UInt16, reason: UInt8? = nil) -> [UInt8] {
    let body = [UInt8(messageID >> 8), UInt8(messageID & 255)] + (reason.map { [$0] } ?? [])
    return [0x40, UInt8(body.count)] + body
  }

  static func text(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    return [UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes
  }

  static func length(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = count
    repeat {
      bytes.append(UInt8(rest & 127) | (rest > 127 ? 128 : 0))
      rest >>= 7
    } while rest > 0
    return bytes
  }
}
