public import HoldfastIntake
public import HoldfastRingLog
public import HoldfastUpstream

/// Everything that an operator sets, checked and with defaults filled in.
public struct AgentConfiguration: Equatable, Sendable {
  /// `agent.id`: first part of every event's identity.
  public var agentID: String
  /// `agent.data_dir`.
  public var dataDirectory = "/var/lib/holdfast"
  /// `[ring]`.
  public var ring = RingConfiguration()
  /// `[status]`.
  public var status = StatusConfiguration()
  /// `[[source]]`, one at least.
  public var sources: [SourceConfiguration]
  /// `[[upstream]]`, one at least.
  public var upstreams: [UpstreamConfiguration]

  /// Defaults for all but what has none.
  public init(
    agentID: String,
    sources: [SourceConfiguration],
    upstreams: [UpstreamConfiguration]
  ) {
    self.agentID = agentID
    self.sources = sources
    self.upstreams = upstreams
  }

  /// Bytes per second of the budget that an upstream uses, be it its own or shared; nil: none.
  public func budgetByteCount(ofUpstream index: Int) -> Int? {
    guard let owner = upstreams[index].budgetOwner else { return upstreams[index].budgetByteCount }
    return upstreams.first { $0.name == owner }?.budgetByteCount
  }
}
