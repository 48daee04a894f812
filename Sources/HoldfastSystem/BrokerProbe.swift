import Glibc
import HoldfastAgent
import HoldfastEvent
public import HoldfastIntake
public import HoldfastLink
public import HoldfastUpstream

/// What a broker showed to a client that only came to look.
public struct BrokerReport: Equatable, Sendable {
  /// What it granted; nil where there was no connection.
  public var grant: SessionGrant?
  /// Why there was none.
  public var failure: LinkFailure?
  /// Whether it still had the session when the client came back; nil where that was not tried.
  public var keepsSession: Bool?
  /// Values of `$SYS` topics, in the order of the topics; nothing where it publishes none, or not
  /// to us.
  public var statistics: [(topic: String, value: String)] = []

  /// A report that says nothing yet.
  public init() {}

  /// The value of a `$SYS` topic.
  public func statistic(_ topic: String) -> String? {
    statistics.first { $0.topic == topic }?.value
  }

  /// Whether both say the same.
  public static func == (left: BrokerReport, right: BrokerReport) -> Bool {
    left.grant == right.grant && left.failure == right.failure
      && left.keepsSession == right.keepsSession
      && left.statistics.map(\.topic) == right.statistics.map(\.topic)
      && left.statistics.map(\.value) == right.statistics.map(\.value)
  }
}

/// Looks at brokers with clients of their own, beside a running agent: its sessions are not touched.
///
/// Nothing is published. The session that a look at a source leaves expires after a minute; over
/// MQTT 3.1.1, which knows no expiry, it is removed by a last clean connection.
public struct BrokerProbe: Sendable {
  /// Topics that Mosquitto and others publish about themselves.
  public static let statisticTopics = [
    "$SYS/broker/version", "$SYS/broker/uptime", "$SYS/broker/publish/messages/dropped",
    "$SYS/broker/store/messages/count",
  ]
  /// What is appended to the agent's client id.
  private static let suffix = "-doctor"
  /// Longest client id, bytes; brokers of 3.1.1 need not take longer ones.
  private static let clientIDByteCountMax = 256
  /// Seconds that a broker keeps the session of a look.
  private static let sessionExpirySeconds: UInt32 = 60
  /// How long retained `$SYS` messages are waited for, microseconds.
  private static let statisticsWait: Int64 = 1_500_000
  /// Time to close, microseconds.
  private static let finishTimeout: Int64 = 3_000_000
  /// Longest value of a `$SYS` topic that is kept, bytes.
  private static let valueByteCountMax = 200

  /// Nothing to set.
  public init() {}

  /// Connects twice with a kept session and reads `$SYS` meanwhile.
  ///
  /// - Complexity: waits for the network: up to three times the connect timeout and two seconds.
  public func look(at source: SourceConfiguration) -> BrokerReport {
    var source = source
    source.link = disguised(source.link)
    source.topics = Self.statisticTopics.compactMap { TopicFilter($0) }
    source.stages = []
    source.sessionExpirySeconds = Self.sessionExpirySeconds
    var report = BrokerReport()
    for version in versions(source.link.protocolPolicy) {
      report = SourceLook(source).run(version)
      if report.grant != nil || report.failure?.kind == .unreachable { break }
    }
    if report.grant?.protocolVersion == .v311 {
      _ = UpstreamLook(
        UpstreamConfiguration(name: source.name, link: source.link, topics: source.topics)
      ).run(.v311)
    }
    return report
  }

  /// Connects once, with a clean session.
  public func look(at upstream: UpstreamConfiguration) -> BrokerReport {
    var upstream = upstream
    upstream.link = disguised(upstream.link)
    var report = BrokerReport()
    for version in versions(upstream.link.protocolPolicy) {
      report = UpstreamLook(upstream).run(version)
      if report.grant != nil || report.failure?.kind == .unreachable { break }
    }
    return report
  }

  /// The link under a client id of its own, or the agent would be thrown out.
  private func disguised(_ link: LinkConfiguration) -> LinkConfiguration {
    var link = link
    let room = Self.clientIDByteCountMax - Self.suffix.utf8.count
    link.clientID = String(decoding: link.clientID.utf8.prefix(room), as: UTF8.self) + Self.suffix
    return link
  }

  private func versions(_ policy: ProtocolPolicy) -> [ProtocolVersion] {
    switch policy {
    case .auto: [.v5, .v311]
    case .v5: [.v5]
    case .v311: [.v311]
    }
  }

