import HoldfastEvent
import HoldfastLink
import HoldfastRingLog
import HoldfastStage
import HoldfastUpstream
import Testing

/// Live data ahead of a backlog.
@Suite struct LaneTests {
  private func bench(
    _ change: (inout UpstreamConfiguration) -> Void = { _ in }
  ) -> Bench {
    Bench {
      $0.order = .liveFirst
      change(&$0)
    }
  }

  private func append(_ numbers: ClosedRange<Int>, to bench: inout Bench) {
    for number in numbers { bench.log.append("t/\(number % 3)", "\(number)", boot: bench.now) }
  }

  private func isHistorical(_ message: Message) -> Bool { message["historical"] == "true" }

  @Test func whatArrivesGoesAtOnceAndWhatWaitedGoesBehindItMarked() {
    var bench = bench { $0.inFlightMax = 8 }
    append(1...1000, to: &bench)
    bench.connect()
    // A quarter of the window is kept free.
    #expect(bench.unseen.map(\.text) == (1...6).map(String.init))
    #expect(bench.unseen.allSatisfy(isHistorical))
    let first = bench.take()
    append(1001...1003, to: &bench)
    bench.step()
    #expect(bench.unseen.map(\.text) == ["1001", "1002"])
    #expect(!bench.unseen.contains(where: isHistorical))
    bench.acknowledge(first)
    #expect(bench.unseen[2].text == "1003")
    bench.drain()
    #expect(bench.ledger.cursor == 1004 && bench.ledger.ahead.isEmpty)
    #expect(bench.ledger.delivered == 1003)
    let live = bench.published.filter { !isHistorical($0) }.compactMap { Int($0.text) }
    let historical = bench.published.filter(isHistorical).compactMap { Int($0.text) }
    #expect(live == Array(1001...1003) && historical == Array(1...1000))
    // The lane has vanished: what follows is live.
    append(1004...1100, to: &bench)
    bench.step()
    bench.drain()
    #expect(!bench.published.suffix(97).contains(where: isHistorical))
    #expect(bench.ledger.delivered == 1100)
  }

  @Test func aHundredEventsAreNoBacklog() {
    var bench = bench()
    append(1...100, to: &bench)
    bench.connect()
    bench.drain()
    #expect(bench.published.count == 100)
    #expect(!bench.published.contains(where: isHistorical))
  }

  @Test func whatIsAcknowledgedAheadIsNotSentAgainAfterARestart() {
    var bench = bench { $0.inFlightMax = 4 }
    append(1...500, to: &bench)
    bench.connect()
    append(501...510, to: &bench)
    bench.step()
    for _ in 0..<40 { bench.acknowledge(bench.take()) }
    let ledger = bench.ledger
    #expect(ledger.ahead == [501..<511])
    #expect(ledger.settled == ledger.cursor - 1 + 10)
    for order in CatchUpOrder.allCases {
      var later = Bench(ledger: ledger) {
        $0.order = order
        $0.inFlightMax = 4
      }
      later.log = bench.log
      append(511...520, to: &later)
      later.connect()
      later.drain()
      let sent = later.published.compactMap { Int($0.text) }
      #expect(Set(sent).count == sent.count)
      #expect(Set(sent) == Set(Int(ledger.cursor)...500).union(511...520))
      #expect(later.ledger.settled == 520 && later.ledger.cursor == 521)
      let isOrdered = sent == sent.sorted()
      #expect(isOrdered == (order == .oldestFirst))
      // Marked in either order: newer events were sent before them.
      #expect(later.published.filter(isHistorical).count == 501 - Int(ledger.cursor))
    }
  }

  @Test func aBorderIsKnownAfterARestartThoughNothingAheadOfItIsSettled() {
    var bench = bench()
    append(1...200, to: &bench)
    bench.connect()
    let taken = [bench.forwarder.takeDivision(), bench.forwarder.takeDivision()]
    #expect(taken == [true, false], "told once")
    #expect(bench.ledger.ahead == [201..<201])
    var later = Bench(ledger: bench.ledger)
    later.log = bench.log
    append(201...210, to: &later)
    later.connect()
    later.drain()
    #expect(later.published.filter(isHistorical).count == 200)
    #expect(later.ledger.cursor == 211 && later.ledger.ahead.isEmpty)
  }

  @Test func eachOutageLeavesARangeOfItsOwn() {
    var bench = bench { $0.inFlightMax = 4 }
    append(1...5000, to: &bench)
    bench.connect()
    var end = 5000
    for _ in 0..<5 {
      append(end + 1...end + 10, to: &bench)
      bench.step()
      for _ in 0..<20 { bench.acknowledge(bench.take()) }
      bench.close()
      append(end + 11...end + 300, to: &bench)
      end += 300
      bench.connect()
    }
    #expect(bench.forwarder.unread.count > 3)
    #expect(bench.forwarder.unread.count <= 7)
    bench.drain()
    #expect(bench.ledger.delivered == UInt64(end))
    let historical = bench.published.filter(isHistorical).compactMap { Int($0.text) }
    #expect(Set(historical).isSuperset(of: 1...4000))
    #expect(bench.ledger.cursor == UInt64(end) + 1)
  }

