import Glibc
import HoldfastEvent
import HoldfastLink
import HoldfastSystem
import HoldfastUpstream
import Testing

@Suite struct UpstreamThreadTests {
  private func connected(
    _ upstream: UpstreamHarness,
    _ peer: ScriptedPeer,
    _ version: ProtocolVersion,
    connack: [UInt8]? = nil
  ) throws -> SessionGrant {
    upstream.thread.post(.connect(version))
    try peer.accept()
    _ = try peer.packet()
    peer.send(connack ?? (version == .v5 ? Packet.connack5 : Packet.connack311))
    return try upstream.inbox.nextGrant()
  }

  @Test func theGrantHoldsWhatConnackNamed() throws {
    let peer = try ScriptedPeer(port: 21140)
    let upstream = UpstreamHarness(port: 21140)
    let grant = try connected(
      upstream,
      peer,
      .v5,
      connack: [0x20, 11, 1, 0, 8, 0x21, 0, 50, 0x27, 0, 1, 0, 0]
    )
    #expect(
      grant
        == SessionGrant(
          protocolVersion: .v5,
          isSessionPresent: true,
          receiveMaximum: 50,
          packetByteCountMax: 65_536
        )
    )
    let plain = UpstreamHarness(port: 21140)
    #expect(
      try connected(plain, peer, .v311)
        == SessionGrant(protocolVersion: .v311, isSessionPresent: false)
    )
  }

  @Test func acknowledgementsCarryTagAndReason() throws {
    let peer = try ScriptedPeer(port: 21141)
    let upstream = UpstreamHarness(port: 21141)
    _ = try connected(upstream, peer, .v5)
    upstream.thread.post(
      .publish(
        messageBatch([
          Outgoing(70, "t/a", "one"), Outgoing(71, "t/b", "two", isRetained: true),
          Outgoing(72, "t/c", ""),
        ])
      )
    )
    let first = try peer.packet()
    #expect(first[0] == 0x32)
    #expect(Array(first[2...]) == Packet.text("t/a") + [0, 1, 0] + Array("one".utf8))
    #expect(try peer.packet()[0] == 0x33)
    _ = try peer.packet()
    peer.send(Packet.puback(1) + Packet.puback(2, reason: 0x97) + Packet.puback(3, reason: 0x10))
    var answers: [Acknowledgement] = []
    while answers.count < 3 { answers += try upstream.inbox.nextAcknowledgements() }
    #expect(
      answers == [
        Acknowledgement(tag: 70), Acknowledgement(tag: 71, reasonCode: 0x97),
        Acknowledgement(tag: 72, reasonCode: 0x10),
      ]
    )
    // An identifier that is not in flight means nothing.
    peer.send(Packet.puback(3))
    try upstream.inbox.expectNothing(seconds: 0.2)
  }

  @Test func propertiesGoOutOn5AndStayAwayOn311() throws {
    let peer = try ScriptedPeer(port: 21142)
    let properties = EventProperties(
      contentType: Array("a/b".utf8),
      pairs: [.init(name: Array("seq".utf8), value: Array("7".utf8))]
    )
    let upstream = UpstreamHarness(port: 21142)
    _ = try connected(upstream, peer, .v5)
    upstream.thread.post(.publish(messageBatch([Outgoing(1, "t", "x", properties: properties)])))
    let sent = try peer.packet()
    let expected = [0x03] + Packet.text("a/b") + [0x26] + Packet.text("seq") + Packet.text("7")
    #expect(
      Array(sent[2...])
        == Packet.text("t") + [0, 1, UInt8(expected.count)] + expected + Array("x".utf8)
    )
    let old = UpstreamHarness(port: 21142)
    _ = try connected(old, peer, .v311)
    old.thread.post(.publish(messageBatch([Outgoing(1, "t", "x", properties: properties)])))
    #expect(try Array(peer.packet()[2...]) == Packet.text("t") + [0, 1] + Array("x".utf8))
  }

  @Test func whatCanNotBeSentIsRefusedAndTheRestGoesOut() throws {
    let peer = try ScriptedPeer(port: 21143)
    let upstream = UpstreamHarness(port: 21143)
    // Maximum Packet Size 100, Retain Available 0.
    _ = try connected(
      upstream,
      peer,
      .v5,
      connack: [0x20, 10, 0, 0, 7, 0x27, 0, 0, 0, 100, 0x25, 0]
    )
    var invalid = Outgoing(3, "", "x")
    invalid.topic = [0xff, 0xfe]
    var broken = Outgoing(8, "t", "x")
    broken.properties = EventProperties(pairs: [.init(name: [0xff], value: [])]).encoded
    upstream.thread.post(
      .publish(
        messageBatch([
          Outgoing(1, "a\0b", "x"), Outgoing(2, "", "x"), invalid, Outgoing(4, "a/+", "x"),
          Outgoing(5, "t", String(repeating: "y", count: 200)),
          Outgoing(6, "t", "x", isRetained: true),
          Outgoing(7, String(repeating: "t", count: 70_000), "x"), broken, Outgoing(9, "t", "x"),
        ])
      )
    )
    let answers = try upstream.inbox.nextAcknowledgements()
    #expect(answers.map(\.tag) == [1, 2, 3, 4, 5, 7, 8])
    #expect(answers.map(\.reasonCode) == [0x90, 0x90, 0x90, 0x90, 0x95, 0x90, 0x99])
    // The library takes the RETAIN flag off where the broker has no retained messages.
    #expect(try peer.packet()[0] == 0x32)
    #expect(try peer.packet()[0] == 0x32)
    peer.send(Packet.puback(1) + Packet.puback(2))
    var tags: [UInt64] = []
    while tags.count < 2 { tags += try upstream.inbox.nextAcknowledgements().map(\.tag) }
    #expect(tags == [6, 9])
  }

  @Test func nothingIsSentLaterThatWasHandedOverWhileDown() throws {
    let peer = try ScriptedPeer(port: 21144)
    let upstream = UpstreamHarness(port: 21144)
    _ = try connected(upstream, peer, .v5)
    upstream.thread.post(.publish(messageBatch([Outgoing(1, "t", "in flight")])))
    _ = try peer.packet()
    peer.reset()
    #expect(try upstream.inbox.nextFailure().kind == .closed)
    upstream.thread.post(.publish(messageBatch([Outgoing(2, "t", "while down")])))
    _ = try connected(upstream, peer, .v5)
    try peer.expectSilence(seconds: 0.3)
    upstream.thread.post(.publish(messageBatch([Outgoing(3, "t", "new")])))
    #expect(try peer.packet().suffix(3) == Array("new".utf8))
  }

  @Test func beyondTheWindowIsRefusedForNow() throws {
    let peer = try ScriptedPeer(port: 21145)
    let upstream = UpstreamHarness(port: 21145)
    _ = try connected(upstream, peer, .v311)
    upstream.thread.post(
      .publish(messageBatch((0..<1002).map { Outgoing(UInt64($0), "t", "x") }))
    )
    #expect(
      try upstream.inbox.nextAcknowledgements() == [
        Acknowledgement(tag: 1000, reasonCode: 0x97), Acknowledgement(tag: 1001, reasonCode: 0x97),
      ]
    )
    for _ in 0..<1000 { _ = try peer.packet() }
    peer.send((1...1000).flatMap { Packet.puback($0) })
    var tags: [UInt64] = []
    while tags.count < 1000 { tags += try upstream.inbox.nextAcknowledgements().map(\.tag) }
    #expect(tags == Array(0..<1000))
  }

  @Test func finishingWritesDisconnect() throws {
    let peer = try ScriptedPeer(port: 21146)
    let upstream = UpstreamHarness(port: 21146)
    _ = try connected(upstream, peer, .v5)
    upstream.thread.post(.finish)
    #expect(try peer.packet()[0] == 0xe0)
    try peer.expectEnd()
  }
}

@Suite struct TagTableTests {
  @Test func theWindowMovesOverTheWrapOfIdentifiers() {
    var table = TagTable()
    var inFlight: [Int32] = []
    var messageID: Int32 = 0
    for tag in UInt64(0)..<140_000 {
      if inFlight.count == TagTable.windowMax {
        #expect(!table.hasRoom)
        let oldest = inFlight.removeFirst()
        #expect(table.remove(oldest) == tag - UInt64(TagTable.windowMax))
      }
      guard table.hasRoom else {
        Issue.record("no room for \(tag)")
        return
      }
      messageID = messageID == 65_535 ? 1 : messageID + 1
      table.insert(tag, for: messageID)
      inFlight.append(messageID)
    }
  }

  @Test func aMessageThatIsPassedOverKeepsItsPlace() {
    var table = TagTable()
    table.insert(1, for: 1)
    for id in Int32(2)...1024 {
      table.insert(UInt64(id), for: id)
      #expect(table.remove(id) == UInt64(id))
    }
    #expect(!table.hasRoom)
    #expect(table.remove(1025) == nil)
    #expect(table.remove(1) == 1)
    #expect(table.hasRoom)
  }
}
