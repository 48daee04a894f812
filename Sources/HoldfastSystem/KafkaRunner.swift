// An upstream's connection to a Kafka cluster, on that upstream's thread.
//
// * Connected means that some broker answered. When the library has lost all of them, one has to
//   answer within ``doubtTime``; else the link is closed and everything not answered is sent again
//   by the ring log, through a new client.
// * A client is let go on a thread of its own: the library waits for its threads, and one of them
//   may be in name resolution.

import Glibc
import HoldfastAgent
package import HoldfastEvent
import HoldfastKafka
import HoldfastLink
import HoldfastUpstream

/// What runs on the thread of an upstream that is a Kafka cluster.
final class KafkaRunner: CommandRunner {
  /// How long all brokers may be away before the link is closed, microseconds.
  static let doubtTime: Int64 = 5_000_000
  /// One wait for a broker's answer, milliseconds; commands wait meanwhile.
  private static let probeMilliseconds = 400
  /// Between two of them, microseconds.
  private static let probeInterval: Int64 = 100_000

  /// How long the end of clients is waited for when all ends, microseconds.
  private static let finishTimeout: Int64 = 2_000_000

  private enum Phase {
    case idle
    /// Until `deadline`, microseconds by boot clock.
    case connecting(deadline: Int64)
    case up
    /// All brokers were lost.
    case doubtful(deadline: Int64)
  }

  private(set) var isFinished = false
  private let commands: Mailbox<UpstreamCommand>
  private let index: Int
  private let configuration: UpstreamConfiguration
  private let post: @Sendable (Input) -> Void
  private let log: @Sendable (LogEntry) -> Void

  private let news = EventDescriptor()
  private let retiring = HangingCount()
  private var phase = Phase.idle
  private var client: KafkaClient?
  private var answers: [Acknowledgement] = []
  /// Why the link would be closed now.
  private var failure: LinkFailure?
  private var hasMore = false
  private var lineLimit = LineLimit()

  init(
    index: Int,
    configuration: UpstreamConfiguration,
    commands: Mailbox<UpstreamCommand>,
    post: @escaping @Sendable (Input) -> Void,
    log: @escaping @Sendable (LogEntry) -> Void
  ) {
    self.index = index
    self.configuration = configuration
    self.commands = commands
    self.post = post
    self.log = log
  }

  func runOnce() {
    wait()
    for command in commands.takeAll() { take(command) }
    news.clear()
    takeNews()
    probe()
    postAnswers()
  }

  private func wait() {
    var time = Int64.max
    switch phase {
    case .connecting, .doubtful: time = Self.probeInterval
    case .idle, .up: break
    }
    if hasMore { time = 0 }
    _ = waitForEvents(
      [PollRequest(commands.event.descriptor, POLLIN), PollRequest(news.descriptor, POLLIN)],
      microseconds: time
    )
  }

  func take(_ command: UpstreamCommand) {
    switch command {
    case .connect: connect()
    // A cluster has no list with a primary.
    case .ask: break
    case .publish(let batch):
      if let client { publish(batch, with: client) }
    case .disconnect:
      if client != nil { close(.onRequest) }
    case .finish:
      if client != nil { close(.onRequest) }
      // The process may end next, and with it what the library's threads still use.
      let deadline = SystemClock.boot() + Self.finishTimeout
      while !retiring.isNone && SystemClock.boot() < deadline { usleep(5000) }
      isFinished = true
    }
  }

  private func connect() {
    guard client == nil else { return }
    if retiring.isExhausted {
      return tellClosed(LinkFailure(.unreachable, "earlier clients have not ended yet"))
    }
    failure = nil
    do throws(LinkFailure) {
      client = try KafkaClient(KafkaSettings(configuration), wake: news.writeDescriptor)
      phase = .connecting(deadline: SystemClock.boot() + configuration.link.connectTimeout)
    } catch {
      tellClosed(error)
    }
  }

  private func publish(_ batch: MessageBatch, with client: KafkaClient) {
    for row in batch.rows {
      if let refusal = client.publish(row, of: batch.bytes) {
        answers.append(Acknowledgement(tag: row.tag, reasonCode: refusal.rawValue))
      }
    }
  }

