import Glibc
import HoldfastAgent
import HoldfastEvent
import HoldfastRingLog
import HoldfastSystem
import Logging
import Synchronization
import Testing

/// A sink with a clock and a pen of the test's.
private final class Pen: Sendable {
  let now = Mutex(ClockReading(boot: 0, wall: 1_769_903_999_123_456))
  let lines = Mutex<[String]>([])
  let isBlocked = Mutex(false)

  func sink(hasPriorityPrefix: Bool = true) -> LogSink {
    LogSink(
      hasPriorityPrefix: hasPriorityPrefix,
      clock: { self.now.withLock { $0 } },
      output: { line in
        if self.isBlocked.withLock({ $0 }) { return false }
        self.lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
        return true
      }
    )
  }

  func pass(seconds: Int64) { now.withLock { $0.boot += seconds * 1_000_000 } }
  func take() -> [String] {
    lines.withLock { lines in
      defer { lines = [] }
      return lines
    }
  }
}

@Suite struct LogTests {
  private let pen = Pen()

  @Test func linesForPeopleCarryTimeAndLevel() {
    pen.sink(hasPriorityPrefix: false).log(.notice, "hello")
    #expect(pen.take() == ["2026-01-31T23:59:59.123Z notice hello\n"])
  }

  @Test func linesForTheJournalCarryAPriority() {
    let sink = pen.sink()
    for level in Logger.Level.allCases { sink.log(level, "x") }
    #expect(
      pen.take() == ["<7>x\n", "<7>x\n", "<6>x\n", "<5>x\n", "<4>x\n", "<3>x\n", "<2>x\n"]
    )
  }

  @Test func controlCharactersCannotForgeALine() {
    pen.sink().log(.error, "a\nb\tc\u{1b}[31m\u{7f}\u{85}\u{202e}é😀")
    #expect(pen.take() == ["<3>a\\nb\\tc\\u{1b}[31m\\u{7f}\\u{85}\\u{202e}é😀\n"])
  }

  @Test func aLineIsCutToWhatAPipeTakesAtOnce() {
    pen.sink().log(.error, String(repeating: "é", count: 10_000))
    let line = pen.take().first ?? ""
    #expect(line.utf8.count <= LogSink.lineByteCountMax)
    #expect(line.hasSuffix("...\n"))
  }

  @Test func repeatsAreCountedAndTold() {
    let sink = pen.sink()
    for _ in 0..<6 {
      sink.log(.warning, "a")
      sink.log(.warning, "b")
    }
    #expect(pen.take() == ["<4>a\n", "<4>b\n"])
    pen.pass(seconds: 10)
    sink.log(.warning, "a")
    #expect(
      pen.take() == [
        "<4>message repeated 5 times: a\n", "<4>message repeated 5 times: b\n", "<4>a\n",
      ]
    )
    sink.log(.warning, "a")
    sink.log(.error, "a")
    sink.flush()
    #expect(pen.take() == ["<3>a\n", "<4>message repeated once: a\n"])
  }

  @Test func manyDifferentLinesTakeBoundedMemoryAndLoseNoCount() {
    let sink = pen.sink()
    for index in 0..<100 {
      sink.log(.info, "line \(index)")
      sink.log(.info, "line \(index)")
    }
    sink.flush()
    let lines = pen.take()
    #expect(lines.count == 200)
    #expect(lines.filter { $0.contains("repeated once") }.count == 100)
  }

  @Test func aReaderThatStallsCostsLinesAndNotUs() {
    let sink = pen.sink()
    pen.isBlocked.withLock { $0 = true }
    sink.log(.info, "lost 1")
    sink.log(.info, "lost 2")
    pen.isBlocked.withLock { $0 = false }
    sink.log(.info, "kept")
    #expect(pen.take() == ["<4>2 log lines could not be written\n", "<6>kept\n"])
  }

  @Test func metadataIsAppended() {
    let sink = pen.sink()
    var logger = Logger(label: "x") { _ in LineLogHandler(sink: sink) }
    logger[metadataKey: "b"] = "2"
    logger.info("m", metadata: ["a": "1"])
    logger.debug("below the level")
    #expect(pen.take() == ["<6>m a=1 b=2\n"])
  }
}

@Suite struct StatusLineTests {
  @Test func aStatusLineComesOnlyWhenSomethingChangedOrAfterTenMinutes() {
    var line = StatusLine()
    var status = AgentStatus()
    status.ringByteCountMax = 256 << 20
    #expect(line.next(status, now: 10_000_000) != nil)
    #expect(line.next(status, now: 20_000_000) == nil)
    status.durable = 1
    #expect(line.next(status, now: 30_000_000) != nil)
    #expect(line.next(status, now: 629_999_999) == nil)
    #expect(line.next(status, now: 630_000_000) != nil)
  }

