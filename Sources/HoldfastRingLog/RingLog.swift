public import HoldfastCodec
public import HoldfastEvent

/// What a ring log operation failed at.
public enum RingLogError: Error, Equatable, Sendable {
  case disk(DiskError)
  /// No room, and the policy or the disk's state forbids making any.
  case full
  /// zstd failed, which only want of memory explains.
  case compression
}

/// What is known of an event found at the start: which source it came from, and a hash of it.
public struct RecoveredEvent: Equatable, Sendable {
  /// As in `EventBatch.Row.source`.
  public var source: UInt8
  /// Its ``EventBatch/contentHash(_:)``.
  public var hash: UInt64
}

/// The bounded, compressed log of all events, in segments on one disk.
///
/// Single owner, synchronous, deterministic: the disk is handed in, as are both clocks and the
/// random log id. The way of an event through it:
///
/// 1. ``append(_:source:now:)`` numbers events and encodes them into the open block;
/// 2. ``commit(now:)`` writes the blocks and syncs: only then is ``durable`` raised, and only then
///    do readers see the events;
/// 3. ``read(_:from:passedGaps:now:)`` serves each upstream, from memory when it is up to date;
/// 4. ``work(now:)`` releases, evicts, seals and prepares segments, a bounded piece per call.
///
/// After a failed write or sync the segment is never written again: what isn't durable is
/// rewritten into a fresh one. When that fails too the log is ``isFailing``: it keeps events in
/// bounded memory and the owner must acknowledge nothing that an upstream has not acknowledged.
public struct RingLog: ~Copyable {
  /// Numbers given out beyond the durable one before a state write must raise the bound: enough
  /// for many hours of events that pass through memory while the disk fails.
  static let reservedCount: UInt64 = 1 << 24
  /// Most bytes of events held in memory while the disk fails.
  public static let failingByteCountMax = 16 << 20
  /// Numbers that must be left below the bound for a source to be read while the disk fails: more
  /// than one batch takes.
  static let spareNumberCount: UInt64 = 1 << 16
  /// Recycled files kept ready.
  static let spareCountMax = 2
  /// Full hot segments kept as they are: an upstream that is nearly up to date soon frees them.
  static let unsealedCountMax = 2

  let disk: any Disk
  let configuration: RingConfiguration
  let bootID: UInt64
  let givesUpUnreadable: Bool
  /// `ring`, or `ring.1` and so on beside a ring of a newer format; the owner's files lie there
  /// too.
  public internal(set) var directory = "ring"
  var state: State
  var stateFile: StateFile
  var isStateDirty = false
  /// A drop or gap that must be durable before anything after it is acknowledged.
  var mustSaveState = false
  /// Ascending by number; the last one is `active`'s while there is one.
  var segments = SegmentTable()
  var spares: [SpareFile] = []
  var preparing: PreparingFile?
  var active: ActiveSegment?
  var stamper: RowStamper
  var writer: BlockWriter
  var pending: [StoredBatch] = []
  var pendingEventCount = 0
  var pendingMemoryByteCount = 0
  var tail: Tail
  /// Found at the start and not known to be on the disk.
  var unsynced: UnsyncedTail?
  var readers: [SegmentReader] = []
  let contexts: CodecContexts
  /// Reads back what stages ask for.
  let recallReader: SegmentReader
  var sealer: Sealer?
  var sealRetryAt: Int64 = 0
  var ageCheckAt: Int64 = 0
  /// No earlier than then is the age of what is kept looked at again.
  var keptCheckAt: Int64 = 0
  /// What is kept before it goes: its gap records had to.
  var keptFloor: SequenceNumber = 0
  /// The lowest number needed as of the state that was saved last.
  var savedNeeded: SequenceNumber = 0
  /// By the boot clock.
  let openedAt: Int64
  var lastHotIndex = 0
  /// Files that a newer version wrote: kept untouched for it, until the bound needs their room.
  var newerFiles: [SpareFile] = []
  /// Bytes of files of ours that are no segments: of a newer format, in quarantine, the owner's.
  var otherByteCount = 0

