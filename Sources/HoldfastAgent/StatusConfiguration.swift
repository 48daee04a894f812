/// `[status]`: where the status page can be had, and what it remembers.
public struct StatusConfiguration: Equatable, Sendable {
  /// An IP address and a port.
  public struct Listener: Equatable, Sendable {
    /// IPv4 or IPv6, without brackets.
    public var address: String
    /// 0: one that is free.
    public var port: UInt16

    /// Made of its parts.
    public init(address: String, port: UInt16) {
      self.address = address
      self.port = port
    }
  }

  /// `status.listen`; nil: no TCP port.
  public var listener: Listener? = Listener(address: "127.0.0.1", port: 9464)
  /// `status.socket`, absolute or within `agent.data_dir`; nil: no Unix socket.
  public var socketPath: String? = "status.sock"
  /// `status.hosts`: names that a request may ask for besides `localhost` and IP addresses.
  public var hosts: [String] = []
  /// `status.max_topics`: topics whose traffic is remembered; 0: none.
  public var topicCountMax = 1000

  /// The defaults.
  public init() {}

  /// Whether nobody can ask.
  public var isOff: Bool { listener == nil && socketPath == nil }
}
