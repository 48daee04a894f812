// What the threads of sources and upstreams have in common: one connection each, commands from the
// agent's thread, and a loop that waits for either.

import Glibc
import HoldfastEvent
import HoldfastLink

/// The thread of one link, as the agent's thread sees it.
package final class LinkThread<Command: Sendable>: Sendable {
  private let commands = Mailbox<Command>()

  package init() {}

  package func post(_ command: Command) { commands.post(command) }

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - name: `source floor`, for ps(1) and the log.
  ///   - log: takes lines for the operator.
  ///   - finished: counted down when the thread ends.
  ///   - makeRunner: called on the thread.
  func start<Runner: CommandRunner & SendableMetatype>(
    _ name: String,
    log: @Sendable (LogEntry) -> Void,
    finished: Latch,
    makeRunner: @escaping @Sendable (Mailbox<Command>) -> Runner
  ) where Runner.Command == Command {
    let commands = self.commands
    let hasStarted = PosixThread.start(name) {
      let runner = makeRunner(commands)
      while !runner.isFinished { runner.runOnce() }
      finished.countDown()
    }
    if !hasStarted {
      log(LogEntry(.error, "\(name): no thread left; it stays closed"))
      finished.countDown()
    }
  }
}

/// A link's connection: none, one being made, or one that is up; owned by the link's thread.
final class Connection {
  enum Phase {
    case idle
    case connecting(LinkSetup)
    case up(MosquittoClient)
  }

  fileprivate(set) var phase = Phase.idle
  fileprivate var manners = StatusManners()
  /// When the certificates are looked at again, microseconds by boot clock.
  fileprivate var certificatesAt: Int64 = 0
  private let hanging = HangingCount()

  var isIdle: Bool {
    if case .idle = phase { true } else { false }
  }

  /// The client while the link is up.
  var client: MosquittoClient? {
    if case .up(let client) = phase { client } else { nil }
  }

  fileprivate func begin(
    _ settings: ClientSettings,
    receiver: any MosquittoClientReceiver,
    wake: EventDescriptor
  ) throws(LinkFailure) {
    phase = .connecting(
      try LinkSetup(
        settings,
        receiver: receiver,
        hanging: hanging,
        wake: wake,
        now: SystemClock.boot()
      )
    )
  }

  /// Lets go of whatever there is.
  func drop() {
    client?.receiver = nil
    phase = .idle
  }
}

/// What runs on a link's thread.
protocol CommandRunner {
  associatedtype Command: Sendable

  var isFinished: Bool { get }
  func take(_ command: Command)
  /// Waits for something to happen and deals with it.
  func runOnce()
}

/// What runs on the thread of a link that speaks MQTT.
protocol LinkRunner: CommandRunner, MosquittoClientReceiver {
  var connection: Connection { get }
  var commands: Mailbox<Command> { get }
  /// `source floor`, for messages.
  var title: String { get }
  /// Takes lines for the operator.
  var log: @Sendable (LogEntry) -> Void { get }

  /// The link is up from now on.
  func begin(_ client: MosquittoClient)
  /// What to poll the socket of a link that is up for, and for how many microseconds.
  func interest(in client: MosquittoClient, now: Int64) -> (socket: PollRequest, time: Int64)
  /// Reads and writes what can be; `events` are poll(2)'s.
  func advance(_ client: MosquittoClient, _ events: Int32) throws(LinkFailure)
  /// Lets go of the connection and tells the agent, once for each connect.
  func close(_ failure: LinkFailure)
  /// After each pass.
  func endPass()
}

extension LinkRunner {
  func runOnce() {
    let events = wait()
    for command in commands.takeAll() { take(command) }
    do throws(LinkFailure) {
      switch connection.phase {
      case .idle: break
      case .connecting(let setup):
        guard let client = try setup.advance(events, now: SystemClock.boot()) else { return }
        connection.phase = .up(client)
        client.beginBuffering()
        connection.manners.granted(now: SystemClock.boot())
        connection.certificatesAt = 0
        begin(client)
      case .up(let client):
        try advance(client, events)
        lookAround(client)
      }
    } catch {
      connection.manners.ended(error, now: SystemClock.boot())
      close(error)
    }
    endPass()
  }

  /// What an operator should hear of while the link is up.
  private func lookAround(_ client: MosquittoClient) {
    let now = SystemClock.boot()
    if connection.manners.hasLastedWithout(now: now), let topic = client.settings.link.statusTopic {
      log(
        LogEntry(
          .warning,
          """
          \(title): \(client.settings.link.url) ends connections that tell the status; going on \
          without it for a day (allow \(topic) there, or set agent.status_topic = "")
          """
        )
      )
    }
    guard client.settings.link.tls != nil, now >= connection.certificatesAt else { return }
    connection.certificatesAt = now + CertificateDates.interval
    let warnings = CertificateDates.warnings(
      title,
      client.settings.link,
      peerEnd: client.peerCertificateEnd,
      now: Int64(time(nil))
    )
    for warning in warnings { log(warning) }
  }

  private func wait() -> Int32 {
    let own = PollRequest(commands.event.descriptor, POLLIN)
    let now = SystemClock.boot()
    switch connection.phase {
    case .idle:
      _ = waitForEvents([own], microseconds: .max)
      return 0
    case .connecting(let setup):
      return waitForEvents([own, setup.pollRequest], microseconds: setup.deadline - now)[1]
    case .up(let client):
      let (socket, time) = interest(in: client, now: now)
      return waitForEvents([own, socket], microseconds: time)[1]
    }
  }

  /// Begins to connect, unless there is a connection or one being made.
  func connect(_ settings: ClientSettings) {
    guard connection.isIdle else { return }
    var settings = settings
    settings.tellsStatus = connection.manners.begin(now: SystemClock.boot())
    do throws(LinkFailure) {
      try connection.begin(settings, receiver: self, wake: commands.event)
    } catch {
      connection.manners.ended(error, now: SystemClock.boot())
      close(error)
    }
  }
}

extension LinkFailure {
  /// The answer to a command that ends the connection.
  static var onRequest: LinkFailure { LinkFailure(.requested, "closed by Holdfast") }
}

extension LinkConfiguration {
  /// Microseconds between two messages, at most.
  var keepAlive: Int64 { Int64(keepAliveSeconds) * 1_000_000 }
  /// Microseconds between two looks at whether PINGREQ is due.
  var housekeepingInterval: Int64 { min(max(keepAlive / 12, 1_000_000), 5_000_000) }
}
