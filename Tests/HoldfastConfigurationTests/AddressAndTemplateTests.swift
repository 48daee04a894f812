import HoldfastEvent
import Testing

@testable import HoldfastConfiguration

@Suite struct BrokerAddressTests {
  @Test(arguments: [
    ("mqtt://broker", "broker", 1883, false), ("mqtts://broker", "broker", 8883, true),
    ("mqtt://broker:1884/", "broker", 1884, false),
    ("MQTTS://Broker.local:1", "Broker.local", 1, true),
    ("mqtt://[::1]:1883", "::1", 1883, false),
    ("mqtt://[fe80::1%eth0]", "fe80::1%eth0", 1883, false),
    ("mqtt://10.0.0.1:65535", "10.0.0.1", 65535, false),
  ])
  func aRightURLIsTakenApart(url: String, host: String, port: UInt16, isTLS: Bool) throws {
    let address = try BrokerAddress(url: url)
    #expect(address == BrokerAddress(host: host, port: port, isTLS: isTLS))
  }

  @Test(arguments: [
    "localhost", "LOCALHOST.", "127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1", "ip6-localhost", "::",
  ])
  func everyNameOfLoopbackIsOneHost(host: String) {
    #expect(isSameBroker(host: host, port: 1, as: ("127.0.0.1", 1)))
    #expect(!isSameBroker(host: host, port: 1, as: ("127.0.0.1", 2)))
  }

  @Test(arguments: ["128.0.0.1", "fe80::1", "::2", "1::", "::10", "127.0.0.1.example", "127.0.0"])
  func otherHostsAreNot(host: String) {
    #expect(!isSameBroker(host: host, port: 1, as: ("127.0.0.1", 1)))
  }

  @Test func hostNamesAreComparedWithoutCase() {
    #expect(isSameBroker(host: "Broker.Local", port: 1, as: ("broker.local.", 1)))
  }
}

@Suite struct TopicTemplateTests {
  @Test func placeholdersAreListedInOrder() {
    #expect(TopicTemplate(text: "a/{x}/{y}{z}").placeholders == ["x", "y", "z"])
    #expect(TopicTemplate(text: "a").placeholders == [])
    #expect(TopicTemplate(text: "{").placeholders == nil)
    #expect(TopicTemplate(text: "}{").placeholders == nil)
    #expect(TopicTemplate(text: "{a{b}}").placeholders == nil)
  }

  @Test func placeholdersAreFilledAndOthersKept() {
    let template = TopicTemplate(text: "{a}/{topic}/{b}")
    #expect(template.filled(["a": "1", "topic": "x/{a}"]) == "1/x/{a}/{b}")
  }

  @Test(arguments: [
    ("{topic}", "a/#", "a/#"), ("p/{topic}", "#", "p/#"), ("{topic}/s", "a/#", "a/#"),
    ("{topic}/s", "a/+", "a/+/s"), ("x-{topic}", "+/b", "+/b"), ("x-{topic}", "#", "#"),
    ("{topic}-y", "a/+", "a/+"), ("{agent}/{topic}", "a", "e/a"), ("fixed", "#", "fixed"),
  ])
  func theReachCoversAllThatCanBeMade(template: String, filter: String, reach: String) throws {
    let filter = try #require(TopicFilter(filter))
    let covered = TopicTemplate(text: template).reach(of: filter, ["agent": "e"])
    #expect(covered.first?.description == reach)
  }

  @Test func theReachMatchesEveryTopicMadeFromAMatchingOne() throws {
    var random = SplitMix64(seed: 3)
    let parts = ["a", "b", "", "+", "#", "c"]
    let templates = [
      "{topic}", "p/{topic}", "x{topic}", "{topic}y", "a/{topic}/b", "{topic}/{topic}",
    ]
    var checkedCount = 0
    for _ in 0..<4_000 {
      let count = Int.random(in: 1...3, using: &random)
      let levels = (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }
      let topic = (0..<Int.random(in: 1...3, using: &random))
        .map { _ in ["a", "b", "", "c"].randomElement(using: &random) ?? "" }
        .joined(separator: "/")
      guard let filter = TopicFilter(levels.joined(separator: "/")), filter.matches(topic),
        let text = templates.randomElement(using: &random)
      else { continue }
      let template = TopicTemplate(text: text)
      let made = template.filled(["topic": topic])
      let reach = template.reach(of: filter, [:])
      #expect(reach.contains { $0.matches(made) }, "\(text) \(filter) \(topic)")
      checkedCount += 1
    }
    #expect(checkedCount > 100)
  }
}
