import CMosquitto
import HoldfastEvent
import HoldfastLink
import HoldfastRingLog

@testable import HoldfastSystem
@testable import HoldfastUpstream

/// CONNACK: its code, its flags, and server properties by identifier.
let hostileConnacks = HostileArea<(Int32, Int32, [(UInt8, UInt32)])>("CONNACK") { input in
  var link = LinkConfiguration(host: "127.0.0.1", port: 1)
  link.clientID = "edge-1"
  let client = try MosquittoClient(
    ClientSettings(link: link, version: .v5, session: .clean, receiveMaximum: nil)
  )
  var list: OpaquePointer?
  defer { mosquitto_property_free_all(&list) }
  for (identifier, value) in input.2 {
    switch identifier {
    case 0x21: mosquitto_property_add_int16(&list, 0x21, UInt16(truncatingIfNeeded: value))
    case 0x24: mosquitto_property_add_byte(&list, 0x24, UInt8(truncatingIfNeeded: value))
    default: mosquitto_property_add_int32(&list, Int32(identifier), value)
    }
  }
  client.didAnswerConnect(code: input.0, flags: input.1, properties: list)
  if let refusal = client.refusal { return "\(refusal.kind): \(refusal.detail)" }
  guard let grant = client.grant else { return "nothing" }
  return (grant.isSessionPresent ? "session" : "no session") + ", \(grant.receiveMaximum) at once"
    + (grant.packetByteCountMax.map { ", \($0) bytes" } ?? "")
}.rows([
  ("success", (0, 0, []), "no session, 65535 at once"),
  ("a session", (0, 1, []), "session, 65535 at once"),
  ("flags that are reserved", (0, 0xfe, []), "no session, 65535 at once"),
  ("every flag", (0, 0xff, []), "session, 65535 at once"),
  ("receive maximum 0, which MQTT forbids", (0, 0, [(0x21, 0)]), "no session, 0 at once"),
  ("receive maximum 1", (0, 0, [(0x21, 1)]), "no session, 1 at once"),
  ("receive maximum 65535", (0, 0, [(0x21, 65_535)]), "no session, 65535 at once"),
  ("packet size 0, which MQTT forbids", (0, 0, [(0x27, 0)]), "no session, 65535 at once, 0 bytes"),
  ("packet size 1", (0, 0, [(0x27, 1)]), "no session, 65535 at once, 1 bytes"),
  (
    "packet size 2^32-1", (0, 0, [(0x27, .max)]),
    "no session, 65535 at once, 4294967295 bytes"
  ),
  (
    "maximum QoS 0", (0, 0, [(0x24, 0)]),
    "refused: the broker grants QoS 0 only, which nobody acknowledges; allow QoS 1 there"
  ),
  ("maximum QoS 1", (0, 0, [(0x24, 1)]), "no session, 65535 at once"),
  ("maximum QoS 255", (0, 0, [(0x24, 255)]), "no session, 65535 at once"),
  ("3.1.1: version", (1, 0, []), "unsupportedProtocolVersion: the broker does not speak MQTT 5"),
  (
    "3.1.1: client id", (2, 0, []),
    "refused: Connection Refused: identifier rejected."
  ),
  (
    "3.1.1: unavailable", (3, 0, []),
    "busy: Connection Refused: broker unavailable."
  ),
  (
    "3.1.1: user or password", (4, 0, []),
    "refused: Connection Refused: bad user name or password."
  ),
  (
    "3.1.1: not authorised", (5, 0, []),
    "refused: Connection Refused: not authorised."
  ),
  (
    "3.1.1: a reserved code", (6, 0, []),
    "refused: Unknown reason"
  ),
  (
    "5: unspecified", (0x80, 0, []),
    "refused: Unspecified error"
  ),
  (
    "5: malformed", (0x81, 0, []),
    "refused: Malformed Packet"
  ),
  ("5: version", (0x84, 0, []), "unsupportedProtocolVersion: the broker does not speak MQTT 5"),
  (
    "5: client id", (0x85, 0, []),
    "refused: Client Identifier not valid"
  ),
  (
    "5: user or password", (0x86, 0, []),
    "refused: Bad User Name or Password"
  ),
  (
    "5: banned", (0x8a, 0, []),
    "refused: Banned"
  ),
  (
    "5: use another server", (0x9c, 0, []),
    "refused: Use another server"
  ),
  (
    "5: a code that there is not", (0xff, 0, []),
    "refused: Unknown reason"
  ),
  (
    "a code below zero", (-1, 0, []),
    "refused: Unknown reason"
  ),
  (
    "refused, with a session and properties", (0x87, 1, [(0x21, 5)]),
    "refused: Not authorized"
  ),
])

