internal import HoldfastCodec
internal import HoldfastEvent

/// All that the log must know besides its segments; written whole, in one of two slots.
struct State: Equatable {
  /// Most named sources and upstreams remembered.
  static let ledgerCountMax = 64
  /// Bytes of one slot: as many ledgers and gap records as there can be fit, at their largest.
  static let slotByteCount = 512 << 10
  static let fileByteCount = 2 * slotByteCount
  /// Far above every number and count that can come about: a state that claims more is not
  /// believed, so that sums of what it says can't overflow.
  static let numberMax = UInt64.max >> 8
  /// `HFS1` in the file.
  static let magic: UInt32 = 0x3153_4648

  /// Rises with each write; the slot with the higher one counts.
  var generation: UInt64 = 0
  /// Written by an orderly stop: `next` is exact and nothing is to be searched for.
  var isClean = false
  var log: LogID
  /// Hash of the machine's id: another machine begins a new log id.
  var machine: UInt64
  /// Highest life of a hot file given out.
  var epoch: UInt64 = 0
  /// The lowest number kept; segments below it are free.
  var floor: SequenceNumber = 1
  /// The newest durable number; 0 before the first.
  var durable: SequenceNumber = 0
  /// No number at or above it has been given to an event.
  var reserved: SequenceNumber = 1
  var sources: [SourceLedger] = []
  var upstreams: [UpstreamLedger] = []
  var gaps = GapList()

  init(log: LogID, machine: UInt64) {
    self.log = log
    self.machine = machine
  }

  /// The slot's bytes, checksum last.
  var encoded: [UInt8] {
    var body: [UInt8] = []
    body.reserveCapacity(1024)
    for value in [generation, log.high, log.low, machine, epoch, floor, durable, reserved] {
      body.appendFixed(value)
    }
    body.append(isClean ? 1 : 0)
    body.append(UInt8(truncatingIfNeeded: sources.count))
    for source in sources {
      body.appendPrefixed(source.name.utf8)
      body.appendCounters([
        source.received, source.stored, source.possiblyRedelivered, source.connects,
        source.isPaused ? 1 : 0,
      ])
      body.appendCounters(source.dropped)
    }
    body.append(UInt8(truncatingIfNeeded: upstreams.count))
    for upstream in upstreams {
      body.appendPrefixed(upstream.name.utf8)
      body.appendCounters(
        [
          upstream.cursor, upstream.offered, upstream.delivered, upstream.filtered,
          upstream.deadLettered, upstream.hold, upstream.aggregated, upstream.derivedDelivered,
          upstream.derivedDeadLettered, upstream.derivedDropped,
        ] + upstream.ahead.flatMap { [$0.lowerBound, $0.upperBound] }
      )
      body.appendCounters(upstream.dropped)
      body.appendCounters(upstream.lost)
    }
    body.appendFixed(UInt32(gaps.records.count))
    for gap in gaps.records { body.append(gap) }
    body.appendFixed(gaps.joinCount)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(body.count + 16)
    bytes.appendFixed(Self.magic)
    bytes.append(Format.major)
    bytes.append(Format.minor)
    bytes.appendFixed(UInt16(0))
    bytes.appendFixed(UInt32(body.count))
    bytes.append(contentsOf: body)
    bytes.appendFixed(crc32c(bytes[...]))
    return bytes
  }

  enum Reading: Equatable {
    case state(State)
    /// Written by a newer major version: the whole directory is not ours to touch.
    case newer
    case nothing
  }

  /// How many bytes the state in a slot takes by what its beginning says; 0 if it says nothing.
  static func byteCount(of slot: ArraySlice<UInt8>) -> Int {
    var reader = ByteReader(slot)
    guard reader.fixed() == magic, reader.take(4) != nil, let count: UInt32 = reader.fixed() else {
      return 0
    }
    return 16 + min(Int(clamping: count), Self.slotByteCount)
  }

  /// Reads one slot.
  static func read(_ slot: ArraySlice<UInt8>) -> Reading {
    var reader = ByteReader(slot)
    guard reader.fixed() == magic, let major: UInt8 = reader.fixed() else { return .nothing }
    guard reader.fixed(UInt8.self) != nil, reader.fixed(UInt16.self) != nil,
      let count: UInt32 = reader.fixed(), let body = reader.take(Int(clamping: count)),
      reader.fixed() == crc32c(slot[slot.startIndex..<body.endIndex])
    else { return .nothing }
    // Checked first, in every version: a flipped bit must not pass for a newer format.
    if major > Format.major { return .newer }
    guard let state = State(body: body) else { return .nothing }
    return .state(state)
  }

