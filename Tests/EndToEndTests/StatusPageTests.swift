import Glibc
import HoldfastAgent
import HoldfastEvent
import HoldfastStatus
import HoldfastSystem
import Logging
import Synchronization
import Testing

private let fine = Scene.fine.report()

/// The server, over real sockets.
@Suite struct StatusServerTests {
  @Test func `each path is answered, with headers that keep a browser from doing more`() throws {
    let site = try StatusSite { fine }
    for (path, type) in [
      ("/", "text/html; charset=utf-8"), ("/status.json", "application/json"),
      ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
      ("/healthz", "text/plain; charset=utf-8"), ("/readyz", "text/plain; charset=utf-8"),
    ] {
      for place in [site.port, site.socket] {
        let answer = try #require(HTTPClient.get(path, from: place))
        #expect(answer.code == 200 && answer.headers["content-type"] == type, "\(path)")
        #expect(answer.headers["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
        #expect(answer.headers["x-content-type-options"] == "nosniff")
        #expect(answer.headers["cache-control"] == "no-store")
        #expect(answer.headers["content-length"] == "\(answer.body.count)" && !answer.body.isEmpty)
      }
    }
    let first = HTTPClient.get("/", from: site.port)?.headers["content-security-policy"]
    let second = HTTPClient.get("/", from: site.port)?.headers["content-security-policy"]
    #expect(first != nil && first != second, "a nonce is used once")
    #expect(HTTPClient.get("/nothing", from: site.port)?.code == 404)
    #expect(HTTPClient.get("/?x=/metrics", from: site.port)?.text.contains("<main>") == true)
  }

  @Test func `it can only be read`() throws {
    let site = try StatusSite { fine }
    let head = "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    let answer = try #require(HTTPClient.exchange(head, with: site.port))
    #expect(answer.code == 200 && answer.body.isEmpty && answer.headers["content-length"] != "0")
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
      let request =
        "\(method) / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
      let answer = try #require(HTTPClient.exchange(request, with: site.port), "\(method)")
      #expect(answer.code == 405 && answer.headers["allow"] == "GET, HEAD", "\(method)")
    }
  }

  @Test func `a name that is not ours gets nothing`() throws {
    let site = try StatusSite(hosts: ["Gateway.example"]) { fine }
    for host in [
      "localhost", "LOCALHOST:9464", "127.0.0.1", "127.0.0.1:80", "[::1]:9464", "192.168.1.7",
      "gateway.example:9464",
    ] {
      #expect(HTTPClient.get("/", from: site.port, host: host)?.code == 200, "\(host)")
    }
    for host in [
      "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "[::1]x",
      "localhost:x",
      "", "1", "0x7f000001",
    ] {
      let answer = HTTPClient.get("/metrics", from: site.port, host: host)
      #expect(answer?.code == 421 && answer?.text.contains("holdfast_") == false, "\(host)")
    }
    // Who may open the socket's file has asked for us.
    #expect(HTTPClient.get("/", from: site.socket, host: "any.example")?.code == 200)
  }

  @Test func `it says that the agent does not answer, and that it is not ready`() throws {
    let now = Mutex(fine)
    let site = try StatusSite { now.withLock { $0 } }
    now.withLock { $0.silence = 5_000_000 }
    #expect(HTTPClient.get("/healthz", from: site.port)?.code == 503)
    #expect(HTTPClient.get("/readyz", from: site.port)?.code == 503)
    #expect(HTTPClient.get("/", from: site.port)?.text.contains("does not answer") == true)
    let none = try StatusSite { nil }
    #expect(HTTPClient.get("/", from: none.port)?.code == 503)
    #expect(HTTPClient.get("/healthz", from: none.port)?.code == 503)
  }

  @Test func `what is too large, or no request, does not harm it`() throws {
    let site = try StatusSite { fine }
    let long = String(repeating: "x", count: 100_000)
    let requests = [
      "GET /\(long) HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nX: \(long)\r\n\r\n", "\u{1}\u{2}\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
    ]
    for request in requests {
      if let answer = HTTPClient.exchange(request, with: site.port) { #expect(answer.code >= 400) }
    }
    #expect(HTTPClient.get("/healthz", from: site.port)?.code == 200)
  }

  @Test func `idle connections are bounded, and one that goes makes room`() async throws {
    let site = try StatusSite { fine }
    var idle: [Int32] = []
    for _ in 0..<16 { idle.append(try #require(HTTPClient.connect(to: site.port))) }
    try await pause(0.3)
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    #expect(HTTPClient.exchange(request, with: site.port, within: 1) == nil)
    #expect(HTTPClient.get("/healthz", from: site.socket)?.code == 200, "the other is apart")
    for descriptor in idle { close(descriptor) }
    let isBack = try await eventually(within: 15) {
      HTTPClient.exchange(request, with: site.port, within: 1)?.code == 200
    }
    #expect(isBack)
  }

  @Test func `an address that is taken, or a file in the way, costs a warning and nothing else`()
    throws
  {
    let first = try StatusSite { fine }
    guard case .port(let port) = first.port else { return }
    let scratch = try Scratch()
    try writeText(scratch.path + "/status.sock", "mine")
    var configuration = StatusConfiguration()
    configuration.listener = .init(address: "127.0.0.1", port: UInt16(port))
    let server = StatusServer(
      configuration: configuration,
      dataDirectory: scratch.path,
      answers: StatusAnswers(
        configuration: configuration,
        dataDirectory: scratch.path,
        report: { nil }
      ),
      logger: Logger(label: "test") { _ in LineLogHandler() }
    )
    #expect(server.places.isEmpty)
    #expect(readText(scratch.path + "/status.sock") == "mine")
    server.stop()
    #expect(HTTPClient.get("/healthz", from: first.port)?.code == 200)
  }

  @Test func `a socket that a killed agent left is replaced, and goes at the end`() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/status.sock"
    let old = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(old, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    close(old)
    #expect(result == 0 && access(path, F_OK) == 0)
    let site = try StatusSite(directory: scratch.path) { fine }
    #expect(HTTPClient.get("/healthz", from: site.socket)?.code == 200)
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o7777 == 0o660)
    site.stop()
    #expect(access(path, F_OK) != 0)
  }
}

/// A server over made-up reports.
final class StatusSite {
  let port: HTTPClient.Place
  let socket: HTTPClient.Place
  private let scratch: Scratch
  private let server: StatusServer

  init(
    hosts: [String] = [],
    directory: String? = nil,
    report: @escaping @Sendable () -> StatusReport?
  ) throws {
    scratch = try Scratch()
    let directory = directory ?? scratch.path
    var configuration = StatusConfiguration()
    configuration.listener = .init(address: "127.0.0.1", port: 0)
    configuration.hosts = hosts
    server = StatusServer(
      configuration: configuration,
      dataDirectory: directory,
      answers: StatusAnswers(
        configuration: configuration,
        dataDirectory: directory,
        report: report,
        machine: { $0.machine }
      ),
      logger: Logger(label: "test") { _ in LineLogHandler() }
    )
    let url = server.places.first ?? ""
    guard let number = Int(url.split(separator: ":").last?.dropLast() ?? "") else {
      throw TestFailure("no port in \(server.places)")
    }
    port = .port(number)
    socket = .path(directory + "/status.sock")
    self.url = url
  }

  let url: String

  func stop() { server.stop() }
}
