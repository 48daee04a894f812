// An upstream's connection: publishes what the agent hands over, reports acknowledgements.
//
// * Nothing is published while the link is down: the library would queue it and send it later,
//   next to what the agent sends again from its cursor. A batch that comes too late is dropped.
// * Each `connect` is answered by exactly one `upstreamClosed`, however the connection ends.

package import HoldfastAgent
package import HoldfastEvent
package import HoldfastLink
package import HoldfastUpstream

/// The thread of one upstream, as the agent's thread sees it.
package final class UpstreamThread: Sendable {
  /// What the agent wants.
  package enum Command: Sendable {
    case connect(ProtocolVersion)
    case publish(MessageBatch)
    case disconnect
    /// Close cleanly and end the thread.
    case finish
  }

  private let commands = Mailbox<Command>()

  package init() {}

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - index: the upstream's place in the configuration.
  ///   - configuration: its settings.
  ///   - post: takes what happens.
  ///   - log: takes lines for the operator.
  ///   - finished: counted down when the thread ends.
  package func start(
    index: Int,
    configuration: UpstreamConfiguration,
    post: @escaping @Sendable (Input) -> Void,
    log: @escaping @Sendable (LogEntry) -> Void,
    finished: Latch
  ) {
    let commands = self.commands
    let hasStarted = PosixThread.start("upstream \(configuration.name)") {
      let runner = UpstreamRunner(
        index: index,
        configuration: configuration,
        commands: commands,
        post: post
      )
      while !runner.isFinished { runner.runOnce() }
      finished.countDown()
    }
    if !hasStarted {
      log(LogEntry(.error, "upstream \(configuration.name): no thread left; it stays closed"))
      finished.countDown()
    }
  }

  package func post(_ command: Command) { commands.post(command) }
}
