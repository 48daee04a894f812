import Glibc
import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink

/// What runs on a source's thread.
final class SourceRunner: LinkRunner {
  /// A batch is handed over at this many events or bytes, even if more could be read.
  static let batchEventCountMax = 1000
  static let batchByteCountMax = 4 << 20
  /// Least time between two read passes, microseconds.
  ///
  /// A broker sends packet by packet, and waking up for each of them costs more than handling it;
  /// the first one after a quiet spell is not kept waiting.
  static let passIntervalMin: Int64 = 2_000
  /// MQTT's largest packet; no payload is longer.
  static let payloadByteCountMax = 256 << 20
  /// Memory kept for the next batch once a burst is over, bytes.
  static let keptByteCountMax = 256 << 10

  private(set) var isFinished = false
  let connection = Connection()
  let commands: Mailbox<SourceCommand>
  private let index: Int
  private let configuration: SourceConfiguration
  /// Bytes of a payload that are handed over: one more than the limit shows that it is above.
  private let payloadByteCountMax: Int
  private let post: @Sendable (Input) -> Void
  let log: @Sendable (LogEntry) -> Void
  /// Called when the source is subscribed, or known to be down.
  private let settled: @Sendable () -> Void

  /// Being filled; empty whenever commands are taken.
  private var batch = EventBatch()
  /// When the running read pass began.
  private var arrival = SystemClock.reading()
  /// Batches handed over since the process began, and how many of them the agent has answered.
  private var handedOverCount: UInt64 = 0
  private var answeredCount: UInt64 = 0
  /// The last batch with a QoS 1 event in it, and up to where PUBACKs are allowed.
  private var lastHeldBatch: UInt64 = 0
  private var releasedCount: UInt64 = 0
  private var hasQoS1 = false
  /// Released PUBACKs are being written; nothing is read before they are out.
  private var isReleasing = false
  /// The last pass stopped at a full batch: read on without polling.
  private var mayHaveMore = false
  /// Microseconds by boot clock.
  private var housekeepingAt: Int64 = 0
  private var passEnd: Int64 = 0
  private var subscribeDeadline: Int64?
  private var writeDeadline: Int64 = 0

  init(
    index: Int,
    configuration: SourceConfiguration,
    payloadByteCountMax: Int,
    commands: Mailbox<SourceCommand>,
    post: @escaping @Sendable (Input) -> Void,
    log: @escaping @Sendable (LogEntry) -> Void,
    settled: @escaping @Sendable () -> Void
  ) {
    self.index = index
    self.configuration = configuration
    self.payloadByteCountMax = min(max(0, payloadByteCountMax), Self.payloadByteCountMax) + 1
    self.commands = commands
    self.post = post
    self.log = log
    self.settled = settled
  }

  var title: String { "source \(configuration.name)" }

  /// A QoS 1 event was read whose PUBACK is not allowed yet.
  private var isHeld: Bool { lastHeldBatch > releasedCount }
  /// A batch is with the agent.
  private var isAwaiting: Bool { answeredCount < handedOverCount }

  func interest(in client: MosquittoClient, now: Int64) -> (socket: PollRequest, time: Int64) {
    if isReleasing {
      return (PollRequest(client.descriptor ?? -1, POLLOUT), writeDeadline - now)
    }
    // While reading pauses the socket is left out: its end would be reported over and over.
    if isAwaiting { return (PollRequest(-1, 0), .max) }
    let rest = mayHaveMore || client.hasUnread ? 0 : housekeepingAt - now
    return (PollRequest(client.descriptor ?? -1, POLLIN), rest)
  }

  func take(_ command: SourceCommand) {
    switch command {
    case .connect(let version): connect(version)
    case .readMore(let through):
      answeredCount = max(answeredCount, min(through, handedOverCount))
    case .release(let through):
      let through = min(through, handedOverCount)
      answeredCount = max(answeredCount, through)
      // While a newer batch is held this changes nothing yet; it counts once that one is QoS 0.
      releasedCount = max(releasedCount, through)
    case .disconnect(let releasing, let through, let isFinal):
      if releasing { releasedCount = max(releasedCount, min(through, handedOverCount)) }
      disconnect(releasing: releasing, status: isFinal ? .stopped : .offline)
    case .finish:
      if connection.client != nil { disconnect(releasing: true, status: .stopped) }
      connection.drop()
      isFinished = true
    }
  }

  private func connect(_ version: ProtocolVersion) {
    connect(
      ClientSettings(
        link: configuration.link,
        version: version,
        session: .kept(expirySeconds: configuration.sessionExpirySeconds),
        receiveMaximum: configuration.receiveMaximum
      )
    )
  }

  func begin(_ client: MosquittoClient) {
    defer { if !batch.isEmpty { handOver() } }
    // Nothing of this connection is under way yet, whatever became of the last one's batches.
    answeredCount = handedOverCount
    releasedCount = handedOverCount
    isReleasing = false
    // TLS may have more in its buffer than poll(2) can know of; it may even have delivered events
    // together with CONNACK, and those must be held before SUBSCRIBE is written.
    mayHaveMore = true
    let now = SystemClock.boot()
    housekeepingAt = now + configuration.link.housekeepingInterval
    subscribeDeadline = now + configuration.link.connectTimeout
  }