  private init?(body: ArraySlice<UInt8>) {
    var reader = ByteReader(body)
    var fixed: [UInt64] = []
    for _ in 0..<8 {
      guard let value: UInt64 = reader.fixed() else { return nil }
      fixed.append(value)
    }
    self.init(log: LogID(high: fixed[1], low: fixed[2]), machine: fixed[3])
    generation = fixed[0]
    epoch = fixed[4]
    floor = fixed[5]
    durable = fixed[6]
    reserved = fixed[7]
    guard let clean: UInt8 = reader.fixed(), let sourceCount: UInt8 = reader.fixed() else {
      return nil
    }
    isClean = clean == 1
    for _ in 0..<sourceCount {
      guard let source = reader.sourceLedger() else { return nil }
      sources.append(source)
    }
    guard let upstreamCount: UInt8 = reader.fixed() else { return nil }
    for _ in 0..<upstreamCount {
      guard let upstream = reader.upstreamLedger() else { return nil }
      upstreams.append(upstream)
    }
    guard let gapCount: UInt32 = reader.fixed() else { return nil }
    for _ in 0..<gapCount {
      guard let gap = reader.gapRecord() else { return nil }
      gaps.add(gap)
    }
    gaps.joinCount = reader.fixed() ?? 0
    guard floor > 0, floor <= reserved, reserved > durable, reserved < Self.numberMax,
      epoch < Self.numberMax, gaps.records.allSatisfy({ $0.end <= reserved })
    else { return nil }
  }
}

extension [UInt8] {
  /// A count and that many numbers, so that a later version may know more of them.
  fileprivate mutating func appendCounters(_ values: [UInt64]) {
    append(UInt8(truncatingIfNeeded: values.count))
    for value in values { appendFixed(value) }
  }

  fileprivate mutating func append(_ gap: GapRecord) {
    append(gap.reason.rawValue)
    append(gap.count == nil ? 0 : 1)
    for value in [gap.log.high, gap.log.low, gap.first, gap.end, gap.count ?? 0] {
      appendFixed(value)
    }
    appendFixed(gap.wall)
    append(UInt8(truncatingIfNeeded: gap.topics.count))
    for topic in gap.topics { appendPrefixed(topic) }
  }
}

extension ByteReader {
  /// Exactly `count` numbers: fewer stored ones are filled with 0, further ones are passed.
  fileprivate mutating func counters(_ count: Int) -> [UInt64]? {
    counters(atLeast: count).map { Array($0.prefix(count)) }
  }

  /// At least `count` numbers, and all that are stored.
  private mutating func counters(atLeast count: Int) -> [UInt64]? {
    guard let stored: UInt8 = fixed() else { return nil }
    var values: [UInt64] = []
    for _ in 0..<stored {
      guard let value: UInt64 = fixed(), value < State.numberMax else { return nil }
      values.append(value)
    }
    while values.count < count { values.append(0) }
    return values
  }

  fileprivate mutating func sourceLedger() -> SourceLedger? {
    guard let name = prefixed(), let counts = counters(5),
      let dropped = counters(SourceDropReason.allCases.count)
    else { return nil }
    var ledger = SourceLedger(name: String(decoding: name, as: UTF8.self))
    ledger.received = counts[0]
    ledger.stored = counts[1]
    ledger.possiblyRedelivered = counts[2]
    ledger.connects = counts[3]
    ledger.isPaused = counts[4] == 1
    ledger.dropped = dropped
    return ledger
  }

  fileprivate mutating func upstreamLedger() -> UpstreamLedger? {
    guard let name = prefixed(), let counts = counters(atLeast: 10),
      let dropped = counters(UpstreamDropReason.allCases.count),
      let lost = counters(LossReason.allCases.count)
    else { return nil }
    var ledger = UpstreamLedger(name: String(decoding: name, as: UTF8.self), cursor: counts[0])
    ledger.offered = counts[1]
    ledger.delivered = counts[2]
    ledger.filtered = counts[3]
    ledger.deadLettered = counts[4]
    ledger.hold = counts[5]
    ledger.aggregated = counts[6]
    ledger.derivedDelivered = counts[7]
    ledger.derivedDeadLettered = counts[8]
    ledger.derivedDropped = counts[9]
    guard counts.count % 2 == 0 else { return nil }
    for place in stride(from: 10, to: counts.count, by: 2) {
      guard counts[place] <= counts[place + 1] else { return nil }
      ledger.ahead.append(counts[place]..<counts[place + 1])
    }
    guard ledger.areRangesOrderly else { return nil }
    ledger.dropped = dropped
    ledger.lost = lost
    return ledger
  }

  fileprivate mutating func gapRecord() -> GapRecord? {
    guard let rawReason: UInt8 = fixed(), let reason = GapReason(rawValue: rawReason),
      let isExact: UInt8 = fixed(), let high: UInt64 = fixed(), let low: UInt64 = fixed(),
      let first: UInt64 = fixed(), let end: UInt64 = fixed(), let count: UInt64 = fixed(),
      let wall: Int64 = fixed(), let topicCount: UInt8 = fixed(), first <= end
    else { return nil }
    var topics: [[UInt8]] = []
    for _ in 0..<topicCount {
      guard let topic = prefixed() else { return nil }
      topics.append(Array(topic))
    }
    return GapRecord(
      log: LogID(high: high, low: low),
      first: first,
      end: end,
      count: isExact == 1 ? count : nil,
      reason: reason,
      topics: topics,
      wall: wall
    )
  }
}
