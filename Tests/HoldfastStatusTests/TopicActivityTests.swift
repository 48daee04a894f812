import HoldfastEvent
import HoldfastStatus
import Testing

@Suite struct TopicActivityTests {
  private func names(_ topics: [TopicActivity.Topic]) -> [String] { topics.map { text($0.name) } }

  @Test func `the loudest topics come first, each with its events, bytes and rates`() {
    var activity = TopicActivity(countMax: 10)
    activity.tick(now: 0)
    activity.note(batch(["a", "b", "b", "c", "b", "a"]), payloadByteCountMax: 100, now: second)
    activity.tick(now: 10 * second)
    let loudest = activity.loudest(2)
    #expect(names(loudest) == ["b", "a"])
    #expect(loudest[0].eventCount == 3 && loudest[0].payloadByteCount == 30)
    #expect(loudest[0].eventRate == 0.3 && loudest[0].payloadByteRate == 3)
  }

  @Test func `what can't be stored is counted for its topic`() {
    var activity = TopicActivity(countMax: 10)
    activity.note(batch(["a", "a"], payload: 11), payloadByteCountMax: 10, now: second)
    activity.note(batch(["a"], payload: 10), payloadByteCountMax: 10, now: second)
    #expect(activity.loudest(1).first?.droppedCount == 2)
  }

  @Test func `a loud topic stays, however many are used once each`() {
    var activity = TopicActivity(countMax: 64)
    activity.tick(now: 0)
    activity.note(batch(["loud", "loud"]), payloadByteCountMax: 100, now: 0)
    activity.tick(now: 10 * second)
    for round in 11...210 {
      let now = Int64(round) * second
      let strangers = (0..<500).map { "once/\(round)/\($0)" }
      activity.note(batch(["loud"] + strangers + ["loud"]), payloadByteCountMax: 100, now: now)
      activity.tick(now: now)
    }
    #expect(activity.count == 64)
    #expect(names(activity.loudest(1)) == ["loud"])
    #expect(activity.loudest(1).first?.eventCount == 402)
    #expect(activity.forgottenCount == 200 * 500 - 63)
  }

  @Test func `one that is heard again in time does not go`() {
    var activity = TopicActivity(countMax: 8)
    let first = ["a", "b", "c", "d", "e", "f", "g", "h"]
    activity.note(batch(first), payloadByteCountMax: 9, now: 0)
    // It takes the place of "a"; "b" is the next to go.
    activity.note(batch(["i"]), payloadByteCountMax: 9, now: 1)
    activity.note(batch(["b"]), payloadByteCountMax: 9, now: 2)
    activity.note(batch(["j"]), payloadByteCountMax: 9, now: 3)
    let known = Set(names(activity.loudest(9)))
    #expect(known == ["b", "d", "e", "f", "g", "h", "i", "j"])
  }

  @Test func `a table that forgets finds again what it knows`() {
    var activity = TopicActivity(countMax: 16)
    var generator = SplitMix64(seed: 7)
    var seen: [String: UInt64] = [:]
    for round in 0..<2000 {
      let topic = "t/\(generator.next() % 40)"
      seen[topic, default: 0] += 1
      activity.note(batch([topic]), payloadByteCountMax: 100, now: Int64(round))
      activity.tick(now: Int64(round))
    }
    let topics = activity.loudest(100)
    #expect(topics.count == 16)
    #expect(Set(names(topics)).count == 16, "no topic stands in it twice")
    for topic in topics { #expect(topic.eventCount <= seen[text(topic.name)] ?? 0) }
  }

  @Test func `long topics are shortened and still told apart`() {
    var activity = TopicActivity(countMax: 10)
    let long = String(repeating: "x", count: 300)
    activity.note(batch([long + "1", long + "2", long]), payloadByteCountMax: 100, now: 0)
    let topics = activity.loudest(10)
    #expect(topics.count == 3)
    #expect(topics.allSatisfy { $0.name.count == TopicActivity.topicByteCountMax })
    #expect(Set(topics.map(\.byteCount)) == [300, 301])
  }

  @Test func `a topic is silent after five of its own intervals and a minute at least`() {
    var activity = TopicActivity(countMax: 10)
    for tick in 0..<4 {
      activity.note(batch(["fast"]), payloadByteCountMax: 9, now: Int64(tick) * second)
      activity.note(batch(["slow"]), payloadByteCountMax: 9, now: Int64(tick) * 100 * second)
    }
    activity.note(batch(["twice", "twice"]), payloadByteCountMax: 9, now: 0)
    #expect(names(activity.silent(9, now: 62 * second)) == [])
    #expect(names(activity.silent(9, now: 63 * second)) == ["fast"])
    #expect(names(activity.silent(9, now: 799 * second)) == ["fast"])
    #expect(names(activity.silent(9, now: 800 * second)) == ["slow", "fast"])
  }

  @Test func `nothing is remembered where nothing is wanted`() {
    var activity = TopicActivity(countMax: 0)
    activity.note(batch(["a"]), payloadByteCountMax: 9, now: 0)
    activity.tick(now: second)
    #expect(activity.count == 0 && activity.loudest(9).isEmpty)
  }
}
