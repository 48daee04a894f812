/// A version of MQTT.
public enum ProtocolVersion: String, Sendable {
  case v5 = "5"
  case v311 = "3.1.1"
}

/// `protocol`: which version to speak.
public enum ProtocolPolicy: String, Sendable, CaseIterable {
  /// 5 first; 3.1.1 where 5 is refused.
  case auto
  case v5 = "5"
  case v311 = "3.1.1"
}

/// `tls.min_version`: the oldest version of TLS that is spoken.
public enum TLSVersion: String, Sendable, CaseIterable {
  case v12 = "1.2"
  case v13 = "1.3"
}

/// TLS settings of one link; files are PEM.
public struct TLSConfiguration: Equatable, Sendable {
  /// `tls.ca_file`; nil: the system's certificates.
  public var caFile: String?
  /// `tls.cert_file` and `tls.key_file`: the client's certificate.
  public var certificateFile: String?
  /// `tls.key_file`: the key of that certificate.
  public var keyFile: String?
  /// `tls.crl_file`: what the CA has revoked; nil: nothing is looked up.
  public var revocationFile: String?
  /// `tls.min_version`.
  public var versionMin = TLSVersion.v12
  /// `tls.psk_identity`: the name of the shared key, in place of certificates.
  public var sharedKeyIdentity: String?
  /// The contents of `tls.psk_file`: hexadecimal digits.
  public var sharedKey: String?

  /// Settings with every default filled in.
  public init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
    self.caFile = caFile
    self.certificateFile = certificateFile
    self.keyFile = keyFile
  }
}

/// Where a broker listens.
public struct BrokerPlace: Equatable, Sendable {
  /// Host name or address, without brackets.
  public var host: String
  /// TCP port.
  public var port: UInt16

  /// A place of its parts.
  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }
}

/// How to reach one broker: what sources and upstreams have in common.
public struct LinkConfiguration: Equatable, Sendable {
  /// Host name or address, without brackets.
  public var host: String
  /// TCP port.
  public var port: UInt16
  /// `kafka://` in the URL: `HOST:PORT,HOST:PORT`, where to ask for the cluster's brokers; nil: the
  /// link speaks MQTT.
  public var kafkaBrokers: String?
  /// `fallback_urls`: brokers that take over, in this order, while the primary can't be had.
  ///
  /// The primary is the one above; they share everything else with it: credentials, client id, TLS.
  public var fallbacks: [BrokerPlace] = []
  /// `primary_retry`, microseconds: while one of those is used, the primary is asked this often on
  /// average whether it is there again.
  public var primaryRetry: Int64 = 600_000_000
  /// `mqtts://` in the URL.
  public var tls: TLSConfiguration?
  /// `protocol`.
  public var protocolPolicy: ProtocolPolicy = .auto
  /// `client_id`; defaults are filled in by the configuration reader.
  public var clientID = ""
  /// `username` and `password` (or `password_file`).
  public var username: String?
  /// `password`, or the contents of `password_file`.
  public var password: String?
  /// `keep_alive`, seconds, 5 to 65,535.
  public var keepAliveSeconds: UInt16 = 60
  /// `connect_timeout`, microseconds: from TCP connect to CONNACK.
  public var connectTimeout: Int64 = 10_000_000
  /// `backoff_max`, microseconds: the cap of the full-jitter reconnect delay.
  public var backoffMax: Int64 = 30_000_000
  /// Where this link tells, retained and with a last will, that the agent is there; nil: nowhere.
  ///
  /// From `agent.status_topic`, with its placeholder filled in.
  public var statusTopic: String?

  /// Settings with every default filled in.
  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// `mqtt://host:port`, for messages to people; never holds credentials.
  public var url: String {
    if let kafkaBrokers { return "kafka://\(kafkaBrokers)" }
    let shown = host.contains(":") ? "[\(host)]" : host
    return "\(tls == nil ? "mqtt" : "mqtts")://\(shown):\(port)"
  }

  /// Brokers that it may connect to, the primary included.
  public var brokerCount: Int { 1 + fallbacks.count }

  /// The same settings for the broker at a place of the list alone; 0 is the primary.
  ///
  /// A place beyond the list stands for the primary.
  public func broker(at place: Int) -> LinkConfiguration {
    var link = self
    link.fallbacks = []
    guard fallbacks.indices.contains(place - 1) else { return link }
    link.host = fallbacks[place - 1].host
    link.port = fallbacks[place - 1].port
    return link
  }
}
