internal import HoldfastEvent

extension Link {
  /// What happened, for the operator.
  func words(for kind: LinkFailure.Kind, _ version: ProtocolVersion) -> String {
    switch kind {
    case .unreachable: "can't be reached"
    case .connectTimeout: "no answer within \(durationText(configuration.connectTimeout))"
    case .unsupportedProtocolVersion: "refuses MQTT \(version.rawValue)"
    case .busy: "the broker has too much to do"
    case .refused:
      configuration.kafkaBrokers == nil
        ? "refuses the connection: check user, password and client id"
        : "refuses the connection: check security.protocol and the sasl properties"
    case .closedBeforeConnected: "closed the connection instead of answering CONNECT"
    case .closed: "connection lost"
    case .sessionTakenOver:
      "another client uses our client id \"\(configuration.clientID)\" and took the session over:"
        + " give each agent an id of its own"
    case .sessionContested:
      "another client uses client id \"\(configuration.clientID)\", or the broker closes at once,"
        + " \(Self.earlyCloseCountMax) times in a row: give each agent an id of its own, else look"
        + " into the broker's log"
    case .keepAliveTimeout: "the link is half open, no answer to PINGREQ"
    case .tls: "TLS handshake failed"
    case .clientFailed: "the client can't go on and is made anew"
    case .requested: "closed on request"
    }
  }
}
