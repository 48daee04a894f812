import HoldfastEvent
import HoldfastLink
import Testing

private let second: Int64 = 1_000_000
private let minute = 60 * second

/// A link with two fallbacks, the shell's part played by the test, and a clock that jumps to each wake.
private struct Bench {
  var link: Link
  var now: Int64 = 0
  var log: [LogEntry] = []

  init(_ policy: ProtocolPolicy = .auto, fallbackCount: Int = 2, seed: UInt64 = 1) {
    var configuration = LinkConfiguration(host: "first", port: 1883)
    configuration.protocolPolicy = policy
    configuration.fallbacks = ["second", "third"].prefix(fallbackCount).map {
      BrokerPlace(host: $0, port: 1884)
    }
    configuration.primaryRetry = 10 * minute
    link = Link(name: "upstream central", configuration: configuration, seed: seed)
    link.start(now: 0)
  }

  /// Waits until a try is due; returns where it goes and how long it took.
  @discardableResult mutating func connect() throws -> (url: String, delay: Int64) {
    let wake = try #require(link.wakeAt)
    let delay = max(0, wake - now)
    now = max(now, wake)
    _ = try #require(link.tick(now: now, log: &log))
    return (link.url, delay)
  }

  mutating func fail(_ kind: LinkFailure.Kind = .unreachable) {
    link.closed(LinkFailure(kind), now: now, log: &log)
  }

  mutating func accept(_ version: ProtocolVersion = .v5, isUseful: Bool = true) {
    link.connected(
      SessionGrant(protocolVersion: version, isSessionPresent: false),
      now: now,
      log: &log
    )
    if isUseful { link.noteProgress() }
  }

  /// Waits until the primary is to be asked; returns the version and how long it took.
  mutating func ask() throws -> (version: ProtocolVersion, delay: Int64) {
    let wake = try #require(link.wakeAt)
    let delay = wake - now
    now = wake
    return (try #require(link.ask(now: now, log: &log)), delay)
  }

  mutating func answer(_ kind: LinkFailure.Kind?) {
    link.asked(kind.map { LinkFailure($0) }, now: now, log: &log)
  }

  /// On the second broker.
  static func onSecond(_ seed: UInt64 = 1) throws -> Bench {
    var bench = Bench(seed: seed)
    try bench.connect()
    bench.fail()
    try bench.connect()
    bench.accept()
    return bench
  }
}

private let urls = ["mqtt://first:1883", "mqtt://second:1884", "mqtt://third:1884"]

@Suite struct BrokerListTests {
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `attempts go through the list within seconds, and the backoff stands behind its end`(
    _ seed: UInt64
  ) throws {
    var bench = Bench(seed: seed)
    var delays: [Int64] = []
    for round in 0..<8 {
      for (place, url) in urls.enumerated() {
        let (used, delay) = try bench.connect()
        #expect(used == url)
        if place > 0 {
          #expect(delay >= 100_000 && delay <= second)
        } else if round > 0 {
          delays.append(delay)
        }
        bench.fail([.unreachable, .refused, .connectTimeout][place])
      }
    }
    #expect(delays.contains { $0 > 2 * second }, "the backoff grows by rounds")
    #expect(delays.allSatisfy { $0 <= 30 * second })
  }

  @Test func `a link that was of use begins at the primary again, whichever broker it was made to`()
    throws
  {
    var bench = try Bench.onSecond()
    #expect(bench.link.place == 1)
    bench.fail(.closed)
    #expect(try bench.connect().url == urls[0])
    bench.accept()
    bench.fail(.closed)
    #expect(try bench.connect().url == urls[0])
  }

  @Test func `a primary that lets us in and acknowledges nothing for long does not keep us`() throws
  {
    var bench = Bench()
    try bench.connect()
    bench.accept(isUseful: false)
    bench.now += minute
    let isTold = bench.link.requestClose(
      "no acknowledgement",
      isRetrying: true,
      now: bench.now,
      log: &bench.log
    )
    #expect(isTold)
    bench.fail(.requested)
    #expect(try bench.connect().url == urls[1])
  }

  @Test func `a primary that speaks neither version is passed over`() throws {
    var bench = Bench()
    #expect(try bench.connect().url == urls[0])
    bench.fail(.unsupportedProtocolVersion)
    #expect(try bench.connect().url == urls[0], "3.1.1 is worth a try")
    bench.fail(.unsupportedProtocolVersion)
    #expect(try bench.connect().url == urls[1])
  }

  @Test func `a primary that shares sessions takes ours over, and has us at once`() throws {
    var bench = try Bench.onSecond()
    _ = try bench.ask()
    bench.fail(.sessionTakenOver)
    let (url, delay) = try bench.connect()
    #expect(url == urls[0] && delay <= second)
  }

  @Test func `a primary that lets us in and does nothing does not keep us`() throws {
    var bench = Bench()
    try bench.connect()
    bench.accept(isUseful: false)
    bench.now += second
    bench.fail(.closed)
    #expect(try bench.connect().url == urls[1])
    bench.accept(isUseful: false)
    let isTold = bench.link.requestClose(
      "no acknowledgement",
      isRetrying: true,
      now: bench.now,
      log: &bench.log
    )
    #expect(isTold)
    bench.fail(.requested)
    #expect(try bench.connect().url == urls[2])
    bench.accept(isUseful: false)
    bench.now += Link.stableTime
    bench.fail(.closed)
    #expect(try bench.connect().url == urls[0], "it held, and may have had nothing to do")
  }