  /// The number that the next event gets.
  public internal(set) var next: SequenceNumber = 1
  /// The newest durable number; 0 before the first.
  public internal(set) var durable: SequenceNumber = 0
  /// The disk fails; see the type's description.
  public internal(set) var isFailing = false
  /// Whether what the disk holds was read at the start.
  ///
  /// If not, this log lives in memory under an
  /// id of its own, and its owner must open another one once the disk can be read.
  public internal(set) var isRecovered = false
  /// Whether the disk may hold events that the start could not read.
  ///
  /// Then the owner must take and send none: newer ones would overtake them. Where it is certain
  /// that no log was ever begun there is nothing to overtake.
  public internal(set) var isUnread = false
  /// The start moved a hot segment aside without having read which numbers it holds.
  var hasGivenUpSegment = false
  /// What the start had to do.
  public internal(set) var recoverySteps: RecoverySteps = []
  /// Lines for the operator since the owner last took them.
  public var log: [LogEntry] = []
  /// The latest events found at the start, for recognising what a broker sends again.
  public var recovered: [RecoveredEvent] = []
  /// Per upstream: the first number not yet handed over to its link.
  ///
  /// Set by the owner; eviction
  /// accounts from here on, because what is in flight lives in the upstream's memory too.
  public var positions: [SequenceNumber] = []
  /// Per upstream: the parts not yet handed over to its link, in order.
  ///
  /// The first one begins at its position, and the last one has no end. Empty: all from its position
  /// on.
  var unread: [[Range<SequenceNumber>]] = []
  /// Per upstream: what reads a backlog behind live data; nil where there is none.
  var backlogReaders: [SegmentReader?] = []

  /// Opens the log in `disk`, recovering what an unclean stop left.
  ///
  /// Never fails: see ``isFailing``.
  ///
  /// - Parameters:
  ///   - disk: the data directory.
  ///   - configuration: bounds and policies.
  ///   - sources: names in configuration order.
  ///   - upstreams: names in configuration order.
  ///   - starts: where those of them begin that are new; the others, `.now`.
  ///   - machine: hash of the machine's id.
  ///   - bootID: hash of the kernel's boot id.
  ///   - newLog: the id for a new log, random.
  ///   - givesUpUnreadable: whether a file that can't be opened goes to quarantine; otherwise the
  ///     log is not ``isRecovered`` then, and can be opened once more later.
  ///   - contexts: who opens many logs one after another saves making them for each.
  ///   - now: both clocks.
  public init(
    disk: any Disk,
    configuration: RingConfiguration,
    sources: [String],
    upstreams: [String],
    starts: [UpstreamStart] = [],
    machine: UInt64,
    bootID: UInt64,
    newLog: LogID,
    givesUpUnreadable: Bool = true,
    contexts: CodecContexts = CodecContexts(),
    now: ClockReading
  ) {
    self.disk = disk
    self.givesUpUnreadable = givesUpUnreadable
    self.configuration = configuration
    self.bootID = bootID
    self.contexts = contexts
    openedAt = now.boot
    state = State(log: newLog, machine: machine)
    stateFile = StateFile(disk: disk, directory: directory)
    tail = Tail(byteCountMax: configuration.tailByteCountMax)
    stamper = RowStamper(ticksPerSecond: configuration.ticksPerSecond)
    writer = BlockWriter(
      limits: BlockWriter.Limits(
        chainRawByteCount: configuration.chainRawByteCountMax,
        blockRawByteCount: max(configuration.chainRawByteCountMax, 64 << 10),
        blockEventCount: 32_768
      ),
      level: 1,
      isSealed: false,
      ticksPerSecond: configuration.ticksPerSecond,
      contexts: contexts
    )
    recallReader = SegmentReader(disk: disk, contexts: contexts)
    for _ in upstreams { readers.append(SegmentReader(disk: disk, contexts: contexts)) }
    recover(machine: machine, newLog: newLog, now: now)
    let isNew = adopt(sources: sources, upstreams: upstreams)
    positions = upstreamIndices.map { state.upstreams[$0].cursor }
    unread = upstreamIndices.map { slot in
      let parts = state.upstreams[slot].pending
      return parts.count > 1 ? parts : []
    }
    backlogReaders = upstreams.map { _ in nil }
    for index in upstreams.indices where isNew[index] && starts.indices.contains(index) {
      begin(index, from: starts[index], now: now)
    }
    accountForMissing(now: now)
    segments.pass(before: lowestNeeded)
    if isFailing { return }
    secureTail(now: now)
    saveAfterRecovery(now: now)
  }

  /// Index into the ledger for each configured source and upstream.
  var sourceIndices: [Int] = []
  var upstreamIndices: [Int] = []

  /// The id of the log that new events belong to.
  public var id: LogID { state.log }
  /// The lowest number kept.
  public var oldest: SequenceNumber { segments.first?.first ?? next }
  /// Events appended and not yet durable.
  public var pendingCount: Int { pendingEventCount }
  /// About how many compressed bytes wait for a commit.
  public var pendingByteCountEstimate: Int { writer.pendingByteCountEstimate }
  /// Whether anything must be written before what was handed over may be acknowledged.
  public var needsCommit: Bool { pendingEventCount > 0 || mustSaveState }
  /// Whether counters or cursors differ from what is saved.
  public var hasUnsavedState: Bool { isStateDirty }

