import Glibc
import Testing

@testable import traffic

/// The sink's and the blast's own reader of packets, fed in pieces of every size.
struct PacketInputTests {
  /// PUBLISH packets with bodies of these lengths, around each length of the length field.
  private static let lengths = [0, 1, 127, 128, 16_383, 16_384, 1 << 20, (1 << 21) + 5, 3]

  private static func stream() -> [UInt8] {
    var bytes: [UInt8] = []
    for length in lengths {
      bytes.append(0x32)
      var rest = length
      repeat {
        bytes.append(UInt8(rest & 0x7F) | (rest > 127 ? 0x80 : 0))
        rest >>= 7
      } while rest > 0
      bytes += (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    }
    return bytes
  }

  @Test(arguments: [1000, 4096, 65_537, 8 << 20])
  func `packets are found whole however the bytes come`(pieceSize: Int) throws {
    var ends: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    let stream = Self.stream()
    let input = PacketInput()
    var position = 0
    var found: [Int] = []
    while found.count < Self.lengths.count {
      let piece = stream[position..<min(stream.count, position + pieceSize)]
      let count = piece.withUnsafeBytes { write(ends[0], $0.baseAddress, $0.count) }
      position += max(0, count)
      try #require(input.fill(from: ends[1]))
      while let packet = try input.next() {
        let isIntact = packet.body.enumerated().allSatisfy {
          $1 == UInt8(truncatingIfNeeded: $0 &* 7)
        }
        #expect(packet.header == 0x32 && isIntact)
        found.append(packet.body.count)
      }
    }
    #expect(found == Self.lengths)
  }

  @Test func `a length of five bytes is refused`() throws {
    var ends: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    let bytes: [UInt8] = [0x32, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]
    try #require(write(ends[0], bytes, bytes.count) == bytes.count)
    let input = PacketInput()
    try #require(input.fill(from: ends[1]))
    #expect(throws: TrafficError.self) { try input.next() }
  }

  @Test func `a closed peer is noticed`() throws {
    var ends: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    close(ends[0])
    #expect(!PacketInput().fill(from: ends[1]))
    close(ends[1])
  }
}
