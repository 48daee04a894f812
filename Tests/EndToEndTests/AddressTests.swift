import Glibc
import Testing

extension EndToEnd {
  @Suite struct Addresses {
    @Test func `an address that swallows everything does not keep it from the next one`()
      async throws
    {
      let scratch = try Scratch()
      let host = try await TwoFacedHost("two-faced.test", in: scratch)
      guard let host else { return }
      let configuration = scratch.newPath("holdfast.toml")
      var settings = AgentSettings(sourceURL: host.url, upstreamURL: host.url)
      settings.sourceLines = [#"connect_timeout = "3s""#]
      settings.upstreamLines = [#"connect_timeout = "3s""#, #"topic = "up/{topic}""#]
      try writeText(configuration, settings.text)
      let log = scratch.newPath("holdfast.log")
      let agent = try host.run(
        "\(Programs.holdfast) run --config \(configuration) --data-dir \(scratch.newPath("data"))",
        output: log
      )
      let isUp = try await eventually(within: 15) {
        ["source floor", "upstream central"].allSatisfy {
          agent.output.contains("\($0): connected to \(host.url)")
        }
      }
      #expect(isUp, "\(agent.output)")
      #expect(!agent.output.contains("no TCP connection"), "it took one try: \(agent.output)")
      #expect(try await agent.stop() == .code(0))

      try await host.stopBroker()
      let lonely = try host.run(
        "\(Programs.holdfast) run --config \(configuration) --data-dir \(scratch.newPath("data"))",
        output: scratch.newPath("lonely.log")
      )
      let isSaid = try await eventually(within: 15) {
        lonely.output.contains("tried \(host.addresses[0]), \(host.addresses[1])")
      }
      #expect(isSaid, "\(lonely.output)")
      #expect(try await lonely.stop() == .code(0))
    }
  }
}

/// A name, known in a mount namespace only, with two addresses: nobody answers at the first.
private final class TwoFacedHost {
  let name: String
  let port: Int
  private(set) var addresses: [String] = []
  private let hosts: String
  private let scratch: Scratch
  private var sockets: [Int32] = []
  private var broker: ChildProcess?

  var url: String { "mqtt://\(name):\(port)" }

  /// Nil, and noted as skipped, where no namespace can be made.
  init?(_ name: String, in scratch: Scratch) async throws {
    self.name = name
    self.scratch = scratch
    port = try Ports.take()
    hosts = scratch.newPath("hosts")
    try writeText(hosts, "127.0.0.2 \(name)\n127.0.0.3 \(name)\n")
    let lookup = try run("getent ahosts \(name)", output: scratch.newPath("lookup"))
    guard try await lookup.ended(within: 10) == .code(0) else {
      Ledger.skip("a host with two addresses", because: "\(lookup.tail)")
      return nil
    }
    let rows = lookup.output.split(separator: "\n").filter { $0.contains("STREAM") }
    addresses = rows.compactMap { $0.split(separator: " ").first.map(String.init) }
    guard addresses.count == 2 else { throw TestFailure(lookup.output) }
    try swallow(addresses[0])
    let configuration = scratch.newPath("mosquitto.conf")
    try writeText(configuration, "listener \(port) \(addresses[1])\nallow_anonymous true\n")
    let broker = try ChildProcess(
      "mosquitto",
      ["-c", configuration],
      output: scratch.newPath("mosquitto.log")
    )
    self.broker = broker
    let isUp = try await eventually(within: 20) { broker.output.contains("running") }
    guard isUp else { throw TestFailure(broker.output) }
  }

  deinit { for socket in sockets { close(socket) } }

  /// Runs a command where the name is known.
  func run(_ command: String, output: String) throws -> ChildProcess {
    try ChildProcess(
      "unshare",
      // Slave: what is unmounted elsewhere meanwhile must not stay mounted here.
      [
        "-m", "--propagation", "slave", "bash", "-c",
        "mount --bind \(hosts) /etc/hosts && exec \(command)",
      ],
      output: output
    )
  }

  func stopBroker() async throws { _ = try await broker?.stop() }

  /// Listens with a backlog that is full: Linux drops every further SYN.
  private func swallow(_ address: String) throws {
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    inet_pton(AF_INET, address, &place.sin_addr)
    let isListening = withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let listener = socket(AF_INET, type, 0)
        sockets.append(listener)
        guard bind(listener, place, size) == 0, listen(listener, 0) == 0 else { return false }
        for _ in 0..<4 {
          sockets.append(socket(AF_INET, type, 0))
          _ = connect(sockets[sockets.count - 1], place, size)
        }
        return true
      }
    }
    guard isListening else { throw TestFailure("can't listen at \(address):\(port)") }
  }
}
