/// The counter in a payload of the fleet: leading digits, or the JSON member `"n":`.
func counter(in payload: some RandomAccessCollection<UInt8>) -> Int? {
  if let first = payload.first, first == UInt8(ascii: "{") {
    let key = Array(#""n":"#.utf8)
    var position = payload.startIndex
    while payload.distance(from: position, to: payload.endIndex) > key.count {
      if payload[position...].starts(with: key) {
        return leadingNumber(payload[payload.index(position, offsetBy: key.count)...])
      }
      position = payload.index(after: position)
    }
    return nil
  }
  return leadingNumber(payload)
}

private func leadingNumber(_ bytes: some Collection<UInt8>) -> Int? {
  var number: Int?
  for byte in bytes {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
    let next = (number ?? 0) * 10 + Int(byte - UInt8(ascii: "0"))
    guard next < 1 << 40 else { return nil }
    number = next
  }
  return number
}

/// FNV-1a, enough to notice that a payload is not the one that was sent.
func fingerprint(_ bytes: some Sequence<UInt8>) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return hash
}
