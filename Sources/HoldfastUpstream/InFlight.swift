internal import HoldfastEvent
internal import HoldfastRingLog

/// What a run of sequence numbers becomes, and how far it has come.
struct Slot: Sendable {
  enum State: Sendable {
    /// To be sent, or sent again.
    case ready
    /// In flight: published on this link and not answered.
    case sent
    case acknowledged
    /// Refused with a reason that may pass.
    case refused
    /// To be set aside as a dead letter.
    case condemned
    /// Nothing more can happen to it; it only waits for its turn to move the cursor.
    case settled
  }

  /// The term of the ledger that its events end in.
  enum Term: Sendable {
    case delivered, filtered, deadLettered, dropped, evicted, corrupt, none
  }

  var log: LogID
  /// The numbers are `first..<end`; none where a gap record marks a place.
  var first: SequenceNumber
  var end: SequenceNumber
  /// How many events of the log end in `term`; the rest of the numbers was filtered.
  ///
  /// More than there are numbers where a stage let go of what it had kept back.
  var count: UInt64
  var term: Term
  var state: State
  /// Results of stages in it, which end like its events.
  var resultCount: UInt64 = 0
  /// Events of the log that went into results.
  var aggregatedCount: UInt64 = 0
  /// Those events and results that left on account of number `end`, which more must follow: they
  /// are accounted for together with it.
  var openCount: UInt64 = 0
  var openResultCount: UInt64 = 0
  /// The rendered message: its batch's number among the held, and its row there, or -1.
  var heldID: UInt64 = 0
  var row = -1
  /// When it was published last, microseconds by boot clock.
  var sentAt: Int64 = 0
  /// Its size on the wire when it was published last; 0 where nobody counts.
  var byteCount = 0
  /// Why it was refused last.
  var reasonCode: UInt8 = 0
  var refusalCount = 0
  /// See ``InFlight/lane``.
  var lane: SequenceNumber = 0

  var hasMessage: Bool { row >= 0 }
}

/// Everything between the cursor and the next number to read, in order.
///
/// The cursor moves over the settled front alone, and with it each number into its one term of
/// the ledger. Rendered messages are held until then, so that they can be sent again although
/// the ring may have evicted their events.
struct InFlight: Sendable {
  private struct Held: Sendable {
    var messages: MessageBatch
    /// Slots that have not passed yet.
    var remaining: Int
  }

  private(set) var slots = Queue<Slot>()
  private var held = Queue<Held>()
  /// Bytes of the rendered messages that are held.
  private(set) var heldByteCount = 0
  private(set) var sentCount = 0
  /// Bytes on the wire of those sent and not answered.
  private(set) var sentByteCount = 0
  private(set) var readyCount = 0
  private(set) var condemnedCount = 0
  /// What passed on account of a number that has not passed itself, by lane; most often nothing.
  private var carried: [(lane: SequenceNumber, share: Share)] = []
  /// Tells the lanes apart whose slots stand in one queue: where the stages of what is appended now
  /// began.
  var lane: SequenceNumber = 0

  /// The number that the next batch of messages will be held under.
  var nextHeldID: UInt64 { held.endID }

  subscript(id: UInt64) -> Slot { slots[id] }

  /// The rendered message of a slot that has one.
  func message(of slot: Slot) -> (messages: MessageBatch, row: MessageBatch.Row) {
    let messages = held[slot.heldID].messages
    return (messages, messages.rows[slot.row])
  }

  mutating func append(_ slot: Slot) {
    count(slot, by: 1)
    var slot = slot
    slot.lane = lane
    slots.append(slot)
  }

  /// Appends numbers that need no message.
  mutating func skip(
    _ range: Range<SequenceNumber>,
    of log: LogID,
    as term: Slot.Term,
    aggregatedCount: UInt64 = 0
  ) {
    if !slots.isEmpty, term == .filtered {
      let last = slots.endID &- 1
      if slots[last].term == .filtered && slots[last].end == range.lowerBound
        && slots[last].lane == lane
      {
        slots[last].end = range.upperBound
        slots[last].count += range.upperBound - range.lowerBound
        slots[last].aggregatedCount += aggregatedCount
        return
      }
    }
    slots.append(
      Slot(
        log: log,
        first: range.lowerBound,
        end: range.upperBound,
        count: range.upperBound - range.lowerBound,
        term: term,
        state: .settled,
        aggregatedCount: aggregatedCount,
        lane: lane
      )
    )
  }

  /// Keeps the messages of slots appended with `nextHeldID`.
  mutating func hold(_ messages: MessageBatch) {
    heldByteCount += messages.bytes.count
    held.append(Held(messages: messages, remaining: messages.rows.count))
  }

  mutating func set(_ id: UInt64, _ state: Slot.State) {
    count(slots[id], by: -1)
    slots[id].state = state
    count(slots[id], by: 1)
  }

  mutating func noteSent(_ id: UInt64, at now: Int64, byteCount: Int) {
    slots[id].byteCount = byteCount
    set(id, .sent)
    slots[id].sentAt = now
  }

  mutating func noteRefused(_ id: UInt64, reasonCode: UInt8, countsAsTry: Bool) {
    slots[id].reasonCode = reasonCode
    if countsAsTry { slots[id].refusalCount = min(slots[id].refusalCount, Int.max - 1) + 1 }
    set(id, .refused)
  }

  /// Gives the slot's events another end than delivery.
  mutating func settle(_ id: UInt64, as term: Slot.Term) {
    slots[id].term = term
    set(id, .settled)
  }

  /// The first slot in that state, in order.
  func first(in state: Slot.State) -> UInt64? {
    var id = slots.firstID
    while slots.contains(id) {
      if slots[id].state == state { return id }
      id &+= 1
    }
    return nil
  }

