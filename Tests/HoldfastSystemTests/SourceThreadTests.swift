import Glibc
import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastSystem
import Testing

@Suite struct SourceThreadTests {
  @Test(arguments: [(ProtocolVersion.v5, UInt16(21100)), (.v311, 21101)])
  func noPubackLeavesBeforeRelease(version: ProtocolVersion, port: UInt16) throws {
    let peer = try ScriptedPeer(port: port)
    let source = SourceHarness(port: port)
    try source.connect(version, to: peer)
    let properties: [UInt8]? = version == .v5 ? [] : nil
    for id in UInt16(1)...3 {
      peer.send(
        Packet.publish(
          topic: "s/\(id)",
          payload: [UInt8(id)],
          messageID: id,
          properties: properties
        )
      )
    }
    var events: [EventBatch] = []
    var through: UInt64 = 0
    while events.reduce(0, { $0 + $1.count }) < 3 {
      events.append(try source.inbox.nextBatch())
      through += 1
      source.thread.post(.readMore(through: through))
    }
    try peer.expectSilence(seconds: 1.5)
    source.thread.post(.release(through: through))
    for id in UInt8(1)...3 {
      #expect(try Array(peer.packet().prefix(4)) == [0x40, 2, 0, id])
    }
    #expect(Array(events[0].topic(0)) == Array("s/1".utf8))
    #expect(Array(events[0].payload(0)) == [1])
    #expect(events[0].rows[0].flags == .qos1)
    #expect(abs(events[0].rows[0].boot - SystemClock.boot()) < 60_000_000)
  }

  @Test func aReleaseThatKnewNothingOfANewerBatchReleasesNothing() throws {
    let peer = try ScriptedPeer(port: 21102)
    let source = SourceHarness(port: 21102)
    try source.connect(.v311, to: peer)
    peer.send(Packet.publish(topic: "s", payload: [1], messageID: 1))
    _ = try source.inbox.nextBatch()
    source.thread.post(.readMore(through: 1))
    peer.send(Packet.publish(topic: "s", payload: [2], messageID: 2))
    _ = try source.inbox.nextBatch()
    // The agent had the first batch alone when it said this.
    source.thread.post(.release(through: 1))
    try peer.expectSilence(seconds: 0.5)
    source.thread.post(.readMore(through: 2))
    try peer.expectSilence(seconds: 0.5)
    source.thread.post(.release(through: 2))
    #expect(try peer.packet() == [0x40, 2, 0, 1])
    #expect(try peer.packet() == [0x40, 2, 0, 2])
  }

  @Test func aLateReleaseCountsOnceTheNewerBatchTurnsOutToHoldNothing() throws {
    let peer = try ScriptedPeer(port: 21103)
    let source = SourceHarness(port: 21103)
    try source.connect(.v311, to: peer)
    peer.send(Packet.publish(topic: "s", payload: [1], messageID: 1))
    _ = try source.inbox.nextBatch()
    source.thread.post(.readMore(through: 1))
    peer.send(Packet.publish(topic: "s", payload: [2], messageID: nil))
    #expect(try source.inbox.nextBatch().rows[0].flags == [])
    source.thread.post(.release(through: 1))
    #expect(try peer.packet() == [0x40, 2, 0, 1])
  }

  @Test func `a batch keeps no more room than it needs, whatever came before it`() throws {
    let peer = try ScriptedPeer(port: 21190)
    let source = SourceHarness(port: 21190)
    try source.connect(.v311, to: peer)
    let large = [UInt8](repeating: 7, count: 60_000)
    peer.send(Packet.publish(topic: "s", payload: large, messageID: 1))
    #expect(try source.inbox.nextBatch().bytes.count > 60_000)
    source.thread.post(.readMore(through: 1))
    peer.send(Packet.publish(topic: "s", payload: [2], messageID: 2))
    let small = try source.inbox.nextBatch()
    #expect(small.bytes.capacity < 256 && small.rows.capacity < 16)
    source.thread.post(.release(through: 2))
    #expect(try peer.packet() == [0x40, 2, 0, 1])
  }