  @Test func noMoreRangesAreKeptApartThanTheStateHolds() {
    var bench = bench { $0.inFlightMax = 2 }
    append(1...100_000, to: &bench)
    bench.connect()
    var end = 100_000
    for _ in 0..<80 {
      append(end + 1...end + 1, to: &bench)
      bench.step()
      bench.acknowledge(bench.take())
      bench.close()
      append(end + 2...end + 150, to: &bench)
      end += 150
      bench.connect()
      #expect(bench.ledger.ahead.count <= UpstreamLedger.aheadCountMax)
    }
    #expect(bench.lines.contains { $0.message.contains("separate ranges of backlog wait already") })
    #expect(bench.ledger.settled <= UInt64(end))
  }

  @Test func gapsAreLostInTheirOwnLaneAndOnlyThere() {
    var bench = bench { $0.inFlightMax = 4 }
    append(1...300, to: &bench)
    bench.connect()
    append(301...305, to: &bench)
    bench.log.appendGap(3, .corrupt)
    bench.log.appendMark(.sourceSessionLost)
    append(309...310, to: &bench)
    bench.step()
    for _ in 0..<20 { bench.acknowledge(bench.take()) }
    bench.close()
    #expect(bench.ledger.lost[LossReason.corrupt.rawValue] == 3)
    let settled = bench.ledger.settled
    // The ring makes room: of what is evicted some was acknowledged ahead.
    bench.log.evict(before: 311)
    append(311...320, to: &bench)
    bench.connect()
    bench.drain()
    #expect(bench.ledger.cursor == 321)
    #expect(bench.ledger.settled == 320)
    #expect(bench.ledger.lost[LossReason.evicted.rawValue] <= 310 - settled)
    #expect(bench.ledger.lost[LossReason.corrupt.rawValue] == 3)
    let gaps = bench.published.filter { $0["gap"] == "evicted" }
    #expect(gaps.allSatisfy { $0.text.contains(#""last":300,"#) })
  }

  @Test(arguments: [MessageFormat.ndjson, .json])
  func eachLaneGathersBatchesOfItsOwn(_ format: MessageFormat) {
    var bench = bench {
      $0.format = format
      $0.topicTemplate = "batch"
      $0.batchEventCountMax = 7
      $0.inFlightMax = 4
    }
    append(1...300, to: &bench)
    bench.connect()
    for number in 301...330 {
      append(number...number, to: &bench)
      bench.step()
      bench.acknowledge(bench.take())
    }
    bench.now += 2 * second
    bench.step()
    bench.drain()
    bench.now += 2 * second
    bench.step()
    bench.drain()
    #expect(bench.ledger.delivered == 330 && bench.ledger.cursor == 331)
    for message in bench.published {
      let count = message.text.split(separator: "\"seq\":").count - 1
      let marked = message.text.split(separator: "\"historical\":true").count - 1
      #expect(marked == 0 || marked == count, "\(message.text)")
    }
  }

  @Test func backlogWaitsForItsHours() {
    var bench = bench()
    append(1...300, to: &bench)
    bench.forwarder.permission = .live
    bench.connect()
    #expect(bench.unseen.isEmpty)
    append(301...302, to: &bench)
    bench.step()
    #expect(bench.unseen.map(\.text) == ["301", "302"])
    bench.forwarder.permission = .everything
    bench.step()
    #expect(bench.unseen.count > 50)
    bench.drain()
    #expect(bench.ledger.delivered == 302)
  }

  @Test func whatWasSentBeforeGoesAgainWhateverTheHourOfTheBacklog() {
    var bench = bench { $0.inFlightMax = 8 }
    append(1...300, to: &bench)
    bench.connect()
    #expect(bench.unseen.count == 6)
    bench.forwarder.permission = .live
    bench.close()
    append(301...303, to: &bench)
    bench.connect()
    #expect(bench.take().count >= 6, "backlog that had been sent, and then live data")
    bench.acknowledge(bench.published.suffix(8))
    bench.drain()
    #expect(bench.published.suffix(3).map(\.text).contains("303"))
    #expect(bench.ledger.ahead == [301..<304])
  }

  @Test func stagesBeginWhereWhatWasDividedWithoutThemIsSent() throws {
    var bench = bench { $0.inFlightMax = 4 }
    append(1...300, to: &bench)
    bench.connect()
    append(301...310, to: &bench)
    bench.step()
    for _ in 0..<20 { bench.acknowledge(bench.take()) }
    bench.close()
    append(311...500, to: &bench)
    bench.connect()
    append(501...510, to: &bench)
    bench.step()
    for _ in 0..<20 { bench.acknowledge(bench.take()) }
    let ledger = bench.ledger
    #expect(ledger.ahead == [301..<311, 501..<511] && ledger.cursor < 300)
    var later = Bench(ledger: ledger) {
      $0.stages = [StageConfiguration(kind: .sample(SampleSettings(every: 2)))]
    }
    later.log = bench.log
    append(511...530, to: &later)
    later.connect()
    later.drain()
    #expect(later.ledger.cursor == 531 && later.ledger.settled == 530)
    let sent = later.published.compactMap { Int($0.text) }
    #expect(sent.filter { $0 <= 500 } == Array(Int(ledger.cursor)...300) + Array(311...500))
    #expect(later.ledger.filtered > 5)
  }
}
