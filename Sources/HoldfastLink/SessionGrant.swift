/// What a broker granted at CONNACK.
public struct SessionGrant: Equatable, Sendable {
  /// The version the link speaks.
  public var protocolVersion: ProtocolVersion
  /// The broker had kept our session.
  public var isSessionPresent: Bool
  /// The server's Receive Maximum (MQTT 5); 65,535 where it named none.
  public var receiveMaximum: Int
  /// The server's Maximum Packet Size in bytes; nil where it named none.
  public var packetByteCountMax: Int?

  /// A grant of its parts; the defaults are MQTT's where the server names none.
  public init(
    protocolVersion: ProtocolVersion,
    isSessionPresent: Bool,
    receiveMaximum: Int = 65_535,
    packetByteCountMax: Int? = nil
  ) {
    self.protocolVersion = protocolVersion
    self.isSessionPresent = isSessionPresent
    self.receiveMaximum = receiveMaximum
    self.packetByteCountMax = packetByteCountMax
  }
}
