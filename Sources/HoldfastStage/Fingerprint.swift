internal import HoldfastEvent

/// Stands for bytes that are too many to keep: their count and two 64-bit hashes.
///
/// The hashes mix with different constants and multiply to 128 bits, so that what makes one collide
/// does not make the other. Two different payloads of one size are taken for equal with odds of
/// about 1 in 2^128 while nobody searches for such a pair, who would need to publish both.
struct Fingerprint: Equatable, Sendable {
  private var byteCount: UInt32
  private var first: UInt64
  private var second: UInt64

  init(_ bytes: ArraySlice<UInt8>) {
    byteCount = UInt32(truncatingIfNeeded: bytes.count)
    (first, second) = unsafe bytes.withUnsafeBytes { bytes in
      var first = 0x243f_6a88_85a3_08d3 ^ UInt64(bytes.count)
      var second = 0x1319_8a2e_0370_7344 &+ UInt64(bytes.count)
      var offset = 0
      while offset < bytes.count {
        let word = unsafe word(bytes, offset)
        first = fold(first ^ word, 0xa409_3822_299f_31d1) &+ word
        second = fold(second &+ word, 0x082e_fa98_ec4e_6c89) ^ second.rotated(by: 23)
        offset += 8
      }
      return (fold(first, 0x4528_21e6_38d0_1377), fold(second, 0xbe54_66cf_34e9_0c6d))
    }
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(byteCount)
    bytes.append(first)
    bytes.append(second)
  }

  init?(from bytes: inout SnapshotReader) {
    guard let byteCount: UInt32 = bytes.number(), let first: UInt64 = bytes.number(),
      let second: UInt64 = bytes.number()
    else { return nil }
    (self.byteCount, self.first, self.second) = (byteCount, first, second)
  }
}

/// Eight bytes from `offset` on, with zeros behind the end: the count tells those from real ones.
@inline(__always)
private func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
  if bytes.count - offset >= 8 {
    return UInt64(
      littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    )
  }
  var word: UInt64 = 0
  for place in offset..<bytes.count {
    word |= UInt64(unsafe bytes[place]) << UInt64(8 * (place - offset))
  }
  return word
}

@inline(__always)
private func fold(_ value: UInt64, _ factor: UInt64) -> UInt64 {
  let product = value.multipliedFullWidth(by: factor)
  return product.high ^ product.low
}

extension UInt64 {
  fileprivate func rotated(by count: UInt64) -> UInt64 { self << count | self >> (64 - count) }
}
