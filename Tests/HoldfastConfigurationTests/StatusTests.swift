import HoldfastAgent
import HoldfastConfiguration
import Testing

@Suite struct StatusTests {
  private func status(_ lines: String) throws -> StatusConfiguration {
    try load(sample(end: "[status]\n" + lines)).configuration.status
  }

  @Test func `without a word the page is there for this machine alone`() throws {
    let status = try load(sample()).configuration.status
    #expect(status == StatusConfiguration())
    #expect(status.listener == .init(address: "127.0.0.1", port: 9464))
    #expect(status.socketPath == "status.sock" && !status.isOff)
  }

  @Test func `every key is taken`() throws {
    let status = try status(
      """
      listen = "0.0.0.0:80"
      reachable_from = "the network"
      socket = "/run/holdfast/status.sock"
      hosts = ["gateway-7.example"]
      max_topics = 0
      """
    )
    #expect(status.listener == .init(address: "0.0.0.0", port: 80))
    #expect(status.socketPath == "/run/holdfast/status.sock")
    #expect(status.hosts == ["gateway-7.example"] && status.topicCountMax == 0)
  }

  @Test(arguments: ["127.0.0.1:0", "127.255.3.4:1", "[::1]:65535"])
  func `addresses of this machine need no word`(listen: String) throws {
    #expect(try status("listen = \"\(listen)\"").listener != nil)
  }

  @Test func `both can be turned off`() throws {
    #expect(try status("listen = \"\"\nsocket = \"\"").isOff)
    #expect(try status("listen = \"\"").socketPath != nil)
  }
}
