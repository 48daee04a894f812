package import HoldfastAgent
import HoldfastRingLog

/// When the operator gets a status line, and what it says.
package struct StatusLine {
  /// Microseconds between two looks, and between two lines while nothing changes.
  package static let interval: Int64 = 10_000_000
  package static let idleInterval: Int64 = 600_000_000

  /// Seconds without an acknowledgement from which on they are told.
  private static let silentSecondsMin = 5

  private var last: AgentStatus?
  private var lastAt: Int64 = 0

  package init() {}

  /// The line, if it is time for one.
  ///
  /// - Parameters:
  ///   - status: the agent's.
  ///   - now: microseconds by boot clock.
  /// - Returns: the line, or nil.
  package mutating func next(_ status: AgentStatus, now: Int64) -> String? {
    if status == last && now - lastAt < Self.idleInterval { return nil }
    last = status
    lastAt = now
    return Self.text(status)
  }

  /// One line: what came in, what is durable, what is out, what is full.
  package static func text(_ status: AgentStatus) -> String {
    let received = status.sources.reduce(UInt64(0)) { $0 &+ $1.ledger.received }
    let delivered = status.upstreams.reduce(UInt64(0)) { $0 &+ $1.ledger.delivered }
    let lag = status.upstreams.map(\.lagEventCount).max() ?? 0
    var text =
      "received \(received), durable to #\(status.durable), delivered \(delivered), lag \(lag), "
      + "ring \(mebibytes(status.ringByteCount)) of \(mebibytes(status.ringByteCountMax)) MiB"
    for source in status.sources {
      let link = source.isConnected ? "up" : source.ledger.isPaused ? "paused" : "down"
      text += ", source \(source.ledger.name) \(link)"
    }
    for upstream in status.upstreams {
      text += ", upstream \(upstream.ledger.name) \(upstream.isConnected ? "up" : "down")"
      if upstream.silentSeconds >= silentSecondsMin {
        text += " (nothing acknowledged for \(upstream.silentSeconds) s)"
      }
      if status.upstreams.count > 1 { text += " (lag \(upstream.lagEventCount))" }
    }
    text += losses(status)
    text += unreadable(status)
    if status.health != .good { text += ", health \(status.health.rawValue)" }
    return text
  }

  /// What did not get through, in all; nothing where there was no loss.
  private static func losses(_ status: AgentStatus) -> String {
    var sums: [(name: String, count: UInt64)] = []
    for reason in SourceDropReason.allCases {
      let counts = status.sources.map { $0.ledger.dropped[reason.rawValue] }
      sums.append((reason.description, counts.reduce(0, &+)))
    }
    for reason in LossReason.allCases {
      let counts = status.upstreams.map { $0.ledger.lost[reason.rawValue] }
      sums.append((reason.description, counts.reduce(0, &+)))
    }
    for reason in UpstreamDropReason.allCases {
      let counts = status.upstreams.map { $0.ledger.dropped[reason.rawValue] }
      sums.append((reason.description, counts.reduce(0, &+)))
    }
    sums.append(("dead letters", status.upstreams.reduce(0) { $0 &+ $1.ledger.deadLettered }))
    return sums.filter { $0.count > 0 }.map { ", \($0.name) \($0.count)" }.joined()
  }

  /// Payloads that stages could not read, and which topic has most of them.
  private static func unreadable(_ status: AgentStatus) -> String {
    let count = status.upstreams.reduce(UInt64(0)) { $0 &+ $1.undecodable.reduce(0, &+) }
    if count == 0 { return "" }
    let worst = status.upstreams.compactMap(\.mostUndecodable).max { $0.count < $1.count }
    let most = worst.map { " (\($0.count) on topic \(text(of: $0.topic)))" } ?? ""
    return ", unreadable payloads \(count)\(most)"
  }

  private static func text(of topic: [UInt8]) -> String {
    String(decoding: topic.prefix(100), as: UTF8.self).debugDescription
  }

  private static func mebibytes(_ byteCount: Int) -> String {
    let tenths = (max(0, byteCount) * 10 + (1 << 19)) >> 20
    return "\(tenths / 10).\(tenths % 10)"
  }
}
