import CMicroHTTPD
import Glibc
package import HoldfastAgent
package import Logging

/// The status page's server: libmicrohttpd, with a thread per address, over ``StatusAnswers``.
///
/// Whatever goes wrong with it, the agent goes on: an address that is taken costs a warning.
package final class StatusServer {
  /// Connections at a time, of each address.
  private static let connectionCountMax: UInt32 = 16
  /// A connection without traffic is closed after it, seconds.
  private static let timeout: UInt32 = 10
  /// Memory of one connection, bytes: most that a request's head may take.
  private static let requestByteCountMax = 16 << 10

  /// What a daemon's callback gets; lives as long as the daemon.
  fileprivate final class Context {
    let answers: StatusAnswers
    let isLocal: Bool

    init(answers: StatusAnswers, isLocal: Bool) {
      self.answers = answers
      self.isLocal = isLocal
    }
  }

  /// Safe as long as `stop` is called once, after which nothing refers to it.
  @safe private struct Daemon {
    let handle: OpaquePointer
    let context: Unmanaged<Context>
    /// To be removed at the end.
    let path: String?

    func stop() {
      unsafe MHD_stop_daemon(handle)
      unsafe context.release()
      if let path { _ = unsafe unlink(path) }
    }
  }

  private let logger: Logger
  private var daemons: [Daemon] = []
  /// Where it listens, for people; empty where it could not.
  package private(set) var places: [String] = []

  /// Starts what the configuration asks for.
  ///
  /// - Parameters:
  ///   - configuration: checked.
  ///   - dataDirectory: held by this process.
  ///   - answers: what requests get.
  ///   - logger: takes lines for the operator.
  package init(
    configuration: StatusConfiguration,
    dataDirectory: String,
    answers: StatusAnswers,
    logger: Logger
  ) {
    self.logger = logger
    if let listener = configuration.listener { listen(listener, answers) }
    if let path = configuration.socketPath {
      listen(path.hasPrefix("/") ? path : "\(dataDirectory)/\(path)", answers)
    }
    if !places.isEmpty { logger.info("status page at \(places.joined(separator: " and "))") }
  }

  /// Ends its threads; requests under way are cut off.
  package func stop() {
    for daemon in daemons { daemon.stop() }
    daemons.removeAll()
    places.removeAll()
  }

  deinit { stop() }

  private func listen(_ listener: StatusConfiguration.Listener, _ answers: StatusAnswers) {
    let isV6 = listener.address.contains(":")
    let host = isV6 ? "[\(listener.address)]" : listener.address
    do throws(ListeningSocket.Failure) {
      guard let address = SocketAddress(listener.address, port: listener.port) else {
        throw ListeningSocket.Failure(words: "no address")
      }
      let descriptor = try ListeningSocket.open(address)
      let port = ListeningSocket.port(of: descriptor)
      if start(descriptor, answers, path: nil) { places.append("http://\(host):\(port)/") }
    } catch {
      warn(
        "\(host):\(listener.port)",
        error.words,
        "give status.listen another port, or free this one"
      )
    }
  }

  private func listen(_ path: String, _ answers: StatusAnswers) {
    do throws(ListeningSocket.Failure) {
      let descriptor = try ListeningSocket.open(path: path)
      if start(descriptor, answers, path: path) { places.append(path) }
    } catch {
      warn(path, error.words, "give status.socket another path")
    }
  }

  private func start(_ descriptor: Int32, _ answers: StatusAnswers, path: String?) -> Bool {
    let context = unsafe Unmanaged.passRetained(Context(answers: answers, isLocal: path != nil))
    let daemon = unsafe holdfast_start_daemon(
      descriptor,
      Self.connectionCountMax,
      Self.timeout,
      Self.requestByteCountMax,
      answerRequest,
      context.toOpaque()
    )
    guard let daemon = unsafe daemon else {
      unsafe context.release()
      _ = close(descriptor)
      warn(path ?? "the port", "libmicrohttpd does not start", "look for a limit on threads")
      return false
    }
    daemons.append(unsafe Daemon(handle: daemon, context: context, path: path))
    return true
  }

  private func warn(_ place: String, _ words: String, _ remedy: String) {
    logger.warning("no status page at \(place): \(words); the agent goes on without it: \(remedy)")
  }
}

/// libmicrohttpd's callback: the first call of a request, and once more where a body was sent.
private let answerRequest: MHD_AccessHandlerCallback = {
  context,
  connection,
  url,
  method,
  _,
  _,
  bodyByteCount,
  _ in
  guard let context = unsafe context, let url = unsafe url, let method = unsafe method else {
    return holdfast_refuse
  }
  let server = unsafe Unmanaged<StatusServer.Context>.fromOpaque(context).takeUnretainedValue()
  let host = unsafe holdfast_header(connection, "Host")
  let answer = server.answers.answer(
    method: unsafe String(cString: method),
    path: unsafe String(cString: url),
    host: unsafe host.map { unsafe String(cString: $0) },
    isLocal: server.isLocal
  )
  return unsafe queue(answer, connection)
}

/// Sends an answer; libmicrohttpd leaves the body out where HEAD asked.
private func queue(_ answer: StatusAnswer, _ connection: OpaquePointer?) -> MHD_Result {
  let response = unsafe answer.body.withUnsafeBytes { bytes in
    unsafe holdfast_response(bytes.count, bytes.baseAddress)
  }
  guard let response = unsafe response else { return holdfast_refuse }
  defer { unsafe MHD_destroy_response(response) }
  var headers = [
    ("Content-Type", answer.contentType), ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
  ]
  headers += answer.headers
  if !answer.headers.contains(where: { $0.0 == "Content-Security-Policy" }) {
    headers.append(("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"))
  }
  for (name, value) in headers { _ = unsafe MHD_add_response_header(response, name, value) }
  return unsafe MHD_queue_response(connection, UInt32(answer.code), response)
}
