/// One field of a protobuf message.
struct ProtobufField {
  /// From 1; a message's description says what it is.
  var number: UInt64
  /// What its bytes are: 0 a varint, 1 eight bytes, 2 counted bytes, 5 four bytes.
  var wireType: UInt8
  /// Of all but counted bytes the value.
  var value: UInt64
  /// Where its content lies.
  var range: Range<Int>
}

/// Reads the fields of a protobuf message one by one (protobuf.dev, "Encoding").
@safe
struct ProtobufReader {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  private let end: Int

  /// Of the message at `range`.
  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    unsafe self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// The next field; nil behind the last one.
  mutating func next() throws(PayloadFault) -> ProtobufField? {
    if position == end { return nil }
    let key = try varint()
    let start = position
    let number = key >> 3
    if number == 0 || number >= 1 << 29 { throw .malformed }
    let wireType = UInt8(truncatingIfNeeded: key & 7)
    var value: UInt64 = 0
    var range = start..<start
    switch wireType {
    case 0:
      value = try varint()
      range = start..<position
    case 1, 5:
      let width = wireType == 1 ? 8 : 4
      guard width <= end - position else { throw .truncated }
      for place in (0..<width).reversed() {
        value = value << 8 | UInt64(unsafe bytes[position + place])
      }
      position += width
      range = start..<position
    case 2:
      let count = try varint()
      guard count <= UInt64(end - position) else { throw .truncated }
      range = position..<position + Int(count)
      position = range.upperBound
    // Groups are long out of use, and Sparkplug has none.
    default: throw .malformed
    }
    return ProtobufField(number: number, wireType: wireType, value: value, range: range)
  }

  /// At most ten bytes of seven bits, the lowest first.
  private mutating func varint() throws(PayloadFault) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = unsafe bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { throw .malformed }
    }
    throw .truncated
  }
}
