import HoldfastEvent
import HoldfastLink
import Testing

private let second: Int64 = 1_000_000
private let day: Int64 = 86_400 * second

/// A link with the shell's part played by the test, and a clock that jumps to each wake.
private struct Bench {
  var link: Link
  var now: Int64 = 0
  var log: [LogEntry] = []
  let backoffMax: Int64

  init(
    _ policy: ProtocolPolicy = .auto,
    backoffMax: Int64 = 30 * second,
    seed: UInt64 = 1
  ) {
    var configuration = LinkConfiguration(host: "central", port: 1883)
    configuration.protocolPolicy = policy
    configuration.backoffMax = backoffMax
    configuration.clientID = "edge-1-central"
    self.backoffMax = backoffMax
    link = Link(name: "upstream central", configuration: configuration, seed: seed)
    link.start(now: 0)
  }

  /// Waits until a try is due; returns its version and how long it took.
  mutating func connect() throws -> (version: ProtocolVersion, delay: Int64) {
    let wake = try #require(link.wakeAt)
    let delay = max(0, wake - now)
    now = max(now, wake)
    return (try #require(link.tick(now: now, log: &log)), delay)
  }

  mutating func fail(_ kind: LinkFailure.Kind, _ detail: String = "") {
    link.closed(LinkFailure(kind, detail), now: now, log: &log)
  }

  mutating func accept(_ version: ProtocolVersion = .v5) {
    link.connected(
      SessionGrant(protocolVersion: version, isSessionPresent: true),
      now: now,
      log: &log
    )
  }

  var lastLine: String { log.last?.message ?? "" }
}

@Suite struct LinkTests {
  @Test func theFirstConnectIsAtOnceAndOnlyOnce() throws {
    var bench = Bench()
    #expect(!bench.link.isUp)
    let (version, delay) = try bench.connect()
    #expect(version == .v5)
    #expect(delay == 0)
    #expect(bench.link.tick(now: day, log: &bench.log) == nil)
    #expect(bench.link.wakeAt == nil)
    bench.accept()
    #expect(bench.link.isUp)
    #expect(
      bench.log.map(\.message) == [
        "upstream central: connected to mqtt://central:1883 with MQTT 5, session present"
      ]
    )
  }

  @Test func anIdleLinkDoesNothing() {
    var log: [LogEntry] = []
    var link = Link(
      name: "x",
      configuration: LinkConfiguration(host: "h", port: 1),
      seed: 1
    )
    #expect(link.tick(now: 0, log: &log) == nil)
    link.closed(LinkFailure(.closed), now: 0, log: &log)
    let grant = SessionGrant(protocolVersion: .v5, isSessionPresent: false)
    let isTaken = link.connected(grant, now: 0, log: &log)
    #expect(!isTaken)
    #expect(link.state == .idle)
    #expect(log.isEmpty)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func delaysGrowToTheCapAndStayBelowIt(_ seed: UInt64) throws {
    var bench = Bench(backoffMax: 20 * second, seed: seed)
    _ = try bench.connect()
    var longest: Int64 = 0
    for attempt in 0..<40 {
      bench.fail(.unreachable)
      let (_, delay) = try bench.connect()
      let ceiling = min(20 * second, second << Int64(min(attempt, 20)))
      #expect(delay >= 100_000 && delay <= ceiling)
      longest = max(longest, delay)
    }
    #expect(longest > 10 * second)
  }

  @Test func twoSeedsDoNotComeBackTogether() throws {
    var delays: Set<Int64> = []
    for seed in 1...50 as ClosedRange<UInt64> {
      var bench = Bench(seed: seed)
      _ = try bench.connect()
      bench.fail(.unreachable)
      delays.insert(try bench.connect().delay)
    }
    #expect(delays.count > 45)
  }

  @Test(arguments: [true, false]) func progressOrAStableLinkStartsTheBackoffAnew(
    _ hasProgressed: Bool
  ) throws {
    var bench = Bench()
    _ = try bench.connect()
    for _ in 0..<10 {
      bench.fail(.unreachable)
      _ = try bench.connect()
    }
    bench.accept()
    if hasProgressed { bench.link.noteProgress() } else { bench.now += Link.stableTime }
    bench.fail(.closed)
    #expect(try bench.connect().delay <= second)
  }

