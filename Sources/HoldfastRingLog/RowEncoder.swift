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
  private var previousBoot: Int64 = 0
  private let microsecondsPerTick: Int64
  /// Most microseconds from one row to the next.
  private let stepMax: Int64

  init(ticksPerSecond: Int64) {
    microsecondsPerTick = microsecondsPerSecond / ticksPerSecond
    stepMax = Int64(RowDecoder.deltaMax) * microsecondsPerTick
  }

  mutating func beginChain() {
    topics.removeAll()
    beginBlock()
  }

  mutating func beginBlock() {
    raw.removeAll(keepingCapacity: true)
    eventCount = 0
  }

  /// The most bytes that `row` can take.
  static func byteCountBound(_ row: EventBatch.Row) -> Int {
    Int(row.topicByteCount) + Int(row.payloadByteCount) + Int(row.propertiesByteCount) + 48
  }

  /// Whether `row` may join the block: exactly the same offset between the clocks, a time that is
  /// not before the last row's, and room in the topic table whether or not the topic is new.
  func accepts(_ row: EventBatch.Row) -> Bool {
    guard topics.hasRoom(for: Int(row.topicByteCount)) else { return false }
    if eventCount == 0 { return true }
    let (step, isBeyond) = row.boot.subtractingReportingOverflow(previousBoot)
    return row.wall &- row.boot == wall &- boot && !isBeyond && step >= 0 && step <= stepMax
  }

  /// Whether the chain's topic table is too full for `row`.
  func needsNewChain(for row: EventBatch.Row) -> Bool {
    !topics.hasRoom(for: Int(row.topicByteCount))
  }

  /// Appends a row; its times are whole ticks, and readers will see just these.
  @inline(__always)
  mutating func append(_ row: EventBatch.Row, _ bytes: UnsafeRawBufferPointer) {
    if eventCount == 0 {
      boot = row.boot
      wall = row.wall
      previousBoot = row.boot
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
    raw.appendVariable(UInt64((row.boot &- previousBoot) / microsecondsPerTick))
    raw.appendVariable(UInt64(row.payloadByteCount))
    unsafe raw.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[row.payloadRange]))
    if row.propertiesByteCount > 0 {
      raw.appendVariable(UInt64(row.propertiesByteCount))
      unsafe raw.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[row.propertiesRange]))
    }
    previousBoot = row.boot
    eventCount += 1
  }
}
