import ArgumentParser
import Glibc

/// Messages that a careless reader stumbles over.
struct HostileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hostile",
    abstract: "Publish what a careless reader stumbles over.",
    discussion: """
      Each message but the empty and the large one begins with a counter, so that the collector \
      tells them apart. Prints one line of JSON: how many were acknowledged, and how many are \
      above --large bytes.
      """
  )

  @Option(help: "The sensors' broker, as mqtt://host:port.")
  var url: BrokerAddress
  @Option(help: "Topics that are used once.")
  var topics = 100_000
  @Option(help: "Bytes of the largest payload.")
  var large = 10 << 20

  func run() throws {
    let client = try MQTTClient(
      address: url,
      clientID: "traffic-hostile",
      version: .mqtt311,
      window: 200
    )
    var inFlightCount = 0
    var acknowledgedCount = 0
    client.onPublished = { _, _ in
      inFlightCount -= 1
      acknowledgedCount += 1
    }
    try client.connect(until: monotonicSeconds() + 20)
    for (topic, payload) in oddities() + explosion() {
      while inFlightCount >= 200 { try pump(client) }
      _ = try client.publish(Array(topic.utf8CString), payload, qos: 1)
      inFlightCount += 1
      try pump(client, milliseconds: 0)
    }
    let deadline = monotonicSeconds() + 60
    while inFlightCount > 0, monotonicSeconds() < deadline { try pump(client) }
    client.disconnect()
    say(#"{"acknowledged":\#(acknowledgedCount),"missing_acknowledgements":\#(inFlightCount)}"#)
    if inFlightCount > 0 { throw ExitCode(1) }
  }

  private func pump(_ client: MQTTClient, milliseconds: Int32 = 20) throws {
    guard client.pump(milliseconds: milliseconds) == 0 else {
      throw TrafficError("the broker closed the connection")
    }
  }

  private func oddities() -> [(String, [UInt8])] {
    let prefix = "sensors/hostile/"
    let text = { (string: String) in Array(string.utf8) }
    let longest = "sensors/" + String(repeating: "x", count: 65_535 - 8)
    let deepest = "sensors" + String(repeating: "/a", count: 199)
    return [
      (prefix + "empty", []),
      (prefix + "large", text("1 ") + Array(repeating: UInt8(ascii: "A"), count: large)),
      (prefix + "not-utf8", text("1 ") + [0xFF, 0xFE, 0xC0, 0x80, 0xED, 0xA0, 0x80]),
      (prefix + "nul", text("1 ") + [0, 0, 0] + text("after") + [0]),
      (prefix + "every-byte", text("1 ") + Array(0...255)),
      (prefix + "quotes", text(#"1 "\"\\\u0000","topic":"x"}]"#)),
      (prefix + "deep-json", text("1 ") + Array(repeating: UInt8(ascii: "["), count: 100_000)),
      (prefix + "like-a-batch", text(#"{"agent":"mallory","n":1}"#)),
      (prefix + "ünï-℃-日本/ /🌡", text("1 ")),
      (prefix + "spaces and \"quotes\" \\ 'here'", text("1 ")),
      (longest, text("1 longest topic")),
      (deepest, text("1 deepest topic")),
    ]
  }

  private func explosion() -> [(String, [UInt8])] {
    (0..<topics).map { ("sensors/once/\($0 / 1000)/\($0)", Array("1 \($0)".utf8)) }
  }
}
