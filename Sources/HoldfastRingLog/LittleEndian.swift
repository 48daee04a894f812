// Fixed-width and variable-width integers as the format has them: little endian, LEB128.

extension [UInt8] {
  mutating func appendFixed<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
    unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
  }

  /// Unsigned LEB128: seven bits a byte, lowest first.
  mutating func appendVariable(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func store<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
    for index in 0..<Value.bitWidth / 8 {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> Value(8 * index))
    }
  }

  /// Appends a length (u16) and at most 65,535 bytes.
  mutating func appendPrefixed(_ bytes: some Collection<UInt8>) {
    let part = bytes.prefix(Int(UInt16.max))
    appendFixed(UInt16(part.count))
    append(contentsOf: part)
  }
}

/// Reads what the above wrote; after the first read past the end every read is nil.
struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  private(set) var offset: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    offset = bytes.startIndex
  }

  var isAtEnd: Bool { offset >= bytes.endIndex }

  mutating func fixed<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type = Value.self
  ) -> Value? {
    let count = Value.bitWidth / 8
    guard bytes.endIndex - offset >= count else {
      offset = bytes.endIndex
      return nil
    }
    let start = offset - bytes.startIndex
    let value = unsafe bytes.withUnsafeBytes {
      unsafe $0.loadUnaligned(fromByteOffset: start, as: Value.self)
    }
    offset += count
    return Value(littleEndian: value)
  }

  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, bytes.endIndex - offset >= count else {
      offset = bytes.endIndex
      return nil
    }
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  mutating func prefixed() -> ArraySlice<UInt8>? {
    guard let count: UInt16 = fixed() else { return nil }
    return take(Int(count))
  }
}
