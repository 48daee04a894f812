internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog

/// What names an event for ever.
struct Identity: Hashable {
  var log: String
  var number: UInt64
}

extension World {
  /// An event as an upstream got it.
  struct Arrival {
    var id: Int
    var identity: Identity
  }

  func topic(of message: Message) -> [UInt8] {
    Array("plant/\(message.source)/\(message.topicIndex)".utf8)
  }

  /// The payload follows from the message's index, so that every byte of it can be checked.
  func payload(of id: Int) -> [UInt8] {
    var filler = SplitMix64(seed: settings.seed ^ UInt64(id) &* 0x9e37_79b9)
    var bytes = Array("m\(id);".utf8)
    let count = bytes.count + Int(filler.next() % UInt64(plan.payloadByteCountMax))
    while bytes.count < count {
      var word = filler.next()
      for _ in 0..<8 {
        bytes.append(UInt8(ascii: "A") + UInt8(word & 0x0f))
        word >>= 8
      }
    }
    return bytes
  }

  func scheduleTraffic() {
    let next = draw(0...2 * plan.burstInterval)
    after(next) { world in
      guard !world.isCalm else { return }
      world.publishBurst(world.plan.burstCount)
      world.scheduleTraffic()
    }
  }

  func publishBurst(_ count: Int) {
    for _ in 0..<count {
      let source = Int(draw(0...Int64(sources.count - 1)))
      let topicIndex = Int(draw(0...Int64(plan.topicCount - 1)))
      let counter = messages.count
      messages.append(
        Message(
          source: source,
          topicIndex: topicIndex,
          counter: counter,
          isQoS1: topicIndex % 4 != 3
        )
      )
      sources[source].publish(messages.count - 1, world: self)
    }
  }

  /// Notes what the agent's shell handed over: at QoS 0 nobody can send it again.
  func noteHanded(_ ids: [Int], source: Int) {
    for id in ids where !messages[id].isQoS1 { messages[id].handedAt = now }
    lastHanded[source] = ids
  }

  /// The agent closed a source whose batch it had no room for.
  func noteRefused(source: Int) {
    for id in lastHanded[source] ?? [] { messages[id].isExcused = true }
  }

  /// A crash may take QoS 0 events that were not durable yet.
  func excuseAtCrash() {
    let start = min(now, failingSince ?? now) - plan.configuration.ring.commitInterval - 2_000_000
    for id in messages.indices.reversed() {
      guard let handedAt = messages[id].handedAt else { continue }
      if handedAt >= start { messages[id].isExcused = true }
    }
    failingSince = nil
  }

  /// The events in a message; empty when any byte is not as it was sent.
  func events(
    _ topic: [UInt8],
    _ payload: ArraySlice<UInt8>,
    _ properties: ArraySlice<UInt8>,
    isBatch: Bool
  ) -> [Arrival] {
    guard isBatch else {
      guard let id = messageIndex(payload), Array(payload) == self.payload(of: id),
        topic == self.topic(of: messages[id])
      else { return [] }
      var identity = Identity(log: "", number: 0)
      for pair in EventProperties(encoded: properties).pairs {
        let value = String(decoding: pair.value, as: UTF8.self)
        if pair.name == Array("log".utf8) { identity.log = value }
        if pair.name == Array("seq".utf8) { identity.number = UInt64(value) ?? 0 }
      }
      return [Arrival(id: id, identity: identity)]
    }
    var arrivals: [Arrival] = []
    for line in payload.split(separator: UInt8(ascii: "\n")) {
      let text = String(decoding: line, as: UTF8.self)
      guard let content = text.value(of: "payload"), let log = text.value(of: "log"),
        let number = text.value(of: "seq").flatMap({ UInt64($0) }),
        let id = messageIndex(Array(content.utf8)[...]),
        Array(content.utf8) == self.payload(of: id),
        text.value(of: "topic") == String(decoding: self.topic(of: messages[id]), as: UTF8.self)
      else { return [] }
      arrivals.append(Arrival(id: id, identity: Identity(log: log, number: number)))
    }
    return arrivals
  }

  private func messageIndex(_ payload: ArraySlice<UInt8>) -> Int? {
    guard payload.first == UInt8(ascii: "m"), let end = payload.firstIndex(of: UInt8(ascii: ";")),
      let id = Int(String(decoding: payload[(payload.startIndex + 1)..<end], as: UTF8.self)),
      messages.indices.contains(id)
    else { return nil }
    return id
  }
}