/// What a PUBACK's reason does to an event: its kind, and what a person reads.
let hostileReasons = HostileArea<UInt8>("PUBACK") { code in
  code < 0x80 ? "delivered" : "\(RefusalKind(reasonCode: code)): \(reasonText(code))"
}.rows([
  ("success", 0, "delivered"),
  ("no matching subscribers", 0x10, "delivered"),
  ("the last code of success", 0x7f, "delivered"),
  ("unspecified", 0x80, "retryable: unspecified error (0x80)"),
  ("implementation specific", 0x83, "retryable: implementation specific error (0x83)"),
  ("not authorised", 0x87, "topicRefused: not authorized (0x87)"),
  ("topic name", 0x90, "permanent: topic name invalid (0x90)"),
  ("packet identifier", 0x91, "retryable: packet identifier in use (0x91)"),
  ("packet too large", 0x95, "permanent: packet too large (0x95)"),
  ("server busy", 0x89, "busy: server busy (0x89)"),
  ("message rate", 0x96, "busy: message rate too high (0x96)"),
  ("quota", 0x97, "busy: quota exceeded (0x97)"),
  ("payload format", 0x99, "permanent: payload format invalid (0x99)"),
  ("a reason of CONNACK", 0x84, "retryable: reason (0x84)"),
  ("a reason that there is not", 0xff, "retryable: reason (0xFF)"),
])

/// A server's limits: how many of three events of 100 bytes are sent at once, and set aside.
let hostileGrants = HostileArea<(Int, Int?)>("server limits") { limits in
  var events = EventBatch()
  let clock = ClockReading(boot: 1, wall: 1_700_000_000_000_000)
  for _ in 0..<3 {
    let payload = [UInt8](repeating: 0x61, count: 100)
    events.append(topic: Array("a".utf8), payload: payload, clock: clock)
  }
  let batch = StoredBatch(log: LogID(high: 1, low: 2), first: 1, events: events)
  let configuration = UpstreamConfiguration(
    name: "central",
    link: LinkConfiguration(host: "central", port: 1883),
    topics: [TopicFilter("#")].compactMap { $0 }
  )
  var forwarder = Forwarder(
    configuration: configuration,
    agentID: "edge-1",
    ledger: UpstreamLedger(name: "central", cursor: 1),
    seed: 1
  )
  var sent = 0
  var letters: [String] = []
  var now: Int64 = 1_000_000_000
  func step(_ forwarder: inout Forwarder) {
    var actions: [Forwarder.Action] = []
    forwarder.step(
      now: now,
      read: { position, _ in
        batch.index(of: position).map { .events(batch, row: $0) } ?? .end
      },
      keep: {
        letters.append($0.reason)
        return true
      },
      into: &actions
    )
    for case .publish(let messages) in actions { sent += messages.rows.count }
  }
  forwarder.start(now: now)
  step(&forwarder)
  var grant = SessionGrant(protocolVersion: .v5, isSessionPresent: false)
  (grant.receiveMaximum, grant.packetByteCountMax) = limits
  forwarder.connected(grant, now: now)
  for _ in 0..<4 {
    now += 1000
    step(&forwarder)
  }
  return "\(sent) sent, \(letters.count) set aside\(letters.first.map { ": \($0)" } ?? "")"
}.rows([
  ("none", (65_535, nil), "3 sent, 0 set aside"),
  (
    "receive maximum 0", (0, nil),
    "1 sent, 0 set aside"
  ),
  (
    "receive maximum below zero", (-1, nil),
    "1 sent, 0 set aside"
  ),
  ("receive maximum 1", (1, nil), "1 sent, 0 set aside"),
  ("receive maximum 2", (2, nil), "2 sent, 0 set aside"),
  (
    "packet size 0", (65_535, 0),
    "0 sent, 3 set aside: larger than the peer takes (0 bytes)"
  ),
  (
    "packet size 1", (65_535, 1),
    "0 sent, 3 set aside: larger than the peer takes (1 bytes)"
  ),
  (
    "packet size below zero", (65_535, -1),
    "0 sent, 3 set aside: larger than the peer takes (-1 bytes)"
  ),
  (
    "packet size of the payload alone", (65_535, 100),
    "0 sent, 3 set aside: larger than the peer takes (100 bytes)"
  ),
  ("packet size of 2^32-1", (65_535, 4_294_967_295), "3 sent, 0 set aside"),
  ("packet size of Int.max", (65_535, .max), "3 sent, 0 set aside"),
])