  @Test func readingPausesUntilTheBatchIsAnswered() throws {
    let peer = try ScriptedPeer(port: 21104)
    let source = SourceHarness(port: 21104)
    try source.connect(.v311, to: peer)
    peer.send(Packet.publish(topic: "s", payload: [1], messageID: 1))
    _ = try source.inbox.nextBatch()
    peer.send(Packet.publish(topic: "s", payload: [2], messageID: 2))
    try source.inbox.expectNothing(seconds: 0.3)
    source.thread.post(.release(through: 1))
    #expect(try Array(source.inbox.nextBatch().payload(0)) == [2])
  }

  @Test func aFullBatchIsHandedOverAndTheRestFollows() throws {
    let peer = try ScriptedPeer(port: 21105)
    let source = SourceHarness(port: 21105)
    try source.connect(.v311, to: peer)
    var bytes: [UInt8] = []
    for index in 0..<2500 {
      bytes += Packet.publish(
        topic: "s",
        payload: Array("\(index)".utf8),
        messageID: UInt16(index + 1)
      )
    }
    peer.send(bytes)
    var payloads: [String] = []
    var through: UInt64 = 0
    while payloads.count < 2500 {
      let batch = try source.inbox.nextBatch()
      #expect(batch.count <= 1000)
      for row in 0..<batch.count {
        payloads.append(String(decoding: batch.payload(row), as: UTF8.self))
      }
      through += 1
      source.thread.post(.release(through: through))
    }
    #expect(payloads == (0..<2500).map { "\($0)" })
    for index in 0..<2500 {
      let id = UInt16(index + 1)
      #expect(try peer.packet() == [0x40, 2, UInt8(id >> 8), UInt8(id & 255)])
    }
  }

  @Test func propertiesAndTheRetainedFlagAreKept() throws {
    let peer = try ScriptedPeer(port: 21106)
    let source = SourceHarness(port: 21106)
    try source.connect(.v5, to: peer)
    let properties =
      [0x03] + Packet.text("text/plain") + [0x26] + Packet.text("unit") + Packet.text("°C")
      + [0x26] + Packet.text("") + Packet.text("x")
    peer.send(
      Packet.publish(
        topic: "s",
        payload: [],
        messageID: 1,
        isRetained: true,
        properties: properties
      )
    )
    let batch = try source.inbox.nextBatch()
    #expect(batch.rows[0].flags == [.qos1, .retained])
    let kept = EventProperties(encoded: batch.properties(0))
    #expect(kept.contentType == Array("text/plain".utf8))
    #expect(kept.pairs.map(\.name) == [Array("unit".utf8), []])
    #expect(kept.pairs.map(\.value) == [Array("°C".utf8), Array("x".utf8)])
  }

  @Test func aPayloadAboveTheLimitIsCutToOneByteMore() throws {
    let peer = try ScriptedPeer(port: 21107)
    let source = SourceHarness(port: 21107)
    try source.connect(.v311, to: peer)
    let payload = [UInt8](repeating: 7, count: 3 << 20)
    let sender = Mailbox<Int>()
    let bytes = Packet.publish(topic: "s", payload: payload, messageID: 1)
    // The kernel's buffers hold less than this, so it is sent from beside.
    nonisolated(unsafe) let unsafePeer = peer
    PosixThread.start("sender") {
      unsafePeer.send(bytes)
      sender.post(1)
    }
    #expect(try source.inbox.nextBatch(seconds: 10).payload(0).count == (1 << 20) + 1)
    while sender.takeAll().isEmpty { usleep(1000) }
  }

