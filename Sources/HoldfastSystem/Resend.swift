import Glibc
import HoldfastAgent
import HoldfastEvent
public import HoldfastLink
public import HoldfastUpstream

/// How far sending dead letters again came.
public struct ResendResult: Sendable {
  /// Indices of the letters that the upstream acknowledged.
  public var acknowledged: Set<Int> = []
  /// The MQTT 5 reason codes of those that it refused once more, by index.
  public var refused: [Int: UInt8] = [:]
  /// Why it ended early; nil when every letter was answered.
  public var failure: LinkFailure?
}

/// Publishes dead letters at QoS 1, in order, over a connection of its own.
///
/// With `protocol = "auto"` 3.1.1 is tried when MQTT 5 brings no connection.
///
/// - Parameters:
///   - letters: what to publish.
///   - upstream: where to.
///   - agentID: fills in templates of a Kafka upstream.
/// - Returns: what became of each letter; those in neither set were not answered.
public func resend(
  _ letters: [DeadLetter],
  to upstream: UpstreamConfiguration,
  agentID: String
) -> ResendResult {
  let versions: [ProtocolVersion] =
    switch upstream.link.protocolPolicy {
    case .auto: [.v5, .v311]
    case .v5: [.v5]
    case .v311: [.v311]
    }
  var result = ResendResult()
  for version in versions {
    let session = ResendSession(letters, upstream, agentID)
    let isConnected = session.run(version)
    result = session.result
    if isConnected || result.failure?.kind == .unreachable { break }
  }
  return result
}

private final class ResendSession {
  /// Longest wait for any acknowledgement, microseconds.
  private static let answerTimeout: Int64 = 30_000_000
  private static let finishTimeout: Int64 = 3_000_000

  private let letters: [DeadLetter]
  private var upstream: UpstreamConfiguration
  private let inbox = Mailbox<Input>()
  private let thread = UpstreamThread()
  private var sentCount = 0
  private var windowCount = 1
  private var format: LetterFormat
  private(set) var result = ResendResult()

  init(_ letters: [DeadLetter], _ upstream: UpstreamConfiguration, _ agentID: String) {
    format = LetterFormat(upstream, agentID: agentID)
    self.letters = letters
    self.upstream = upstream
    // The agent itself is stopped.
    self.upstream.link.statusTopic = nil
  }

  private var answeredCount: Int { result.acknowledged.count + result.refused.count }

  /// Publishes all it can; false when there was no connection.
  func run(_ version: ProtocolVersion) -> Bool {
    let finished = Latch(count: 1)
    let inbox = self.inbox
    thread.start(
      index: 0,
      configuration: upstream,
      post: { inbox.post($0) },
      log: { _ in },
      finished: finished
    )
    thread.post(.connect(version))
    var isConnected = false
    var deadline = SystemClock.boot() + upstream.link.connectTimeout + Self.finishTimeout
    while result.failure == nil && !(isConnected && answeredCount == letters.count) {
      let rest = deadline - SystemClock.boot()
      if rest <= 0 {
        result.failure = LinkFailure(.closed, "no answer in time")
        break
      }
      _ = waitForEvents([PollRequest(inbox.event.descriptor, POLLIN)], microseconds: rest)
      for input in inbox.takeAll() {
        deadline = SystemClock.boot() + Self.answerTimeout
        switch input {
        case .upstreamConnected(_, let grant):
          isConnected = true
          windowCount = min(upstream.inFlightMax, max(1, grant.receiveMaximum))
        case .upstreamClosed(_, let failure): result.failure = failure
        case .acknowledged(_, let answers): take(answers)
        default: break
        }
      }
      if isConnected { publish() }
    }
    thread.post(.finish)
    _ = finished.wait(until: SystemClock.boot() + Self.finishTimeout)
    return isConnected
  }

  private func take(_ answers: [Acknowledgement]) {
    for answer in answers {
      let index = Int(truncatingIfNeeded: answer.tag)
      if answer.reasonCode < 0x80 {
        result.acknowledged.insert(index)
      } else {
        result.refused[index] = answer.reasonCode
      }
    }
  }

  private func publish() {
    var batch = MessageBatch()
    while sentCount < letters.count && sentCount - answeredCount < windowCount {
      format.append(letters[sentCount], tag: UInt64(sentCount), to: &batch)
      sentCount += 1
    }
    if !batch.isEmpty { thread.post(.publish(batch)) }
  }
}
