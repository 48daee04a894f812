import Testing

extension Rounds {
  /// Links between the agent and its brokers break, and lose acknowledgements.
  @Suite(.serialized) struct Links {
    @Test(arguments: End.allCases)
    func `cut links are made again`(end: End) async throws {
      guard let (site, network) = try await Rounds.privateSite() else { return }
      try await round("six cuts at the \(end)", on: site) {
        for number in 0..<6 * Scale.repeats {
          try await network.lose(.reset, at: end)
          try await pause(0.02 + Double(number % 5) * 0.1)
          try await network.heal()
          // Three short-lived links in a row would be taken for another client's doing.
          try await pause(number % 3 == 1 ? 6.5 : 1)
        }
      }
      #expect(site.connectionCount(at: end) > 4, "\(site.agent.log)")
    }

    @Test(arguments: End.allCases)
    func `lost acknowledgements cost duplicates, not events`(end: End) async throws {
      guard let (site, network) = try await Rounds.privateSite() else { return }
      let (tally, _) = try await round("lost PUBACKs at the \(end)", on: site) {
        for _ in 0..<Scale.repeats {
          try await network.lose(.acknowledgements, at: end)
          try await pause(end == .source ? 9 : 4)
          try await network.heal()
          try await pause(1)
        }
      }
      let duplicateCount = end == .source ? tally.duplicatesBySource : tally.duplicatesByAgent
      #expect(duplicateCount > 0, "no acknowledgement was lost: \(tally)")
    }
  }

  /// Links swallow everything, for longer than the agent waits for a sign of life.
  @Suite(.serialized) struct BlackHoles {
    @Test(arguments: End.allCases, [Network.Loss.blackHole, .deafness])
    func `a link that swallows everything is given up and made again`(
      end: End,
      loss: Network.Loss
    ) async throws {
      guard let (site, network) = try await Rounds.privateSite() else { return }
      try await round("\(loss) at the \(end)", on: site) {
        for _ in 0..<Scale.repeats {
          try await network.lose(loss, at: end)
          try await pause(9)
          try await network.heal()
        }
      }
      #expect(site.connectionCount(at: end) > 1, "\(site.agent.log)")
    }
  }

  /// A site in a network of its own; nil, and noted as skipped, where there can be none.
  ///
  /// Signs of life come as often as the configuration allows, so that a round is short.
  private static func privateSite() async throws -> (Site, Network)? {
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
