import HoldfastEvent
import HoldfastStatus
import Testing

@Suite struct HistoryTests {
  private typealias Totals = RateHistory.Totals

  @Test func `each ten seconds have their rate, and a day has ninety-six quarters of an hour`() {
    var history = RateHistory()
    for tick in 0...(2 * 86_400) {
      let now = Int64(tick) * second
      history.note(Totals(received: UInt64(tick) * 5, delivered: UInt64(tick)), now: now)
    }
    #expect(history.quarterHour.rates(\.received) == [Double](repeating: 5, count: 90))
    #expect(history.day.rates(\.delivered) == [Double](repeating: 1, count: 96))
    #expect(history.presentRate(\.received) == 5)
  }

  @Test func `time that was slept through is empty, and no more is kept than fits`() {
    var history = RateHistory()
    history.note(Totals(received: 0), now: 0)
    history.note(Totals(received: 70), now: 10 * second)
    history.note(Totals(received: 70), now: 40 * second)
    #expect(history.quarterHour.rates(\.received) == [7, 0, 0, 0])
    history.note(Totals(received: 90), now: Int64.max / 2)
    #expect(history.quarterHour.buckets.count == 90 && history.day.buckets.count == 96)
  }

  @Test func `a counter that begins anew counts as nothing`() {
    var history = RateHistory()
    history.note(Totals(received: 1000), now: 0)
    history.note(Totals(received: 10), now: 10 * second)
    #expect(history.quarterHour.rates(\.received) == [0])
  }

  @Test func `bytes per day are told from a minute on`() {
    var history = RateHistory()
    history.note(Totals(written: 500), now: 0)
    #expect(history.writtenPerDay(now: 59 * second) == nil)
    history.note(Totals(written: 500 + 60 * 4096), now: 60 * second)
    #expect(history.writtenPerDay(now: 60 * second) == 86_400 * 4096)
  }

  @Test func `marks tell when a number became durable, to the second at first`() {
    var marks = ArrivalMarks()
    marks.note(100, now: 10 * second)
    marks.note(100, now: 20 * second)
    marks.note(150, now: 21 * second)
    marks.note(200, now: 22 * second)
    #expect(marks.arrival(of: 100) == nil, "before the first mark")
    #expect(marks.arrival(of: 101) == 20 * second)
    #expect(marks.arrival(of: 151) == 21 * second)
    #expect(marks.arrival(of: 999) == 22 * second)
    marks.note(7, now: 30 * second)
    #expect(marks.arrival(of: 8) == 30 * second, "another log")
  }

  @Test func `old marks grow coarse, and stay right to a part of their age`() {
    var marks = ArrivalMarks()
    let end: Int64 = 86_400
    for tick in 0...end { marks.note(UInt64(tick) + 1, now: tick * second) }
    for age in stride(from: Int64(1), to: end - 1, by: 997) {
      let arrival = marks.arrival(of: UInt64(end - age) + 1) ?? -1
      let error = (end - age) * second - arrival
      #expect(error >= 0 && error <= second * max(2, age / 10), "\(age)")
    }
  }

  @Test func `durations fall into the bucket that holds their bound`() {
    var histogram = DurationHistogram()
    #expect(histogram.quantile(0.5) == nil)
    for duration: Int64 in [-5, 500, 501, 1000, 20_000_000] {
      histogram.note(microseconds: duration)
    }
    #expect(histogram.counts.first == 2 && histogram.counts[1] == 2 && histogram.counts.last == 1)
    #expect(histogram.count == 5 && histogram.sum == 500 + 501 + 1000 + 20_000_000)
    #expect(histogram.quantile(0.4) == 500 && histogram.quantile(0.8) == 1000)
    #expect(histogram.quantile(0.99) == nil)
  }

  @Test func `a step of the wall clock is noticed, its drift is not`() {
    var clocks = ClockWatch()
    clocks.note(ClockReading(boot: 0, wall: 0))
    clocks.note(ClockReading(boot: second, wall: 2 * second))
    #expect(clocks.stepCount == 0 && clocks.lastStep == nil)
    let now = ClockReading(boot: 2 * second, wall: spring)
    clocks.note(now)
    #expect(clocks.stepCount == 1 && clocks.lastStep?.at == now)
    #expect(clocks.lastStep?.microseconds == spring - 3 * second)
    #expect(!ClockWatch.isCredible(ClockReading(boot: 0, wall: 0)))
    #expect(ClockWatch.isCredible(now))
  }

  @Test func `a warning that repeats is one line with a count`() {
    var problems = RecentProblems()
    problems.note(LogEntry(.info, "nothing"), now: clock(0))
    for delay in 1...3 {
      let line = "upstream a1: mqtt://h: can't be reached; next try in \(delay) s"
      problems.note(LogEntry(.warning, line), now: clock(Int64(delay)))
    }
    problems.note(
      LogEntry(.warning, "upstream a2: mqtt://h: can't be reached; next try in 1 s"),
      now: clock(4)
    )
    problems.note(LogEntry(.error, "disk"), now: clock(5))
    #expect(problems.lines.map(\.count) == [1, 1, 3])
    #expect(problems.lines.last?.message.hasSuffix("3 s") == true)
    #expect(problems.warningCount == 4 && problems.errorCount == 1)
  }

  @Test func `only the latest lines are kept, and none is longer than its bound`() {
    var problems = RecentProblems()
    for index in 0..<100 {
      let letter = String(repeating: "x", count: index * 100)
      problems.note(LogEntry(.error, "\(letter)"), now: clock(Int64(index)))
    }
    #expect(problems.lines.count <= RecentProblems.countMax)
    #expect(
      problems.lines.allSatisfy { $0.message.utf8.count <= RecentProblems.lineByteCountMax + 3 }
    )
  }
}