  @Test func aLinkThatFlapsKeepsBackingOff() throws {
    var longest: Int64 = 0
    var bench = Bench()
    for _ in 0..<20 {
      _ = try bench.connect()
      bench.accept()
      bench.fail(.closed)
      longest = max(longest, try #require(bench.link.wakeAt) - bench.now)
    }
    #expect(longest > 5 * second)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func aSessionTakenOverWaitsAtLeastHalfAMinute(_ seed: UInt64) throws {
    var bench = Bench(seed: seed)
    _ = try bench.connect()
    bench.accept()
    bench.fail(.sessionTakenOver)
    #expect(bench.log.last?.level == .error)
    #expect(bench.lastLine.contains("another client uses our client id \"edge-1-central\""))
    #expect(try bench.connect().delay >= 30 * second)
  }

  @Test func aFailureIsOneLineWithPlaceReasonAndNextTry() throws {
    var bench = Bench()
    _ = try bench.connect()
    bench.fail(.unreachable, "Connection refused")
    let wait = durationText(try #require(bench.link.wakeAt))
    #expect(
      bench.log.map(\.message) == [
        "upstream central: mqtt://central:1883: can't be reached (Connection refused);"
          + " next try in \(wait)"
      ]
    )
  }

  @Test func repeatsOfOneFailureBecomeDebugLinesButForOneNowAndThen() throws {
    var bench = Bench()
    _ = try bench.connect()
    for _ in 0..<400 {
      bench.fail(.unreachable)
      _ = try bench.connect()
    }
    let shown = bench.log.filter { $0.level > .debug }.count
    #expect(bench.log.count == 400)
    #expect(shown >= Int(bench.now / Link.repeatTime) / 2 && shown < 40)
    bench.fail(.tls)
    #expect(bench.log.last?.level == .error)
    _ = try bench.connect()
    bench.fail(.unreachable)
    for _ in 0..<5 {
      _ = try bench.connect()
      bench.fail(.unreachable)
    }
    #expect(bench.log.last?.level == .debug)
    _ = try bench.connect()
    bench.accept()
    bench.fail(.unreachable)
    #expect(bench.log.last?.level == .warning, "a new outage is news")
  }

  @Test func instantsAtTheEndOfTimeDoNotTrap() throws {
    var bench = Bench(.auto, backoffMax: .max)
    _ = try bench.connect()
    bench.now = .max
    bench.fail(.sessionTakenOver)
    #expect(bench.link.wakeAt == .max)
    #expect(bench.link.tick(now: .max, log: &bench.log) == .v5)
    bench.now = .min
    bench.accept()
    bench.now = .max
    bench.fail(.closed)
    #expect(bench.link.wakeAt == .max)
  }
}

@Suite struct ClosingTests {
  @Test func aCloseThatIsWantedEndsIdle() throws {
    var bench = Bench()
    _ = try bench.connect()
    bench.accept()
    let isTold = bench.link.requestClose(
      "ring full",
      isRetrying: false,
      now: 0,
      log: &bench.log
    )
    #expect(isTold)
    #expect(!bench.link.isUp)
    bench.fail(.requested)
    #expect(bench.link.state == .idle)
    bench.link.start(now: 5)
    #expect(bench.link.wakeAt == 5)
  }

  @Test func aCloseForANewStartComesBackAfterABackoff() throws {
    var bench = Bench()
    _ = try bench.connect()
    bench.accept()
    let isTold = bench.link.requestClose("silent", isRetrying: true, now: 0, log: &bench.log)
    #expect(isTold)
    #expect(bench.link.tick(now: day, log: &bench.log) == nil, "not before the shell confirms")
    bench.fail(.requested)
    #expect(try bench.connect().delay <= second)
    #expect(bench.lastLine.contains("silent; connecting anew in"))
  }

  @Test func startingWhileClosingComesBackAtOnce() throws {
    var bench = Bench()
    _ = try bench.connect()
    _ = bench.link.requestClose("x", isRetrying: false, now: 0, log: &bench.log)
    bench.link.start(now: 3)
    bench.fail(.closed)
    #expect(bench.link.wakeAt == 3)
  }

  /// Connects, is accepted, and is closed after `duration`.
  private func lose(
    _ bench: inout Bench,
    after duration: Int64,
    _ failure: LinkFailure = LinkFailure(.closed, "closed by the broker")
  ) throws -> Int64 {
    let delay = try bench.connect().delay
    bench.accept()
    bench.now += duration
    bench.link.closed(failure, now: bench.now, log: &bench.log)
    return delay
  }

