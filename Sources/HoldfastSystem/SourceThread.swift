// A source's connection: reads events, hands them over in batches, holds their PUBACKs back.
//
// * After a QoS 1 event was read nothing is written to the socket before the agent has released
//   it. One FIFO in the library makes release all or nothing.
// * One batch is under way at a time. Batches are counted from the start of the process, and the
//   agent's answers name the batch they cover, so that an answer which was under way while a
//   newer batch, or a newer connection, came up never releases more than it knew of.
// * Each `connect` is answered by exactly one `sourceClosed`, however the connection ends.

package import HoldfastAgent
package import HoldfastEvent
package import HoldfastIntake
package import HoldfastLink

/// What the agent wants of a source; `through` counts the batches it had taken by then.
package enum SourceCommand: Sendable {
  case connect(ProtocolVersion)
  case readMore(through: UInt64)
  case release(through: UInt64)
  /// `isFinal`: the agent ends, and the broker is told so.
  case disconnect(releasing: Bool, through: UInt64, isFinal: Bool = false)
  /// Close cleanly and end the thread.
  case finish
}

/// The thread of one source.
package typealias SourceThread = LinkThread<SourceCommand>

extension LinkThread<SourceCommand> {
  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - index: the source's place in the configuration.
  ///   - configuration: its settings.
  ///   - payloadByteCountMax: a longer payload is handed over cut to one byte more than this:
  ///     enough for the agent to count and drop it, without the memory.
  ///   - post: takes what happens.
  ///   - log: takes lines for the operator.
  ///   - finished: counted down when the thread ends.
  ///   - settled: called when the source is subscribed, or known to be down; again and again.
  package func start(
    index: Int,
    configuration: SourceConfiguration,
    payloadByteCountMax: Int,
    post: @escaping @Sendable (Input) -> Void,
    log: @escaping @Sendable (LogEntry) -> Void,
    finished: Latch,
    settled: @escaping @Sendable () -> Void = {}
  ) {
    start("source \(configuration.name)", log: log, finished: finished) { commands in
      SourceRunner(
        index: index,
        configuration: configuration,
        payloadByteCountMax: payloadByteCountMax,
        commands: commands,
        post: post,
        log: log,
        settled: settled
      )
    }
  }
}
