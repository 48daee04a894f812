/// Finds the message that makes the peer close the connection again and again.
///
/// NATS, for one, closes on topics it does not like, and says nothing. Three closes in a row
/// with the same message first in line, each soon after it was sent and with no answer in
/// between, and messages are sent one at a time; three more with one message alone in flight,
/// and it is the one. An outage is not held against a message: only closes by the peer are
/// counted, and only while something sent is unanswered.
struct Suspicion: Equatable, Sendable {
  enum Verdict: Equatable, Sendable { case none, sendAlone, condemn }

  static let closeCountMax = 3

  /// Closes since the last answer; the same message was first in line at each of them.
  private var closeCount = 0
  /// The last slot that has to be sent alone.
  private var aloneUntil: UInt64?

  var isAlone: Bool { aloneUntil != nil }

  /// The peer answered something: what is in flight does not kill it.
  mutating func answered() { closeCount = 0 }

  /// Slots before `id` have left.
  mutating func passed(before id: UInt64) {
    if let aloneUntil, aloneUntil < id { self.aloneUntil = nil }
  }

  /// The peer closed soon after the first unanswered message was sent.
  ///
  /// - Parameters:
  ///   - head: slot of the first unanswered message.
  ///   - last: slot of the last one.
  /// - Returns: what to do about `head`.
  mutating func closed(head: UInt64, last: UInt64) -> Verdict {
    closeCount += 1
    guard closeCount >= Self.closeCountMax else { return .none }
    answered()
    if isAlone && head == last {
      aloneUntil = nil
      return .condemn
    }
    aloneUntil = last
    return .sendAlone
  }
}
