internal import HoldfastEvent

/// Turns events into the compact rows of one chain.
///
/// A row: `topic number | flags | ticks since the row before | payload length | payload`, all
/// numbers LEB128 except the flags byte; topic number 0 introduces a new topic with its source and
/// text. Times are whole ticks of the boot clock; one offset to wall time serves a whole block.
struct RowEncoder {
  /// Set in the flags byte when encoded properties follow the payload.
  static let flagProperties: UInt8 = 0x80

  /// Rows of the current block.
  private(set) var raw: [UInt8] = []
  private(set) var eventCount = 0
  /// The first row's arrival: what the block header says.
  private(set) var boot: Int64 = 0
  private(set) var wall: Int64 = 0
  private var topics = TopicTable()
  private var previousTick: Int64 = 0
  /// The same when everything encoded so far had become durable.
  private var settledTick: Int64 = 0
  private let microsecondsPerTick: Int64

  init(ticksPerSecond: Int64) {
    microsecondsPerTick = microsecondsPerSecond / ticksPerSecond
  }

  mutating func beginChain() {
    topics.removeAll()
    beginBlock()
  }

  mutating func beginBlock() {
    raw.removeAll(keepingCapacity: true)
    eventCount = 0
  }

  /// Everything encoded so far is durable: no later event may be dated before it.
  mutating func settle() { settledTick = previousTick }

  /// What was encoded since is about to be encoded once more, each event with its own time.
  mutating func rewind() { previousTick = settledTick }

  /// The most bytes that `row` can take.
  static func byteCountBound(_ row: EventBatch.Row) -> Int {
    Int(row.topicByteCount) + Int(row.payloadByteCount) + Int(row.propertiesByteCount) + 48
  }

  /// Whether `row` may join the block: same offset between the clocks, and the topic table has
  /// room whether or not the topic is new.
  func accepts(_ row: EventBatch.Row) -> Bool {
    guard topics.hasRoom(for: Int(row.topicByteCount)) else { return false }
    if eventCount == 0 { return true }
    // By magnitude: a wall clock gone mad can be 2^63 away, and that has no absolute value.
    let change = (row.wall &- row.boot) &- (wall &- boot)
    return change.magnitude <= UInt64(microsecondsPerTick)
  }

  /// Whether the chain's topic table is too full for `row`.
  func needsNewChain(for row: EventBatch.Row) -> Bool {
    !topics.hasRoom(for: Int(row.topicByteCount))
  }

  /// Rewrites a row's times to what a reader will see once it is stored.
  func round(_ row: inout EventBatch.Row) {
    let boot = row.boot / microsecondsPerTick &* microsecondsPerTick
    row.wall = (boot &+ (row.wall &- row.boot)).roundedDown(to: microsecondsPerTick)
    row.boot = boot
  }

  /// Appends row `index` of `batch` and rewrites its times to what a reader will see.
  ///
  /// Times never go back within a log: a row that came in before its predecessor by the clock
  /// (two sources, two threads) takes its predecessor's time.
  @inline(__always)
  mutating func append(
    _ row: inout EventBatch.Row,
    _ bytes: UnsafeRawBufferPointer
  ) {
    var tick = row.boot / microsecondsPerTick
    if tick < previousTick { tick = previousTick }
    if eventCount == 0 {
      boot = tick &* microsecondsPerTick
      wall = (boot &+ (row.wall &- row.boot)).roundedDown(to: microsecondsPerTick)
      previousTick = tick
    }
    let topicRange = row.topicRange
    let (number, isNew) = unsafe topics.number(
      of: UnsafeRawBufferPointer(rebasing: bytes[topicRange]),
      source: row.source
    )
    var flags = row.flags.rawValue
    if row.propertiesByteCount > 0 { flags |= Self.flagProperties }
    if isNew {
      raw.append(0)
      raw.append(row.source)
      raw.appendVariable(UInt64(row.topicByteCount))
      unsafe raw.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[topicRange]))
    } else {
      raw.appendVariable(UInt64(number))
    }
    raw.append(flags)
    raw.appendVariable(UInt64(tick &- previousTick))
    raw.appendVariable(UInt64(row.payloadByteCount))
    unsafe raw.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[row.payloadRange]))
    if row.propertiesByteCount > 0 {
      raw.appendVariable(UInt64(row.propertiesByteCount))
      unsafe raw.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[row.propertiesRange]))
    }
    previousTick = tick
    row.boot = tick &* microsecondsPerTick
    row.wall = row.boot &+ (wall &- boot)
    eventCount += 1
  }
}

extension Int64 {
  /// The greatest multiple of `unit` that is not above, or the least there is; `unit` is positive.
  fileprivate func roundedDown(to unit: Int64) -> Int64 {
    let rest = self % unit
    let (rounded, isBelowRange) = subtractingReportingOverflow(rest < 0 ? rest + unit : rest)
    return isBelowRange ? self - rest : rounded
  }
}
