import Glibc
import HoldfastLink
import HoldfastSystem
import HoldfastUpstream
import Testing

@Suite struct LinkFailureTests {
  /// Connects, lets `play` act as the broker after CONNECT, and returns how it ended.
  private func failure(
    port: UInt16,
    version: ProtocolVersion,
    play: (ScriptedPeer) throws -> Void
  ) throws -> LinkFailure {
    let peer = try ScriptedPeer(port: port)
    let upstream = UpstreamHarness(port: port)
    upstream.thread.post(.connect(version))
    try peer.accept()
    _ = try peer.packet()
    try play(peer)
    return try upstream.inbox.nextFailure()
  }

  @Test func connack311RefusesTheVersion() throws {
    let failure = try failure(port: 21120, version: .v5) { $0.send([0x20, 2, 0, 1]) }
    #expect(failure.kind == .unsupportedProtocolVersion)
  }

  @Test func connack5RefusesTheVersion() throws {
    let failure = try failure(port: 21121, version: .v5) { $0.send([0x20, 3, 0, 0x84, 0]) }
    #expect(failure.kind == .unsupportedProtocolVersion)
  }

  @Test(arguments: [
    (ProtocolVersion.v311, [UInt8]([0x20, 2, 0, 5]), UInt16(21122)),
    (.v5, [0x20, 3, 0, 0x87, 0], 21123),
  ])
  func aRefusalSaysWhy(version: ProtocolVersion, connack: [UInt8], port: UInt16) throws {
    let failure = try failure(port: port, version: version) { $0.send(connack) }
    #expect(failure.kind == .refused)
    #expect(failure.detail.lowercased().contains("not authori"))
  }

  @Test func aBrokerThatGrantsQoS0OnlyIsRefusedByUs() throws {
    let failure = try failure(port: 21124, version: .v5) { $0.send([0x20, 5, 0, 0, 2, 0x24, 0]) }
    #expect(failure.kind == .refused)
    #expect(failure.detail.contains("QoS 0"))
  }

  @Test func closedBeforeConnack() throws {
    let closed = try failure(port: 21125, version: .v5) { $0.closeConnection() }
    #expect(closed.kind == .closedBeforeConnected)
    let reset = try failure(port: 21126, version: .v5) { $0.reset() }
    #expect(reset.kind == .closedBeforeConnected)
  }

  @Test func noConnackEndsAtTheConnectTimeout() throws {
    let begin = SystemClock.boot()
    let failure = try failure(port: 21127, version: .v5) { _ in }
    #expect(failure.kind == .connectTimeout)
    #expect(failure.detail.contains("CONNACK"))
    #expect(SystemClock.boot() - begin >= 1_900_000)
  }

  @Test func nobodyListening() throws {
    let upstream = UpstreamHarness(port: 21128)
    upstream.thread.post(.connect(.v5))
    let failure = try upstream.inbox.nextFailure()
    #expect(failure.kind == .unreachable)
    #expect(failure.detail == "Connection refused")
  }

  @Test func aHostThatSwallowsSYNsEndsAtTheConnectTimeout() throws {
    // A backlog of 0 holds one connection that nobody accepts; Linux drops further SYNs.
    let peer = try ScriptedPeer(port: 21129, backlog: 0)
    let fillers = (0..<4).map { _ in FillerConnection(port: peer.port) }
    defer { for filler in fillers { filler.end() } }
    usleep(100_000)
    let upstream = UpstreamHarness(port: 21129) { $0.link.connectTimeout = 1_000_000 }
    for _ in 0..<6 {
      upstream.thread.post(.connect(.v5))
      let failure = try upstream.inbox.nextFailure(seconds: 4)
      #expect(failure.kind == .connectTimeout)
    }
  }

  @Test func anUnknownHostIsUnreachable() throws {
    let upstream = UpstreamHarness(port: 21130) { $0.link.host = "no-such-host.invalid" }
    upstream.thread.post(.connect(.v5))
    let failure = try upstream.inbox.nextFailure()
    #expect([.unreachable, .connectTimeout].contains(failure.kind))
  }

  @Test func disconnectWith8ETellsOfATakenSession() throws {
    let taken = try afterConnack(port: 21131) { $0.send([0xe0, 2, 0x8e, 0]) }
    #expect(taken.kind == .sessionTakenOver)
    let shutdown = try afterConnack(port: 21132) { $0.send([0xe0, 2, 0x8b, 0]) }
    #expect(shutdown.kind == .closed)
    #expect(shutdown.detail.lowercased().contains("shutting down"))
  }

  @Test func closedAfterConnackAndGarbage() throws {
    let closed = try afterConnack(port: 21133) { $0.closeConnection() }
    #expect(closed.kind == .closed)
    let garbage = try afterConnack(port: 21134) { $0.send([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) }
    #expect(garbage.kind == .closed)
  }

  @Test func aLinkThatIsDroppedOnRequestSaysSo() throws {
    let peer = try ScriptedPeer(port: 21135)
    let upstream = UpstreamHarness(port: 21135)
    upstream.thread.post(.connect(.v5))
    try peer.accept()
    _ = try peer.packet()
    upstream.thread.post(.disconnect)
    #expect(try upstream.inbox.nextFailure().kind == .requested)
    try peer.expectEnd()
  }

  private func afterConnack(
    port: UInt16,
    play: (ScriptedPeer) throws -> Void
  ) throws -> LinkFailure {
    let peer = try ScriptedPeer(port: port)
    let upstream = UpstreamHarness(port: port)
    upstream.thread.post(.connect(.v5))
    try peer.accept()
    _ = try peer.packet()
    peer.send(Packet.connack5)
    _ = try upstream.inbox.nextGrant()
    try play(peer)
    return try upstream.inbox.nextFailure()
  }
}

/// A connection that only takes a place in somebody's backlog.
private final class FillerConnection {
  private let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)

  init(port: UInt16) {
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    var address = loopback(port)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  func end() { close(descriptor) }
}
