internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastUpstream

// What the sensors say.

extension World {
  func scheduleTraffic() {
    after(draw(0...2 * plan.burstInterval)) { world in
      guard !world.isCalm else { return }
      world.publish(world.plan.burstCount)
      world.scheduleTraffic()
    }
  }

  /// Sensors publish so many messages at once, now and then a strange one among them.
  func publish(_ count: Int) {
    for _ in 0..<count {
      var kind = MessageKind.plain
      if chance(1, in: 40) {
        let odd: [MessageKind] = [.empty, .control, .notText, .badTopic, .oversize, .loop]
        kind = odd[Int(draw(0...Int64(odd.count - 1)))]
      }
      publish(kind, fillerByteCount: Int(draw(0...Int64(plan.payloadByteCountMax))))
    }
  }

  private func publish(_ kind: MessageKind, fillerByteCount: Int) {
    let source = Int(draw(0...Int64(sources.count - 1)))
    // Our own identity can come back only over MQTT 5.
    let kind = kind == .loop && !sources[source].speaksFive ? .plain : kind
    let topicIndex = Int(draw(0...Int64(plan.topicCount - 1)))
    let id = messages.count
    var message = Message(
      kind: kind,
      source: source,
      topicIndex: topicIndex,
      textOf: id,
      isQoS1: topicIndex % 4 != 3
    )
    message.fillerByteCount = fillerByteCount
    switch kind {
    case .empty: message.fillerByteCount = 0
    case .oversize: message.fillerByteCount = configuration.ring.payloadByteCountMax + 1
    case .plain: message.isRetained = id % 50 == 0
    default: break
    }
    message.hasProperties = kind == .plain && sources[source].speaksFive && id % 7 == 0
    messages.append(message)
    let topic = topic(of: id)
    for (index, upstream) in configuration.upstreams.enumerated()
    where upstream.topics.contains(where: { $0.matches(topic[...]) }) {
      messages[id].selectedBy |= UInt32(1) << UInt32(index)
    }
    report.coverage.note(kind)
    sources[source].publish(id, world: self)
  }

  /// Bulk that fills the ring, a portion each few seconds, until it runs over.
  func flood(until overrunCount: Int) {
    guard !isCalm, floodCount > 0, report.overrunCount < overrunCount else {
      floodCount = 0
      return
    }
    let count = min(100, floodCount)
    floodCount -= count
    for _ in 0..<count { publish(.bulk, fillerByteCount: 6000) }
    // A batch that is refused holds some of everything, too.
    for kind in [MessageKind.oversize, .loop, .plain] { publish(kind, fillerByteCount: 100) }
    for _ in 0..<20 { publish(.bulk, fillerByteCount: 6000) }
    after(draw(1...10) * microsecondsPerSecond) { $0.flood(until: overrunCount) }
  }
}