  @Test func closesRightAfterConnackAreTakenForAnotherClientsDoing() throws {
    var bench = Bench()
    for _ in 0..<3 {
      #expect(try lose(&bench, after: second) < 30 * second)
    }
    #expect(bench.log.last?.level == .error)
    #expect(bench.lastLine.contains("another client uses client id \"edge-1-central\", or"))
    for _ in 0..<20 { #expect(try lose(&bench, after: second) >= 30 * second) }
    let shown = bench.log.filter { $0.level != .debug && $0.message.contains("another client") }
    #expect(shown.count < 8, "the line repeats now and then only")
    #expect(!bench.log.suffix(10).contains { $0.level == .info }, "nor does it say \"connected\"")
    // The other one has gone: this link holds.
    _ = try lose(&bench, after: 60 * second)
    #expect(bench.lastLine.contains("connection lost"))
    #expect(try bench.connect().delay < 30 * second)
    bench.accept()
    #expect(bench.log.last?.level == .info)
  }

  @Test func closesThatHaveACauseOrComeLateAreNot() throws {
    let closed = LinkFailure(.closed)
    for (failure, duration) in [
      (LinkFailure(.closed, "server shutting down", isExplained: true), second),
      (closed, 6 * second),
      (LinkFailure(.keepAliveTimeout), second), (LinkFailure(.unreachable), second),
    ] {
      var bench = Bench()
      for _ in 0..<10 { #expect(try lose(&bench, after: duration, failure) <= 30 * second) }
      #expect(!bench.log.contains { $0.message.contains("another client") })
    }
    var bench = Bench()
    for index in 0..<12 {
      let duration = index % 3 == 2 ? 6 * second : second
      #expect(try lose(&bench, after: duration) <= 30 * second)
    }
    #expect(!bench.log.contains { $0.message.contains("another client") })
  }

  @Test func closingWhatIsNotThereTellsTheShellNothing() throws {
    var bench = Bench()
    let isTold = bench.link.requestClose("x", isRetrying: false, now: 0, log: &bench.log)
    #expect(!isTold)
    #expect(bench.link.state == .idle)
  }

  @Test func theEchoOfAnEarlierCloseIsNoAnswerToAConnect() throws {
    var bench = Bench()
    _ = try bench.connect()
    bench.fail(.requested)
    #expect(bench.link.state == .connecting(.v5, since: 0))
  }
}

@Suite struct ProtocolChoiceTests {
  @Test func fiveRefusedByNameFallsBackAtOnceAndIsTriedAgainAfterADay() throws {
    var bench = Bench()
    _ = try bench.connect()
    bench.fail(.unsupportedProtocolVersion)
    #expect(bench.lastLine.contains("refuses MQTT 5; falling back to MQTT 3.1.1"))
    #expect(try bench.connect().version == .v311)
    bench.accept(.v311)
    bench.now += day / 2
    bench.fail(.closed)
    #expect(try bench.connect().version == .v311)
    bench.accept(.v311)
    bench.now += day / 2
    bench.fail(.closed)
    #expect(try bench.connect().version == .v5)
    #expect(bench.lastLine.contains("trying MQTT 5 again"))
    bench.fail(.unreachable)
    #expect(try bench.connect().version == .v5, "out of reach is no answer")
    bench.fail(.closedBeforeConnected)
    #expect(try bench.connect().version == .v311)
    bench.accept(.v311)
    bench.now += day
    bench.fail(.closed)
    #expect(try bench.connect().version == .v5)
    bench.accept(.v5)
    bench.now += 2 * day
    bench.fail(.closed)
    #expect(try bench.connect().version == .v5)
    #expect(!bench.lastLine.contains("trying MQTT 5 again"))
  }

  @Test func threeClosesInARowBeforeConnackFallBack() throws {
    var bench = Bench()
    for _ in 0..<3 {
      #expect(try bench.connect().version == .v5)
      bench.fail(.closedBeforeConnected)
    }
    #expect(bench.lastLine.contains("falling back to MQTT 3.1.1"))
    #expect(try bench.connect().version == .v311)
    bench.accept(.v311)
    bench.fail(.closed)
    #expect(try bench.connect().version == .v311)
  }

  @Test func aPeerThatAnswersIsNotCountedAsClosing() throws {
    var bench = Bench()
    for _ in 0..<5 {
      for kind in [LinkFailure.Kind.closedBeforeConnected, .closedBeforeConnected, .refused] {
        #expect(try bench.connect().version == .v5)
        bench.fail(kind)
      }
    }
  }

  @Test func whenTheOlderVersionFaresNoBetterFiveIsTriedAgain() throws {
    var bench = Bench()
    var versions: [ProtocolVersion] = []
    for _ in 0..<8 {
      versions.append(try bench.connect().version)
      bench.fail(.closedBeforeConnected)
    }
    #expect(versions == [.v5, .v5, .v5, .v311, .v5, .v5, .v5, .v311])
  }

  @Test(arguments: [ProtocolPolicy.v5, .v311])
  func aFixedVersionStays(_ policy: ProtocolPolicy) throws {
    var bench = Bench(policy)
    let expected = policy == .v5 ? ProtocolVersion.v5 : .v311
    for kind in [
      LinkFailure.Kind.unsupportedProtocolVersion, .closedBeforeConnected, .closedBeforeConnected,
      .closedBeforeConnected, .closedBeforeConnected,
    ] {
      #expect(try bench.connect().version == expected)
      bench.fail(kind)
    }
    #expect(bench.log.first?.message.contains("set protocol = \"auto\"") == true)
    bench.now += 3 * day
    #expect(try bench.connect().version == expected)
  }
}
