public import HoldfastEvent
public import HoldfastLink
public import HoldfastStage

/// One `[[source]]`: an MQTT broker that sensors publish to.
public struct SourceConfiguration: Equatable, Sendable {
  /// `name`: unique among sources; names its counters and its session.
  public var name: String
  /// `url`, credentials, TLS, keep-alive, protocol, client id.
  public var link: LinkConfiguration
  /// `topics`: at least one filter.
  public var topics: [TopicFilter]
  /// `session_expiry`: seconds the broker keeps our session (MQTT 5).
  public var sessionExpirySeconds: UInt32 = 604_800
  /// `receive_maximum`: our Receive Maximum on MQTT 5.
  public var receiveMaximum = 1000
  /// `inflight_window`: what the broker keeps in flight on 3.1.1 (Mosquitto: max_inflight_messages).
  public var inflightWindow = 20
  /// `decode` and `[[source.decode_topic]]`: which format the payloads have.
  public var decode = DecodeRules()
  /// `[[source.stage]]`: what events pass through before they are stored, in order; at most 32.
  public var stages: [StageConfiguration] = []

  /// Defaults for all but what has none.
  public init(name: String, link: LinkConfiguration, topics: [TopicFilter]) {
    self.name = name
    self.link = link
    self.topics = topics
  }
}
