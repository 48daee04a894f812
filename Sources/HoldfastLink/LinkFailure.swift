/// Why a link ended or could not be made.
public struct LinkFailure: Error, Equatable, Sendable {
  /// What happened.
  public enum Kind: Equatable, Sendable {
    /// TCP or name resolution failed.
    case unreachable
    /// Neither CONNACK nor refusal within the connect timeout.
    case connectTimeout
    /// CONNACK refused the protocol version (3.1.1: 0x01, 5: 0x84).
    case unsupportedProtocolVersion
    /// CONNACK refused for another reason: user, password, client id.
    case refused
    /// The peer has too much to do: CONNACK or DISCONNECT said server unavailable or busy, quota
    /// exceeded, or too many messages or connects.
    case busy
    /// The peer closed before CONNACK.
    case closedBeforeConnected
    /// The peer closed, or the link broke, after CONNACK.
    case closed
    /// DISCONNECT 0x8E: another client took our session.
    case sessionTakenOver
    /// What ``Link`` makes of closes right after CONNACK, again and again: perhaps the same.
    case sessionContested
    /// No PINGRESP in time.
    case keepAliveTimeout
    /// The TLS handshake failed.
    case tls
    /// Kafka: the client can't go on and must be made anew.
    case clientFailed
    /// We closed it.
    case requested
  }

  /// What happened.
  public var kind: Kind
  /// What a person should read: the library's or the broker's own words.
  public var detail: String
  /// The cause of a close is known: the broker's DISCONNECT gave a reason, or a message in flight
  /// is under suspicion.
  public var isExplained: Bool

  /// A failure of that kind, with what a person should read.
  public init(_ kind: Kind, _ detail: String = "", isExplained: Bool = false) {
    self.kind = kind
    self.detail = detail
    self.isExplained = isExplained
  }
}
