import Glibc
import HoldfastAgent
import HoldfastLink
import HoldfastUpstream

/// What runs on an upstream's thread.
final class UpstreamRunner {
  /// How long closing may take to write what is queued, microseconds.
  static let disconnectTimeout: Int64 = 2_000_000

  /// A pass that brought fewer acknowledgements than this is followed by a pause of so many
  /// microseconds: a broker acknowledges message by message, and waking up for each of them costs
  /// more than handling it.
  static let passAcknowledgementCountMin = 16
  static let pauseDuration: Int64 = 500

  private enum Phase {
    case idle
    case connecting(LinkSetup)
    case up(MosquittoClient)
  }

  private(set) var isFinished = false
  private let index: Int
  private let configuration: UpstreamConfiguration
  private let commands: Mailbox<UpstreamThread.Command>
  private let post: @Sendable (Input) -> Void
  private let hanging = HangingCount()

  private var phase = Phase.idle
  private var tags = TagTable()
  /// Collected during one pass.
  private var acknowledgements: [Acknowledgement] = []
  /// Microseconds by boot clock.
  private var housekeepingAt: Int64 = 0
  private var readFloor: Int64 = 0

  init(
    index: Int,
    configuration: UpstreamConfiguration,
    commands: Mailbox<UpstreamThread.Command>,
    post: @escaping @Sendable (Input) -> Void
  ) {
    self.index = index
    self.configuration = configuration
    self.commands = commands
    self.post = post
  }

  /// Waits for something to happen and deals with it.
  func runOnce() {
    let events = wait()
    for command in commands.takeAll() { take(command) }
    do throws(LinkFailure) {
      switch phase {
      case .idle: break
      case .connecting(let setup):
        guard let client = try setup.advance(events, now: SystemClock.boot()) else { return }
        begin(client)
      case .up(let client): try advance(client, events)
      }
    } catch {
      close(error)
    }
    postAcknowledgements()
  }

  private func wait() -> Int32 {
    let own = PollRequest(commands.event.descriptor, POLLIN)
    let now = SystemClock.boot()
    switch phase {
    case .idle:
      _ = waitForEvents([own], microseconds: .max)
      return 0
    case .connecting(let setup):
      return waitForEvents([own, setup.pollRequest], microseconds: setup.deadline - now)[1]
    case .up(let client):
      let wanted = client.wantsWrite ? POLLIN | POLLOUT : POLLIN
      let socket = PollRequest(client.descriptor ?? -1, wanted)
      let rest = client.hasUnread ? 0 : housekeepingAt - now
      return waitForEvents([own, socket], microseconds: rest)[1]
    }
  }

  private func take(_ command: UpstreamThread.Command) {
    switch command {
    case .connect(let version): connect(version)
    case .publish(let batch):
      if case .up(let client) = phase { publish(batch, with: client) }
    case .disconnect:
      if case .idle = phase { return }
      close(LinkFailure(.requested, "closed by Holdfast"))
    case .finish:
      if case .up(let client) = phase {
        client.disconnect(until: SystemClock.boot() + Self.disconnectTimeout)
        close(LinkFailure(.requested, "closed by Holdfast"))
      }
      phase = .idle
      isFinished = true
    }
  }

  private func connect(_ version: ProtocolVersion) {
    guard case .idle = phase else { return }
    let settings = ClientSettings(
      link: configuration.link,
      version: version,
      session: .clean,
      receiveMaximum: nil
    )
    do throws(LinkFailure) {
      phase = .connecting(
        try LinkSetup(
          settings,
          receiver: self,
          hanging: hanging,
          wake: commands.event,
          now: SystemClock.boot()
        )
      )
    } catch {
      close(error)
    }
  }

  private func begin(_ client: MosquittoClient) {
    phase = .up(client)
    client.beginBuffering()
    tags = TagTable()
    housekeepingAt = SystemClock.boot() + housekeepingInterval
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

  private func advance(_ client: MosquittoClient, _ events: Int32) throws(LinkFailure) {
    if client.wantsWrite { _ = try client.write() }
    if client.hasUnread || events & (POLLIN | POLLERR | POLLHUP) != 0 { try read(client) }
    let now = SystemClock.boot()
    if now >= housekeepingAt {
      try read(client)
      housekeepingAt = now + housekeepingInterval
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

  private func close(_ failure: LinkFailure) {
    if case .up(let client) = phase { client.receiver = nil }
    phase = .idle
    postAcknowledgements()
    post(.upstreamClosed(upstream: index, failure))
  }

  private var housekeepingInterval: Int64 {
    min(max(Int64(configuration.link.keepAliveSeconds) * 1_000_000 / 12, 1_000_000), 5_000_000)
  }
}

extension UpstreamRunner: MosquittoClientReceiver {
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
