import Glibc

/// The broker's side of one connection: it answers the handshake and leaves the rest to others.
final class PeerConnection {
  let descriptor: Int32
  /// 4 is 3.1.1, 5 is 5.
  private(set) var version = 4
  /// Unacknowledged PUBLISHes the peer accepts; 0 where it didn't say.
  private(set) var receiveMaximum = 0
  private(set) var isSubscribed = false
  /// Bytes that wait to be sent.
  var output: [UInt8] = []
  private let input = PacketInput()
  private var outputStart = 0

  init(descriptor: Int32) {
    self.descriptor = descriptor
    var one: Int32 = 1
    setsockopt(
      descriptor,
      Int32(IPPROTO_TCP),
      TCP_NODELAY,
      &one,
      socklen_t(MemoryLayout<Int32>.size)
    )
    output.reserveCapacity(1 << 20)
  }

  deinit { close(descriptor) }

  var waitingByteCount: Int { output.count - outputStart }

  /// Reads what there is and hands on PUBLISH and PUBACK; false where the peer is gone.
  func receive(
    hasSession: Bool,
    onPublish: (Packet) -> Void,
    onAcknowledgement: (Int) -> Void
  ) -> Bool {
    guard input.fill(from: descriptor) else { return false }
    while true {
      guard let next = try? input.next() else { return true }
      switch next.type {
      case 3: onPublish(next)
      case 4: onAcknowledgement(next.body.number16(at: 0))
      case 14: return false
      default: answer(next, hasSession: hasSession)
      }
    }
  }

  /// Sends what waits, as far as it goes; false where the peer is gone.
  func flush() -> Bool {
    guard waitingByteCount > 0 else { return true }
    let count = output.withUnsafeBytes {
      send(
        descriptor,
        $0.baseAddress.map { $0 + outputStart },
        waitingByteCount,
        Int32(MSG_NOSIGNAL)
      )
    }
    if count < 0 { return errno == EAGAIN || errno == EINTR }
    outputStart += count
    if outputStart == output.count {
      output.removeAll(keepingCapacity: true)
      outputStart = 0
    }
    return true
  }

  private func answer(_ packet: Packet, hasSession: Bool) {
    switch packet.type {
    case 1:
      connect(packet.body)
      let isPresent: UInt8 = hasSession ? 1 : 0
      output += version == 5 ? [0x20, 3, isPresent, 0, 0] : [0x20, 2, isPresent, 0]
    case 8: subscribe(packet.body, answer: 0x90, code: 1, isSubscribe: true)
    case 10: subscribe(packet.body, answer: 0xB0, code: 0, isSubscribe: false)
    case 12: output += [0xD0, 0]
    default: break
    }
  }

  /// Protocol name (6 bytes), level, flags, keep-alive, and on MQTT 5 the properties.
  private func connect(_ body: UnsafeRawBufferPointer) {
    guard body.count > 10 else { return }
    version = Int(body[6])
    guard version == 5 else { return }
    // No client has more than 127 bytes of the properties that come before Receive Maximum.
    var position = 11
    let end = min(body.count, 11 + Int(body[10] & 0x7F))
    while position < end {
      switch body[position] {
      case 0x21:
        receiveMaximum = body.number16(at: position + 1)
        return
      case 0x11, 0x27: position += 5
      case 0x22: position += 3
      case 0x17, 0x19: position += 2
      case 0x15, 0x16: position += 3 + body.number16(at: position + 1)
      case 0x26:
        position += 3 + body.number16(at: position + 1)
        position += 2 + body.number16(at: position)
      default: return
      }
    }
  }

  private func subscribe(
    _ body: UnsafeRawBufferPointer,
    answer: UInt8,
    code: UInt8,
    isSubscribe: Bool
  ) {
    guard body.count >= 2 else { return }
    var position = version == 5 ? 3 + Int(body[2] & 0x7F) : 2
    var codes: [UInt8] = []
    while position + 2 <= body.count {
      position += 2 + body.number16(at: position) + (isSubscribe ? 1 : 0)
      codes.append(code)
    }
    var reply = [body[0], body[1]]
    if version == 5 { reply.append(0) }
    if isSubscribe || version == 5 { reply += codes }
    output += [answer, UInt8(truncatingIfNeeded: reply.count)] + reply
    if isSubscribe { isSubscribed = true }
  }
}

/// A socket that listens on loopback.
func listenOnLoopback(port: UInt16) throws -> Int32 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  var one: Int32 = 1
  setsockopt(
    descriptor,
    SOL_SOCKET,
    SO_REUSEADDR,
    &one,
    socklen_t(MemoryLayout<Int32>.size)
  )
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  let result = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard result == 0, listen(descriptor, 16) == 0 else {
    throw TrafficError("127.0.0.1:\(port): \(String(cString: strerror(errno)))")
  }
  return descriptor
}
