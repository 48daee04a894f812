internal import HoldfastEvent

/// Writes a stage's state: fixed little-endian numbers and counted bytes.
public struct SnapshotWriter: Sendable {
  /// What was written so far.
  public private(set) var bytes: [UInt8] = []

  /// Nothing written yet.
  public init() {}

  /// Appends an integer.
  public mutating func append<Number: FixedWidthInteger>(_ number: Number) {
    var rest = number
    for _ in 0..<(Number.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// Appends a double, bit for bit.
  public mutating func append(_ number: Double) { append(number.bitPattern) }

  /// Appends a truth value.
  public mutating func append(_ value: Bool) { bytes.append(value ? 1 : 0) }

  /// Appends bytes behind their count.
  public mutating func append(bytes part: ArraySlice<UInt8>) {
    append(UInt32(truncatingIfNeeded: part.count))
    bytes.append(contentsOf: part)
  }

  /// Appends an event that a stage holds.
  mutating func append(_ held: HeldEvent) {
    append(held.number)
    append(held.row.boot)
    append(held.row.wall)
    append(held.row.topicByteCount)
    append(held.row.payloadByteCount)
    append(held.row.propertiesByteCount)
    append(held.row.source)
    append(held.row.flags.rawValue)
    append(held.isHistorical)
    append(bytes: held.bytes[...])
  }
}

/// Reads what ``SnapshotWriter`` wrote; nil wherever the bytes can't be that.
public struct SnapshotReader: Sendable {
  private var rest: ArraySlice<UInt8>

  /// Reads from the start of `bytes`.
  public init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// Whether all was read.
  public var isAtEnd: Bool { rest.isEmpty }

  /// Reads an integer.
  public mutating func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number? {
    let count = Number.bitWidth / 8
    guard rest.count >= count else { return nil }
    var number: Number = 0
    for (place, byte) in rest.prefix(count).enumerated() {
      number |= Number(truncatingIfNeeded: byte) << Number(truncatingIfNeeded: 8 * place)
    }
    rest = rest.dropFirst(count)
    return number
  }

  /// Reads a double.
  public mutating func double() -> Double? {
    number(UInt64.self).map { Double(bitPattern: $0) }
  }

  /// Reads a truth value.
  public mutating func bool() -> Bool? {
    guard let byte: UInt8 = number(), byte < 2 else { return nil }
    return byte == 1
  }

  /// Reads counted bytes.
  public mutating func bytes() -> ArraySlice<UInt8>? {
    guard let count: UInt32 = number(), Int(clamping: count) <= rest.count else { return nil }
    defer { rest = rest.dropFirst(Int(count)) }
    return rest.prefix(Int(count))
  }

  /// Reads an event that a stage holds.
  mutating func held() -> HeldEvent? {
    guard let sequence: UInt64 = number(), let boot: Int64 = number(), let wall: Int64 = number(),
      let topicByteCount: UInt16 = number(), let payloadByteCount: UInt32 = number(),
      let propertiesByteCount: UInt32 = number(), let source: UInt8 = number(),
      let flags: UInt8 = number(), let isHistorical = bool(), let bytes = bytes(),
      bytes.count == Int(topicByteCount) + Int(payloadByteCount) + Int(propertiesByteCount)
    else { return nil }
    let row = EventBatch.Row(
      boot: boot,
      wall: wall,
      topicOffset: 0,
      topicByteCount: topicByteCount,
      payloadOffset: UInt32(topicByteCount),
      payloadByteCount: payloadByteCount,
      propertiesByteCount: propertiesByteCount,
      source: source,
      flags: EventFlags(rawValue: flags)
    )
    return HeldEvent(row: row, number: sequence, bytes: Array(bytes), isHistorical: isHistorical)
  }
}