  @Test func theLineNamesEverySide() {
    var status = AgentStatus()
    status.durable = 120
    status.ringByteCount = (3 << 20) + (1 << 19)
    status.ringByteCountMax = 256 << 20
    var source = AgentStatus.Source(ledger: SourceLedger(name: "floor"))
    source.ledger.received = 130
    source.isConnected = true
    var upstream = AgentStatus.Upstream(ledger: UpstreamLedger(name: "central", cursor: 1))
    upstream.ledger.delivered = 100
    upstream.lagEventCount = 20
    status.sources = [source]
    status.upstreams = [upstream]
    status.health = .full
    #expect(
      StatusLine.text(status)
        == "received 130, durable to #120, delivered 100, lag 20, ring 3.5 of 256.0 MiB, "
        + "source floor up, upstream central down, health full"
    )
    status.sources[0].isConnected = false
    status.sources[0].ledger.isPaused = true
    status.sources[0].ledger.dropped[SourceDropReason.oversize.rawValue] = 2
    status.upstreams[0].ledger.lost[LossReason.evicted.rawValue] = 3
    status.upstreams[0].ledger.deadLettered = 4
    status.upstreams[0].undecodable = [2, 0, 3, 0]
    #expect(
      StatusLine.text(status).hasSuffix(
        "source floor paused, upstream central down, oversize 2, evicted 3, dead letters 4, "
          + "unreadable payloads 5, health full"
      )
    )
  }
}

@Suite struct ServiceManagerTests {
  @Test(arguments: [false, true]) func notificationsArriveAsDatagrams(isAbstract: Bool) {
    let directory = TemporaryDirectory()
    let path = isAbstract ? "@holdfast-test-\(getpid())" : "\(directory.path)/notify"
    var name = Array(path.utf8)
    if isAbstract { name[0] = 0 }
    let receiver = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(receiver) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(receiver, $0, socklen_t(2 + name.count))
      }
    }
    #expect(bound == 0)
    ServiceManager(path: path, watchdogInterval: nil).notify("READY=1")
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = recv(receiver, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    #expect(Array(buffer.prefix(max(0, count))) == Array("READY=1".utf8))
  }

  @Test func withoutSystemdThereIsNoWatchdogAndNoHarm() {
    let service = ServiceManager(path: nil, watchdogInterval: 5)
    #expect(service.watchdogInterval == nil)
    service.notify("READY=1")
    ServiceManager(path: "/nonexistent/notify", watchdogInterval: nil).notify("READY=1")
  }
}

@Suite struct SystemTests {
  @Test func clocksAreWhatTheKernelSays() {
    let reading = SystemClock.reading()
    #expect(abs(reading.wall - Int64(time(nil)) * 1_000_000) < 5_000_000)
    #expect(reading.boot > 0)
    #expect(SystemClock.boot() >= reading.boot)
  }

  @Test func identitiesAreStableAndSeedsAreNot() {
    #expect(SystemIdentity.machine() == SystemIdentity.machine())
    #expect(SystemIdentity.bootID() == SystemIdentity.bootID())
    #expect(SystemIdentity.bootID() != 0)
    #expect(SystemIdentity.seed() != SystemIdentity.seed())
  }

  /// The value is kept on disk: another one would begin a new log on every machine.
  @Test func theHashNeverChanges() {
    #expect(SystemIdentity.hash([]) == 0xefd0_1f60_ba99_2926)
    #expect(SystemIdentity.hash(Array("holdfast".utf8)[...]) == 0xc72290b521ed37cd)
  }

  @Test func aLatchWaitsForTheLast() {
    let latch = Latch(count: 2)
    latch.countDown()
    #expect(!latch.wait(until: SystemClock.boot() + 20_000))
    PosixThread.start("counter") { latch.countDown() }
    #expect(latch.wait(until: SystemClock.boot() + 5_000_000))
  }

  @Test func aMailboxLosesNothingAndKeepsOrder() {
    let mailbox = Mailbox<Int>()
    PosixThread.start("poster") { for index in 0..<100_000 { mailbox.post(index) } }
    var next = 0
    let deadline = SystemClock.boot() + 20_000_000
    while next < 100_000 && SystemClock.boot() < deadline {
      var request = pollfd(fd: mailbox.event.descriptor, events: Int16(POLLIN), revents: 0)
      poll(&request, 1, 1000)
      for value in mailbox.takeAll() {
        #expect(value == next)
        next += 1
      }
    }
    #expect(next == 100_000)
  }
}
