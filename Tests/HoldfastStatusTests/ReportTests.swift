import HoldfastAgent
import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastStatus
import Testing

@Suite struct ReportTests {
  private let grant = SessionGrant(protocolVersion: .v5, isSessionPresent: false)

  private func observer() -> Observer {
    Observer(configuration: configuration(), version: "1", now: clock(0))
  }

  @Test func `a link is as it is since it last changed, however often it is tried`() {
    var observer = observer()
    let failure = LinkFailure(.unreachable)
    for tick in 1...5 {
      observer.note(.upstreamClosed(upstream: 0, failure), now: clock(Int64(tick) * second))
    }
    var report = observer.report(status(), disk: DiskFigures(), now: clock(9 * second))
    #expect(report.upstreamLinks[0].since == 0 && report.upstreamLinks[0].isKnown)
    #expect(!report.upstreamLinks[0].isUp && !report.sourceLinks[0].isKnown)
    observer.note(.upstreamConnected(upstream: 0, grant), now: clock(6 * second))
    observer.note(.upstreamConnected(upstream: 7, grant), now: clock(7 * second))
    report = observer.report(status(), disk: DiskFigures(), now: clock(9 * second))
    #expect(report.upstreamLinks[0].isUp && report.upstreamLinks[0].since == 6 * second)
    #expect(report.upstreamLinks[0].upCount == 1)
  }

  @Test func `it is ready once the ring is open and each source subscribed or known to be down`() {
    var observer = observer()
    var picture = status()
    let isReady = { (observer: Observer) in
      observer.report(picture, disk: DiskFigures(), now: clock(second)).isReady
    }
    #expect(!isReady(observer))
    observer.note(.sourceClosed(source: 0, LinkFailure(.unreachable)), now: clock(0))
    #expect(isReady(observer))
    picture.detail.isRecovered = false
    #expect(!isReady(observer))
  }

  @Test func `the age of what waits comes from its stamp, from our marks, or from its segment`() {
    var picture = status(stored: 1000, lag: 10)
    let age = { (observer: Observer, now: ClockReading) in
      observer.report(picture, disk: DiskFigures(), now: now).oldestArrivals[0]
    }
    var observer = observer()
    // Nothing is known but that it was there at the start.
    #expect(age(observer, clock(50 * second)) == .init(microseconds: 50 * second, isAtLeast: true))
    picture.detail.upstreams[0].oldestArrival = .init(
      wall: spring - 3600 * second,
      boot: nil,
      isExact: false
    )
    #expect(
      age(observer, clock(50 * second)) == .init(microseconds: 3650 * second, isAtLeast: false)
    )
    // A clock that is not set says nothing.
    let early = ClockReading(boot: 50 * second, wall: 50 * second)
    #expect(age(observer, early)?.isAtLeast == true)
    observer.tick(status(stored: 900), disk: DiskFigures(), now: clock(20 * second))
    observer.tick(status(stored: 1000), disk: DiskFigures(), now: clock(21 * second))
    #expect(age(observer, early) == .init(microseconds: 30 * second, isAtLeast: false))
    picture.detail.upstreams[0].oldestArrival = .init(
      wall: spring,
      boot: 45 * second,
      isExact: true
    )
    #expect(age(observer, early) == .init(microseconds: 5 * second, isAtLeast: false))
  }

  @Test func `losses ahead of the cursor are apart, so that counters never go back`() {
    var picture = status(stored: 1000, lag: 100)
    picture.upstreams[0].ledger.lost = [40, 2]
    picture.upstreams[0].lagEventCount = 70
    picture.upstreams[0].ledger.delivered = 888
    picture.detail.upstreams[0].pendingLoss = [30, 0]
    let account = report(picture).account(0)
    #expect(account.lost == [10, 2] && account.pendingLost == [30, 0])
    #expect(account.buffered == 70 && account.isBalanced)
    picture.upstreams[0].ledger.delivered += 1
    #expect(!report(picture).account(0).isBalanced)
  }

  /// What comes of the ring with those events a second in and out.
  private func forecast(_ lag: UInt64, offered: UInt64, settled: UInt64) -> Forecast {
    var observer = observer()
    for tick in 0...10 {
      var picture = status(stored: 1_000_000 + UInt64(tick) * offered)
      picture.upstreams[0].ledger.delivered = 1000 + UInt64(tick) * settled
      observer.tick(picture, disk: DiskFigures(), now: clock(Int64(tick) * second))
    }
    var picture = status(stored: 1_000_000, lag: lag)
    picture.upstreams[0].isConnected = settled > 0
    return Forecast(observer.report(picture, disk: DiskFigures(), now: clock(10 * second)))
  }

  @Test func `it says how long until the ring is full, at the present rate`() {
    let filling = forecast(5000, offered: 100, settled: 0)
    // 192 MiB are free, an event takes 26 bytes.
    #expect(filling.course == .filling(Int64(Double(192 << 20) / 2600 * 1e6)))
    #expect(filling.capacity == Int64(Double(256 << 20) / 2600 * 1e6))
  }

  @Test func `it says how long until the backlog is drained, at the present rate`() {
    #expect(forecast(5000, offered: 100, settled: 600).course == .draining(10 * second))
    #expect(forecast(5000, offered: 0, settled: 0).course == .standing)
    #expect(forecast(0, offered: 100, settled: 100).course == .upToDate)
    #expect(forecast(90, offered: 100, settled: 100).course == .upToDate, "on its way")
  }

  @Test func `a full ring is full, and too few events tell nothing`() {
    var picture = status(lag: 10)
    picture.health = .full
    #expect(Forecast(report(picture)).course == .full)
    picture = status(stored: 10, lag: 10)
    #expect(Forecast(report(picture)).course == .unknown)
    #expect(Forecast(report(picture)).bytesPerEvent == nil)
  }

  @Test func `the verdict is fine only where nothing is wrong`() {
    #expect(Verdict(report()).level == .fine)
    var down = report(status(lag: 50))
    down.upstreamLinks[0].isUp = false
    #expect(Verdict(down).level == .attention && Verdict(down).headline == "Data is safe")
    #expect(Verdict(down).sentence.contains("central"))
    var deaf = report()
    deaf.sourceLinks[0].isUp = false
    #expect(Verdict(deaf).level == .attention && Verdict(deaf).sentence.contains("floor"))
    for health in [AgentStatus.Health.full, .failing] {
      var picture = status()
      picture.health = health
      #expect(Verdict(report(picture)).level == .alarm)
    }
    var refusing = status()
    refusing.health = .full
    refusing.detail.whenFull = .refuseNewest
    #expect(Verdict(report(refusing)).headline == "New events are held back")
    var stuck = report()
    stuck.silence = 5 * second
    #expect(Verdict(stuck).level == .alarm && !stuck.isReady)
    var early = report()
    early.now.wall = 5 * second
    #expect(Verdict(early).level == .attention && Verdict(early).notes.count == 1)
  }

  @Test func `a device's years are those that its use so far leaves it`() {
    var device = MachineFacts.Device()
    #expect(device.yearsLeft(now: clock(0)) == nil)
    device.lifeUsedPercent = 20
    device.made = (2024, 3)
    let years = device.yearsLeft(now: clock(0)) ?? 0
    #expect(abs(years - 8.15) < 0.2, "\(years)")
    #expect(device.yearsLeft(now: ClockReading(boot: 0, wall: 0)) == nil)
    device.lifeUsedPercent = 110
    #expect(device.yearsLeft(now: clock(0)) == 0)
  }
}