  func advance(_ client: MosquittoClient, _ events: Int32) throws(LinkFailure) {
    if !isHeld && client.wantsWrite {
      let now = SystemClock.boot()
      if !isReleasing { writeDeadline = now + configuration.link.keepAlive }
      isReleasing = !(try client.write())
      if isReleasing && now >= writeDeadline {
        throw LinkFailure(.keepAliveTimeout, "the broker takes no acknowledgements")
      }
    } else {
      isReleasing = false
    }
    if isReleasing || isAwaiting { return }
    if mayHaveMore || client.hasUnread || events & (POLLIN | POLLERR | POLLHUP) != 0 {
      try read(client)
    }
    let now = SystemClock.boot()
    if !isAwaiting && now >= housekeepingAt {
      // What waits in the socket may be the very answer that is missed.
      try read(client)
      if isAwaiting { return }
      housekeepingAt = now + configuration.link.housekeepingInterval
      // PINGREQ would queue behind held PUBACKs; it is not needed while events flow.
      if !isHeld {
        try client.keepAlive()
        _ = try client.write()
      }
      if let subscribeDeadline, now >= subscribeDeadline {
        throw LinkFailure(.closed, "no SUBACK within the connect timeout")
      }
    }
  }

  /// One pass: reads until nothing is left or the batch is full, then hands it over.
  private func read(_ client: MosquittoClient) throws(LinkFailure) {
    if !mayHaveMore { pause(until: passEnd + Self.passIntervalMin) }
    defer { passEnd = SystemClock.boot() }
    arrival = SystemClock.reading()
    mayHaveMore = false
    defer { handOver() }
    // Bounded for packets that are no events as well.
    for _ in 0..<(2 * Self.batchEventCountMax) {
      if try client.read() == .drained { return }
      if batch.count >= Self.batchEventCountMax || batch.bytes.count >= Self.batchByteCountMax {
        break
      }
    }
    mayHaveMore = true
  }

  private func handOver() {
    if batch.isEmpty { return }
    handedOverCount += 1
    if hasQoS1 { lastHeldBatch = handedOverCount }
    hasQoS1 = false
    // An exact copy: the agent may keep it, and must not keep the capacity with it. `Array(array)` is
    // none: it shares the buffer, and the log's memory would hold the room of the largest batch so
    // far, thousands of times over.
    let exact = unsafe EventBatch(
      bytes: batch.bytes.withUnsafeBufferPointer { unsafe Array($0) },
      rows: batch.rows.withUnsafeBufferPointer { unsafe Array($0) }
    )
    post(.received(source: index, exact))
    if batch.bytes.capacity > Self.keptByteCountMax
      && batch.bytes.count < batch.bytes.capacity / 4
    {
      batch = EventBatch()
    } else {
      batch.removeAll()
    }
  }

  private func disconnect(releasing: Bool, status: AgentPresence) {
    // DISCONNECT stands behind every held PUBACK, so it can be written only where they can.
    if let client = connection.client, releasing, !isHeld { client.disconnect(status: status) }
    if connection.isIdle { return }
    close(.onRequest)
  }

  func close(_ failure: LinkFailure) {
    if !batch.isEmpty { handOver() }
    connection.drop()
    subscribeDeadline = nil
    settled()
    post(.sourceClosed(source: index, failure))
  }

  func endPass() {}
}

extension SourceRunner {
  func granted(_ grant: SessionGrant, by client: MosquittoClient) {
    arrival = SystemClock.reading()
    do throws(LinkFailure) {
      try client.subscribe(configuration.topics)
    } catch {
      log(LogEntry(.error, "source \(configuration.name): \(error.detail)"))
    }
    post(.sourceConnected(source: index, grant))
  }

  func subscribed(codes: [Int32]) {
    subscribeDeadline = nil
    settled()
    for (filter, code) in zip(configuration.topics, codes) {
      if code >= 0x80 {
        log(
          LogEntry(
            .error,
            """
            source \(configuration.name): the broker refuses the subscription to \(filter) \
            (code \(code)); check its access rules
            """
          )
        )
      } else if code == 0 {
        log(
          LogEntry(
            .warning,
            """
            source \(configuration.name): the broker grants QoS 0 only for \(filter); \
            nothing of it is acknowledged or redelivered
            """
          )
        )
      }
    }
  }

  func received(
    topic: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer,
    properties: [UInt8],
    isQoS1: Bool,
    isRetained: Bool
  ) {
    var flags = EventFlags()
    if isQoS1 { flags.insert(.qos1) }
    if isRetained { flags.insert(.retained) }
    if isQoS1 { hasQoS1 = true }
    let kept = unsafe UnsafeRawBufferPointer(rebasing: payload.prefix(payloadByteCountMax))
    let isAppended = unsafe properties.withUnsafeBytes { properties in
      unsafe batch.append(
        topic: topic,
        payload: kept,
        properties: properties,
        clock: arrival,
        source: UInt8(truncatingIfNeeded: index),
        flags: flags
      )
    }
    // Out of reach: one packet is at most 256 MiB, and a batch ends at 4 MiB.
    if !isAppended { log(LogEntry(.error, "source \(configuration.name): an event was too long")) }
  }

  func acknowledged(messageID: Int32, reasonCode: UInt8) {}
}