  /// Whether events can still get numbers while the disk fails: the bound above all numbers can't
  /// be raised before it takes writes again.
  public var hasNumbers: Bool { next + Self.spareNumberCount < state.reserved }

  /// Bytes of events in memory: pending ones and the tail.
  public var memoryByteCount: Int { pendingMemoryByteCount + tail.byteCount }

  /// Bytes on disk of every file of ours.
  ///
  /// - Complexity: O(1).
  public var byteCount: Int {
    var sum = State.fileByteCount + otherByteCount + segments.byteCount
    for spare in spares { sum += spare.byteCount }
    if let sealer { sum += sealer.writtenByteCount }
    if let preparing { sum += preparing.writtenByteCount }
    return sum
  }

  /// The value of `EventBatch.Row.source` in stored events of configured source `index`.
  public func slot(ofSource index: Int) -> Int { sourceIndices[index] }

  /// The ring's segments, oldest first: how large each is on disk and what it holds.
  public var segmentSizes: [(isSealed: Bool, byteCount: Int, eventCount: Int)] {
    segments.map { segment in
      let used = segment.isSealed ? segment.byteCount : segment.dataByteCount
      return (segment.isSealed, used, Int(segment.end - segment.first))
    }
  }

  /// The account of configured source `index`.
  public func source(_ index: Int) -> SourceLedger { state.sources[sourceIndices[index]] }

  /// The account of configured upstream `index`; `offered` counts to the durable end.
  public func upstream(_ index: Int) -> UpstreamLedger { state.upstreams[upstreamIndices[index]] }

  /// Takes over cursor and counters of an upstream, as of one instant.
  public mutating func settle(_ index: Int, _ ledger: UpstreamLedger) {
    let slot = upstreamIndices[index]
    guard state.upstreams[slot] != ledger else { return }
    // What was offered is counted here, at commit; the forwarder only settles.
    let offered = state.upstreams[slot].offered
    state.upstreams[slot] = ledger
    state.upstreams[slot].offered = offered
    if configuration.keepDelivered != nil { segments.pass(before: lowestNeeded) }
    isStateDirty = true
  }

  /// Counts events of a source that were not stored; they must be accounted for durably before
  /// anything is acknowledged, so this asks for a commit.
  public mutating func drop(_ count: UInt64, from index: Int, _ reason: SourceDropReason) {
    let slot = sourceIndices[index]
    state.sources[slot].received += count
    state.sources[slot].dropped[reason.rawValue] += count
    isStateDirty = true
    mustSaveState = true
  }

  /// Counts events that the source's own stages kept back, as its operator wants: nothing is lost
  /// with them, so nothing waits for the count to be durable.
  public mutating func noteFiltered(_ count: UInt64, from index: Int) {
    let slot = sourceIndices[index]
    state.sources[slot].received += count
    state.sources[slot].dropped[SourceDropReason.filtered.rawValue] += count
    isStateDirty = true
  }

  /// Counts bytes of a file of the owner's towards the ring's bound.
  public mutating func noteOwnFile(grownBy byteCount: Int) { otherByteCount += byteCount }

  /// Counts a successful connect of a source.
  public mutating func noteConnect(of index: Int) {
    state.sources[sourceIndices[index]].connects += 1
    isStateDirty = true
  }

  /// Notes whether a source is closed for want of room; a start after a crash must still know it.
  public mutating func setPaused(_ isPaused: Bool, source index: Int) {
    let slot = sourceIndices[index]
    guard state.sources[slot].isPaused != isPaused else { return }
    state.sources[slot].isPaused = isPaused
    isStateDirty = true
  }

  /// The lowest number that the log must keep: what some upstream has not settled, or needs to
  /// compute its stages anew.
  public var lowestNeeded: SequenceNumber {
    var lowest: SequenceNumber?
    for slot in upstreamIndices {
      lowest = min(lowest ?? .max, state.upstreams[slot].needed)
    }
    return lowest ?? next
  }

  /// The first number of the segment that a reader at `sequence` has come to: the last one that
  /// begins at it or before it; nil where none does.
  ///
  /// - Complexity: O(log segments).
  public func segmentStart(at sequence: SequenceNumber) -> SequenceNumber? {
    let next = segments.index(after: sequence)
    return next > 0 ? segments[next - 1].first : nil
  }

  /// The lowest number that some upstream has not settled.
  public var lowestCursor: SequenceNumber {
    var lowest: SequenceNumber?
    for slot in upstreamIndices {
      lowest = min(lowest ?? .max, state.upstreams[slot].cursor)
    }
    return lowest ?? next
  }

  mutating func note(_ level: LogEntry.Level, _ message: String) {
    log.append(LogEntry(level, message))
  }
}
