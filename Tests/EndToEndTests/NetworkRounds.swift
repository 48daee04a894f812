import Testing

extension Rounds {
  /// The network between the agent and each of its brokers fails.
  @Suite(.serialized) struct Networks {
    private static let addresses = [Network.sourceAddress, Network.upstreamAddress]

    @Test(arguments: addresses)
    func `cut links are made again`(address: String) async throws {
      guard let (site, network) = try await site() else { return }
      try await round("ten cuts at \(address)", on: site) {
        for number in 0..<10 * Scale.repeats {
          try await network.lose(.reset, at: address)
          try await pause(0.02 + Double(number % 5) * 0.1)
          try await network.heal()
          try await pause(0.8)
        }
      }
      expectReconnects(5, on: site, address)
    }

    /// Longer than the agent waits for a sign of life.
    @Test(arguments: addresses, [Network.Loss.blackHole, .deafness])
    func `a link that swallows everything is given up and made again`(
      address: String,
      loss: Network.Loss
    ) async throws {
      guard let (site, network) = try await site() else { return }
      try await round("\(loss) at \(address)", on: site) {
        for _ in 0..<Scale.repeats {
          try await network.lose(loss, at: address)
          try await pause(9)
          try await network.heal()
        }
      }
      expectReconnects(1, on: site, address)
    }

    @Test(arguments: addresses)
    func `lost acknowledgements cost duplicates, not events`(address: String) async throws {
      guard let (site, network) = try await site() else { return }
      let (tally, _) = try await round("lost PUBACKs at \(address)", on: site) {
        for _ in 0..<Scale.repeats {
          try await network.lose(.acknowledgements, at: address)
          try await pause(address == Network.upstreamAddress ? 4 : 9)
          try await network.heal()
          try await pause(1)
        }
      }
      let duplicateCount =
        address == Network.upstreamAddress ? tally.duplicatesByAgent : tally.duplicatesBySource
      #expect(duplicateCount > 0, "no acknowledgement was lost: \(tally)")
    }

    /// Shows that the fault was met: the broker saw the agent come back.
    private func expectReconnects(_ least: Int, on site: Site, _ address: String) {
      let isSource = address == Network.sourceAddress
      let count = (isSource ? site.sensorsBroker : site.centralBroker)
        .connectionCount(
          of: isSource ? HoldfastProcess.sourceClient : HoldfastProcess.upstreamClient
        )
      #expect(count > least, "\(count) connections:\n\(site.agent.log)")
    }

    /// Signs of life as often as the configuration allows, so that a round is short.
    private func site() async throws -> (Site, Network)? {
      let scratch = try Scratch()
      guard let network = try await Network(in: scratch) else { return nil }
      let site = try Site(scratch: scratch) {
        let impatience = [#"keep_alive = "5s""#, #"connect_timeout = "1s""#]
        $0.sourceLines = impatience
        $0.upstreamLines = impatience + [#"ack_timeout = "2s""#]
      }
      return (site, network)
    }
  }
}