  @Test func `a busy primary is left for the next broker, and a busy list is spared`() throws {
    var bench = Bench(fallbackCount: 1)
    var longest: Int64 = 0
    for _ in 0..<6 {
      let (url, delay) = try bench.connect()
      #expect(url == urls[0])
      longest = max(longest, delay)
      bench.fail(.busy)
      #expect(try bench.connect().delay <= second)
      bench.fail(.unreachable)
    }
    #expect(longest > 30 * second, "longer than backoff_max, as for one busy broker")
  }

  @Test func `each broker has its own version of MQTT`() throws {
    var bench = Bench(fallbackCount: 1)
    try bench.connect()
    bench.fail()
    try bench.connect()
    bench.fail(.unsupportedProtocolVersion)
    #expect(try bench.connect().url == urls[1], "another version first, at the same broker")
    bench.accept(.v311)
    #expect(bench.link.fallbackUntil(at: 0) == nil)
    #expect(bench.link.fallbackUntil(at: 1) != nil)
    bench.fail(.closed)
    try bench.connect()
    #expect(bench.link.state == .connecting(.v5, since: bench.now))
    bench.fail()
    try bench.connect()
    #expect(bench.link.state == .connecting(.v311, since: bench.now))
  }

  @Test func `what an earlier run found out is told broker by broker`() throws {
    var bench = Bench()
    bench.link.recallFallback(at: 1, until: 60 * minute, now: 0)
    bench.link.recallFallback(at: 7, until: 60 * minute, now: 0)
    #expect(bench.link.fallbackUntil() == nil)
    try bench.connect()
    bench.fail()
    try bench.connect()
    #expect(bench.link.state == .connecting(.v311, since: bench.now))
  }

  @Test func `a client id taken at one broker is no reason to wait for the next one`() throws {
    var bench = Bench(fallbackCount: 1)
    for _ in 0..<Link.earlyCloseCountMax {
      try bench.connect()
      bench.accept(isUseful: false)
      bench.fail(.closed)
      #expect(try bench.connect().delay <= second)
      bench.fail(.unreachable)
    }
    #expect(bench.log.contains { $0.message.contains("another client uses client id") })
  }

  @Test func `the log says which broker it is and when the primary is asked`() throws {
    let bench = try Bench.onSecond()
    #expect(bench.log.contains { $0.message.contains("; trying mqtt://second:1884 in ") })
    #expect(
      bench.log.last?.message
        == "upstream central: connected to mqtt://second:1884 with MQTT 5, new session, in place of"
        + " mqtt://first:1883, which is asked every 10 min whether it is there again"
    )
  }

  @Test func `a link that is not wanted any more begins at the primary`() throws {
    var bench = try Bench.onSecond()
    _ = bench.link.requestClose("x", isRetrying: false, now: bench.now, log: &bench.log)
    bench.fail(.requested)
    bench.link.start(now: bench.now)
    #expect(try bench.connect().url == urls[0])
  }
}

@Suite struct ComebackTests {
  @Test(arguments: 1...50 as ClosedRange<UInt64>)
  func `the primary is asked at random between half and one and a half of primary_retry`(
    _ seed: UInt64
  ) throws {
    var bench = try Bench.onSecond(seed)
    for _ in 0..<5 {
      let (version, delay) = try bench.ask()
      #expect(version == .v5)
      #expect(delay >= 5 * minute && delay <= 15 * minute)
      #expect(bench.link.wakeAt == nil)
      let again = bench.link.ask(now: .max, log: &bench.log)
      #expect(again == nil, "one question at a time")
      bench.answer(.unreachable)
      #expect(bench.link.isUp && !bench.link.isLeaving)
    }
  }

  @Test func `a fleet does not come back at one moment`() throws {
    var minutes: Set<Int64> = []
    for seed in 1...100 as ClosedRange<UInt64> {
      var bench = try Bench.onSecond(seed)
      minutes.insert(try bench.ask().delay / minute)
    }
    #expect(minutes.count == 10)
  }

  @Test func `a primary that answers is gone back to at once, and a failure there costs a second`()
    throws
  {
    var bench = try Bench.onSecond()
    let isEarly = bench.link.goHome(now: bench.now, log: &bench.log)
    #expect(!isEarly)
    _ = try bench.ask()
    bench.answer(nil)
    #expect(bench.link.isLeaving)
    #expect(bench.link.wakeAt == bench.now + Link.leaveTime)
    let mustTell = bench.link.goHome(now: bench.now, log: &bench.log)
    #expect(mustTell)
    #expect(!bench.link.isUp && bench.link.wakeAt == nil, "until the shell has let go")
    bench.fail(.requested)
    let (url, delay) = try bench.connect()
    #expect(url == urls[0] && delay == 0)
    bench.fail(.unreachable)
    let back = try bench.connect()
    #expect(back.url == urls[1] && back.delay <= second)
  }

  @Test func `a primary that speaks 3-1-1 only is found out by asking`() throws {
    var bench = try Bench.onSecond()
    #expect(try bench.ask().version == .v5)
    bench.answer(.unsupportedProtocolVersion)
    let (version, delay) = try bench.ask()
    #expect(version == .v311 && delay <= second)
    bench.answer(nil)
    #expect(bench.link.isLeaving)
  }

  @Test func `an answer that nobody waits for changes nothing`() throws {
    var bench = try Bench.onSecond()
    bench.answer(nil)
    #expect(!bench.link.isLeaving, "it was not asked")
    _ = try bench.ask()
    bench.fail(.closed)
    bench.answer(nil)
    #expect(!bench.link.isLeaving)
    try bench.connect()
    bench.accept()
    bench.answer(nil)
    #expect(bench.link.place == 0 && !bench.link.isLeaving)
    let question = bench.link.ask(now: .max, log: &bench.log)
    #expect(question == nil, "the primary is not asked while it is used")
  }
}
