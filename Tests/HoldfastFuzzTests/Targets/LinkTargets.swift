import CMosquitto
import HoldfastEvent
import HoldfastLink

@testable import HoldfastSystem

/// What a broker says, as the library hands it to our callbacks: CONNACK, PUBLISH, SUBACK.
func fuzzMosquittoCallbacks(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  let version: ProtocolVersion = input.bool() ? .v5 : .v311
  guard let client = try? MosquittoClient(fuzzSettings(version)) else {
    throw Finding("no client")
  }
  let receiver = FuzzReceiver()
  client.receiver = receiver
  defer { client.receiver = nil }
  for _ in 0..<20 where !input.isEmpty {
    switch input.byte() & 3 {
    case 0: try connect(client, receiver, &input)
    case 1:
      let codes = input.part().map { Int32($0) }
      client.didSubscribe(codes)
      try check(receiver.codes == codes, "other SUBACK codes")
    default: try receive(client, receiver, &input)
    }
  }
}

private func fuzzSettings(_ version: ProtocolVersion) -> ClientSettings {
  var link = LinkConfiguration(host: "127.0.0.1", port: 1)
  link.clientID = "fuzz"
  return ClientSettings(link: link, version: version, session: .clean, receiveMaximum: 10)
}

/// Notes the last of each call.
private final class FuzzReceiver: MosquittoClientReceiver {
  var grant: SessionGrant?
  var codes: [Int32] = []
  var event: (topic: [UInt8], payload: [UInt8], properties: [UInt8], flags: [Bool])?

  func granted(_ grant: SessionGrant, by client: MosquittoClient) { self.grant = grant }
  func subscribed(codes: [Int32]) { self.codes = codes }
  func acknowledged(messageID: Int32, reasonCode: UInt8) {}
  func received(
    topic: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer,
    properties: [UInt8],
    isQoS1: Bool,
    isRetained: Bool
  ) {
    event = (Array(topic), Array(payload), properties, [isQoS1, isRetained])
  }
}

private func connect(
  _ client: MosquittoClient,
  _ receiver: FuzzReceiver,
  _ input: inout FuzzInput
) throws(Finding) {
  let code = input.bool() ? 0 : Int32(truncatingIfNeeded: input.unsigned() & 0x1ff)
  let flags = Int32(input.byte())
  var list: OpaquePointer?
  defer { mosquitto_property_free_all(&list) }
  let maximum = UInt16(input.number(below: 65_536))
  let packet = UInt32(truncatingIfNeeded: input.unsigned())
  let quality = input.byte()
  let present = input.byte()
  if present & 1 != 0 {
    mosquitto_property_add_int16(&list, Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue), maximum)
  }
  if present & 2 != 0 {
    mosquitto_property_add_int32(&list, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), packet)
  }
  if present & 4 != 0 {
    mosquitto_property_add_byte(&list, Int32(MQTT_PROP_MAXIMUM_QOS.rawValue), quality)
  }
  receiver.grant = nil
  client.refusal = nil
  client.didAnswerConnect(code: code, flags: flags, properties: list)
  guard code == 0, present & 4 == 0 || quality > 0 else {
    try check(receiver.grant == nil && client.refusal != nil, "code \(code) is taken for success")
    try check(client.refusal?.detail.isEmpty == false, "code \(code) is refused without a word")
    let isVersion = client.refusal?.kind == .unsupportedProtocolVersion
    try check(isVersion == (code == 1 || code == 0x84), "code \(code)")
    return
  }
  guard let grant = receiver.grant else { throw Finding("success, and no grant") }
  try check(grant.isSessionPresent == (flags & 1 == 1), "another session flag")
  try check(grant.receiveMaximum == (present & 1 != 0 ? Int(maximum) : 65_535), "receive maximum")
  try check(grant.packetByteCountMax == (present & 2 != 0 ? Int(packet) : nil), "packet size")
}

/// A PUBLISH with a topic, a payload and properties of every kind.
private func receive(
  _ client: MosquittoClient,
  _ receiver: FuzzReceiver,
  _ input: inout FuzzInput
) throws(Finding) {
  var list: OpaquePointer?
  defer { mosquitto_property_free_all(&list) }
  var expected = EventProperties()
  for _ in 0..<(input.byte() & 7) {
    let name = input.part().filter { $0 != 0 }
    let value = input.part().filter { $0 != 0 }
    let text = name.map { CChar(bitPattern: $0) } + [0]
    let other = value.map { CChar(bitPattern: $0) } + [0]
    switch input.byte() & 3 {
    case 0:
      // The library lets no text pass that is not UTF-8, in either direction.
      let kind = Int32(MQTT_PROP_CONTENT_TYPE.rawValue)
      if mosquitto_property_add_string(&list, kind, text) == 0 { expected.contentType = name }
    case 1:
      mosquitto_property_add_string(&list, Int32(MQTT_PROP_RESPONSE_TOPIC.rawValue), text)
    default:
      let kind = Int32(MQTT_PROP_USER_PROPERTY.rawValue)
      if mosquitto_property_add_string_pair(&list, kind, text, other) == 0 {
        expected.pairs.append(EventProperties.Pair(name: name, value: value))
      }
    }
  }
  let topic = input.part().filter { $0 != 0 }
  var payload = input.part()
  var text = topic.map { CChar(bitPattern: $0) } + [0]
  let flags = [input.bool(), input.bool()]
  let count = Int32(payload.count)
  text.withUnsafeMutableBufferPointer { text in
    payload.withUnsafeMutableBytes { payload in
      var message = mosquitto_message()
      message.topic = text.baseAddress
      message.payload = payload.baseAddress
      message.payloadlen = count
      message.qos = flags[0] ? 1 : 0
      message.retain = flags[1]
      client.didReceive(message, list)
    }
  }
  guard let event = receiver.event else { throw Finding("nothing was received") }
  try check(event.topic == topic, "another topic")
  try check(event.payload == payload, "another payload")
  try check(event.flags == flags, "other flags")
  let kept = EventProperties(encoded: event.properties[...])
  // An empty content type says as much as none.
  if expected.contentType == [] { expected.contentType = nil }
  try check(kept.pairs == expected.pairs, "other user properties")
  try check(
    kept.contentType == expected.contentType,
    "content type \(kept.contentType ?? []), not \(expected.contentType ?? [])"
  )
}

