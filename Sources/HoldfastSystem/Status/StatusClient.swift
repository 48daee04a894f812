import Glibc

/// Asks a running agent for its status; for the commands.
public enum StatusClient {
  /// The header that says `fine`, `attention` or `alarm`.
  package static let levelHeader = "Holdfast-Level"
  /// Most bytes of an answer that are read.
  private static let byteCountMax = 4 << 20
  /// How long a silent agent is waited for, seconds.
  private static let timeout = 6

  /// Where an agent may listen.
  public enum Place: Equatable, Sendable {
    /// A Unix socket.
    case socket(path: String)
    /// An IP address and a port.
    case address(String, port: UInt16)

    /// For messages.
    public var description: String {
      switch self {
      case .socket(let path): path
      case .address(let address, let port):
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
      }
    }
  }

  /// What an agent said.
  public struct Answer: Equatable, Sendable {
    /// As in HTTP.
    public var code: Int
    /// `fine`, `attention` or `alarm`; empty where it did not say.
    public var level: String
    /// What was asked for.
    public var body: [UInt8]
  }

  /// Why there is no answer, in words.
  public struct Failure: Error {
    /// One line.
    public var words: String
  }

  /// Asks one place.
  ///
  /// - Parameters:
  ///   - path: such as `/status.json`.
  ///   - place: where.
  /// - Returns: what came, whichever code it has.
  /// - Throws: when nobody answers, or not in time.
  public static func get(_ path: String, from place: Place) throws(Failure) -> Answer {
    let address: SocketAddress? =
      switch place {
      case .socket(let path): SocketAddress(path: path)
      case .address(let address, let port): SocketAddress(address, port: port)
      }
    guard let address else { throw Failure(words: "\(place.description): no address") }
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, type, 0)
    defer { if descriptor >= 0 { _ = close(descriptor) } }
    var limit = timeval(tv_sec: timeout, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      let byteCount = socklen_t(MemoryLayout<timeval>.size)
      _ = unsafe setsockopt(descriptor, SOL_SOCKET, option, &limit, byteCount)
    }
    guard descriptor >= 0, address.connect(descriptor) == 0 else {
      throw Failure(words: "\(place.description): \(errorText(errno))")
    }
    let request = Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    let sent = retryingInterrupted {
      unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
    }
    guard sent == request.count else {
      throw Failure(words: "\(place.description): \(errorText(errno))")
    }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count < byteCountMax {
      let count = retryingInterrupted { unsafe read(descriptor, &piece, piece.count) }
      if count < 0 { throw Failure(words: "\(place.description): \(errorText(errno))") }
      if count == 0 { break }
      bytes += piece[..<count]
    }
    guard let answer = parse(bytes) else {
      throw Failure(words: "\(place.description): whoever listens there is no Holdfast")
    }
    return answer
  }

  /// An answer with its head; nil where it has none.
  package static func parse(_ bytes: [UInt8]) -> Answer? {
    let end = Array("\r\n\r\n".utf8)
    guard let place = bytes.firstRange(of: end) else { return nil }
    let lines = String(decoding: bytes[..<place.lowerBound], as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count > 1, words[0].hasPrefix("HTTP/1."), let code = Int(words[1]) else {
      return nil
    }
    var level = ""
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == levelHeader.lowercased() else { continue }
      level = String(parts[1].drop { $0 == " " })
    }
    return Answer(code: code, level: level, body: Array(bytes[place.upperBound...]))
  }
}