  @Test func subscribesToAllFiltersAndReportsARefusedOne() throws {
    let peer = try ScriptedPeer(port: 21108)
    let source = SourceHarness(port: 21108, topics: ["a/#", "b/+"])
    source.thread.post(.connect(.v5))
    try peer.accept()
    let connect = try peer.packet()
    // Protocol level 5, clean start off; session expiry 7 days, Receive Maximum 1000.
    #expect(connect[8] == 5)
    #expect(connect[9] & 2 == 0)
    #expect(Array(connect[12...]).starts(with: [8, 0x11, 0, 0x09, 0x3a, 0x80, 0x21, 0x03, 0xe8]))
    peer.send(Packet.connack5)
    let subscribe = try peer.packet()
    // QoS 1, Retain As Published, retain handling 1.
    #expect(
      Array(subscribe[5...]) == Packet.text("a/#") + [0x19] + Packet.text("b/+") + [0x19]
    )
    #expect(try source.inbox.nextGrant().protocolVersion == .v5)
    peer.send(Packet.suback(to: subscribe, codes: [1, 0x87], isV5: true))
    var lines: [LogEntry] = []
    for _ in 0..<500 where lines.isEmpty {
      lines = source.log.takeAll()
      usleep(10_000)
    }
    #expect(lines.count == 1)
    #expect(lines.first?.level == .error)
    #expect(lines.first?.message.contains("b/+") == true)
  }

  @Test func closingAfterAReleaseWritesThePubacksThenDisconnect() throws {
    let peer = try ScriptedPeer(port: 21109)
    let source = SourceHarness(port: 21109)
    try source.connect(.v311, to: peer)
    peer.send(Packet.publish(topic: "s", payload: [1], messageID: 9))
    _ = try source.inbox.nextBatch()
    source.thread.post(.disconnect(releasing: true, through: 1))
    #expect(try peer.packet() == [0x40, 2, 0, 9])
    #expect(try peer.packet() == [0xe0, 0])
    try peer.expectEnd()
    #expect(try source.inbox.nextFailure().kind == .requested)
  }

  @Test func closingWithoutAReleaseWritesNothing() throws {
    let peer = try ScriptedPeer(port: 21110)
    let source = SourceHarness(port: 21110)
    try source.connect(.v311, to: peer)
    peer.send(Packet.publish(topic: "s", payload: [1], messageID: 9))
    _ = try source.inbox.nextBatch()
    source.thread.post(.disconnect(releasing: false, through: 1))
    try peer.expectEnd()
    #expect(try source.inbox.nextFailure().kind == .requested)
    // Nothing is answered twice.
    source.thread.post(.disconnect(releasing: false, through: 1))
    try source.inbox.expectNothing(seconds: 0.2)
  }

  @Test func whatWasReadBeforeTheEndIsHandedOverBeforeIt() throws {
    let peer = try ScriptedPeer(port: 21111)
    let source = SourceHarness(port: 21111)
    try source.connect(.v311, to: peer)
    peer.send(
      Packet.publish(topic: "s", payload: [1], messageID: 1)
        + Packet.publish(topic: "s", payload: [2], messageID: nil)
    )
    peer.closeConnection()
    var count = 0
    var through: UInt64 = 0
    while count < 2 {
      count += try source.inbox.nextBatch().count
      through += 1
      source.thread.post(.readMore(through: through))
    }
    #expect(try source.inbox.nextFailure().kind == .closed)
  }

  @Test func aNewConnectionBeginsWithNothingHeld() throws {
    let peer = try ScriptedPeer(port: 21112)
    let source = SourceHarness(port: 21112)
    try source.connect(.v311, to: peer)
    peer.send(Packet.publish(topic: "s", payload: [1], messageID: 1))
    _ = try source.inbox.nextBatch()
    peer.reset()
    source.thread.post(.readMore(through: 1))
    #expect(try source.inbox.nextFailure().kind == .closed)
    // SUBSCRIBE leaves although the first connection's PUBACK never did.
    try source.connect(.v311, to: peer)
    peer.send(Packet.publish(topic: "s", payload: [1], messageID: 1))
    _ = try source.inbox.nextBatch()
    // An answer of the first connection's, late: it covers nothing of this one.
    source.thread.post(.release(through: 1))
    try peer.expectSilence(seconds: 0.3)
    source.thread.post(.release(through: 2))
    #expect(try peer.packet() == [0x40, 2, 0, 1])
  }

  @Test func aSilentBrokerEndsByKeepAlive() throws {
    let peer = try ScriptedPeer(port: 21113)
    let source = SourceHarness(port: 21113) { $0.link.keepAliveSeconds = 5 }
    try source.connect(.v311, to: peer)
    #expect(try peer.packet(seconds: 8) == [0xc0, 0])
    #expect(try source.inbox.nextFailure(seconds: 8).kind == .keepAliveTimeout)
  }
}