/// Messages sent and acknowledged in any order, beside a dictionary.
func fuzzTagTable(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  var table = TagTable()
  var model: [Int32: UInt64] = [:]
  var tag: UInt64 = 0
  // The library counts on from anywhere, as a link lasts.
  var messageID = Int32(input.number(below: 65_535))
  for _ in 0..<2000 where !input.isEmpty {
    let control = input.byte()
    if control & 1 == 0 {
      for _ in 0..<(1 + control >> 1) where table.hasRoom {
        messageID = messageID >= 65_535 ? 1 : messageID + 1
        tag += 1
        table.insert(tag, for: messageID)
        try check(model.updateValue(tag, forKey: messageID) == nil, "an identifier in flight")
      }
      try check(model.count <= TagTable.windowMax, "\(model.count) in flight")
    } else {
      let answered =
        control & 2 == 0
        ? messageID - Int32(input.byte()) : Int32(truncatingIfNeeded: input.unsigned())
      let expected = model.removeValue(forKey: answered)
      try check(table.remove(answered) == expected, "\(answered) brings another tag")
    }
  }
}

/// A link's events in any order, with times that may stand at the ends of their range.
func fuzzLink(_ bytes: [UInt8]) throws(Finding) {
  var input = FuzzInput(bytes)
  var configuration = LinkConfiguration(host: "central", port: 1883)
  let policies = ProtocolPolicy.allCases
  configuration.protocolPolicy = policies[Int(input.byte()) % policies.count]
  configuration.fallbacks = (0..<Int(input.byte() % 3)).map {
    BrokerPlace(host: "other-\($0)", port: 1883)
  }
  var link = Link(name: "upstream central", configuration: configuration, seed: input.unsigned())
  var now: Int64 = input.bool() ? input.signed() : 0
  var log: [LogEntry] = []
  for _ in 0..<400 where !input.isEmpty {
    let control = input.byte()
    now = now.addingSaturated(Int64(input.byte()) * (control & 0x80 != 0 ? 9_000_000_000 : 50_000))
    switch control & 7 {
    case 0: link.start(now: now)
    case 1, 2:
      let wakeAt = link.isUp ? nil : link.wakeAt
      let version = link.tick(now: now, log: &log)
      try check((version != nil) == (wakeAt.map { $0 <= now } ?? false), "tick at \(now)")
      if let version, let only = ProtocolVersion(rawValue: configuration.protocolPolicy.rawValue) {
        try check(version == only, "speaks \(version), and only \(only) is allowed")
      }
    case 3:
      let grant = SessionGrant(
        protocolVersion: control & 8 == 0 ? .v5 : .v311,
        isSessionPresent: control & 16 != 0
      )
      if link.connected(grant, now: now, log: &log) { try check(link.isUp, "connected, not up") }
    case 4, 5: link.closed(LinkFailure(failures[Int(control >> 3 & 15) % 10]), now: now, log: &log)
    case 6:
      link.noteProgress()
      let isDue = link.ask(now: now, log: &log) != nil
      try check(!isDue || (link.isUp && link.place > 0), "asks the primary that it uses")
      if control & 8 != 0 {
        link.asked(control & 16 != 0 ? nil : LinkFailure(.unreachable), now: now, log: &log)
      }
      if link.goHome(now: now, log: &log) {
        try check(link.place == 0 && !link.isUp, "goes home and stays")
      }
    default:
      _ = link.requestClose("why", isRetrying: control & 8 == 0, now: now, log: &log)
    }
    try check(link.place < configuration.brokerCount, "place \(link.place)")
    if let wakeAt = link.wakeAt, !link.isUp {
      // Cap and the pause after a take-over.
      let limit = now.addingSaturated(configuration.backoffMax + 60_000_000)
      try check(wakeAt <= limit, "waits until \(wakeAt), at \(now)")
    }
  }
  for entry in log {
    try check(!entry.message.isEmpty && !entry.message.contains("\n"), entry.message)
  }
}

private let failures: [LinkFailure.Kind] = [
  .unreachable, .connectTimeout, .unsupportedProtocolVersion, .refused, .closedBeforeConnected,
  .closed, .sessionTakenOver, .keepAliveTimeout, .tls, .requested,
]
