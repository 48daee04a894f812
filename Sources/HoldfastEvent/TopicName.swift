/// Whether bytes are a topic that an event may have: not empty, UTF-8, no NUL, no wildcard
/// (MQTT-4.7.1-1, 4.7.3-1 to 4.7.3-3).
///
/// No MQTT server may send another one, and no upstream would take it.
///
/// - Complexity: O(bytes), eight at a time while they are ASCII.
@inline(__always)
public func isTopicName(_ bytes: UnsafeRawBufferPointer) -> Bool {
  let count = bytes.count
  guard count > 0, count <= Int(UInt16.max) else { return false }
  var offset = 0
  while offset < count {
    // The last word overlaps the one before it; what is shorter than a word goes byte by byte.
    let word =
      count >= 8
      ? unsafe bytes.loadUnaligned(fromByteOffset: min(offset, count - 8), as: UInt64.self)
      : UInt64(unsafe bytes[offset]) | 0x2020_2020_2020_2000
    if !isPlainText(word) { return unsafe isMixedTopicName(bytes) }
    offset += count >= 8 ? 8 : 1
  }
  return true
}

/// Whether eight bytes are ASCII and neither NUL nor `#` nor `+`.
@inline(__always)
private func isPlainText(_ word: UInt64) -> Bool {
  let tops: UInt64 = 0x8080_8080_8080_8080
  // While no byte has its top bit set, a byte is 0 exactly where adding 0x7f leaves that bit 0.
  let sevens = ~tops
  let hash = (word ^ 0x2323_2323_2323_2323) &+ sevens
  let plus = (word ^ 0x2b2b_2b2b_2b2b_2b2b) &+ sevens
  return word & tops == 0 && (word &+ sevens) & hash & plus & tops == tops
}

/// The same byte by byte, for what is not plain ASCII.
private func isMixedTopicName(_ bytes: UnsafeRawBufferPointer) -> Bool {
  let copy = unsafe [UInt8](bytes)
  for byte in copy where byte == 0 || byte == UInt8(ascii: "#") || byte == UInt8(ascii: "+") {
    return false
  }
  return String(validating: copy, as: UTF8.self) != nil
}
