import HoldfastIntake
import HoldfastLink
import HoldfastSystem
import HoldfastUpstream

// What the brokers are like, as clients of their own see it.

extension Findings {
  mutating func examine(_ source: SourceConfiguration) {
    let report = BrokerProbe().look(at: source)
    examine("source \(source.name)", source.link, report)
    if report.grant != nil { examine("source \(source.name)", report) }
  }

  mutating func examine(_ upstream: UpstreamConfiguration) {
    for place in 0..<upstream.link.brokerCount { examine(upstream, brokerAt: place) }
  }

  private mutating func examine(_ upstream: UpstreamConfiguration, brokerAt place: Int) {
    var upstream = upstream
    upstream.link = upstream.link.broker(at: place)
    let report = BrokerProbe().look(at: upstream)
    examine("upstream \(upstream.name)", upstream.link, report)
    guard let grant = report.grant, grant.protocolVersion == .v311, upstream.format == .event
    else { return }
    add(
      .warn,
      "upstream \(upstream.name)",
      "over MQTT 3.1.1 events carry no identity",
      "duplicates after a crash can't be told; use a batch format where that matters"
    )
  }

  /// Whether it can be reached.
  mutating func examine(_ subject: String, _ link: LinkConfiguration, _ report: BrokerReport) {
    guard let grant = report.grant else {
      let failure = report.failure ?? LinkFailure(.unreachable)
      let detail = failure.detail.isEmpty ? "" : " (\(failure.detail))"
      add(.fail, subject, "\(link.url): \(words(failure.kind))\(detail)", remedy(failure.kind))
      return
    }
    var text = "\(link.url): MQTT \(grant.protocolVersion.rawValue)"
    if let version = report.statistic("$SYS/broker/version") { text += ", \(version)" }
    if grant.protocolVersion == .v5 { text += ", takes \(grant.receiveMaximum) at once" }
    add(.ok, subject, text)
  }

  /// Whether it keeps what it must keep for us.
  private mutating func examine(_ subject: String, _ report: BrokerReport) {
    switch report.keepsSession {
    case true?: add(.ok, subject, "keeps a session while its client is away")
    case false?:
      add(
        .fail,
        subject,
        "does not keep a session while its client is away",
        "what comes meanwhile is lost: allow persistent sessions"
      )
    case nil:
      add(.warn, subject, "could not be reached a second time", "try again")
    }
    let topic = "$SYS/broker/publish/messages/dropped"
    guard let dropped = report.statistic(topic) else {
      add(
        .warn,
        subject,
        "does not tell what its queues drop",
        "allow reading \(topic), or watch its log"
      )
      return
    }
    if dropped == "0" {
      add(.ok, subject, "has dropped no message since it started")
    } else {
      add(
        .warn,
        subject,
        "has dropped \(dropped) messages since it started, perhaps ours",
        "raise max_queued_messages (default 1000), and `persistence true`"
      )
    }
  }

  private func words(_ kind: LinkFailure.Kind) -> String {
    switch kind {
    case .unreachable: "can't be reached"
    case .connectTimeout: "no answer"
    case .refused: "refuses the connection"
    case .unsupportedProtocolVersion: "refuses this version of MQTT"
    case .closedBeforeConnected: "closed the connection instead of answering"
    case .tls: "TLS failed"
    default: "the connection ended"
    }
  }

  private func remedy(_ kind: LinkFailure.Kind) -> String {
    switch kind {
    case .unreachable: "is the broker running, the address right, a firewall between?"
    case .connectTimeout: "a firewall that swallows packets, or a wrong address"
    case .refused: "check user, password_file and client_id"
    case .unsupportedProtocolVersion: "leave protocol at \"auto\""
    case .tls: "check tls.ca_file, the name in the certificate, and the clock"
    default: "look into the broker's log"
    }
  }
}
