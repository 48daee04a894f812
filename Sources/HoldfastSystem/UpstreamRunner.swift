import Glibc
import HoldfastAgent
import HoldfastEvent
import HoldfastLink
import HoldfastUpstream

/// What runs on an upstream's thread.
final class UpstreamRunner: LinkRunner {
  /// A pass that brought fewer acknowledgements than this is followed by a pause of so many
  /// microseconds: a broker acknowledges message by message, and waking up for each of them costs
  /// more than handling it.
  static let passAcknowledgementCountMin = 16
  static let pauseDuration: Int64 = 500
  /// Bytes that the kernel may keep unsent at least: a smaller limit costs wake-ups and saves
  /// nothing, as it is a packet or two.
  static let unsentByteCountMin = 4096

  private(set) var isFinished = false
  let connection = Connection()
  let commands: Mailbox<UpstreamCommand>
  private let index: Int
  private let configuration: UpstreamConfiguration
  /// Bytes per second of the budget it uses, be it its own or shared; nil: none.
  private let budgetByteCount: Int?
  private let post: @Sendable (Input) -> Void
  let log: @Sendable (LogEntry) -> Void

  private let question = PrimaryQuestion()
  private var tags = TagTable()
  /// Collected during one pass.
  private var acknowledgements: [Acknowledgement] = []
  /// Microseconds by boot clock.
  private var housekeepingAt: Int64 = 0
  private var readFloor: Int64 = 0
  /// What the agent was told last of the bytes handed to this link's socket.
  private var toldByteCount: Int64 = 0

  init(
    index: Int,
    configuration: UpstreamConfiguration,
    budgetByteCount: Int?,
    commands: Mailbox<UpstreamCommand>,
    post: @escaping @Sendable (Input) -> Void,
    log: @escaping @Sendable (LogEntry) -> Void
  ) {
    self.index = index
    self.configuration = configuration
    self.budgetByteCount = budgetByteCount
    self.commands = commands
    self.post = post
    self.log = log
  }

  var title: String { "upstream \(configuration.name)" }

  func interest(in client: MosquittoClient, now: Int64) -> (socket: PollRequest, time: Int64) {
    let wanted = client.wantsWrite ? POLLIN | POLLOUT : POLLIN
    let rest = client.hasUnread ? 0 : housekeepingAt - now
    return (PollRequest(client.descriptor ?? -1, wanted), rest)
  }

  func take(_ command: UpstreamCommand) {
    switch command {
    case .connect(let version, let place): connect(settings(version, place: place))
    case .ask(let version):
      let (index, post) = (index, post)
      question.ask(settings(version, place: 0)) {
        post(.primaryAsked(upstream: index, $0))
      }
    case .publish(let batch):
      if let client = connection.client { publish(batch, with: client) }
    case .disconnect:
      if !connection.isIdle { close(.onRequest) }
    case .finish:
      if let client = connection.client {
        client.disconnect(status: .stopped)
        close(.onRequest)
      }
      connection.drop()
      isFinished = true
    }
  }

  private func settings(_ version: ProtocolVersion, place: Int) -> ClientSettings {
    ClientSettings(
      link: configuration.link.broker(at: place),
      version: version,
      session: .clean,
      receiveMaximum: nil
    )
  }

  func begin(_ client: MosquittoClient) {
    tags = TagTable()
    toldByteCount = 0
    if let limit = unsentByteCountMax { client.limitUnsent(to: limit) }
    housekeepingAt = SystemClock.boot() + configuration.link.housekeepingInterval
  }

  private func publish(_ batch: MessageBatch, with client: MosquittoClient) {
    for row in batch.rows {
      if !tags.hasRoom {
        // More than the window that was agreed on: the core counts it as refused and tries again.
        acknowledgements.append(Acknowledgement(tag: row.tag, reasonCode: 0x97))
        continue
      }
      let result = client.publish(
        topic: batch.bytes[row.topicRange],
        payload: batch.bytes[row.payloadRange],
        properties: batch.bytes[row.propertiesRange],
        isRetained: row.isRetained
      )
      switch result {
      case .sent(let messageID): tags.insert(row.tag, for: messageID)
      case .refused(let reasonCode):
        acknowledgements.append(Acknowledgement(tag: row.tag, reasonCode: reasonCode))
      case .lost: return
      }
    }
  }

  func advance(_ client: MosquittoClient, _ events: Int32) throws(LinkFailure) {
    if client.wantsWrite { _ = try client.write() }
    if client.hasUnread || events & (POLLIN | POLLERR | POLLHUP) != 0 { try read(client) }
    let now = SystemClock.boot()
    if now >= housekeepingAt {
      try read(client)
      housekeepingAt = now + configuration.link.housekeepingInterval
      try client.keepAlive()
      _ = try client.write()
    }
  }

  /// Bounded, so that a peer that floods us does not keep commands waiting.
  private func read(_ client: MosquittoClient) throws(LinkFailure) {
    pause(until: readFloor)
    let countBefore = acknowledgements.count
    defer {
      let isSmall = acknowledgements.count - countBefore < Self.passAcknowledgementCountMin
      readFloor = isSmall ? SystemClock.boot() + Self.pauseDuration : 0
    }
    for _ in 0..<(2 * TagTable.windowMax) {
      if try client.read() == .drained { return }
    }
  }

  private func postAcknowledgements() {
    if acknowledgements.isEmpty { return }
    post(.acknowledged(upstream: index, acknowledgements))
    acknowledgements.removeAll(keepingCapacity: true)
  }

  func close(_ failure: LinkFailure) {
    connection.drop()
    postAcknowledgements()
    post(.upstreamClosed(upstream: index, failure))
  }

  func endPass() {
    postHandedOver()
    postAcknowledgements()
  }

  /// Under a budget: bytes that the kernel may keep unsent; half a second's worth.
  private var unsentByteCountMax: Int? {
    guard let rate = budgetByteCount else { return nil }
    return max(rate / 2, Self.unsentByteCountMin)
  }

  /// Under a budget: tells how many bytes the socket has been given, if there were more.
  ///
  /// Before the acknowledgements of them, which may ask for the next ones.
  private func postHandedOver() {
    guard budgetByteCount != nil, let count = connection.client?.handedOverByteCount,
      count > toldByteCount
    else { return }
    toldByteCount = count
    post(.handedOver(upstream: index, byteCount: UInt64(count)))
  }
}

extension UpstreamRunner {
  func granted(_ grant: SessionGrant, by client: MosquittoClient) {
    post(.upstreamConnected(upstream: index, grant))
  }

  func acknowledged(messageID: Int32, reasonCode: UInt8) {
    guard let tag = tags.remove(messageID) else { return }
    acknowledgements.append(Acknowledgement(tag: tag, reasonCode: reasonCode))
  }

  func subscribed(codes: [Int32]) {}

  func received(
    topic: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer,
    properties: [UInt8],
    isQoS1: Bool,
    isRetained: Bool
  ) {}
}
