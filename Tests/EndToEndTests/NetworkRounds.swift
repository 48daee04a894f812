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
          let time = try await Rounds.noticed(at: end, site) {
            try await network.lose(loss, at: end)
          }
          print("FIGURE noticed after \(time) s: \(loss) at the \(end), under traffic")
          // An upstream's ack_timeout; a source's keep_alive twice.
          #expect(time < (end == .upstream ? 2 : 10) + Rounds.slowness, "\(site.agent.log)")
          try await network.heal()
          try await pause(1)
        }
      }
      #expect(site.connectionCount(at: end) > 1, "\(site.agent.log)")
    }

    /// A message at least each `keep_alive`, and an answer within another.
    @Test(arguments: End.allCases)
    func `a link on which nothing happens is given up as well`(end: End) async throws {
      guard let (site, network) = try await Rounds.privateSite() else { return }
      try await round("a black hole at the quiet \(end)", on: site) {
        try await site.sensors.stop()
        try await pause(1)
        let time = try await Rounds.noticed(at: end, site) {
          try await network.lose(.blackHole, at: end)
        }
        print("FIGURE noticed after \(time) s: blackHole at the \(end), without traffic")
        #expect(time < 10 + Rounds.slowness, "\(site.agent.log)")
        try await network.heal()
        try site.sensors.start(rate: 1500)
        try await pause(2)
      }
    }
  }

  /// What a busy machine adds to a bound, seconds.
  private static let slowness = 10.0

  /// How long it takes until the agent says that a link is dead, seconds in tenths.
  private static func noticed(
    at end: End,
    _ site: Site,
    after fault: () async throws -> Void
  ) async throws -> Double {
    let title = end == .source ? "source floor: " : "upstream central: "
    func count() -> Int {
      site.agent.log.split(separator: "\n").count {
        $0.contains(title) && $0.contains("the link is half open")
      }
    }
    let before = count()
    let clock = ContinuousClock()
    let begin = clock.now
    try await fault()
    let isNoticed = try await eventually(within: 60) { count() > before }
    try #require(isNoticed, "\(site.agent.log)")
    return ((clock.now - begin) / .milliseconds(100)).rounded() / 10
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
