/// The heads of CBOR's items (RFC 8949, section 3).
enum CBOR: ItemFormat {
  static func head(
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int
  ) throws(PayloadFault) -> ItemHead {
    // Tags say more about the item behind them; it is read as it stands.
    var isTagged = false
    while position < bytes.count, unsafe bytes[position] >> 5 == 6 {
      let information = unsafe bytes[position] & 0x1F
      position += 1
      _ = try unsafe argument(information, bytes, &position)
      isTagged = true
    }
    var head = try unsafe untagged(bytes, &position)
    if isTagged, head.kind == .stop { throw .malformed }
    head.isTagged = isTagged
    return head
  }

  private static func untagged(
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int
  ) throws(PayloadFault) -> ItemHead {
    guard position < bytes.count else { throw .truncated }
    let initial = unsafe bytes[position]
    position += 1
    let start = position
    let information = initial & 0x1F
    let isOpen = information == 31 && initial >> 5 > 1
    let argument = isOpen ? 0 : try unsafe argument(information, bytes, &position)
    let width = position - start
    let rest = bytes.count - position
    switch initial >> 5 {
    case 0, 1:
      position = start
      return .whole(initial >> 5 == 1, argument, width)
    case 2: return try counted(.bytes, argument, isOpen, rest)
    case 3: return try counted(.text, argument, isOpen, rest)
    case 4: return try counted(.array, argument, isOpen, rest)
    case 5: return try counted(.map, argument, isOpen, rest / 2)
    default:
      if isOpen { return ItemHead(kind: .stop) }
      position = start
      return try simple(information, argument, width)
    }
  }

  /// The argument behind the initial byte (section 3).
  @inline(__always)
  private static func argument(
    _ information: UInt8,
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int
  ) throws(PayloadFault) -> UInt64 {
    if information < 24 { return UInt64(information) }
    if information > 27 { throw .malformed }
    return try unsafe bigEndian(bytes, &position, byteCount: 1 << Int(information - 24))
  }

  /// What has a length, which is at most `rest`: each item takes a byte or more.
  private static func counted(
    _ kind: ItemHead.Kind,
    _ count: UInt64,
    _ isOpen: Bool,
    _ rest: Int
  ) throws(PayloadFault) -> ItemHead {
    guard count <= UInt64(rest) else { throw .truncated }
    return ItemHead(kind: kind, count: Int(count), isOpen: isOpen)
  }

  /// Major type 7 (section 3.3).
  private static func simple(
    _ information: UInt8,
    _ argument: UInt64,
    _ width: Int
  ) throws(PayloadFault) -> ItemHead {
    switch information {
    case 20: return .boolean(false)
    case 21: return .boolean(true)
    case 24:
      // Simple values below 32 have one form only, without this byte.
      if argument < 32 { throw .malformed }
      return ItemHead(kind: .null, count: width)
    case 25:
      return ItemHead(
        kind: .number,
        number: half(UInt16(truncatingIfNeeded: argument)),
        count: width
      )
    case 26:
      let single = Float(bitPattern: UInt32(truncatingIfNeeded: argument))
      return ItemHead(kind: .number, number: Double(single), count: width)
    case 27: return ItemHead(kind: .number, number: Double(bitPattern: argument), count: width)
    default: return .null
    }
  }

  /// A half-precision number (appendix D), by hand: not every target has the type.
  private static func half(_ bits: UInt16) -> Double {
    let exponent = Int(bits >> 10 & 0x1F)
    let mantissa = Double(bits & 0x3FF)
    let magnitude: Double
    switch exponent {
    case 0: magnitude = mantissa * 0x1p-24
    case 31: magnitude = mantissa == 0 ? .infinity : .nan
    default: magnitude = Double(sign: .plus, exponent: exponent - 25, significand: 1024 + mantissa)
    }
    return bits & 0x8000 == 0 ? magnitude : -magnitude
  }
}

/// An unsigned number of at most eight bytes, the highest first.
@inline(__always)
func bigEndian(
  _ bytes: UnsafeRawBufferPointer,
  _ position: inout Int,
  byteCount: Int
) throws(PayloadFault) -> UInt64 {
  guard byteCount <= bytes.count - position else { throw .truncated }
  var value: UInt64 = 0
  for place in position..<position + byteCount { value = value << 8 | UInt64(unsafe bytes[place]) }
  position += byteCount
  return value
}