/// A PUBLISH as the library hands it over: topic, payload, properties; what the ring would hold.
let hostilePublishes = HostileArea<([UInt8], [UInt8], [(name: [UInt8]?, value: [UInt8])])>(
  "PUBLISH"
) { input in
  var link = LinkConfiguration(host: "127.0.0.1", port: 1)
  link.clientID = "edge-1"
  let client = try MosquittoClient(
    ClientSettings(link: link, version: .v5, session: .clean, receiveMaximum: nil)
  )
  let receiver = Taker()
  client.receiver = receiver
  defer { client.receiver = nil }
  var list: OpaquePointer?
  defer { mosquitto_property_free_all(&list) }
  for (name, value) in input.2 {
    let text = value.map { CChar(bitPattern: $0) } + [0]
    if let name {
      let own = name.map { CChar(bitPattern: $0) } + [0]
      mosquitto_property_add_string_pair(&list, Int32(MQTT_PROP_USER_PROPERTY.rawValue), own, text)
    } else {
      mosquitto_property_add_string(&list, Int32(MQTT_PROP_CONTENT_TYPE.rawValue), text)
    }
  }
  var text = input.0.map { CChar(bitPattern: $0) } + [0]
  var payload = input.1
  text.withUnsafeMutableBufferPointer { text in
    payload.withUnsafeMutableBytes { bytes in
      var message = mosquitto_message()
      message.topic = text.baseAddress
      message.payload = bytes.baseAddress
      message.payloadlen = Int32(bytes.count)
      message.qos = 1
      client.didReceive(message, list)
    }
  }
  return receiver.text
}.rows([
  ("plain", (Array("a/b".utf8), Array("21".utf8), []), "3 bytes of topic, 2 of payload"),
  ("no payload", (Array("a".utf8), [], []), "1 bytes of topic, 0 of payload"),
  ("no topic", ([], [1], []), "0 bytes of topic, 1 of payload"),
  ("a NUL in the payload", (Array("a".utf8), [1, 0, 2], []), "1 bytes of topic, 3 of payload"),
  ("a topic that is no UTF-8", ([0xff, 0xfe], [1], []), "2 bytes of topic, 1 of payload"),
  (
    "a topic of 65535 bytes", ([UInt8](repeating: 0x61, count: 65_535), [], []),
    "65535 bytes of topic, 0 of payload"
  ),
  (
    "a content type", ([0x61], [], [(nil, Array("t".utf8))]),
    "1 bytes of topic, 0 of payload, type t"
  ),
  (
    "an empty content type", ([0x61], [], [(nil, [])]), "1 bytes of topic, 0 of payload"
  ),
  (
    "two content types, which MQTT forbids",
    ([0x61], [], [(nil, Array("t".utf8)), (nil, Array("u".utf8))]),
    "1 bytes of topic, 0 of payload, type u"
  ),
  (
    "a name twice", ([0x61], [], [([0x6b], [1]), ([0x6b], [2])]),
    "1 bytes of topic, 0 of payload, k=1, k=1"
  ),
  (
    "an empty name", ([0x61], [], [([], Array("xyz".utf8))]),
    "1 bytes of topic, 0 of payload, =3"
  ),
  (
    "a value of 65535 bytes",
    ([0x61], [], [([0x6b], [UInt8](repeating: 0x76, count: 65_535))]),
    "1 bytes of topic, 0 of payload, k=65535"
  ),
  (
    "a name that is no UTF-8, which the library keeps back", ([0x61], [], [([0xff], [1])]),
    "1 bytes of topic, 0 of payload"
  ),
  (
    "our own names", ([0x61], [], [(Array("seq".utf8), Array("9".utf8))]),
    "1 bytes of topic, 0 of payload, seq=1"
  ),
  (
    "a thousand properties",
    ([0x61], [], (0..<1000).map { _ in ([0x6b], [0x76]) }),
    "1 bytes of topic, 0 of payload, 1000 properties"
  ),
])

private final class Taker: MosquittoClientReceiver {
  var text = "nothing"

  func granted(_ grant: SessionGrant, by client: MosquittoClient) {}
  func subscribed(codes: [Int32]) {}
  func acknowledged(messageID: Int32, reasonCode: UInt8) {}
  func received(
    topic: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer,
    properties: [UInt8],
    isQoS1: Bool,
    isRetained: Bool
  ) {
    text = "\(topic.count) bytes of topic, \(payload.count) of payload"
    let kept = EventProperties(encoded: properties[...])
    if let type = kept.contentType { text += ", type \(String(decoding: type, as: UTF8.self))" }
    if kept.pairs.count > 4 { return text += ", \(kept.pairs.count) properties" }
    for pair in kept.pairs {
      text += ", \(String(decoding: pair.name, as: UTF8.self))=\(pair.value.count)"
    }
  }
}
