import Glibc

/// One MQTT control packet in a `PacketInput`; valid until that is filled again.
struct Packet {
  /// Type in the upper four bits, flags in the lower.
  var header: UInt8
  var body: UnsafeRawBufferPointer

  var type: UInt8 { header >> 4 }
}

/// Splits a byte stream into MQTT packets in place, without an allocation per packet.
final class PacketInput {
  /// A peer that announces a larger packet is cut off.
  private static let packetByteCountMax = 64 << 20

  private var storage = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
  private var start = 0
  private var end = 0

  deinit { storage.deallocate() }

  /// Reads what there is; false where the peer has closed.
  func fill(from descriptor: Int32) -> Bool {
    if start == end { (start, end) = (0, 0) }
    if end == storage.count { makeRoom() }
    let free = UnsafeMutableRawBufferPointer(rebasing: storage[end...])
    let count = recv(descriptor, free.baseAddress, free.count, 0)
    if count < 0 { return errno == EAGAIN || errno == EINTR }
    end += count
    return count > 0
  }

  /// The next whole packet, nil where more bytes are needed.
  func next() throws -> Packet? {
    var length = 0
    var position = start + 1
    for shift in stride(from: 0, through: 21, by: 7) {
      guard position < end else { return nil }
      let byte = storage[position]
      position += 1
      length |= Int(byte & 0x7F) << shift
      guard byte & 0x80 != 0 else {
        guard length <= Self.packetByteCountMax else { throw TrafficError("packet too large") }
        guard end - position >= length else { return nil }
        let packet = Packet(
          header: storage[start],
          body: UnsafeRawBufferPointer(rebasing: storage[position..<(position + length)])
        )
        start = position + length
        return packet
      }
    }
    throw TrafficError("malformed packet length")
  }

  private func makeRoom() {
    if start == 0 {
      let larger = UnsafeMutableRawBufferPointer.allocate(
        byteCount: storage.count * 2,
        alignment: 64
      )
      larger.copyMemory(from: UnsafeRawBufferPointer(storage))
      storage.deallocate()
      storage = larger
    } else {
      let rest = UnsafeRawBufferPointer(rebasing: storage[start..<end])
      storage.copyMemory(from: rest)
      (start, end) = (0, rest.count)
    }
  }
}

extension UnsafeRawBufferPointer {
  /// A 16-bit number at `offset`, 0 where there is none.
  func number16(at offset: Int) -> Int {
    guard offset >= 0, offset + 2 <= count else { return 0 }
    return Int(self[offset]) << 8 | Int(self[offset + 1])
  }
}
