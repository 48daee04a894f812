import Testing

extension Rounds {
  /// The brokers themselves fail.
  @Suite(.serialized) struct Brokers {
    /// A broker that is killed loses some of what it acknowledged, to its publishers and to us.
    ///
    /// Ours to keep: what we acknowledged to it is in the log, and all of that is delivered.
    @Test func `the sensors' broker is killed with -9`() async throws {
      let site = try Site(brokerSettings: ["log_type debug"])
      let (tally, account) = try await round(
        "sensors' broker killed",
        on: site,
        isWholeExpected: false
      ) {
        for _ in 0..<3 * Scale.repeats {
          try await site.sensorsBroker.kill()
          // Whatever the agent acknowledged must be on its disk by now.
          try await site.agent.kill()
          try site.agent.start()
          try await site.sensorsBroker.start()
          try await pause(1)
        }
      }
      let acknowledgedCount = site.sensorsBroker.logCount(
        of: ": Received PUBACK from \(End.source.client) "
      )
      #expect(acknowledgedCount > 0, "\(account)")
      #expect(
        account["stored"] >= acknowledgedCount,
        "acknowledged \(acknowledgedCount): \(account)"
      )
      #expect(tally.received - tally.duplicatesByAgent == account["stored"], "\(tally), \(account)")
      expectNothingMadeUp(tally)
    }

    /// Ours to keep: an event leaves the log only when this broker has acknowledged it.
    @Test func `the central broker is killed with -9`() async throws {
      let site = try Site(brokerSettings: ["log_type debug"])
      let (tally, account) = try await round(
        "central broker killed",
        on: site,
        isWholeExpected: false
      ) {
        for _ in 0..<2 * Scale.repeats {
          try await site.centralBroker.kill()
          try await pause(0.2)
          try await site.centralBroker.start()
          // Three short-lived links in a row would be taken for another client's doing.
          try await pause(6.5)
        }
      }
      // Gap records go the same way, and there are none.
      let acknowledgedCount = site.centralBroker.logCount(
        of: ": Sending PUBACK to \(End.upstream.client) "
      )
      #expect(account["delivered"] <= acknowledgedCount, "\(acknowledgedCount): \(account)")
      #expect(account["delivered"] == account["stored"], "\(account)")
      expectNothingMadeUp(tally)
    }

    /// Shorter, then longer than the agent waits for a sign of life.
    @Test(arguments: End.allCases)
    func `a broker that stands still goes on where it was`(end: End) async throws {
      let site = try Site {
        $0.sourceLines = [#"keep_alive = "5s""#]
        $0.upstreamLines = [#"keep_alive = "5s""#, #"ack_timeout = "2s""#]
      }
      try await round("broker stopped at the \(end)", on: site) {
        for _ in 0..<Scale.repeats {
          try await site.broker(at: end).freeze(seconds: 1.5)
          try await pause(0.5)
          try await site.broker(at: end).freeze(seconds: end == .source ? 9 : 5)
        }
      }
    }

    private func expectNothingMadeUp(_ tally: TallyReport) {
      #expect(tally.distinct > 0 && tally.altered == 0 && tally["unsent"] == 0, "\(tally)")
      #expect(tally["sequence_inversions"] == 0 && tally["unreadable"] == 0, "\(tally)")
      #expect(tally["foreign"] == 0 && tally["different"] == 0, "\(tally)")
    }
  }
}
