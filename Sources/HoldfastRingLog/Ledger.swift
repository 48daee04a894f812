public import HoldfastEvent

/// Why an event that a source handed over was not stored.
///
/// `oversize`: its payload or its properties are too long; `invalid`: it has no topic that MQTT
/// allows; `loop`: it bears our own identity; `diskFailed`: nothing could take it; `filtered`: the
/// source's own stages kept it back.
public enum SourceDropReason: Int, CaseIterable, Sendable, CustomStringConvertible {
  case oversize, invalid, loop, diskFailed, filtered

  /// As in the log and in reports.
  public var description: String {
    switch self {
    case .oversize: "oversize"
    case .invalid: "invalid"
    case .loop: "loop"
    case .diskFailed: "disk-failed"
    case .filtered: "filtered"
    }
  }
}

/// Why an event offered to an upstream was given up without trying again.
public enum UpstreamDropReason: Int, CaseIterable, Sendable, CustomStringConvertible {
  /// The dead-letter file was full, or could not be written.
  case deadLetterFull

  /// As in the log and in reports.
  public var description: String { "dead-letter-full" }
}

/// Why an event offered to an upstream was lost before it was delivered.
public enum LossReason: Int, CaseIterable, Sendable, CustomStringConvertible {
  /// A full ring, or its age, gave it up.
  case evicted
  /// It could not be read back: damage, or a format that only a newer version knows.
  case corrupt

  /// As in the log and in reports.
  public var description: String {
    switch self {
    case .evicted: "evicted"
    case .corrupt: "corrupt"
    }
  }
}

/// The account of one source: received = stored + Σ dropped.
public struct SourceLedger: Equatable, Sendable {
  /// As configured.
  public var name: String
  /// Events handed over by the source.
  public var received: UInt64 = 0
  /// Events that got a number.
  public var stored: UInt64 = 0
  /// Indexed by ``SourceDropReason``.
  public var dropped = [UInt64](repeating: 0, count: SourceDropReason.allCases.count)
  /// How many of the stored were marked as possibly redelivered.
  public var possiblyRedelivered: UInt64 = 0
  /// Successful connects: after the first, a broker without our session has lost something.
  public var connects: UInt64 = 0
  /// We closed it for want of room: what its broker drops meanwhile is unknown to us.
  public var isPaused = false

  /// An account of nothing.
  public init(name: String) { self.name = name }

  /// Events not stored, whatever the reason.
  public var droppedCount: UInt64 { dropped.reduce(0, +) }
  /// Whether the law holds.
  public var isBalanced: Bool { received == stored + droppedCount }
}

/// The account of one upstream up to its cursor, and of what is ahead of it; saved with the cursor in one write.
///
/// offered = delivered + filtered + aggregated + dead-lettered + Σ dropped + Σ lost + buffered,
/// where `buffered` is what of ``pending`` lies before the durable end of the log. An event that
/// a stage kept back and let go later passes from `filtered` into its new term together with the
/// number that made it leave.
///
/// Results of stages, which have no numbers of the log's, have an account of their own:
/// derived = delivered + dead-lettered + dropped, of those before the cursor.
public struct UpstreamLedger: Equatable, Sendable {
  /// As configured.
  public var name: String
  /// The first number that is not settled: everything before it is in one of the terms, and so is
  /// what is in ``ahead``.
  public var cursor: SequenceNumber
  /// Ranges settled beyond the cursor, apart and in order; at most ``aheadCountMax``.
  ///
  /// Empty but where live data goes ahead of a backlog. A range of nothing divides the two where no
  /// live data is settled yet.
  public internal(set) var ahead: [Range<SequenceNumber>] = []
  /// The log's numbers offered so far: made durable since this upstream began.
  public var offered: UInt64 = 0
  /// Acknowledged by the peer.
  ///
  /// Counts numbers, not sends.
  public var delivered: UInt64 = 0
  /// The first number that is still needed: at most ``cursor``; 0: the same as it.
  ///
  /// Stages are computed anew from here on after a crash.
  public var hold: SequenceNumber = 0
  /// Not selected by `topics`, or kept back by a stage.
  public var filtered: UInt64 = 0
  /// Went into results of stages.
  public var aggregated: UInt64 = 0
  /// Results that the peer acknowledged.
  public var derivedDelivered: UInt64 = 0
  /// Results set aside in the dead-letter file.
  public var derivedDeadLettered: UInt64 = 0
  /// Results given up: the dead-letter file was full, or could not be written.
  public var derivedDropped: UInt64 = 0
  /// Set aside in the dead-letter file.
  public var deadLettered: UInt64 = 0
  /// Indexed by ``UpstreamDropReason``.
  public var dropped = [UInt64](repeating: 0, count: UpstreamDropReason.allCases.count)
  /// Indexed by ``LossReason``.
  public var lost = [UInt64](repeating: 0, count: LossReason.allCases.count)

  /// An account of nothing.
  public init(name: String, cursor: SequenceNumber) {
    self.name = name
    self.cursor = cursor
  }

  /// The first number that the log must keep for it.
  public var needed: SequenceNumber { hold == 0 ? cursor : min(hold, cursor) }

  /// Results of stages before the cursor.
  public var derived: UInt64 { derivedDelivered &+ derivedDeadLettered &+ derivedDropped }

  /// Everything settled, before the cursor and ahead of it.
  public var settled: UInt64 {
    delivered + filtered + aggregated + deadLettered + dropped.reduce(0, +) + lost.reduce(0, +)
  }
}
