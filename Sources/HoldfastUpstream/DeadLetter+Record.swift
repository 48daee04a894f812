internal import HoldfastEvent

extension DeadLetter {
  /// The letter as a record of the dead-letter file: fixed numbers, then six parts with lengths.
  public var record: [UInt8] {
    var bytes: [UInt8] = [isRetained ? 1 : 0]
    for value in [log.high, log.low, first, end, count] { append(value, byteCount: 8, to: &bytes) }
    for part in [Array(upstream.utf8), topic, payload, properties, Array(reason.utf8)] {
      append(UInt64(part.count), byteCount: 4, to: &bytes)
      bytes.append(contentsOf: part)
    }
    return bytes
  }

  /// Reads what `record` wrote; nil when it is cut short.
  public init?(record bytes: ArraySlice<UInt8>) {
    var rest = bytes
    guard let flag = rest.popFirst() else { return nil }
    var numbers: [UInt64] = []
    for _ in 0..<5 {
      guard let value = Self.number(8, from: &rest) else { return nil }
      numbers.append(value)
    }
    var parts: [[UInt8]] = []
    for _ in 0..<5 {
      guard let count = Self.number(4, from: &rest), count <= UInt64(rest.count) else {
        return nil
      }
      parts.append(Array(rest.prefix(Int(count))))
      rest = rest.dropFirst(Int(count))
    }
    self.init(
      upstream: String(decoding: parts[0], as: UTF8.self),
      log: LogID(high: numbers[0], low: numbers[1]),
      first: numbers[2],
      end: numbers[3],
      count: numbers[4],
      topic: parts[1],
      payload: parts[2],
      properties: parts[3],
      isRetained: flag == 1,
      reason: String(decoding: parts[4], as: UTF8.self)
    )
  }

  private func append(_ value: UInt64, byteCount: Int, to bytes: inout [UInt8]) {
    for index in 0..<byteCount { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
  }

  private static func number(_ byteCount: Int, from bytes: inout ArraySlice<UInt8>) -> UInt64? {
    guard bytes.count >= byteCount else { return nil }
    var value: UInt64 = 0
    for (index, byte) in bytes.prefix(byteCount).enumerated() {
      value |= UInt64(byte) << (8 * index)
    }
    bytes = bytes.dropFirst(byteCount)
    return value
  }
}
