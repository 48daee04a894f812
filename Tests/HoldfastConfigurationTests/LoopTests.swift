import HoldfastConfiguration
import Testing

/// What an upstream sends to the broker that a source reads must not match the subscription.
@Suite struct LoopTests {
  private func found(_ upstream: String, url: String = "mqtt://127.0.0.1:1883") -> [String] {
    problems(of: sample(upstream: upstream, upstreamURL: url)).map(\.key)
  }

  @Test func sendingEventsBackWhereTheyCameFromIsRefused() {
    let text = sample(upstream: "topic = \"{topic}\" #!", upstreamURL: "mqtt://localhost")
    let found = problems(of: text)
    #expect(found.map(\.key) == ["topic"])
    #expect(found.map(\.line) == markedLines(of: text))
    #expect(found.first?.what.contains("takes \"sensors/#\"") == true)
  }

  @Test func theDefaultsAreRefusedToo() {
    #expect(found("") == ["topic"])
    #expect(found("topics = [\"sensors/a\"]") == ["topics"])
  }

  @Test func aPrefixOutsideTheSubscriptionIsRight() {
    #expect(found("topic = \"central/{topic}\"") == [])
  }

  @Test func aPrefixWithinTheSubscriptionIsRefused() {
    #expect(found("topic = \"sensors/{topic}\"") == ["topic"])
    #expect(found("topic = \"{agent}/{topic}\"") == [])
  }

  @Test func topicsThatDontMeetAreRight() {
    #expect(found("topics = [\"other/#\"]") == [])
    #expect(found("topics = [\"other/#\", \"+/b\"]") == ["topics"])
  }

  @Test func aWildcardBesideOtherTextCountsAsItsWholeLevel() {
    // "x-+" might be "x-1", never "sensors"; the check is careful and says no.
    #expect(found("topics = [\"+\"]\ntopic = \"x-{topic}\"") == ["topic"])
  }

  @Test func anotherPortOrHostIsAnotherBroker() {
    #expect(found("", url: "mqtt://127.0.0.1:1884") == [])
    #expect(found("", url: "mqtt://192.0.2.1:1883") == [])
  }

  @Test func aBatchTopicWithinTheSubscriptionIsRefused() {
    #expect(found("format = \"ndjson\"") == [])
    #expect(found("format = \"ndjson\"\ntopic = \"sensors/{agent}\"") == ["topic"])
    #expect(found("format = \"json\"\ntopic = \"out/{upstream}\"") == [])
  }

  @Test func gapRecordsMustNotComeBackEither() {
    let prefix = "topic = \"central/{topic}\"\n"
    #expect(found(prefix + "gap_topic = \"sensors/gaps\"") == ["gap_topic"])
    #expect(found(prefix + "gap_topic = \"\"") == [])
    let all = sample(
      upstream: "topics = [\"none\"]",
      sourceTopics: "topics = [\"holdfast/#\"]",
      upstreamURL: "mqtt://127.0.0.1:1883"
    )
    #expect(problems(of: all).map(\.key) == ["gap_topic"])
  }

  @Test func everySourceOfTheBrokerIsLookedAt() {
    let second = """
      [[source]]
      name = "second"
      url = "mqtt://[::1]:2883"
      topics = ["sensors/a"]
      """
    #expect(problems(of: sample(end: second)).map(\.key) == ["topic"])
  }
}
