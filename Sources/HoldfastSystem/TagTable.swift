/// Which of the core's tags goes with which packet identifier in flight.
///
/// The library numbers a client's messages 1 to 65,535 in turn, so the slots are used in turn.
package struct TagTable {
  /// Most messages in flight.
  package static let windowMax = 1000
  /// A power of two above the window: identifiers in flight meet neither each other nor, at the
  /// wrap from 65,535 to 1, themselves.
  private static let slotCount = 1024
  private static let messageIDMax: Int32 = 65_535

  private var messageIDs = [Int32](repeating: 0, count: slotCount)
  private var tags = [UInt64](repeating: 0, count: slotCount)
  private var count = 0
  private var nextMessageID: Int32 = 1

  package init() {}

  /// Whether the next message has a place: the window is not full, and no old message that its
  /// peer passes over stands where it would go.
  package var hasRoom: Bool {
    count < Self.windowMax && messageIDs[slot(nextMessageID)] == 0
  }

  /// Notes a message that was sent; only while ``hasRoom``.
  package mutating func insert(_ tag: UInt64, for messageID: Int32) {
    if messageIDs[slot(messageID)] == 0 { count += 1 }
    messageIDs[slot(messageID)] = messageID
    tags[slot(messageID)] = tag
    nextMessageID = messageID >= Self.messageIDMax ? 1 : messageID + 1
  }

  /// The tag of an acknowledged message; nil for an identifier that is not in flight.
  package mutating func remove(_ messageID: Int32) -> UInt64? {
    guard messageID > 0, messageIDs[slot(messageID)] == messageID else { return nil }
    messageIDs[slot(messageID)] = 0
    count -= 1
    return tags[slot(messageID)]
  }

  private func slot(_ messageID: Int32) -> Int { Int(messageID) & (Self.slotCount - 1) }
}
