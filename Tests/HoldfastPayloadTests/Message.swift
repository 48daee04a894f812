/// Writes protobuf by hand, for payloads to read.
struct Message {
  var bytes: [UInt8] = []

  static func varint(_ value: UInt64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  func varint(_ number: UInt64, _ value: UInt64) -> Message {
    Message(bytes: bytes + Self.varint(number << 3) + Self.varint(value))
  }

  func counted(_ number: UInt64, _ content: [UInt8]) -> Message {
    Message(
      bytes: bytes + Self.varint(number << 3 | 2) + Self.varint(UInt64(content.count)) + content
    )
  }

  func fixed(_ number: UInt64, _ bits: UInt64, width: Int) -> Message {
    let head = Self.varint(number << 3 | (width == 8 ? 1 : 5))
    return Message(bytes: bytes + head + (0..<width).map { UInt8(bits >> UInt64(8 * $0) & 0xFF) })
  }

  /// A metric with a name and a data type.
  static func metric(_ name: String, _ type: UInt64) -> Message {
    Message().counted(1, Array(name.utf8)).varint(3, 1_700_000_000_000).varint(4, type)
  }

  /// A payload of metrics.
  static func payload(_ metrics: [Message]) -> [UInt8] {
    var payload = Message().varint(1, 1_700_000_000_000)
    for metric in metrics { payload = payload.counted(2, metric.bytes) }
    return payload.varint(3, 7).bytes
  }
}
