public import HoldfastEvent
public import HoldfastLink
public import HoldfastUpstream

/// Something that happened outside; the only way by which the world reaches the core.
public enum Input: Sendable {
  /// The source answered CONNACK with success; the shell re-subscribes by itself.
  case sourceConnected(source: Int, SessionGrant)
  /// The source's link ended, or could not be made.
  case sourceClosed(source: Int, LinkFailure)
  /// Events were read from the source; it reads no more before `.readMore` or `.release`.
  case received(source: Int, EventBatch)
  case upstreamConnected(upstream: Int, SessionGrant)
  case upstreamClosed(upstream: Int, LinkFailure)
  /// The answer to `askPrimary`; nil: the primary grants a connection.
  case primaryAsked(upstream: Int, LinkFailure?)
  /// So many bytes were handed to the socket since the link was made; under a budget only.
  case handedOver(upstream: Int, byteCount: UInt64)
  /// Acknowledgements arrived, in the order of arrival.
  case acknowledged(upstream: Int, [Acknowledgement])
  /// The instant asked for by `Agent.wakeAt` has come, or nothing else happened.
  case timer
  /// Finish: commit, save, let go.
  case stop
}

/// Something that the shell must do; the only way by which the core reaches the network.
public enum Effect: Sendable {
  /// Make a new client and connect; answered by `sourceConnected` or `sourceClosed`.
  case connectSource(source: Int, ProtocolVersion)
  /// Read on, but write nothing to the socket: something read is not durable yet.
  case readMore(source: Int)
  /// Everything handed over is settled: write the held PUBACKs, then read on.
  case release(source: Int)
  /// Close the source and keep its session. `releasing`: write the held PUBACKs first.
  case disconnectSource(source: Int, releasing: Bool)
  /// The same for an upstream, with the broker at that place of its list; 0: the primary.
  case connectUpstream(upstream: Int, ProtocolVersion, place: Int)
  /// Ask the primary, beside the link that is up, whether it grants a connection, and close that
  /// again; answered by `primaryAsked`.
  case askPrimary(upstream: Int, ProtocolVersion)
  /// Drop the link at once; answered by `upstreamClosed`.
  case disconnectUpstream(upstream: Int)
  /// Publish each message at QoS 1, in order; answered by `acknowledged`.
  case publish(upstream: Int, MessageBatch)
  case log(LogEntry)
  /// The answer to `stop`: all is saved, the shell may end.
  case stopped
}
