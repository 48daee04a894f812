// An upstream's connection: publishes what the agent hands over, reports acknowledgements.
//
// * Nothing is published while the link is down: the library would queue it and send it later,
//   next to what the agent sends again from its cursor. A batch that comes too late is dropped.
// * Each `connect` is answered by exactly one `upstreamClosed`, however the connection ends.

package import HoldfastAgent
package import HoldfastEvent
package import HoldfastLink
package import HoldfastUpstream

/// What the agent wants of an upstream.
package enum UpstreamCommand: Sendable {
  /// With the broker at that place of the list, see `LinkConfiguration.broker(at:)`.
  case connect(ProtocolVersion, place: Int = 0)
  /// Asks the primary, by a connection of its own, whether it is there.
  case ask(ProtocolVersion)
  case publish(MessageBatch)
  case disconnect
  /// Close cleanly and end the thread.
  case finish
}

/// The thread of one upstream.
package typealias UpstreamThread = LinkThread<UpstreamCommand>

extension LinkThread<UpstreamCommand> {
  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - index: the upstream's place in the configuration.
  ///   - configuration: its settings.
  ///   - budgetByteCount: bytes per second of the budget that it uses; nil: none.
  ///   - post: takes what happens.
  ///   - log: takes lines for the operator.
  ///   - finished: counted down when the thread ends.
  package func start(
    index: Int,
    configuration: UpstreamConfiguration,
    budgetByteCount: Int? = nil,
    post: @escaping @Sendable (Input) -> Void,
    log: @escaping @Sendable (LogEntry) -> Void,
    finished: Latch
  ) {
    let name = "upstream \(configuration.name)"
    if configuration.kafka != nil {
      start(name, log: log, finished: finished) { commands in
        KafkaRunner(
          index: index,
          configuration: configuration,
          commands: commands,
          post: post,
          log: log
        )
      }
      return
    }
    start(name, log: log, finished: finished) { commands in
      UpstreamRunner(
        index: index,
        configuration: configuration,
        budgetByteCount: budgetByteCount,
        commands: commands,
        post: post,
        log: log
      )
    }
  }
}
