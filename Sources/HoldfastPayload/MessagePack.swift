/// The heads of MessagePack's objects (its specification, "Formats").
enum MessagePack: ItemFormat {
  static func head(
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int
  ) throws(PayloadFault) -> ItemHead {
    guard position < bytes.count else { throw .truncated }
    let first = unsafe bytes[position]
    position += 1
    let rest = bytes.count - position
    switch first {
    case 0x00...0x7F: return .whole(false, UInt64(first), 0)
    case 0x80...0x8F: return try counted(.map, UInt64(first & 0x0F), rest / 2)
    case 0x90...0x9F: return try counted(.array, UInt64(first & 0x0F), rest)
    case 0xA0...0xBF: return try counted(.text, UInt64(first & 0x1F), rest)
    case 0xC0: return .null
    // Never used, says the specification.
    case 0xC1: throw .malformed
    case 0xC2: return .boolean(false)
    case 0xC3: return .boolean(true)
    case 0xC4...0xC6: return try unsafe counted(.bytes, first - 0xC4, bytes, &position)
    case 0xC7...0xC9: return try unsafe counted(.opaque, first - 0xC7, bytes, &position)
    case 0xCA...0xD3: return try unsafe number(first, bytes, &position)
    case 0xD4...0xD8:
      // A byte for its type comes first.
      guard rest >= 1 + 1 << Int(first - 0xD4) else { throw .truncated }
      position += 1
      return ItemHead(kind: .opaque, count: 1 << Int(first - 0xD4))
    case 0xD9...0xDB: return try unsafe counted(.text, first - 0xD9, bytes, &position)
    case 0xDC...0xDD: return try unsafe counted(.array, first - 0xDB, bytes, &position)
    case 0xDE...0xDF: return try unsafe counted(.map, first - 0xDD, bytes, &position)
    default: return .whole(true, UInt64(~first), 0)
    }
  }

  /// What has its length in 1, 2 or 4 bytes behind the first, by the power of two.
  private static func counted(
    _ kind: ItemHead.Kind,
    _ power: UInt8,
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int
  ) throws(PayloadFault) -> ItemHead {
    let count = try unsafe bigEndian(bytes, &position, byteCount: 1 << Int(power))
    let rest = bytes.count - position
    if kind == .opaque {
      guard rest > 0 else { throw .truncated }
      position += 1
      return try counted(kind, count, rest - 1)
    }
    return try counted(kind, count, kind == .map ? rest / 2 : rest)
  }

  /// A length is at most `rest`: each object takes a byte or more.
  private static func counted(
    _ kind: ItemHead.Kind,
    _ count: UInt64,
    _ rest: Int
  ) throws(PayloadFault) -> ItemHead {
    guard count <= UInt64(rest) else { throw .truncated }
    return ItemHead(kind: kind, count: Int(count))
  }

  /// Floats, then unsigned numbers, then signed ones; `position` stays at the content.
  private static func number(
    _ first: UInt8,
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int
  ) throws(PayloadFault) -> ItemHead {
    let width = first < 0xCC ? 4 << Int(first - 0xCA) : 1 << Int((first - 0xCC) & 3)
    var end = position
    let bits = try unsafe bigEndian(bytes, &end, byteCount: width)
    switch first {
    case 0xCA:
      let single = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      return ItemHead(kind: .number, number: Double(single), count: width)
    case 0xCB: return ItemHead(kind: .number, number: Double(bitPattern: bits), count: width)
    case 0xCC...0xCF: return .whole(false, bits, width)
    default:
      let shift = UInt64(64 - 8 * width)
      let value = Int64(bitPattern: bits << shift) >> Int64(shift)
      return .whole(value < 0, UInt64(bitPattern: value < 0 ? ~value : value), width)
    }
  }
}