  /// The last slot in that state.
  func last(in state: Slot.State) -> UInt64? {
    var id = slots.endID
    while id > slots.firstID {
      id &-= 1
      if slots[id].state == state { return id }
    }
    return nil
  }

  /// The link is gone: what was not answered is to be sent again.
  mutating func unsend() {
    var id = slots.firstID
    while sentCount > 0, slots.contains(id) {
      if slots[id].state == .sent { set(id, .ready) }
      id &+= 1
    }
  }

  /// Makes everything from the first refused slot on ready again, and returns that slot.
  ///
  /// Later ones go again although they were acknowledged: order counts more than a repetition.
  mutating func rewindToRefused() -> UInt64? {
    guard let start = first(in: .refused) else { return nil }
    var id = start
    while slots.contains(id) {
      let state = slots[id].state
      if state == .refused || state == .acknowledged { set(id, .ready) }
      id &+= 1
    }
    return start
  }

  /// Moves the cursor over the front that is acknowledged or settled.
  mutating func pass(into ledger: inout UpstreamLedger) {
    while let slot = slots.first, slot.state == .acknowledged || slot.state == .settled {
      var share = Share(of: slot)
      if slot.end > slot.first { takeCarried(slot.lane, into: &share) }
      if slot.openCount + slot.openResultCount > 0 { carry(slot) }
      account(share, slot.end - slot.first, &ledger)
      ledger.settle(slot.first..<slot.end)
      slots.removeFirst()
      release(slot)
    }
  }

  private mutating func takeCarried(_ lane: SequenceNumber, into share: inout Share) {
    guard let place = carried.firstIndex(where: { $0.lane == lane }) else { return }
    share.add(carried.remove(at: place).share)
  }

  private mutating func carry(_ slot: Slot) {
    let place = carried.firstIndex { $0.lane == slot.lane } ?? carried.count
    if place == carried.count { carried.append((slot.lane, Share())) }
    carried[place].share.add(slot.openCount, slot.openResultCount, as: slot.term)
  }

  /// Adds events and results to their terms; what is neither is filtered.
  private func account(_ share: Share, _ numbers: UInt64, _ ledger: inout UpstreamLedger) {
    ledger.delivered += share.delivered
    ledger.deadLettered += share.deadLettered
    ledger.dropped[UpstreamDropReason.deadLetterFull.rawValue] += share.dropped
    ledger.lost[LossReason.evicted.rawValue] += share.evicted
    ledger.lost[LossReason.corrupt.rawValue] += share.corrupt
    ledger.aggregated += share.aggregated
    ledger.derivedDelivered += share.resultsDelivered
    ledger.derivedDeadLettered += share.resultsDeadLettered
    ledger.derivedDropped += share.resultsDropped
    // What was kept back was filtered until now; it can't be more than was.
    let gained = ledger.filtered &+ (share.isFiltering ? numbers : 0)
    let left = share.isFiltering ? share.leavingFiltered : 0
    ledger.filtered = gained >= left ? gained - left : 0
  }

  private mutating func release(_ slot: Slot) {
    guard slot.hasMessage, held.contains(slot.heldID) else { return }
    held[slot.heldID].remaining -= 1
    while let front = held.first, front.remaining <= 0 {
      heldByteCount -= front.messages.bytes.count
      // The queue may keep the place for a while; it must not keep the bytes.
      held[held.firstID].messages = MessageBatch()
      held.removeFirst()
    }
  }

  private mutating func count(_ slot: Slot, by step: Int) {
    switch slot.state {
    case .ready: readyCount += step
    case .sent:
      sentCount += step
      sentByteCount += step * slot.byteCount
    case .condemned: condemnedCount += step
    case .acknowledged, .refused, .settled: break
    }
  }
}

/// Events and results by the terms that they end in.
struct Share: Sendable {
  var delivered: UInt64 = 0
  var deadLettered: UInt64 = 0
  var dropped: UInt64 = 0
  var evicted: UInt64 = 0
  var corrupt: UInt64 = 0
  var aggregated: UInt64 = 0
  var resultsDelivered: UInt64 = 0
  var resultsDeadLettered: UInt64 = 0
  var resultsDropped: UInt64 = 0
  /// Whether numbers that are in none of these were filtered.
  var isFiltering = false

  init() {}

  /// What a slot accounts for by itself, without what it leaves to the next number.
  init(of slot: Slot) {
    add(slot.count - slot.openCount, slot.resultCount - slot.openResultCount, as: slot.term)
    aggregated = slot.aggregatedCount
  }

  /// How many events are in another term than `filtered`.
  var leavingFiltered: UInt64 { delivered + deadLettered + dropped + aggregated }

  mutating func add(_ count: UInt64, _ resultCount: UInt64, as term: Slot.Term) {
    switch term {
    case .delivered:
      delivered += count
      resultsDelivered += resultCount
    case .deadLettered:
      deadLettered += count
      resultsDeadLettered += resultCount
    case .dropped:
      dropped += count
      resultsDropped += resultCount
    case .evicted: evicted += count
    case .corrupt: corrupt += count
    case .filtered, .none: break
    }
    switch term {
    case .delivered, .deadLettered, .dropped, .filtered: isFiltering = true
    case .evicted, .corrupt, .none: break
    }
  }

  mutating func add(_ other: Share) {
    delivered += other.delivered
    deadLettered += other.deadLettered
    dropped += other.dropped
    resultsDelivered += other.resultsDelivered
    resultsDeadLettered += other.resultsDeadLettered
    resultsDropped += other.resultsDropped
    isFiltering = isFiltering || other.isFiltering
  }
}
