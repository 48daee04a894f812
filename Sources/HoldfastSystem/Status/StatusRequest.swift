package import HoldfastAgent
package import HoldfastStatus

/// What a request asks for, and what it gets; no socket in sight.
package struct StatusAnswer: Equatable, Sendable {
  package var code: Int
  package var contentType = "text/plain; charset=utf-8"
  package var body: [UInt8]
  /// More headers, each once.
  package var headers: [(String, String)] = []

  package init(code: Int, body: [UInt8]) {
    self.code = code
    self.body = body
  }

  package init(code: Int, _ line: String) { self.init(code: code, body: Array((line + "\n").utf8)) }

  package static func == (left: StatusAnswer, right: StatusAnswer) -> Bool {
    left.code == right.code && left.contentType == right.contentType && left.body == right.body
      && left.headers.map(\.0) == right.headers.map(\.0)
  }
}

/// Answers requests from reports: which paths there are, which hosts are ours.
package struct StatusAnswers: Sendable {
  /// Names besides `localhost` and IP addresses, in small letters.
  private let hosts: [String]
  private let dataDirectory: String
  private let report: @Sendable () -> StatusReport?
  private let machine: (@Sendable (StatusReport) -> MachineFacts)?

  /// - Parameters:
  ///   - configuration: which hosts are ours.
  ///   - dataDirectory: whose device is meant.
  ///   - report: a report of the agent; nil while there is none.
  ///   - machine: what to say of the machine, for tests; nil: what the operating system says.
  package init(
    configuration: StatusConfiguration,
    dataDirectory: String,
    report: @escaping @Sendable () -> StatusReport?,
    machine: (@Sendable (StatusReport) -> MachineFacts)? = nil
  ) {
    self.machine = machine
    hosts = configuration.hosts.map { $0.lowercased() }
    self.dataDirectory = dataDirectory
    self.report = report
  }

  /// Answers one request.
  ///
  /// - Parameters:
  ///   - method: as sent.
  ///   - path: without what follows a question mark.
  ///   - host: the Host header; nil where there is none.
  ///   - isLocal: came through the Unix socket, whose file's mode says who may.
  /// - Returns: what to send.
  package func answer(method: String, path: String, host: String?, isLocal: Bool) -> StatusAnswer {
    guard method == "GET" || method == "HEAD" else {
      var answer = StatusAnswer(code: 405, "only GET and HEAD")
      answer.headers = [("Allow", "GET, HEAD")]
      return answer
    }
    // A page of somebody else's, in a browser on this machine, could have its own name point here.
    guard isLocal || isOurs(host) else {
      return StatusAnswer(code: 421, "this is not the host that you ask for; see status.hosts")
    }
    switch path {
    case "/": return page()
    case "/status.json":
      return withReport { StatusAnswer(type: StatusJSON.contentType, StatusJSON.render($0)) }
    case "/metrics":
      return withReport {
        StatusAnswer(type: PrometheusText.contentType, PrometheusText.render($0))
      }
    case "/status.txt":
      return withReport { StatusAnswer(type: StatusText.contentType, StatusText.render($0)) }
    case "/topics.tsv":
      return withReport { StatusAnswer(type: StatusText.tableContentType, StatusText.topics($0)) }
    case "/healthz":
      guard let report = report(), report.silence == 0 else {
        return StatusAnswer(code: 503, "the agent does not answer")
      }
      return StatusAnswer(code: 200, "ok")
    case "/readyz":
      guard let report = report(), report.isReady else {
        return StatusAnswer(code: 503, "not ready")
      }
      return StatusAnswer(code: 200, "ready")
    default:
      return StatusAnswer(
        code: 404,
        "there are /, /status.json, /status.txt, /topics.tsv, /metrics, /healthz and /readyz"
      )
    }
  }

  private func page() -> StatusAnswer {
    let digits = Array("0123456789abcdef".utf8)
    let nonce = [SystemIdentity.seed(), SystemIdentity.seed()].flatMap { bits in
      (0..<16).map { digits[Int(bits >> (4 * UInt64($0)) & 15)] }
    }
    let text = String(decoding: nonce, as: UTF8.self)
    var answer = withReport {
      StatusAnswer(type: StatusPage.contentType, StatusPage.render($0, nonce: text))
    }
    answer.headers.append(
      ("Content-Security-Policy", StatusPage.contentSecurityPolicy(nonce: text))
    )
    return answer
  }

  private func withReport(_ render: (StatusReport) -> StatusAnswer) -> StatusAnswer {
    guard var report = report() else {
      return StatusAnswer(code: 503, "the agent is still starting")
    }
    report.machine = machine?(report) ?? MachineFacts.read(dataDirectory: dataDirectory)
    var answer = render(report)
    answer.headers.append((StatusClient.levelHeader, Verdict(report).level.word))
    return answer
  }

  /// Whether a Host header names this machine: `localhost`, any IP address, or a name of ours.
  ///
  /// An address can't be made to point elsewhere; a name can.
  package func isOurs(_ host: String?) -> Bool {
    guard let host, !host.isEmpty else { return false }
    var name = Substring(host.lowercased())
    if name.hasPrefix("[") {
      guard let end = name.firstIndex(of: "]") else { return false }
      let rest = name[name.index(after: end)...]
      guard rest.isEmpty || isPort(rest) else { return false }
      return isAddress(String(name[name.index(after: name.startIndex)..<end]))
    }
    if let colon = name.lastIndex(of: ":") {
      guard isPort(name[colon...]) else { return false }
      name = name[..<colon]
    }
    return name == "localhost" || hosts.contains(String(name)) || isAddress(String(name))
  }

  private func isPort(_ text: Substring) -> Bool {
    text.hasPrefix(":") && text.utf8.count <= 6
      && text.dropFirst().utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  private func isAddress(_ text: String) -> Bool { SocketAddress(text, port: 0) != nil }
}

extension StatusAnswer {
  fileprivate init(type: String, _ body: [UInt8]) {
    self.init(code: 200, body: body)
    contentType = type
  }
}
