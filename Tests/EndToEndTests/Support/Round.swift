import Testing

/// Real faults on real systems.
///
/// The suites within are lanes: the rounds of a lane follow one another, the lanes run side by
/// side.
@Suite(.timeLimit(.minutes(15))) enum Rounds {}

/// A round: events flow, something fails and heals, and in the end each event is accounted for.
///
/// A killed broker may lose what it acknowledged: then `isWholeExpected` is false, and the caller
/// checks what is ours to keep.
///
/// - Parameters:
///   - title: what fails, for the output.
///   - site: where; it is started here.
///   - rate: events per second; 0: as fast as they are acknowledged.
///   - isWholeExpected: whether every event that the sensors' broker acknowledged must arrive.
///   - isAccountWhole: false where the agent was killed or started while it had no disk: what
///     passed through its memory then was delivered, and the counters are gone.
///   - environment: the agent's, at its first start.
///   - fault: lets something fail and heals it.
/// - Returns: what arrived, and the agent's own account of it.
/// - Throws: what kept the round from being played to its end.
@discardableResult
func round(
  _ title: String,
  on site: Site,
  rate: Int = 1500,
  isWholeExpected: Bool = true,
  isAccountWhole: Bool = true,
  environment: [(String, String)] = [],
  _ fault: () async throws -> Void
) async throws -> (tally: TallyReport, account: TallyReport) {
  // Where events are missing for good, the collector can only wait for silence.
  try await site.start(idle: isWholeExpected ? 45 : 4, environment: environment)
  try site.sensors.start(rate: rate)
  try await pause(0.3)
  try await fault()
  try await pause(0.3)
  try await site.sensors.stop()
  let (tally, account) = try await site.finishWithAccount()
  print("\(title): \(tally); account: \(account)")
  if isWholeExpected { expectComplete(tally) }
  if isWholeExpected && isAccountWhole { expectAgreement(tally, account) }
  expectDrained(account)
  Ledger.add(1, "rounds")
  return (tally, account)
}

/// Everything was delivered, and nothing of it was given up.
private func expectDrained(_ account: TallyReport) {
  #expect(account["offered"] > 0, "\(account)")
  #expect(account["delivered"] == account["offered"], "\(account)")
  #expect(account["buffered"] == 0, "\(account)")
  #expect(account["evicted"] == 0 && account["corrupt"] == 0, "\(account)")
}

/// The agent counts as delivered what the collector counted, and as stored what came in.
private func expectAgreement(_ tally: TallyReport, _ account: TallyReport) {
  #expect(account["delivered"] == tally.received - tally.duplicatesByAgent, "\(tally), \(account)")
  #expect(tally.gapRecords == 0, "\(tally)")
  #expect(tally["logs"] == 1, "the log was carried on: \(tally)")
}

func pause(_ seconds: Double) async throws {
  try await Task.sleep(for: .seconds(seconds))
}
