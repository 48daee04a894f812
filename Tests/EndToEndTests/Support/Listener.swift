import Glibc

/// What a subscriber of its own sees at a broker, by `mosquitto_sub`.
final class Listener {
  private let process: ChildProcess
  private let broker: Broker
  private let filter: String
  private let earlierCount: Int

  /// Subscribes; a line per message: topic, a blank, payload.
  ///
  /// With a `session` what comes while it is not connected comes later.
  init(at broker: Broker, _ filter: String, session: String? = nil, in scratch: Scratch) throws {
    self.broker = broker
    self.filter = filter
    earlierCount = broker.subscriptionCount(to: filter)
    process = try ChildProcess(
      "mosquitto_sub",
      ["-h", Broker.address, "-p", "\(broker.port)", "-q", "1", "-t", filter, "-v"]
        + (session.map { ["-i", $0, "-c"] } ?? []),
      output: scratch.newPath("listener.log"),
      network: scratch.network
    )
  }

  deinit { process.send(signal: SIGTERM) }

  /// Waits until the broker has its subscription.
  func started() async throws {
    let isUp = try await eventually(within: 20) {
      self.broker.subscriptionCount(to: self.filter) > self.earlierCount
    }
    guard isUp else { throw TestFailure("mosquitto_sub doesn't subscribe: \(process.tail)") }
  }

  var messages: [String] { process.output.split(separator: "\n").map(String.init) }

  var count: Int { messages.count }
}
