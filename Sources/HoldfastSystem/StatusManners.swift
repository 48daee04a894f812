package import HoldfastLink

/// When a link tells the status topic, and when it keeps silent for a broker that won't have it.
///
/// Some brokers refuse a connection whose last will, or close one whose message, their access rules
/// don't allow. The way of the events matters more: after two such ends in a row the next attempt
/// goes without, and where that one lasts the link stays silent for a day. Where it doesn't, the
/// status was not the reason, and is told again.
package struct StatusManners {
  /// Such ends in a row before an attempt without.
  static let suspicionCountMax = 2
  /// A connection that lasted so long is not refused, microseconds.
  package static let lastingTime: Int64 = 5_000_000
  /// How long it keeps silent, microseconds.
  package static let silence: Int64 = 86_400_000_000

  private var suspicionCount = 0
  /// By boot clock; the status is told from then on.
  private var silentUntil: Int64 = 0
  /// When the connection that is up was granted; nil: none, or it has lasted.
  private var grantedAt: Int64?
  private var isTold = false

  package init() {}

  /// Whether an attempt that begins now tells the status.
  package mutating func begin(now: Int64) -> Bool {
    if now >= silentUntil && silentUntil > 0 {
      silentUntil = 0
      suspicionCount = 0
    }
    grantedAt = nil
    isTold = suspicionCount < Self.suspicionCountMax
    return isTold
  }

  package mutating func granted(now: Int64) { grantedAt = now }

  /// To be asked now and then while the link is up; true once, when it has shown that the broker
  /// doesn't want the status.
  package mutating func hasLastedWithout(now: Int64) -> Bool {
    guard let grantedAt, now - grantedAt >= Self.lastingTime else { return false }
    self.grantedAt = nil
    if isTold {
      suspicionCount = 0
      return false
    }
    defer { silentUntil = now + Self.silence }
    return silentUntil == 0
  }

  package mutating func ended(_ failure: LinkFailure, now: Int64) {
    let isSoon = grantedAt.map { now - $0 < Self.lastingTime } ?? false
    let isSuspicious =
      switch failure.kind {
      case .refused, .closedBeforeConnected: true
      case .closed: isSoon
      default: false
      }
    grantedAt = nil
    guard silentUntil == 0 else { return }
    if isTold {
      suspicionCount = isSuspicious ? suspicionCount + 1 : 0
    } else {
      suspicionCount = 0
    }
  }
}
