public import HoldfastEvent

/// Recognises events that a broker may have sent again.
///
/// libmosquitto hides the DUP flag, and a crash forgets which PUBACKs left. So the hashes of the
/// latest QoS 1 events are kept, and after a lost link the first events that equal one of them in
/// topic and payload are marked. Marked only: a sensor may well say the same thing twice.
public struct Redelivery: Sendable {
  /// Most events remembered: more than any window, as some brokers overrun theirs.
  public static let countMax = 16_384

  private var recent: [UInt64] = []
  /// Where the next hash goes once `recent` is full.
  private var place = 0
  private var suspects: [UInt64: Int] = [:]
  /// How many more events are compared before the rest can't be redeliveries.
  private var comparisonsLeft = 0

  /// Remembers nothing yet.
  public init() {}

  /// The link was lost, or the agent is new: what is remembered may come again.
  public mutating func linkLost() {
    suspects.removeAll()
    for hash in recent { suspects[hash, default: 0] += 1 }
    comparisonsLeft = 2 * recent.count
  }

  /// Marks what may be redelivered and remembers the rest.
  ///
  /// - Parameter events: flags are set in place.
  /// - Returns: how many were marked.
  @discardableResult
  public mutating func examine(_ events: inout EventBatch) -> Int {
    var markedCount = 0
    for index in events.rows.indices where events.rows[index].flags.contains(.qos1) {
      let hash = events.contentHash(events.rows[index])
      if comparisonsLeft > 0 {
        comparisonsLeft -= 1
        if let count = suspects[hash] {
          suspects[hash] = count > 1 ? count - 1 : nil
          events.rows[index].flags.insert(.possiblyRedelivered)
          markedCount += 1
          continue
        }
        if comparisonsLeft == 0 { suspects.removeAll() }
      }
      remember(hash)
    }
    return markedCount
  }

  /// Remembers an event by its ``EventBatch/contentHash(_:)``, as one handed over before.
  public mutating func remember(_ hash: UInt64) {
    if recent.count < Self.countMax {
      recent.append(hash)
    } else {
      recent[place] = hash
      place = (place + 1) % Self.countMax
    }
  }
}