  private func takeNews() {
    guard let client else { return }
    let news = client.takeNews()
    hasMore = news.hasMore
    answers += news.answers
    let now = SystemClock.boot()
    for line in news.lines {
      if let line = lineLimit.pass(line, now: now) {
        log(LogEntry(line.level, "upstream \(configuration.name): \(line.message)"))
      }
    }
    if let failure = news.failure { self.failure = failure }
    if news.isFatal, let failure { return close(failure) }
    switch phase {
    case .connecting:
      // Whoever refuses us, or is not there, will do so again: the core knows when to try again.
      let isRefused = failure?.kind == .refused || failure?.kind == .tls
      if isRefused || news.isDown { close(failure ?? LinkFailure(.unreachable)) }
    case .up:
      if news.isDown { phase = .doubtful(deadline: now + Self.doubtTime) }
    case .idle, .doubtful: break
    }
  }

  /// Asks for an answer where one is wanted.
  private func probe() {
    guard let client else { return }
    switch phase {
    case .idle, .up: return
    case .connecting(let deadline):
      if client.isAnswered(withinMilliseconds: Self.probeMilliseconds) {
        phase = .up
        failure = nil
        let grant = SessionGrant(protocolVersion: .v5, isSessionPresent: false)
        post(.upstreamConnected(upstream: index, grant))
      } else if SystemClock.boot() >= deadline {
        close(LinkFailure(.connectTimeout, failure?.detail ?? ""))
      }
    case .doubtful(let deadline):
      if client.isAnswered(withinMilliseconds: Self.probeMilliseconds) {
        phase = .up
        failure = nil
      } else if SystemClock.boot() >= deadline {
        close(failure ?? LinkFailure(.unreachable, "all brokers are down"))
      }
    }
  }

  /// Lets go of the client and tells the agent, once for each connect.
  private func close(_ failure: LinkFailure) {
    guard let client else { return }
    self.client = nil
    hasMore = false
    // What was answered until now counts; the rest is sent again.
    if case .up = phase { answers += client.takeNews().answers }
    retire(client)
    postAnswers()
    tellClosed(failure)
  }

  private func tellClosed(_ failure: LinkFailure) {
    phase = .idle
    post(.upstreamClosed(upstream: index, failure))
  }

  private func retire(_ client: KafkaClient) {
    let retired = Retired(client: client)
    let (retiring, news) = (retiring, news)
    retiring.add(1)
    let hasStarted = PosixThread.start("kafka end") {
      retired.client.retire()
      // The library wrote there until now.
      withExtendedLifetime(news) {}
      retiring.add(-1)
    }
    if hasStarted { return }
    client.retire()
    retiring.add(-1)
  }

  private func postAnswers() {
    if answers.isEmpty { return }
    post(.acknowledged(upstream: index, answers))
    answers.removeAll(keepingCapacity: true)
  }
}

/// A client on its way from the link's thread, which has no other reference to it, to the thread
/// that lets it go.
private struct Retired: @unchecked Sendable {
  let client: KafkaClient
}

/// The library's lines, so many per time; the rest is counted.
package struct LineLimit {
  /// Lines per interval.
  package static let countMax = 5
  /// Microseconds.
  package static let interval: Int64 = 60_000_000

  private var begunAt: Int64?
  private var count = 0
  private var leftOutCount = 0

  package init() {}

  /// The line to show, if it is to be shown.
  package mutating func pass(_ line: LogEntry, now: Int64) -> LogEntry? {
    if line.level == .debug { return line }
    if begunAt.map({ now - $0 >= Self.interval }) ?? true {
      begunAt = now
      count = 0
    }
    guard count < Self.countMax else {
      leftOutCount += 1
      return nil
    }
    count += 1
    var line = line
    if leftOutCount > 0 {
      line.message += "; \(leftOutCount) more of the library's lines were left out before"
      leftOutCount = 0
    }
    return line
  }
}

extension KafkaSettings {
  /// What the client of an upstream is made with.
  init(_ configuration: UpstreamConfiguration) {
    self.init(
      brokers: configuration.link.kafkaBrokers ?? "",
      clientID: configuration.link.clientID,
      answerTimeout: configuration.acknowledgementTimeout,
      properties: configuration.kafka?.properties ?? []
    )
  }
}
