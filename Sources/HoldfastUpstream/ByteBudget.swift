internal import HoldfastEvent

/// A token bucket over the bytes that are handed to a socket.
///
/// Bytes are spent when they are handed over, and flow back at ``bytesPerSecond``. A message may
/// leave while anything is left, so the level falls below zero by one message at most; then nothing
/// leaves until ``resumeTime`` worth of bytes is there again. Over any 60 s no more leaves than
/// 60 s, ``burstTime`` and one message are worth. Time is handed in.
public struct ByteBudget: Equatable, Sendable {
  /// Most time whose bytes can be saved up, microseconds.
  public static let burstTime: Int64 = microsecondsPerSecond / 2
  /// A message's share at most, microseconds; batches are cut to it.
  public static let messageTime: Int64 = microsecondsPerSecond / 2
  /// What may be unanswered at most, microseconds.
  public static let inFlightTime: Int64 = microsecondsPerSecond
  /// Once nothing is left: worth of so many microseconds must be there before more is sent, so that
  /// small messages leave by the dozen and not by a timer each.
  public static let resumeTime: Int64 = 50_000
  /// Least and largest rate, bytes per second.
  public static let rates = 125...1_250_000_000

  /// The rate, within ``rates``.
  public let bytesPerSecond: Int
  /// Unanswered bytes of others that share the budget.
  public var otherInFlightByteCount = 0

  /// Millionths of a byte.
  private var level: Int64
  private var updatedAt: Int64?
  /// Nothing is sent until the level has risen.
  private(set) var isWaiting = false

  /// - Parameter bytesPerSecond: the rate; brought into ``rates``.
  public init(bytesPerSecond: Int) {
    self.bytesPerSecond = min(max(bytesPerSecond, Self.rates.lowerBound), Self.rates.upperBound)
    level = Int64(self.bytesPerSecond) * Self.burstTime
  }

  /// Bytes that so many microseconds are worth.
  func byteCount(_ time: Int64) -> Int {
    max(1, Int(Int64(bytesPerSecond) * time / microsecondsPerSecond))
  }

  /// Whether something may be sent now.
  public mutating func allows(at now: Int64) -> Bool {
    refill(now)
    if level <= 0 { isWaiting = true } else if level >= resumeLevel { isWaiting = false }
    return !isWaiting
  }

  /// Takes bytes that were handed over, whether or not they were there.
  public mutating func spend(_ byteCount: Int) {
    let debtMax = Int64.max / 4
    let cost = Int64(max(0, byteCount)).multipliedReportingOverflow(by: microsecondsPerSecond)
    level = max(-debtMax, level.subtractingSaturated(cost.overflow ? debtMax : cost.partialValue))
  }

  /// When something may be sent again, microseconds by boot clock, after `now`; nil: now.
  ///
  /// Who was kept from asking by something else must not be woken for a budget that has recovered.
  public func resumeAt(_ now: Int64) -> Int64? {
    guard isWaiting, level < resumeLevel else { return nil }
    let rate = Int64(bytesPerSecond)
    let at = (updatedAt ?? now).addingSaturated((resumeLevel - level + rate - 1) / rate)
    return at > now ? at : nil
  }

  private var resumeLevel: Int64 { Int64(bytesPerSecond) * Self.resumeTime }

  private mutating func refill(_ now: Int64) {
    defer { updatedAt = max(now, updatedAt ?? now) }
    guard let updatedAt, now > updatedAt else { return }
    let full = Int64(bytesPerSecond) * Self.burstTime
    let gain = now.subtractingSaturated(updatedAt)
      .multipliedReportingOverflow(by: Int64(bytesPerSecond))
    level = gain.overflow ? full : min(full, level.addingSaturated(gain.partialValue))
  }
}
