import Glibc
import HoldfastStatus
import Synchronization
import Testing

@testable import HoldfastSystem

@Suite struct StatusBoardTests {
  /// An agent's thread that answers every request with a report of its own.
  private final class Answering: Sendable {
    let wakes = EventDescriptor()
    let count = Atomic<Int>(0)
    let mayAnswer = Atomic<Bool>(true)

    func start(_ board: StatusBoard) {
      PosixThread.start("answers") {
        while self.count.load(ordering: .relaxed) >= 0 {
          _ = waitForEvents([PollRequest(self.wakes.descriptor, POLLIN)], microseconds: 20_000)
          self.wakes.clear()
          guard board.isWanted, self.mayAnswer.load(ordering: .relaxed) else { continue }
          var report = StatusReport()
          report.topicCount = self.count.add(1, ordering: .relaxed).newValue
          board.post(report)
        }
      }
    }
  }

  @Test func `a report is made when it is asked for, and serves all who ask soon after`() {
    let agent = Answering()
    let board = StatusBoard(wake: { agent.wakes.signal() })
    agent.start(board)
    #expect(board.report()?.topicCount == 1)
    #expect(board.report()?.topicCount == 1, "young enough")
    usleep(250_000)
    #expect(board.report()?.topicCount == 2)
    agent.mayAnswer.store(false, ordering: .relaxed)
    usleep(250_000)
    let old = board.report()
    #expect(old?.topicCount == 2 && old?.silence ?? 0 >= StatusBoard.waitMax)
    agent.count.store(-1, ordering: .relaxed)
  }

  @Test func `nobody who answers means no report, after a bounded time`() {
    let board = StatusBoard(wake: {})
    let start = SystemClock.boot()
    #expect(board.report() == nil)
    #expect(SystemClock.boot() - start < 5 * StatusBoard.waitMax)
    #expect(board.isWanted)
  }

  @Test func `an eMMC's life is the worse of its two figures`() {
    #expect(MachineFacts.Device.lifeUsed("0x01 0x03") == 30)
    #expect(MachineFacts.Device.lifeUsed("0x0b 0x01") == 110)
    #expect(MachineFacts.Device.lifeUsed("0x00 0x00") == nil)
    #expect(
      MachineFacts.Device.lifeUsed("nonsense") == nil && MachineFacts.Device.lifeUsed(nil) == nil
    )
    #expect(MachineFacts.Device.made("08/2017")?.year == 2017)
    #expect(MachineFacts.Device.made("13/2017") == nil && MachineFacts.Device.made("2017") == nil)
  }

  @Test func `a device is found by its number, a partition's below its disk`() throws {
    let directory = TemporaryDirectory()
    let block = directory.path + "/devices/mmcblk0"
    for path in [
      "/devices", "/devices/mmcblk0", "/devices/mmcblk0/device", "/devices/mmcblk0/mmcblk0p2",
      "/dev",
      "/dev/block",
    ] { #expect(mkdir(directory.path + path, 0o755) == 0) }
    for (name, text) in [
      ("size", "62333952\n"), ("stat", " 1 2 3 4 5 6 700 8 9\n"), ("device/type", "MMC\n"),
      ("device/life_time", "0x02 0x01\n"), ("device/date", "08/2023\n"),
      ("mmcblk0p2/partition", "2\n"),
    ] {
      let file = try #require(fopen("\(block)/\(name)", "w"))
      fputs(text, file)
      fclose(file)
    }
    #expect(symlink("../../devices/mmcblk0/mmcblk0p2", directory.path + "/dev/block/179:2") == 0)
    let device = MachineFacts.Device.read(number: 179 << 8 | 2, system: directory.path)
    #expect(device?.name == "mmcblk0" && device?.byteCount == 62_333_952 * 512)
    #expect(device?.kind == "MMC" && device?.lifeUsedPercent == 20 && device?.made?.month == 8)
    #expect(device?.writtenByteCount == 700 * 512)
    #expect(MachineFacts.Device.read(number: 1 << 8, system: directory.path) == nil)
  }

  @Test func `what the operating system says of this process is there`() {
    let facts = MachineFacts.read(dataDirectory: "/")
    #expect(facts.residentByteCount ?? 0 > 1 << 20 && facts.threadCount ?? 0 >= 1)
    #expect(facts.descriptorCount ?? 0 >= 3 && facts.descriptorCountMax ?? 0 > 3)
    #expect(facts.freeByteCount != nil && facts.cpuMicroseconds != nil)
    #expect(facts.isClockSynchronised != nil)
  }
}
