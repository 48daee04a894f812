import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream
import Testing

@Suite struct FailOverTests {
  private static func bench() -> Bench {
    var bench = Bench {
      $0.link.fallbacks = [BrokerPlace(host: "second", port: 1883)]
      $0.link.primaryRetry = 60 * second
      $0.inFlightMax = 10
    }
    for number in 1...30 { bench.log.append("a", "\(number)") }
    return bench
  }

  /// The primary can't be reached; the second broker is up.
  private static func onSecond() -> Bench {
    var bench = bench()
    bench.forwarder.start(now: bench.now)
    bench.step()
    bench.close(.unreachable)
    bench.connect()
    return bench
  }

  /// The broker answers a connect that was asked for.
  private static func grant(_ bench: inout Bench) {
    bench.forwarder.connected(
      SessionGrant(protocolVersion: .v5, isSessionPresent: false),
      now: bench.now
    )
    bench.step()
  }

  @Test func `what was in flight when the primary went is sent again to the next broker, in order`()
    throws
  {
    var bench = Self.bench()
    bench.connect()
    let first = bench.take()
    #expect(first.count == 10)
    bench.acknowledge(Array(first.prefix(4)))
    _ = bench.take()
    bench.close()
    // Of use it was: the primary comes first.
    try bench.wake()
    bench.close(.unreachable)
    bench.connect()
    #expect(bench.places == [0, 0, 1])
    #expect(bench.forwarder.url == "mqtt://second:1883")
    #expect(bench.take().map(\.text) == (5...14).map { "\($0)" })
    bench.acknowledge(Array(first.suffix(6)))
    #expect(bench.ledger.cursor == 5, "answers of the primary's link don't count on this one")
  }

  @Test func `nothing new is sent from the primary's answer until nothing is in flight`() throws {
    var bench = Self.onSecond()
    #expect(bench.forwarder.brokerPlace == 1)
    let messages = bench.take()
    bench.acknowledge(messages)
    let onTheWay = bench.take()
    #expect(onTheWay.count == 10)
    // Long before the acknowledgements are late.
    bench.now += 20 * second
    bench.acknowledge(Array(onTheWay.prefix(1)))
    var taken = Array(onTheWay.dropFirst()) + bench.take()
    while bench.questionCount == 0 {
      bench.now += 10 * second
      bench.acknowledge([taken.removeFirst()])
      taken += bench.take()
    }
    bench.forwarder.asked(nil, now: bench.now)
    bench.step()
    #expect(bench.disconnectCount == 0 && bench.take().isEmpty)
    bench.acknowledge(Array(taken.dropLast()))
    #expect(bench.disconnectCount == 0 && bench.take().isEmpty, "one is still on its way")
    bench.acknowledge(Array(taken.suffix(1)))
    #expect(bench.disconnectCount == 1 && bench.take().isEmpty)
    let cursor = bench.ledger.cursor
    bench.close(.requested)
    #expect(bench.places.last == 0)
    Self.grant(&bench)
    let rest = bench.take()
    #expect(rest.first?.text == "\(cursor)", "and nothing twice")
    bench.acknowledge(rest)
    bench.drain()
    #expect(bench.ledger.cursor == 31)
    #expect(Set(bench.published.map(\.text)).count == 30)
    #expect(bench.published.count == 30)
  }

  @Test func `a broker that does not answer is left for the primary after five seconds`() throws {
    var bench = Self.onSecond()
    let messages = bench.take()
    bench.acknowledge(messages)
    while bench.questionCount == 0 {
      bench.acknowledge(bench.take())
      bench.now += second
      bench.step()
    }
    for number in 31...40 { bench.log.append("a", "\(number)") }
    bench.step()
    let unanswered = bench.take()
    #expect(!unanswered.isEmpty)
    bench.forwarder.asked(nil, now: bench.now)
    bench.step()
    #expect(bench.disconnectCount == 0)
    #expect(bench.forwarder.wakeAt == bench.now + Link.leaveTime)
    try bench.wake()
    #expect(bench.disconnectCount == 1)
    bench.close(.requested)
    Self.grant(&bench)
    #expect(bench.take().map(\.text) == unanswered.map(\.text))
  }

  @Test func `a primary that is not there costs nothing`() {
    var bench = Self.onSecond()
    for _ in 0..<600 {
      bench.acknowledge(bench.take())
      bench.now += second
      bench.step()
      if bench.questionCount > 0 {
        bench.forwarder.asked(LinkFailure(.unreachable), now: bench.now)
      }
    }
    #expect(bench.questionCount >= 6)
    #expect(bench.disconnectCount == 0 && bench.places == [0, 1])
    #expect(bench.ledger.cursor == 31)
  }
}