  /// Waits for inputs until `take` says that it has seen enough; false when time ran out.
  fileprivate static func wait(
    for inbox: Mailbox<Input>,
    until deadline: Int64,
    _ take: (Input) -> Bool
  ) -> Bool {
    while true {
      for input in inbox.takeAll() where take(input) { return true }
      let rest = deadline - SystemClock.boot()
      if rest <= 0 { return false }
      _ = waitForEvents([PollRequest(inbox.event.descriptor, POLLIN)], microseconds: rest)
    }
  }

  /// One look at an upstream.
  private final class UpstreamLook {
    private let upstream: UpstreamConfiguration
    private let inbox = Mailbox<Input>()

    init(_ upstream: UpstreamConfiguration) { self.upstream = upstream }

    func run(_ version: ProtocolVersion) -> BrokerReport {
      let finished = Latch(count: 1)
      let inbox = self.inbox
      let thread = UpstreamThread()
      thread.start(
        index: 0,
        configuration: upstream,
        post: { inbox.post($0) },
        log: { _ in },
        finished: finished
      )
      thread.post(.connect(version))
      var report = BrokerReport()
      let deadline = SystemClock.boot() + upstream.link.connectTimeout + finishTimeout
      let isAnswered = BrokerProbe.wait(for: inbox, until: deadline) { input in
        switch input {
        case .upstreamConnected(_, let grant): report.grant = grant
        case .upstreamClosed(_, let failure): report.failure = failure
        default: return false
        }
        return true
      }
      if !isAnswered { report.failure = LinkFailure(.connectTimeout, "no answer in time") }
      thread.post(.finish)
      _ = finished.wait(until: SystemClock.boot() + finishTimeout)
      return report
    }
  }

  /// One look at a source.
  private final class SourceLook {
    private let source: SourceConfiguration
    private let inbox = Mailbox<Input>()
    private let thread = SourceThread()
    private var report = BrokerReport()
    private var batchCount: UInt64 = 0

    init(_ source: SourceConfiguration) { self.source = source }

    func run(_ version: ProtocolVersion) -> BrokerReport {
      let finished = Latch(count: 1)
      let inbox = self.inbox
      thread.start(
        index: 0,
        configuration: source,
        payloadByteCountMax: valueByteCountMax,
        post: { inbox.post($0) },
        log: { _ in },
        finished: finished
      )
      if let grant = connect(version) {
        report.grant = grant
        readStatistics()
        close()
        report.keepsSession = connect(version)?.isSessionPresent
        report.failure = nil
      }
      thread.post(.finish)
      _ = finished.wait(until: SystemClock.boot() + finishTimeout)
      report.statistics.sort { $0.topic < $1.topic }
      return report
    }

    private func connect(_ version: ProtocolVersion) -> SessionGrant? {
      thread.post(.connect(version))
      var grant: SessionGrant?
      let deadline = SystemClock.boot() + source.link.connectTimeout + finishTimeout
      let isAnswered = BrokerProbe.wait(for: inbox, until: deadline) { input in
        switch input {
        case .sourceConnected(_, let granted): grant = granted
        case .sourceClosed(_, let failure): report.failure = failure
        default: return false
        }
        return true
      }
      if !isAnswered { report.failure = LinkFailure(.connectTimeout, "no answer in time") }
      return grant
    }

    private func readStatistics() {
      let deadline = SystemClock.boot() + statisticsWait
      _ = BrokerProbe.wait(for: inbox, until: deadline) { input in
        switch input {
        case .received(_, let batch): take(batch)
        case .sourceClosed: return true
        default: break
        }
        return report.statistics.count == BrokerProbe.statisticTopics.count
      }
    }

    private func take(_ batch: EventBatch) {
      batchCount += 1
      for index in 0..<batch.count where report.statistics.count < statisticTopics.count {
        let topic = String(decoding: batch.topic(index), as: UTF8.self)
        let value = String(decoding: batch.payload(index).prefix(valueByteCountMax), as: UTF8.self)
        if report.statistic(topic) == nil { report.statistics.append((topic, value)) }
      }
      thread.post(.release(through: batchCount))
    }

    /// Closes the connection and leaves the session.
    private func close() {
      thread.post(.disconnect(releasing: true, through: batchCount))
      let deadline = SystemClock.boot() + finishTimeout
      _ = BrokerProbe.wait(for: inbox, until: deadline) { input in
        if case .sourceClosed = input { true } else { false }
      }
    }
  }
}
