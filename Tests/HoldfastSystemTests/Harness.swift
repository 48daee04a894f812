import Glibc
import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastSystem
import HoldfastUpstream

/// Stands in for the agent: takes a link thread's inputs one by one.
final class Inbox: Sendable {
  private let mailbox = Mailbox<Input>()
  private let stored = Mailbox<Input>()

  var post: @Sendable (Input) -> Void { { [mailbox] in mailbox.post($0) } }

  /// The next input; throws after `seconds`.
  func next(seconds: Double = 5) throws -> Input {
    let deadline = SystemClock.boot() + Int64(seconds * 1e6)
    while true {
      var waiting = stored.takeAll() + mailbox.takeAll()
      if !waiting.isEmpty {
        let first = waiting.removeFirst()
        for input in waiting { stored.post(input) }
        return first
      }
      if SystemClock.boot() > deadline { throw PeerError("no input within \(seconds) s") }
      usleep(1000)
    }
  }

  func expectNothing(seconds: Double) throws {
    usleep(UInt32(seconds * 1e6))
    let waiting = stored.takeAll() + mailbox.takeAll()
    if !waiting.isEmpty { throw PeerError("expected nothing, got \(waiting)") }
  }

  func nextBatch(seconds: Double = 5) throws -> EventBatch {
    let input = try next(seconds: seconds)
    guard case .received(_, let batch) = input else { throw PeerError("got \(input)") }
    return batch
  }

  func nextGrant(seconds: Double = 5) throws -> SessionGrant {
    switch try next(seconds: seconds) {
    case .sourceConnected(_, let grant), .upstreamConnected(_, let grant): return grant
    case let other: throw PeerError("got \(other)")
    }
  }

  func nextFailure(seconds: Double = 5) throws -> LinkFailure {
    switch try next(seconds: seconds) {
    case .sourceClosed(_, let failure), .upstreamClosed(_, let failure): return failure
    case let other: throw PeerError("got \(other)")
    }
  }

  func nextAcknowledgements(seconds: Double = 5) throws -> [Acknowledgement] {
    let input = try next(seconds: seconds)
    guard case .acknowledged(_, let list) = input else { throw PeerError("got \(input)") }
    return list
  }
}

/// A source thread and its stand-in agent; the thread ends with the harness.
final class SourceHarness {
  let thread = SourceThread()
  let inbox = Inbox()
  let log = Mailbox<LogEntry>()
  private let finished = Latch(count: 1)

  init(
    port: UInt16,
    topics: [String] = ["s/#"],
    change: (inout SourceConfiguration) -> Void = { _ in }
  ) {
    var link = LinkConfiguration(host: "127.0.0.1", port: port)
    link.clientID = "edge-floor"
    link.connectTimeout = 2_000_000
    var configuration = SourceConfiguration(
      name: "floor",
      link: link,
      topics: topics.compactMap { TopicFilter($0) }
    )
    change(&configuration)
    let log = self.log
    thread.start(
      index: 0,
      configuration: configuration,
      payloadByteCountMax: 1 << 20,
      post: inbox.post,
      log: { log.post($0) },
      finished: finished
    )
  }

  deinit {
    thread.post(.finish)
    _ = finished.wait(until: SystemClock.boot() + 5_000_000)
  }

  /// Plays the broker's side of CONNECT and SUBSCRIBE.
  func connect(_ version: ProtocolVersion, to peer: ScriptedPeer) throws {
    thread.post(.connect(version))
    try peer.accept()
    _ = try peer.packet()
    peer.send(version == .v5 ? Packet.connack5 : Packet.connack311)
    let subscribe = try peer.packet()
    peer.send(Packet.suback(to: subscribe, codes: [1], isV5: version == .v5))
    _ = try inbox.nextGrant()
  }
}

/// An upstream thread and its stand-in agent.
final class UpstreamHarness {
  let thread = UpstreamThread()
  let inbox = Inbox()
  private let finished = Latch(count: 1)

  init(port: UInt16, change: (inout UpstreamConfiguration) -> Void = { _ in }) {
    var link = LinkConfiguration(host: "127.0.0.1", port: port)
    link.clientID = "edge-central"
    link.connectTimeout = 2_000_000
    var configuration = UpstreamConfiguration(name: "central", link: link, topics: [])
    change(&configuration)
    thread.start(
      index: 0,
      configuration: configuration,
      post: inbox.post,
      log: { _ in },
      finished: finished
    )
  }

  deinit {
    thread.post(.finish)
    _ = finished.wait(until: SystemClock.boot() + 5_000_000)
  }
}

/// One message, for a batch.
struct Outgoing {
  var tag: UInt64
  var topic: [UInt8]
  var payload: [UInt8]
  var properties: [UInt8] = []
  var isRetained = false

  init(
    _ tag: UInt64,
    _ topic: String,
    _ payload: String,
    properties: EventProperties? = nil,
    isRetained: Bool = false
  ) {
    self.tag = tag
    self.topic = Array(topic.utf8)
    self.payload = Array(payload.utf8)
    self.properties = properties?.encoded ?? []
    self.isRetained = isRetained
  }
}

func messageBatch(_ messages: [Outgoing]) -> MessageBatch {
  var batch = MessageBatch()
  for message in messages {
    let start = UInt32(batch.bytes.count)
    batch.bytes += message.topic + message.payload + message.properties
    let payloadStart = start + UInt32(message.topic.count)
    batch.rows.append(
      MessageBatch.Row(
        tag: message.tag,
        topicOffset: start,
        topicByteCount: UInt32(message.topic.count),
        payloadOffset: payloadStart,
        payloadByteCount: UInt32(message.payload.count),
        propertiesOffset: payloadStart + UInt32(message.payload.count),
        propertiesByteCount: UInt32(message.properties.count),
        isRetained: message.isRetained
      )
    )
  }
  return batch
}
