/// A Sparkplug B payload written by hand: metrics of one double each.
struct SparkplugPayload {
  private(set) var bytes: [UInt8] = []

  private static func varint(_ value: UInt64) -> [UInt8] {
    value < 0x80
      ? [UInt8(value)] : [UInt8(truncatingIfNeeded: value & 0x7F) | 0x80] + varint(value >> 7)
  }

  /// With one more metric.
  func with(
    _ name: String,
    _ value: Double,
    milliseconds: UInt64? = nil,
    isHistorical: Bool = false
  ) -> SparkplugPayload {
    var metric = [0x0A] + Self.varint(UInt64(name.utf8.count)) + Array(name.utf8)
    if let milliseconds { metric += [0x18] + Self.varint(milliseconds) }
    metric += [0x20, 10]
    if isHistorical { metric += [0x28, 1] }
    metric.append(0x69)
    metric += (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    var payload = self
    payload.bytes += [0x12] + Self.varint(UInt64(metric.count)) + metric
    return payload
  }

  /// Of one metric.
  static func of(
    _ name: String,
    _ value: Double,
    milliseconds: UInt64? = nil,
    isHistorical: Bool = false
  ) -> SparkplugPayload {
    SparkplugPayload().with(name, value, milliseconds: milliseconds, isHistorical: isHistorical)
  }
}
