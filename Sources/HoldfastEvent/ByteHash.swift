/// Hashes bytes for tables and comparisons within one process; nothing stored depends on it.
///
/// Eight bytes at a time, long texts in four lanes. Not meant to withstand somebody who looks for collisions: whoever uses
/// it compares the bytes too, or can live with a rare one.
@inlinable
@inline(__always)
public func hashed(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
  var hash = seed ^ 0x9e37_79b9_7f4a_7c15 &+ UInt64(truncatingIfNeeded: bytes.count)
  let count = bytes.count
  var offset = 0
  if count >= 64 {
    // A multiplication waits for the one before it in its own lane only.
    var lanes = (hash, hash &+ 1, hash &+ 2, hash &+ 3)
    while offset + 32 <= count {
      unsafe mix(&lanes.0, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      unsafe mix(&lanes.1, bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
      unsafe mix(&lanes.2, bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self))
      unsafe mix(&lanes.3, bytes.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
      offset += 32
    }
    hash = lanes.0
    mix(&hash, lanes.1)
    mix(&hash, lanes.2)
    mix(&hash, lanes.3)
  }
  while offset < count {
    if count >= 8 {
      // The last word overlaps the one before it.
      let place = min(offset, count - 8)
      unsafe mix(&hash, bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
      offset += 8
    } else {
      hash = (hash ^ UInt64(unsafe bytes[offset])) &* 0x0000_0100_0000_01b3
      offset += 1
    }
  }
  hash = hash &* 0xc4ce_b9fe_1a85_ec53
  return hash ^ hash >> 29
}

/// Mixes eight more bytes into a hash, each of which changes all of it.
@inlinable
@inline(__always)
func mix(_ hash: inout UInt64, _ word: UInt64) {
  hash = (hash ^ word) &* 0xff51_afd7_ed55_8ccd
  hash ^= hash >> 32
}

extension EventBatch {
  /// A hash of topic and payload of the event in a row; equal for equal events.
  ///
  /// - Complexity: O(bytes of the event).
  public func contentHash(_ row: Row) -> UInt64 {
    unsafe bytes.withUnsafeBytes { bytes in
      let topic = unsafe hashed(
        UnsafeRawBufferPointer(rebasing: bytes[row.topicRange]),
        seed: 0
      )
      return unsafe hashed(
        UnsafeRawBufferPointer(rebasing: bytes[row.payloadRange]),
        seed: topic
      )
    }
  }
}
